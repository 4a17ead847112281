// Issuers: grants by group, and tokens that are remembered.
#include "server/auth/token_issuers.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "gtest/gtest.h"
#include "server/auth/authenticator.h"
#include "tests/support/tokens.h"

namespace mneme::server {
namespace {

using test::KeySet;
using test::TokenKey;

constexpr int64_t kNow = 1'800'000'000;
constexpr int64_t kNanos = 1'000'000'000;

class TokenIssuersTest : public ::testing::Test {
 protected:
  TokenIssuersTest() { Use(Issuers(nullptr)); }

  std::shared_ptr<const TokenIssuers> Issuers(const TokenIssuers* before) const {
    TokenIssuer login{
        .name = "login",
        .rules = {.issuer = "https://i",
                  .audiences = {"mneme"},
                  .leeway_seconds = 0,
                  .keys = *WebKeySet::Parse(KeySet({key_.PublicKey()}), "f")},
        .grants = {{"", {v1::ROLE_READER, "public"}}, {"ingest", {v1::ROLE_WRITER, "faces-*"}}},
        .limits = {.calls_per_second = 2}};
    return std::make_shared<const TokenIssuers>(std::vector<TokenIssuer>{std::move(login)}, before);
  }
  void Use(std::shared_ptr<const TokenIssuers> issuers) {
    issuers_ = issuers;
    Policy policy;
    policy.tokens = std::move(issuers);
    authenticator_.SetPolicy(std::make_shared<const Policy>(std::move(policy)));
  }
  std::string Token(const std::string& who, int64_t seconds,
                    const std::string& groups = "[]") const {
    return key_.Sign(absl::StrCat(R"({"iss":"https://i","aud":"mneme","sub":")", who, R"(","exp":)",
                                  kNow + seconds, R"(,"groups":)", groups, "}"));
  }
  absl::StatusOr<Caller> Ask(const std::string& token) const {
    return authenticator_.Identify("Bearer " + token);
  }
  static std::string ReasonOf(const absl::StatusOr<Caller>& caller) {
    return caller.ok() ? "OK" : GetErrorDetail(caller.status())->reason;
  }

  const TokenKey key_{"EdDSA", "k"};
  ManualClock clock_{kNow * kNanos};
  Authenticator authenticator_{clock_};
  std::shared_ptr<const TokenIssuers> issuers_;
};

TEST_F(TokenIssuersTest, GivesEachBearerTheGrantsOfHisGroups) {
  const auto alice = Ask(Token("alice", 60, R"(["ingest"])"));
  ASSERT_TRUE(alice.ok()) << alice.status();
  EXPECT_EQ(alice->name(), "login:alice");
  EXPECT_TRUE(alice->MayDo(v1::ROLE_WRITER, "faces-1"));
  EXPECT_TRUE(alice->MayDo(v1::ROLE_READER, "public"));
  EXPECT_FALSE(alice->MayDo(v1::ROLE_WRITER, "public"));
  const auto bob = Ask(Token("bob", 60, R"(["ingest-not","INGEST",""])"));
  ASSERT_TRUE(bob.ok());
  EXPECT_FALSE(bob->MayDo(v1::ROLE_READER, "faces-1"));
  EXPECT_TRUE(bob->MayDo(v1::ROLE_READER, "public"));
}

TEST_F(TokenIssuersTest, RemembersATokenUntilItExpires) {
  const std::string token = Token("alice", 60);
  const auto first = Ask(token), second = Ask(token);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->identity(), second->identity());  // not checked again
  EXPECT_EQ(issuers_->remembered(), 1u);
  clock_.Advance(60 * kNanos);
  EXPECT_EQ(ReasonOf(Ask(token)), "TOKEN_EXPIRED");
  // What is refused is not remembered.
  EXPECT_EQ(ReasonOf(Ask(TokenKey("EdDSA", "k").Sign("{\"iss\":\"https://i\"}"))), "TOKEN");
  EXPECT_EQ(ReasonOf(Ask(TokenKey("EdDSA", "k").Sign("{\"iss\":\"https://j\"}"))), "TOKEN_ISSUER");
  EXPECT_EQ(issuers_->remembered(), 1u);
}

TEST_F(TokenIssuersTest, RemembersSoManyAndForgetsTheExpiredFirst) {
  constexpr size_t kShort = 10;
  for (size_t i = 0; i < kTokensRememberedMax; ++i)
    ASSERT_TRUE(Ask(Token(absl::StrCat("u", i), i < kShort ? 1 : 60)).ok());
  EXPECT_EQ(issuers_->remembered(), kTokensRememberedMax);
  clock_.Advance(2 * kNanos);
  ASSERT_TRUE(Ask(Token("one more", 60)).ok());
  EXPECT_EQ(issuers_->remembered(), kTokensRememberedMax - kShort + 1);
  for (size_t i = 0; i < 2 * kShort; ++i) ASSERT_TRUE(Ask(Token(absl::StrCat("v", i), 60)).ok());
  EXPECT_EQ(issuers_->remembered(), kTokensRememberedMax);
}

TEST_F(TokenIssuersTest, OneBearerHasOneRateWhateverHisTokens) {
  RateLimiter& limiter = *Ask(Token("alice", 60))->identity()->limiter;
  EXPECT_EQ(&limiter, Ask(Token("alice", 61))->identity()->limiter.get());
  EXPECT_NE(&limiter, Ask(Token("bob", 60))->identity()->limiter.get());
  const std::shared_ptr<const TokenIssuers> before = issuers_;
  Use(Issuers(before.get()));
  EXPECT_EQ(issuers_->remembered(), 0u);  // the keys may be others now
  EXPECT_EQ(&limiter, Ask(Token("alice", 60))->identity()->limiter.get());
}

TEST_F(TokenIssuersTest, KeysGoOnBesideTokens) {
  Policy policy;
  policy.tokens = issuers_;
  Identity identity;
  identity.name = "dots";
  policy.keys[Sha256()("a.b.c")] = std::make_shared<const Identity>(identity);
  authenticator_.SetPolicy(std::make_shared<const Policy>(std::move(policy)));
  EXPECT_EQ(Ask("a.b.c")->name(), "dots");
  EXPECT_EQ(ReasonOf(Ask("ab")), "UNKNOWN_KEY");
  EXPECT_EQ(ReasonOf(Ask("a.b.d")), "TOKEN_ISSUER");
  EXPECT_EQ(ReasonOf(Ask(std::string(kKeyBytesMax + 1, 'x'))), "CREDENTIALS");
  EXPECT_EQ(ReasonOf(Ask(std::string(kTokenBytesMax, 'x') + "..")), "CREDENTIALS");
}

}  // namespace
}  // namespace mneme::server
