// Who a call comes from.
#include "server/auth/authenticator.h"

#include <limits>

#include "absl/strings/escaping.h"
#include "core/base/status.h"
#include "gtest/gtest.h"

namespace mneme::server {
namespace {

class AuthenticatorTest : public ::testing::Test {
 protected:
  static std::shared_ptr<const Identity> Named(const std::string& name) {
    Identity identity;
    identity.name = name;
    identity.grants = {{v1::ROLE_READER, "*"}};
    return std::make_shared<const Identity>(std::move(identity));
  }
  void Use(Policy policy) {
    authenticator_.SetPolicy(std::make_shared<const Policy>(std::move(policy)));
  }
  std::string ReasonOf(std::string_view header, std::vector<std::string> names = {}) {
    const auto caller = authenticator_.Identify(header, names);
    if (caller.ok()) return "OK " + std::string(caller->name());
    EXPECT_EQ(caller.status().code(), absl::StatusCode::kUnauthenticated);
    EXPECT_FALSE(GetErrorDetail(caller.status())->next_step.empty());
    return GetErrorDetail(caller.status())->reason;
  }

  ManualClock clock_{1'000};
  Authenticator authenticator_{clock_};
};

TEST(Sha256, IsSha256) {
  const KeyDigest digest = Sha256()("abc");
  EXPECT_EQ(absl::BytesToHexString(std::string(digest.begin(), digest.end())),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");  // FIPS 180-2
}

TEST_F(AuthenticatorTest, WithoutAPolicyEverybodyMayDoEverything) {
  EXPECT_FALSE(authenticator_.checks());
  EXPECT_EQ(ReasonOf(""), "OK ");
  EXPECT_TRUE(authenticator_.Identify("")->MayDoOnAll(v1::ROLE_ADMIN));
}

TEST_F(AuthenticatorTest, AKeyIsKnownByItsHash) {
  Policy policy;
  policy.keys[Sha256()("secret")] = Named("ingest");
  Use(std::move(policy));
  EXPECT_EQ(ReasonOf("Bearer secret"), "OK ingest");
  EXPECT_EQ(ReasonOf("bearer secret"), "OK ingest");  // the scheme has no case (RFC 9110)
  EXPECT_EQ(ReasonOf("Bearer secret "), "UNKNOWN_KEY");
  EXPECT_EQ(ReasonOf("Bearer "), "UNKNOWN_KEY");
  EXPECT_EQ(ReasonOf("Basic secret"), "CREDENTIALS");
  EXPECT_EQ(ReasonOf("secret"), "CREDENTIALS");
  EXPECT_EQ(ReasonOf("Bearer " + std::string(kKeyBytesMax + 1, 'x')), "CREDENTIALS");
  EXPECT_EQ(ReasonOf(""), "NO_CREDENTIALS");
}

TEST_F(AuthenticatorTest, AKeyCountsBetweenItsDates) {
  Policy policy;
  Identity identity;
  identity.name = "guest";
  identity.not_before_unix_nanos = 2'000;
  identity.not_after_unix_nanos = 3'000;
  policy.keys[Sha256()("k")] = std::make_shared<const Identity>(std::move(identity));
  Use(std::move(policy));
  EXPECT_EQ(ReasonOf("Bearer k"), "KEY_NOT_YET_VALID");
  clock_.Advance(1'000);
  EXPECT_EQ(ReasonOf("Bearer k"), "OK guest");
  clock_.Advance(1'001);
  EXPECT_EQ(ReasonOf("Bearer k"), "KEY_EXPIRED");
}

TEST_F(AuthenticatorTest, ACertificateCountsWhereThereIsNoKey) {
  Policy policy;
  policy.keys[Sha256()("k")] = Named("key");
  policy.certificates["dns:a"] = Named("a");
  policy.certificates["uri:spiffe://b"] = Named("b");
  Use(std::move(policy));
  EXPECT_EQ(ReasonOf("", {"uri:spiffe://x", "dns:a"}), "OK a");
  EXPECT_EQ(ReasonOf("", {"uri:spiffe://b", "dns:a"}), "OK b");
  EXPECT_EQ(ReasonOf("Bearer k", {"dns:a"}), "OK key");
  EXPECT_EQ(ReasonOf("", {"dns:aa", "uri:a"}), "UNKNOWN_CERTIFICATE");
  // A wrong key is not made good by a certificate.
  EXPECT_EQ(ReasonOf("Bearer x", {"dns:a"}), "UNKNOWN_KEY");
}

TEST_F(AuthenticatorTest, AnonymousCallersAreThoseWithoutAKey) {
  Policy policy;
  policy.anonymous = Named("anonymous");
  Use(std::move(policy));
  EXPECT_EQ(ReasonOf(""), "OK anonymous");
  EXPECT_EQ(ReasonOf("", {"dns:stranger"}), "OK anonymous");
  EXPECT_EQ(ReasonOf("Bearer x"), "UNKNOWN_KEY");
}

TEST_F(AuthenticatorTest, ANewPolicyCountsForTheNextCallAndCallersKeepTheirs) {
  Policy policy;
  policy.keys[Sha256()("k")] = Named("old");
  Use(std::move(policy));
  const auto caller = authenticator_.Identify("Bearer k");
  Use(Policy());
  EXPECT_EQ(ReasonOf("Bearer k"), "UNKNOWN_KEY");
  EXPECT_EQ(caller->name(), "old");
}

}  // namespace
}  // namespace mneme::server
