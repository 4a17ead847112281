// Tokens: who is believed, and each way not to be.
#include "server/auth/token.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/tokens.h"

namespace mneme::server {
namespace {

using test::EncodeBase64Url;
using test::KeySet;
using test::TokenKey;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kNow = 1'800'000'000;  // seconds
constexpr int64_t kNanos = 1'000'000'000;
constexpr int64_t kLeeway = 30;

std::string Claims(std::string_view more = "") {
  return absl::StrCat(R"({"iss":"https://i","aud":"mneme","sub":"alice","exp":)", kNow + 60,
                      absl::string_view(more.data(), more.size()), "}");
}

class TokenTest : public ::testing::Test {
 protected:
  TokenTest() {
    auto keys = WebKeySet::Parse(KeySet({ed_.PublicKey(), rsa_.PublicKey(), ec_.PublicKey()}), "f");
    EXPECT_TRUE(keys.ok()) << keys.status();
    rules_ = {.issuer = "https://i",
              .audiences = {"mneme", "other"},
              .leeway_seconds = kLeeway,
              .keys = *std::move(keys)};
  }
  std::string ReasonOf(const std::string& token, int64_t now = kNow) const {
    const auto bearer = CheckToken(token, rules_, now * kNanos);
    if (bearer.ok()) return "OK " + bearer->name;
    EXPECT_EQ(bearer.status().code(), absl::StatusCode::kUnauthenticated);
    EXPECT_FALSE(GetErrorDetail(bearer.status())->next_step.empty());
    return GetErrorDetail(bearer.status())->reason;
  }

  const TokenKey ed_{"EdDSA", "ed"}, rsa_{"RS256", "rsa"}, ec_{"ES256", "ec"};
  TokenRules rules_;
};

TEST_F(TokenTest, OfEachAlgorithmIsBelieved) {
  for (const TokenKey* key : {&ed_, &rsa_, &ec_}) {
    EXPECT_EQ(ReasonOf(key->Sign(Claims())), "OK alice") << key->id();
  }
}

TEST_F(TokenTest, NothingUnsignedOrSignedWithASharedSecretIs) {
  const std::string claims = EncodeBase64Url(Claims());
  for (const char* alg :
       {"none", "None", "NONE", "", "HS256", "HS512", "RS1", "PS256", "ed25519"}) {
    const std::string header =
        EncodeBase64Url(absl::StrCat(R"({"alg":")", alg, R"(","kid":"rsa"})"));
    EXPECT_EQ(ReasonOf(header + "." + claims + "."), "TOKEN_ALGORITHM") << alg;
    EXPECT_EQ(ReasonOf(rsa_.Sign(Claims(), absl::StrCat(R"({"alg":")", alg, R"(","kid":"rsa"})"))),
              "TOKEN_ALGORITHM")
        << alg;
  }
  EXPECT_EQ(ReasonOf(rsa_.Sign(Claims(), R"({"kid":"rsa"})")), "TOKEN_ALGORITHM");
  EXPECT_EQ(ReasonOf(rsa_.Sign(Claims(), R"({"alg":["RS256"],"kid":"rsa"})")), "TOKEN_ALGORITHM");
  // The algorithm of another key.
  EXPECT_EQ(ReasonOf(rsa_.Sign(Claims(), R"({"alg":"ES256","kid":"rsa"})")), "TOKEN_ALGORITHM");
  EXPECT_EQ(ReasonOf(ed_.Sign(Claims(), R"({"alg":"RS256","kid":"ed"})")), "TOKEN_ALGORITHM");
}

TEST_F(TokenTest, ItsSignatureIsThatOfAKeyOfTheIssuer) {
  const TokenKey stranger("EdDSA", "ed");
  EXPECT_EQ(ReasonOf(stranger.Sign(Claims())), "TOKEN");
  EXPECT_EQ(ReasonOf(TokenKey("EdDSA", "new").Sign(Claims())), "TOKEN_KEY");
  EXPECT_EQ(ReasonOf(ed_.Sign(Claims(), R"({"alg":"EdDSA"})")), "TOKEN_KEY");  // which?
  // A key that the token brings along is not looked at.
  EXPECT_EQ(ReasonOf(stranger.Sign(
                Claims(), R"({"alg":"EdDSA","kid":"ed","jwk":)" + stranger.PublicKey() + "}")),
            "TOKEN");
  for (const TokenKey* key : {&ed_, &rsa_, &ec_}) {
    const std::string token = key->Sign(Claims());
    const size_t first = token.find('.'), second = token.rfind('.');
    // One bit of each part, and its ends.
    for (const size_t at : {size_t{3}, first + 5, second - 2, second + 4, token.size() - 3}) {
      std::string changed = token;
      changed[at] = changed[at] == 'A' ? 'B' : 'A';
      EXPECT_NE(ReasonOf(changed).substr(0, 2), "OK") << key->id() << " " << at;
    }
    EXPECT_EQ(ReasonOf(token.substr(0, second + 1)), "TOKEN");
    EXPECT_EQ(ReasonOf(token.substr(0, token.size() - 4)), "TOKEN");
    EXPECT_EQ(ReasonOf(token + "AAAA"), "TOKEN");
  }
}

TEST_F(TokenTest, WhatIsNoTokenIsRefused) {
  const std::string good = ed_.Sign(Claims());
  const std::string header = good.substr(0, good.find('.'));
  for (const std::string& bad :
       {std::string(), std::string("."), std::string(".."), std::string("a.b"), good + ".x",
        std::string("x.y.z"), header + "." + EncodeBase64Url("[1]") + ".AA",
        header + "." + EncodeBase64Url(std::string(4'000, '[')) + ".AA", good + "=",
        std::string(kTokenBytesMax + 1, 'a')}) {
    EXPECT_EQ(ReasonOf(bad), "TOKEN") << bad.substr(0, 60);
  }
  EXPECT_EQ(ReasonOf(ed_.Sign(Claims(), R"({"alg":"EdDSA","kid":"ed","crit":["exp"]})")), "TOKEN");
}

TEST_F(TokenTest, IssuerAndAudienceMustBeTheirs) {
  EXPECT_EQ(ReasonOf(ed_.Sign(absl::StrReplaceAll(Claims(), {{"https://i", "https://j"}}))),
            "TOKEN_ISSUER");
  EXPECT_EQ(ReasonOf(ed_.Sign(absl::StrReplaceAll(Claims(), {{"\"iss\"", "\"not\""}}))),
            "TOKEN_ISSUER");
  const auto with_audience = [&](const std::string& audience) {
    return ReasonOf(ed_.Sign(absl::StrReplaceAll(Claims(), {{"\"mneme\"", audience}})));
  };
  EXPECT_EQ(with_audience("[\"a\",\"other\"]"), "OK alice");
  for (const char* bad :
       {"\"mnem\"", "\"mneme \"", "[]", "[\"a\"]", "null", "1", "[[\"mneme\"]]", "{\"mneme\":1}"}) {
    EXPECT_EQ(with_audience(bad), "TOKEN_AUDIENCE") << bad;
  }
}

TEST_F(TokenTest, ItCountsInItsTimeWithTheLeeway) {
  const std::string token = ed_.Sign(Claims(absl::StrCat(",\"nbf\":", kNow)));
  EXPECT_EQ(ReasonOf(token, kNow + 60 + kLeeway - 1), "OK alice");
  EXPECT_EQ(ReasonOf(token, kNow + 60 + kLeeway), "TOKEN_EXPIRED");
  EXPECT_EQ(ReasonOf(token, kNow - kLeeway), "OK alice");
  EXPECT_EQ(ReasonOf(token, kNow - kLeeway - 1), "TOKEN_NOT_YET_VALID");
  const auto with_exp = [&](const std::string& exp) {
    return ReasonOf(ed_.Sign(absl::StrReplaceAll(Claims(), {{absl::StrCat(kNow + 60), exp}})));
  };
  EXPECT_EQ(with_exp(absl::StrCat(kNow + 1, ".5")), "OK alice");
  EXPECT_EQ(with_exp(absl::StrCat(kNow - 100)), "TOKEN_EXPIRED");
  EXPECT_EQ(with_exp("0"), "TOKEN_EXPIRED");
  for (const char* bad : {"null", "\"1900000000\"", "-1", "1e30", "[1]", "true"})
    EXPECT_EQ(with_exp(bad), "TOKEN") << bad;
  EXPECT_EQ(ReasonOf(ed_.Sign(Claims(",\"nbf\":\"soon\""))), "TOKEN");
  // Without a word on when it ends it would be for ever.
  EXPECT_EQ(ReasonOf(ed_.Sign(R"({"iss":"https://i","aud":"mneme","sub":"alice"})")), "TOKEN");
}

TEST_F(TokenTest, TellsWhoAndInWhichGroups) {
  const auto bearer = [&](const std::string& more) {
    return CheckToken(ed_.Sign(Claims(more)), rules_, kNow * kNanos);
  };
  EXPECT_THAT(bearer(",\"groups\":[\"a\",1,\"b c\"]")->groups, ElementsAre("a", "b c"));
  EXPECT_THAT(bearer(",\"groups\":\"a  b\"")->groups, ElementsAre("a", "b"));
  EXPECT_THAT(bearer(",\"groups\":{\"a\":1}")->groups, IsEmpty());
  EXPECT_THAT(bearer("")->groups, IsEmpty());
  rules_.groups_claim = "realm.roles";
  EXPECT_THAT(bearer(",\"realm\":{\"roles\":[\"r\"]}")->groups, ElementsAre("r"));
  EXPECT_THAT(bearer(",\"realm.roles\":[\"w\"]")->groups, ElementsAre("w"));
  EXPECT_THAT(bearer(",\"realm\":[]")->groups, IsEmpty());
  rules_.identity_claim = "email";
  EXPECT_EQ(bearer(",\"email\":\"a@b\"")->name, "a@b");
  for (const char* nobody : {"", ",\"email\":\"\"", ",\"email\":7", ",\"email\":\"a\\nb\""})
    EXPECT_FALSE(bearer(nobody).ok()) << nobody;
  std::string many = ",\"groups\":[\"g\"";
  for (size_t i = 0; i < kTokenGroupsMax; ++i) many += ",\"g\"";
  rules_ = {.issuer = rules_.issuer, .audiences = rules_.audiences, .keys = rules_.keys};
  EXPECT_FALSE(bearer(many + "]").ok());
}

}  // namespace
}  // namespace mneme::server
