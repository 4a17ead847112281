// Sets of public keys: what is taken of them, and what is refused.
#include "server/auth/web_key.h"

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/tokens.h"

namespace mneme::server {
namespace {

using test::KeySet;
using test::TokenKey;
using ::testing::HasSubstr;

TEST(WebKeySet, TakesKeysOfEachKindAndPassesOthersOver) {
  const TokenKey ed("EdDSA", "ed"), rsa("RS256", "rsa"), ec("ES256", "ec");
  const auto set = WebKeySet::Parse(
      KeySet({ed.PublicKey(), rsa.PublicKey(), ec.PublicKey(),
              R"({"kty":"RSA","use":"enc","kid":"other use"})",
              R"({"kty":"RSA","alg":"RS512","kid":"other algorithm"})",
              R"({"kty":"EC","crv":"P-521","kid":"other curve"})", R"({"kty":"new"})"}),
      "f");
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_EQ(set->keys().size(), 3u);
  EXPECT_EQ(set->Find("ed")->algorithm, SignatureAlgorithm::kEdDsa);
  EXPECT_EQ(set->Find("rsa")->algorithm, SignatureAlgorithm::kRs256);
  EXPECT_EQ(set->Find("ec")->algorithm, SignatureAlgorithm::kEs256);
  EXPECT_EQ(set->Find("none"), nullptr);
  EXPECT_EQ(set->Find(""), nullptr);  // which of the three?
  EXPECT_NE(WebKeySet::Parse(KeySet({ed.PublicKey()}), "f")->Find(""), nullptr);
}

TEST(WebKeySet, RefusesWhatIsNoSetOrHasBadKeys) {
  const TokenKey ed("EdDSA", "a");
  const struct {
    std::string json;
    const char* says;
  } cases[] = {
      {"", "no set"},
      {"[]", "no set"},
      {"{\"keys\": 1}", "no set"},
      {KeySet({}), "no key for"},
      {KeySet({"1"}), "no object"},
      {KeySet({R"({"kty":"oct","k":"c2VjcmV0","kid":"h"})"}), "'h' is a secret one"},
      {KeySet({R"({"kty":"OKP","crv":"Ed25519","x":"AA","d":"AA"})"}), "secret"},
      {KeySet({R"({"kty":"OKP","crv":"Ed25519","x":"AA","kid":"short"})"}), "'short' is none"},
      {KeySet({R"({"kty":"OKP","crv":"Ed25519","x":"!!"})"}), "is none"},
      {KeySet({R"({"kty":"EC","crv":"P-256","x":"AA","y":"AA"})"}), "is none"},
      {KeySet({R"({"kty":"RSA","n":"AQAB","e":"AQAB"})"}), "is none, or a weak one"},
      {KeySet({TokenKey("RS256", "weak", 1'024).PublicKey()}), "'weak' is none, or a weak one"},
      {KeySet({ed.PublicKey(), ed.PublicKey()}), "the kid 'a' again"},
      {KeySet(std::vector<std::string>(kWebKeysMax + 1, ed.PublicKey())), "65 keys"},
  };
  for (const auto& each : cases) {
    const absl::Status status = WebKeySet::Parse(each.json, "f").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << each.json;
    EXPECT_THAT(std::string(status.message()), HasSubstr(each.says)) << each.json;
    EXPECT_EQ(GetErrorDetail(status)->reason, "WEB_KEYS");
  }
  EXPECT_EQ(GetErrorDetail(WebKeySet::Read("/none").status())->reason, "WEB_KEYS");
  // A point that is not on the curve.
  std::string off = TokenKey("ES256", "off").PublicKey();
  const size_t at = off.find("\"y\":\"") + 5;
  off[at] = off[at] == 'A' ? 'B' : 'A';
  EXPECT_FALSE(WebKeySet::Parse(KeySet({off}), "f").ok());
}

TEST(Base64Url, IsStrict) {
  EXPECT_EQ(DecodeBase64Url("aGk"), "hi");
  EXPECT_EQ(DecodeBase64Url(""), "");
  for (const char* bad : {"aGk=", "aG k", "a+k", "a/k", "aGk\n", "a"})
    EXPECT_EQ(DecodeBase64Url(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace mneme::server
