#include "server/auth/authenticator.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "core/base/status.h"

namespace mneme::server {
namespace {

constexpr std::string_view kScheme = "Bearer ";

absl::Status Unknown(std::string_view message, const ErrorDetail& detail) {
  return MakeError(absl::StatusCode::kUnauthenticated, message, detail);
}

absl::Status NoCredentials() {
  return Unknown("the call does not say who makes it",
                 {.reason = "NO_CREDENTIALS",
                  .given = "no key and no certificate",
                  .expected = "the header authorization: Bearer KEY (or a token), or a client "
                              "certificate",
                  .next_step = "Pass a key (mnemectl --api-key-file FILE, or MNEME_API_KEY)."});
}

absl::Status BadScheme() {
  return Unknown("the header authorization is not `Bearer KEY`",
                 {.reason = "CREDENTIALS",
                  .given = "another form",
                  .expected = absl::StrCat("Bearer and a key of at most ", kKeyBytesMax,
                                           " bytes, or a token of at most ", kTokenBytesMax),
                  .next_step = "Send the key that `mnemectl auth make-key` printed."});
}

absl::Status UnknownKey() {
  return Unknown("the server does not know this key",
                 {.reason = "UNKNOWN_KEY",
                  .given = "a key",
                  .expected = "one whose SHA-256 stands in the server's auth.file",
                  .next_step = "Check the key; if it is new, reload the server."});
}

absl::Status UnknownCertificate(std::span<const std::string> names) {
  return Unknown("the server does not know any name of the certificate",
                 {.reason = "UNKNOWN_CERTIFICATE",
                  .given = absl::StrJoin(names, ", "),
                  .expected = "a name that stands in the server's auth.file",
                  .next_step = "Add it under `certificates`, or pass a key."});
}

absl::Status OutOfTime(const Identity& identity, bool expired) {
  const int64_t bound = expired ? identity.not_after_unix_nanos : identity.not_before_unix_nanos;
  const std::string when =
      absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixNanos(bound), absl::UTCTimeZone());
  return Unknown(
      absl::StrFormat("the key of '%s' is %s", identity.name,
                      expired ? "no longer valid" : "not valid yet"),
      {.reason = expired ? "KEY_EXPIRED" : "KEY_NOT_YET_VALID",
       .given = absl::StrCat(expired ? "valid until " : "valid from ", when),
       .expected = "a key that is valid now",
       .next_step = "Ask who keeps the server's auth.file for a new key or other dates."});
}

}  // namespace

void Authenticator::SetPolicy(std::shared_ptr<const Policy> policy) {
  MutexLock lock(&mutex_);
  policy_ = std::move(policy);
  checks_.store(policy_ != nullptr, std::memory_order_release);
}

std::shared_ptr<const Policy> Authenticator::policy() const {
  MutexLock lock(&mutex_);
  return policy_;
}

absl::StatusOr<Caller> Authenticator::Check(std::shared_ptr<const Identity> identity) const {
  const int64_t now = clock_.NowUnixNanos();
  if (now < identity->not_before_unix_nanos) return OutOfTime(*identity, false);
  if (now > identity->not_after_unix_nanos) return OutOfTime(*identity, true);
  return Caller(std::move(identity));
}

absl::StatusOr<Caller> Authenticator::Identify(std::string_view authorization) const {
  return Identify(authorization, {});
}

absl::StatusOr<Caller> Authenticator::Identify(
    std::string_view authorization, std::span<const std::string> certificate_names) const {
  if (!checks()) return Caller();
  const std::shared_ptr<const Policy> policy = this->policy();
  if (!authorization.empty()) {
    if (!absl::StartsWithIgnoreCase(AbslView(authorization), AbslView(kScheme))) {
      return BadScheme();
    }
    const std::string_view key = authorization.substr(kScheme.size());
    const bool is_token = policy->tokens != nullptr && LooksLikeToken(key);
    if (key.size() > (is_token ? kTokenBytesMax : kKeyBytesMax)) return BadScheme();
    const KeyDigest digest = sha256_(key);
    const auto known = policy->keys.find(digest);
    if (known != policy->keys.end()) return Check(known->second);
    if (!is_token) return UnknownKey();
    MNEME_ASSIGN_OR_RETURN(std::shared_ptr<const Identity> bearer,
                           policy->tokens->Identify(key, digest, clock_.NowUnixNanos()));
    return Caller(std::move(bearer));
  }
  for (const std::string& name : certificate_names) {
    const auto known = policy->certificates.find(name);
    if (known != policy->certificates.end()) return Check(known->second);
  }
  if (policy->anonymous != nullptr) return Caller(policy->anonymous);
  return certificate_names.empty() ? NoCredentials() : UnknownCertificate(certificate_names);
}

}  // namespace mneme::server
