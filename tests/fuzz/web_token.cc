// Tokens of identity providers as anybody may send them, and files of public keys: any bytes.
#include <limits>
#include <optional>

#include "core/base/status.h"
#include "server/auth/token.h"
#include "tests/fuzz/fuzz.h"

namespace mneme::fuzz {
namespace {

// The public key of RFC 8037, appendix A.2.
constexpr char kKeys[] =
    R"({"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})";

server::TokenRules Rules() {
  absl::StatusOr<server::WebKeySet> keys = server::WebKeySet::Parse(kKeys, "file");
  MNEME_CHECK(keys.ok());
  return {.issuer = "i", .audiences = {"a"}, .keys = *std::move(keys)};
}

void CheckKeys(std::string_view bytes) {
  const auto keys = server::WebKeySet::Parse(std::string(bytes), "file");
  if (!keys.ok()) return CheckError(keys.status(), {absl::StatusCode::kInvalidArgument});
  MNEME_CHECK(!keys->keys().empty() && keys->keys().size() <= server::kWebKeysMax);
  for (const server::WebKey& key : keys->keys()) {
    MNEME_CHECK(key.key != nullptr && (key.id.empty() || keys->Find(key.id) == &key));
    MNEME_CHECK(!key.Verify("text", "no signature"));
  }
}

}  // namespace

void TestOne(std::string_view bytes) {
  static const server::TokenRules rules = Rules();
  if (bytes.starts_with('{')) return CheckKeys(bytes);
  static_cast<void>(server::ClaimedIssuer(bytes));
  // Nobody here can sign, so nobody is believed.
  const auto bearer = server::CheckToken(bytes, rules, 0);
  MNEME_CHECK(!bearer.ok());
  CheckError(bearer.status(), {absl::StatusCode::kUnauthenticated});
}

std::vector<Seed> Seeds() {
  // {"alg":"EdDSA","kid":"k"} . {"iss":"i","aud":["a"],"sub":"s","exp":9}
  const std::string header = "eyJhbGciOiJFZERTQSIsImtpZCI6ImsifQ";
  const std::string claims = "eyJpc3MiOiJpIiwiYXVkIjpbImEiXSwic3ViIjoicyIsImV4cCI6OX0";
  return {{"keys", kKeys},
          {"keys-rsa", R"({"keys":[{"kty":"RSA","kid":"r","n":"AQAB","e":"AQAB"}]})"},
          {"keys-ec", R"({"keys":[{"kty":"EC","crv":"P-256","use":"sig","x":"AA","y":"AA"}]})"},
          // RFC 8037, appendix A.4: well signed, by that key, and no token.
          {"signed",
           "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-"
           "09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"},
          {"unsigned", header + "." + claims + "."},
          {"none", "eyJhbGciOiJub25lIn0." + claims + "."},
          {"forged", header + "." + claims + "." + std::string(86, 'A')},
          {"parts", "a.b.c.d"}};
}

}  // namespace mneme::fuzz
