// auth.file as somebody may write it: any text is refused with a sentence, or gives identities that
// hold together.
#include "absl/status/status.h"
#include "core/base/status.h"
#include "server/auth/policy.h"
#include "tests/fuzz/fuzz.h"

namespace mneme::fuzz {
namespace {

using server::Grant;
using server::Identity;

void CheckIdentity(const Identity& identity) {
  MNEME_CHECK(!identity.name.empty());
  MNEME_CHECK(identity.not_before_unix_nanos < identity.not_after_unix_nanos);
  for (const Grant& grant : identity.grants) {
    MNEME_CHECK(grant.role >= v1::ROLE_READER && grant.role <= v1::ROLE_ADMIN);
    MNEME_CHECK(!grant.memories.empty());
    // What a pattern is made of matches it.
    MNEME_CHECK(server::MatchesGlob(grant.memories, grant.memories));
  }
  if (identity.limiter == nullptr) return;
  MNEME_CHECK(identity.limiter->TryTake(identity.name, 1, ~uint64_t{0}, 0).ok());
}

}  // namespace

void TestOne(std::string_view bytes) {
  const auto policy = server::ParsePolicy(std::string(bytes), "file");
  if (!policy.ok()) return CheckError(policy.status(), {absl::StatusCode::kInvalidArgument});
  for (const auto& [digest, identity] : policy->keys) CheckIdentity(*identity);
  for (const auto& [name, identity] : policy->certificates) CheckIdentity(*identity);
  if (policy->anonymous != nullptr) CheckIdentity(*policy->anonymous);
}

std::vector<Seed> Seeds() {
  const std::string digest(64, 'a');
  return {{"key", "keys:\n  - name: a\n    sha256: " + digest +
                      "\n    not_after: 2027-01-01\n    grants:\n"
                      "      - {role: writer, memories: \"faces-*\"}\n"
                      "    limits: {calls_per_second: 10, bytes_per_second: 1M}\n"},
          {"certificate", "certificates:\n  - name: b\n    san: dns:b.example.org\n"},
          {"anonymous", "anonymous: {grants: [{role: reader, memories: a?b}]}\n"},
          {"cycle", "keys: &k\n  - *k\n"},
          {"twice", "keys: []\nkeys: []\n"}};
}

}  // namespace mneme::fuzz
