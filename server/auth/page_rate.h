// The limits of callers over HTTP where no call comes of a request: pages, and bodies that cannot
// be read. Calls themselves are counted by the gate.
//
// Thread-safe.
#ifndef MNEME_SERVER_AUTH_PAGE_RATE_H_
#define MNEME_SERVER_AUTH_PAGE_RATE_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "core/base/clock.h"
#include "server/auth/authenticator.h"

namespace mneme::server {

// `authenticator` and `clock` must outlive it.
class PageRate {
 public:
  PageRate(const Authenticator& authenticator, const Clock& clock)
      : authenticator_(authenticator), clock_(clock) {}

  // Counts a request of so many bytes as a call of whoever sent this header. ResourceExhausted
  // (RATE); OK for who is not known, and is refused elsewhere.
  absl::Status Take(std::string_view authorization, uint64_t bytes) const;
  // Counts the bytes of the answer, which is sent.
  void Charge(std::string_view authorization, uint64_t bytes) const;

 private:
  const Authenticator& authenticator_;
  const Clock& clock_;
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_AUTH_PAGE_RATE_H_
