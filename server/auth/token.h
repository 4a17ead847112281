// JSON Web Tokens (RFC 7519): taken apart and checked. What came in is not believed before its
// signature is.
//
// Pure functions. Thread-safe.
#ifndef MNEME_SERVER_AUTH_TOKEN_H_
#define MNEME_SERVER_AUTH_TOKEN_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/auth/web_key.h"

namespace mneme::server {

// gRPC takes 8 KiB of headers in all.
inline constexpr size_t kTokenBytesMax = 7 * 1024;
inline constexpr size_t kTokenGroupsMax = 256;
inline constexpr size_t kTokenClaimBytesMax = 256;  // of a name or a group
inline constexpr int64_t kTokenLeewaySecondsMax = 600;

// What one issuer's tokens must say.
struct TokenRules {
  std::string issuer;
  std::vector<std::string> audiences;  // one of them
  int64_t leeway_seconds = 30;         // that clocks may differ
  // Claims; of an inner object with dots: "realm_access.roles".
  std::string identity_claim = "sub";
  std::string groups_claim = "groups";  // a text (words of it) or a list of texts
  WebKeySet keys;
};

// What a token says of its bearer, once it is believed.
struct TokenBearer {
  std::string name;
  std::vector<std::string> groups;
  int64_t not_before_unix_nanos = 0;  // with the leeway
  int64_t not_after_unix_nanos = 0;
};

// Whether it has the three parts of a token; keys of `make-key` have no dot.
bool LooksLikeToken(std::string_view text);

// Who says that he issued it: to find the rules by, no more. Empty: nobody.
std::string ClaimedIssuer(std::string_view token);

// Unauthenticated: TOKEN (not well-formed, a critical extension, no signature of the issuer's,
// claims missing), TOKEN_ALGORITHM (none, HS256 and all others but the key's own), TOKEN_KEY (kid
// not among the issuer's), TOKEN_ISSUER, TOKEN_AUDIENCE, TOKEN_EXPIRED, TOKEN_NOT_YET_VALID.
// Cost  that of the signature: tens to hundreds of microseconds.
absl::StatusOr<TokenBearer> CheckToken(std::string_view token, const TokenRules& rules,
                                       int64_t now_unix_nanos);

// OK where `now` is in the bearer's time. Unauthenticated: TOKEN_EXPIRED, TOKEN_NOT_YET_VALID.
absl::Status CheckTokenTime(int64_t not_before_unix_nanos, int64_t not_after_unix_nanos,
                            int64_t now_unix_nanos);

// Of a token whose issuer nobody configured.
absl::Status UnknownIssuer(const std::string& issuer);

}  // namespace mneme::server

#endif  // MNEME_SERVER_AUTH_TOKEN_H_
