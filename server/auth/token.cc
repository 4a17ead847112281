#include "server/auth/token.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "core/base/status.h"

namespace mneme::server {
namespace {

using nlohmann::json;

constexpr int64_t kNanos = 1'000'000'000;
// Beyond these seconds nanoseconds do not fit; nobody means a later time.
constexpr double kSecondsMax = 9e9;
constexpr size_t kToldBytesMax = 80;  // of what a stranger sent, in a refusal

absl::Status Bad(std::string_view reason, std::string_view message, std::string_view given,
                 std::string_view expected,
                 std::string_view next_step = "Get a new token from its issuer.") {
  return MakeError(absl::StatusCode::kUnauthenticated,
                   absl::StrCat("the token is not accepted: ", AbslView(message)),
                   {.reason = std::string(reason),
                    .given = std::string(given.substr(0, kToldBytesMax)),
                    .expected = std::string(expected),
                    .next_step = std::string(next_step)});
}

absl::Status Malformed(std::string_view what) {
  return Bad("TOKEN", what, "a token", "a signed JSON Web Token (RFC 7519), three parts");
}

struct Parts {
  std::string_view header, claims, signature, signed_text;
};

std::optional<Parts> Split(std::string_view token) {
  const size_t first = token.find('.');
  if (first == token.npos) return std::nullopt;
  const size_t second = token.find('.', first + 1);
  if (second == token.npos || token.find('.', second + 1) != token.npos) return std::nullopt;
  return Parts{.header = token.substr(0, first),
               .claims = token.substr(first + 1, second - first - 1),
               .signature = token.substr(second + 1),
               .signed_text = token.substr(0, second)};
}

// Nullopt: no object.
std::optional<json> Decode(std::string_view part) {
  const std::optional<std::string> text = DecodeBase64Url(part);
  if (!text.has_value()) return std::nullopt;
  json object = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return std::nullopt;
  return object;
}

// Null where there is none.
const json* Claim(const json& claims, const std::string& path) {
  const json* at = &claims;
  // A claim's own name may have dots ("https://example.org/groups").
  if (const auto whole = claims.find(path); whole != claims.end()) return &*whole;
  for (const absl::string_view name : absl::StrSplit(path, '.')) {
    if (!at->is_object()) return nullptr;
    const auto found = at->find(std::string(name));
    if (found == at->end()) return nullptr;
    at = &*found;
  }
  return at;
}

std::string TextClaim(const json& claims, const std::string& path) {
  const json* claim = Claim(claims, path);
  return claim != nullptr && claim->is_string() ? claim->get<std::string>() : std::string();
}

// Texts of a list; of a text, it (`split`: its words). Others are passed over.
std::vector<std::string> TextsClaim(const json& claims, const std::string& path, bool split) {
  const json* claim = Claim(claims, path);
  std::vector<std::string> out;
  if (claim == nullptr) return out;
  if (claim->is_string()) {
    const std::string text = claim->get<std::string>();
    if (!split) return {text};
    for (const absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty()))
      out.emplace_back(word);
  } else if (claim->is_array()) {
    for (const json& entry : *claim) {
      if (entry.is_string()) out.push_back(entry.get<std::string>());
    }
  }
  return out;
}

// Seconds since 1970, whole or not. Nullopt: no such number.
std::optional<int64_t> TimeClaim(const json& claims, const char* name) {
  const auto found = claims.find(name);
  if (found == claims.end() || !found->is_number()) return std::nullopt;
  const double seconds = found->get<double>();
  if (!(seconds >= 0 && seconds <= kSecondsMax)) return std::nullopt;
  return static_cast<int64_t>(std::floor(seconds)) * kNanos;
}

// The key that its header names, if it is one for the algorithm that the header names.
absl::StatusOr<const WebKey*> KeyFor(const json& header, const WebKeySet& keys) {
  const std::string alg = TextClaim(header, "alg"), kid = TextClaim(header, "kid");
  // An extension that must be understood, and is not.
  if (header.contains("crit")) return Malformed("it has critical extensions");
  const std::optional<SignatureAlgorithm> algorithm = SignatureAlgorithmOf(alg);
  if (!algorithm.has_value()) {
    return Bad("TOKEN_ALGORITHM", "it is not signed in a way that is accepted", alg,
               "EdDSA, RS256 or ES256", "Have the issuer sign with one of them.");
  }
  const WebKey* key = keys.Find(kid);
  if (key == nullptr) {
    return Bad("TOKEN_KEY", "the server does not have the key that signed it", kid,
               "a kid of the issuer's keys (jwks)",
               "Save the issuer's present keys there and reload the server.");
  }
  // What the key is for counts, not what the token says: else a public key could be made a secret.
  if (key->algorithm != *algorithm) {
    return Bad("TOKEN_ALGORITHM", "its key is for another algorithm", alg, "that of the key",
               "Have the issuer name the algorithm that it signs with.");
  }
  return key;
}

absl::Status CheckAudience(const json& claims, const TokenRules& rules) {
  const std::vector<std::string> given = TextsClaim(claims, "aud", false);
  const bool meant = std::ranges::any_of(given, [&](const std::string& audience) {
    return std::ranges::count(rules.audiences, audience) > 0;
  });
  if (meant) return absl::OkStatus();
  return Bad("TOKEN_AUDIENCE", "it is meant for others", absl::StrJoin(given, ", "),
             absl::StrJoin(rules.audiences, " or "), "Ask the issuer for a token for this server.");
}

bool IsGoodName(const std::string& name) {
  return !name.empty() && name.size() <= kTokenClaimBytesMax &&
         std::ranges::none_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

}  // namespace

bool LooksLikeToken(std::string_view text) { return std::ranges::count(text, '.') == 2; }

std::string ClaimedIssuer(std::string_view token) {
  if (token.size() > kTokenBytesMax) return {};
  const std::optional<Parts> parts = Split(token);
  const std::optional<json> claims = parts.has_value() ? Decode(parts->claims) : std::nullopt;
  return claims.has_value() ? TextClaim(*claims, "iss") : std::string();
}

absl::StatusOr<TokenBearer> CheckToken(std::string_view token, const TokenRules& rules,
                                       int64_t now_unix_nanos) {
  if (token.size() > kTokenBytesMax) {
    return Malformed(absl::StrCat("it has more than ", kTokenBytesMax, " bytes"));
  }
  const std::optional<Parts> parts = Split(token);
  if (!parts.has_value()) return Malformed("it has not three parts");
  const std::optional<json> header = Decode(parts->header), claims = Decode(parts->claims);
  const std::optional<std::string> signature = DecodeBase64Url(parts->signature);
  if (!header.has_value() || !claims.has_value() || !signature.has_value()) {
    return Malformed("its parts are no JSON objects in base64url");
  }
  MNEME_ASSIGN_OR_RETURN(const WebKey* key, KeyFor(*header, rules.keys));
  if (!key->Verify(parts->signed_text, *signature)) {
    return Malformed("its signature is not the issuer's");
  }

  // From here on it is the issuer who speaks.
  if (const std::string issuer = TextClaim(*claims, "iss"); issuer != rules.issuer) {
    return UnknownIssuer(issuer);
  }
  MNEME_RETURN_IF_ERROR(CheckAudience(*claims, rules));
  const std::optional<int64_t> expires = TimeClaim(*claims, "exp");
  if (!expires.has_value()) return Malformed("it does not say when it expires (exp)");
  const bool has_begin = claims->contains("nbf");
  const std::optional<int64_t> begins = TimeClaim(*claims, "nbf");
  if (has_begin && !begins.has_value()) return Malformed("its nbf is no time");

  const int64_t leeway = rules.leeway_seconds * kNanos;
  TokenBearer out{.name = TextClaim(*claims, rules.identity_claim),
                  .groups = TextsClaim(*claims, rules.groups_claim, true),
                  .not_before_unix_nanos = begins.value_or(0) - leeway,
                  .not_after_unix_nanos = *expires + leeway};
  MNEME_RETURN_IF_ERROR(
      CheckTokenTime(out.not_before_unix_nanos, out.not_after_unix_nanos, now_unix_nanos));
  if (!IsGoodName(out.name)) {
    return Malformed(absl::StrFormat("its claim '%s' names nobody", rules.identity_claim));
  }
  if (out.groups.size() > kTokenGroupsMax) {
    return Malformed(absl::StrCat("it has more than ", kTokenGroupsMax, " groups"));
  }
  return out;
}

absl::Status CheckTokenTime(int64_t not_before_unix_nanos, int64_t not_after_unix_nanos,
                            int64_t now_unix_nanos) {
  const auto text = [](int64_t nanos) {
    return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixNanos(nanos), absl::UTCTimeZone());
  };
  if (now_unix_nanos < not_before_unix_nanos) {
    return Bad("TOKEN_NOT_YET_VALID", "it is not valid yet",
               absl::StrCat("valid from ", text(not_before_unix_nanos)),
               "a token that is valid now",
               "Wait, or compare the clocks of the issuer and the server.");
  }
  if (now_unix_nanos >= not_after_unix_nanos) {
    return Bad("TOKEN_EXPIRED", "it has expired",
               absl::StrCat("valid until ", text(not_after_unix_nanos)),
               "a token that is valid now");
  }
  return absl::OkStatus();
}

absl::Status UnknownIssuer(const std::string& issuer) {
  return Bad("TOKEN_ISSUER", "the server does not know its issuer", issuer,
             "an issuer of the server's auth.file (jwt)",
             "Get a token of an issuer that the server trusts.");
}

}  // namespace mneme::server
