// Who makes a call: by the key that it carries, by its connection's certificate, or anonymous.
//
// Until a policy is set everybody is a Caller that may do everything (a server without auth.file).
// A call carries its key, or a token of an issuer that the policy trusts, as the header
// `authorization: Bearer KEY`.
//
// Thread-safe. A new policy counts for calls that begin after it.
#ifndef MNEME_SERVER_AUTH_AUTHENTICATOR_H_
#define MNEME_SERVER_AUTH_AUTHENTICATOR_H_

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "server/auth/identity.h"
#include "server/auth/policy.h"
#include "server/auth/sha256.h"

namespace mneme::server {

// Of a key.
inline constexpr size_t kKeyBytesMax = 256;

class Authenticator {
 public:
  explicit Authenticator(const Clock& clock) : clock_(clock) {}

  void SetPolicy(std::shared_ptr<const Policy> policy);
  std::shared_ptr<const Policy> policy() const;
  // A policy was set: calls are checked.
  bool checks() const { return checks_.load(std::memory_order_acquire); }

  // Of what stands in the header `authorization`; empty: the call carries none.
  // Unauthenticated: NO_CREDENTIALS, CREDENTIALS (no `Bearer KEY`), UNKNOWN_KEY, KEY_EXPIRED,
  // KEY_NOT_YET_VALID; TOKEN and the others of CheckToken.
  absl::StatusOr<Caller> Identify(std::string_view authorization) const;
  // The same with a certificate, whose names ("dns:NAME", "uri:URI") count where the header is
  // empty, the first one that is known. Also Unauthenticated: UNKNOWN_CERTIFICATE.
  absl::StatusOr<Caller> Identify(std::string_view authorization,
                                  std::span<const std::string> certificate_names) const;

 private:
  absl::StatusOr<Caller> Check(std::shared_ptr<const Identity> identity) const;

  const Clock& clock_;
  const Sha256 sha256_;
  std::atomic<bool> checks_{false};
  mutable Mutex mutex_;
  std::shared_ptr<const Policy> policy_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_AUTH_AUTHENTICATOR_H_
