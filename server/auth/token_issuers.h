// Those whose tokens are believed, and what their bearers may do. Tokens that were checked are
// remembered until they expire, so that a signature is paid for once and not with each call.
//
// Made with a policy and gone with it: a reload reads the issuers' keys anew and remembers nothing.
//
// Thread-safe. A token that is remembered costs a short lock.
#ifndef MNEME_SERVER_AUTH_TOKEN_ISSUERS_H_
#define MNEME_SERVER_AUTH_TOKEN_ISSUERS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "server/auth/identity.h"
#include "server/auth/key_digest.h"
#include "server/auth/token.h"

namespace mneme::server {

inline constexpr size_t kIssuersMax = 16;
inline constexpr size_t kTokensRememberedMax = 4'096;

struct GroupGrant {
  std::string group;  // empty: of everybody with a token of the issuer
  Grant grant;
};

struct TokenIssuer {
  std::string name;  // its bearers are called "name:identity"
  TokenRules rules;
  std::vector<GroupGrant> grants;
  RateLimits limits;  // of each bearer
};

class TokenIssuers {
 public:
  // Bearers with the same limits keep what they have used up `before`, which may be null.
  TokenIssuers(std::vector<TokenIssuer> issuers, const TokenIssuers* before);

  // `digest`: the token's SHA-256. Errors of CheckToken.
  absl::StatusOr<std::shared_ptr<const Identity>> Identify(std::string_view token,
                                                           const KeyDigest& digest,
                                                           int64_t now_unix_nanos) const;
  const std::vector<TokenIssuer>& issuers() const { return issuers_; }
  size_t remembered() const;

 private:
  std::shared_ptr<const Identity> Remembered(const KeyDigest& digest) const;
  void Remember(const KeyDigest& digest, std::shared_ptr<const Identity> identity,
                int64_t now_unix_nanos) const;
  std::shared_ptr<RateLimiter> LimiterOf(const std::string& name, const RateLimits& limits) const;

  const std::vector<TokenIssuer> issuers_;
  mutable Mutex mutex_;  // a leaf
  mutable std::map<KeyDigest, std::shared_ptr<const Identity>> identities_ ABSL_GUARDED_BY(mutex_);
  // Of bearers; those of nobody who is remembered go when there are too many.
  mutable std::map<std::string, std::shared_ptr<RateLimiter>> limiters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_AUTH_TOKEN_ISSUERS_H_
