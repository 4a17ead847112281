// auth.file: what it may say, and what is refused with the line.
#include "server/auth/policy.h"

#include "absl/time/time.h"
#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mneme::server {
namespace {

using ::testing::HasSubstr;

constexpr char kDigest[] = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

TEST(Policy, HoldsWhatTheFileSays) {
  const auto policy = ParsePolicy(std::string("keys:\n"
                                              "  - name: ingest\n"
                                              "    sha256: ") +
                                      kDigest +
                                      "\n"
                                      "    not_before: 2026-01-31\n"
                                      "    not_after: 2027-01-31T12:00:00Z\n"
                                      "    grants:\n"
                                      "      - {role: writer, memories: \"faces-*\"}\n"
                                      "    limits: {calls_per_second: 2.5, bytes_per_second: 1M}\n"
                                      "certificates:\n"
                                      "  - name: backup\n"
                                      "    san: dns:backup.example.org\n"
                                      "    grants: [{role: admin, memories: \"*\"}]\n"
                                      "anonymous:\n"
                                      "  grants: [{role: reader, memories: public}]\n",
                                  "f");
  ASSERT_TRUE(policy.ok()) << policy.status();
  ASSERT_EQ(policy->keys.size(), 1u);
  const auto& [digest, ingest] = *policy->keys.begin();
  EXPECT_EQ(digest[0], 0x9f);
  EXPECT_EQ(digest[31], 0x08);
  EXPECT_EQ(ingest->name, "ingest");
  ASSERT_EQ(ingest->grants.size(), 1u);
  EXPECT_EQ(ingest->grants[0].role, v1::ROLE_WRITER);
  EXPECT_EQ(ingest->grants[0].memories, "faces-*");
  EXPECT_EQ(
      absl::FormatTime(absl::FromUnixNanos(ingest->not_before_unix_nanos), absl::UTCTimeZone()),
      "2026-01-31T00:00:00+00:00");
  EXPECT_EQ(
      absl::FormatTime(absl::FromUnixNanos(ingest->not_after_unix_nanos), absl::UTCTimeZone()),
      "2027-01-31T12:00:00+00:00");
  EXPECT_EQ(ingest->limiter->limits().calls_per_second, 2.5);
  EXPECT_EQ(ingest->limiter->limits().bytes_per_second, 1 << 20);
  EXPECT_EQ(policy->certificates.at("dns:backup.example.org")->grants[0].role, v1::ROLE_ADMIN);
  EXPECT_EQ(policy->anonymous->grants[0].memories, "public");
}

TEST(Policy, AnEmptyFileKnowsNobody) {
  const auto policy = ParsePolicy("", "f");
  ASSERT_TRUE(policy.ok());
  EXPECT_TRUE(policy->keys.empty());
  EXPECT_EQ(policy->anonymous, nullptr);
  // Anonymous callers without grants are nobody.
  EXPECT_EQ(ParsePolicy("anonymous: {grants: []}", "f")->anonymous, nullptr);
}

TEST(Policy, MistakesAreRefusedWithTheLine) {
  const std::string key = std::string("keys:\n  - name: a\n    sha256: ") + kDigest + "\n";
  const struct {
    std::string yaml;
    const char* says;
  } cases[] = {
      {"- a", "line 1"},
      {"keys: {", "f: "},
      {"key: []", "one of anonymous, certificates, jwt, keys"},
      {"keys:\n  - name: a\n", "line 2: found a key without sha256"},
      {"keys:\n  - sha256: 12\n", "line 2: found 2 characters"},
      {std::string("keys:\n  - sha256: ") + kDigest, "without a name"},
      {key + "    grants: [{role: owner, memories: x}]\n", "line 4: found 'owner'"},
      {key + "    grants: [{role: any, memories: x}]\n", "one of reader, writer, trainer, admin"},
      {key + "    grants: [{role: peer, memories: x}]\n", "one of reader, writer, trainer, admin"},
      {key + "    grants: [{role: admin}]\n", "a grant without role or memories"},
      {key + "    grants: [{memories: x}]\n", "a grant without role or memories"},
      {key + "    grants: [{role: admin, memories: \"\"}]\n", "no text"},
      {key + "    grants: admin\n", "no list"},
      {key + "    not_after: soon\n", "line 4: found 'soon'"},
      {key + "    not_after: 2500-01-01\n", "'2500-01-01'"},
      {key + "    not_before: 2027-01-01\n    not_after: 2026-01-01\n", "not after not_before"},
      {key + "    limits: {calls_per_second: -1}\n", "'-1'"},
      {key + "    limits: {calls_per_second: nan}\n", "'nan'"},
      {key + "    limits: {calls_per_second: 1e300}\n", "'1e300'"},
      {key + "    limits: {bytes_per_second: M}\n", "'M'"},
      {key + "    password: x\n", "the key 'password'"},
      {key + "    name: b\n", "'name' again"},
      {key + "  - name: b\n    sha256: " + kDigest + "\n", "the same key again"},
      {key + "certificates:\n  - {name: a, san: \"dns:x\"}\n", "the name 'a' again"},
      {"certificates:\n  - {name: a, san: x}\n", "dns:NAME or uri:URI"},
      {"certificates:\n  - {name: a, san: \"dns:\"}\n", "dns:NAME or uri:URI"},
      {"certificates:\n  - {name: a, san: \"dns:x\"}\n  - {name: b, san: \"dns:x\"}\n",
       "the san 'dns:x' again"},
      {"anonymous: {name: me}\n", "the key 'name'"},
  };
  for (const auto& one : cases) {
    const auto policy = ParsePolicy(one.yaml, "f");
    ASSERT_FALSE(policy.ok()) << one.yaml;
    EXPECT_THAT(std::string(policy.status().message()), HasSubstr(one.says)) << one.yaml;
    EXPECT_EQ(GetErrorDetail(policy.status())->reason, "AUTH_FILE");
  }
  EXPECT_EQ(ReadPolicy("/nowhere/auth.yaml").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadPolicy("/").status().code(), absl::StatusCode::kNotFound);
}

TEST(Policy, AReloadKeepsWhatWasUsedUpUnlessTheLimitChanged) {
  const auto with = [](const char* rate) {
    return std::string(
               "anonymous: {grants: [{role: reader, memories: x}], limits: "
               "{calls_per_second: ") +
           rate + "}}";
  };
  const auto before = ParsePolicy(with("1"), "f");
  ASSERT_TRUE(before.ok());
  EXPECT_EQ(ParsePolicy(with("1"), "f", &*before)->anonymous->limiter, before->anonymous->limiter);
  EXPECT_NE(ParsePolicy(with("2"), "f", &*before)->anonymous->limiter, before->anonymous->limiter);
}

}  // namespace
}  // namespace mneme::server
