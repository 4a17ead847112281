// Who makes a call, and what he may do.
//
// Plain values; an Identity is not changed once it is in a policy. Thread-safe.
#ifndef MNEME_SERVER_AUTH_IDENTITY_H_
#define MNEME_SERVER_AUTH_IDENTITY_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mneme/v1/method.pb.h"
#include "server/auth/rate_limiter.h"

namespace mneme::server {

// The pattern of all memories.
inline constexpr char kAllMemories[] = "*";

// A role on the memories whose names match: `*` stands for any characters, `?` for one.
struct Grant {
  v1::Role role = v1::ROLE_UNSPECIFIED;  // READER to ADMIN: each may do what those before it may
  std::string memories;
};

// Cost  pattern times text at most, no recursion.
bool MatchesGlob(std::string_view pattern, std::string_view text);

struct Identity {
  std::string name;
  std::vector<Grant> grants;
  int64_t not_before_unix_nanos = std::numeric_limits<int64_t>::min();
  int64_t not_after_unix_nanos = std::numeric_limits<int64_t>::max();
  std::shared_ptr<RateLimiter> limiter;  // null: no limit
};

// The one who makes a call. By default it is anybody at a server without auth.file, who may do
// everything.
class Caller {
 public:
  Caller() = default;
  explicit Caller(std::shared_ptr<const Identity> identity) : identity_(std::move(identity)) {}

  // Has the role on this memory (its name, or an alias's: of both must be asked).
  bool MayDo(v1::Role role, std::string_view memory) const;
  // Has the role on all memories, whatever their names: a grant of "*".
  bool MayDoOnAll(v1::Role role) const;
  // Has the role on some.
  bool MayDoSomewhere(v1::Role role) const;

  // The server asks nobody who he is.
  bool is_unchecked() const { return identity_ == nullptr; }
  const Identity* identity() const { return identity_.get(); }
  // Lives as long as the identity.
  std::string_view name() const {
    return identity_ == nullptr ? std::string_view() : std::string_view(identity_->name);
  }

 private:
  std::shared_ptr<const Identity> identity_;
};

// "writer".
std::string RoleName(v1::Role role);

}  // namespace mneme::server

#endif  // MNEME_SERVER_AUTH_IDENTITY_H_
