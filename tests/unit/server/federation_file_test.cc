#include "server/config/federation_file.h"

#include <string>

#include "core/base/status.h"
#include "gtest/gtest.h"

namespace mneme::server {
namespace {

constexpr char kGood[] =
    "federations:\n"
    "  - name: digits\n"
    "    memory: m\n"
    "    round_ms: 20\n"
    "    planner: congestion\n"
    "    spec: {key_dim: 16, response_dim: 4, transport: gradient, loss: huber, huber_delta: 2,\n"
    "           wire_type: float32, min_contributors: 1, min_items: 2, stability_cap: false}\n"
    "    nodes:\n"
    "      - {name: north, address: '10.0.0.1:7413', interest: {north: 1, south: 3}}\n"
    "      - {name: south, address: '10.0.0.2:7413'}\n"
    "    links:\n"
    "      - {between: [north, south], delay_ms: 2.5}\n";

TEST(FederationFile, SaysWhatItSays) {
  const auto all = ParseFederations(kGood, "f.yaml");
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->size(), 1u);
  const StaticFederation& one = all->front();
  EXPECT_EQ(one.name, "digits");
  EXPECT_EQ(one.memory, "m");
  EXPECT_EQ(one.round.count(), 20);
  EXPECT_EQ(one.plan.objective, federation::Objective::kCongestion);
  EXPECT_EQ(one.input.spec.d_k, 16u);
  EXPECT_EQ(one.input.spec.loss, federation::Loss::kHuber);
  EXPECT_EQ(one.input.spec.huber_delta, 2);
  EXPECT_EQ(one.input.spec.wire.type, federation::WireType::kFloat32);
  EXPECT_EQ(one.input.spec.privacy.min_items, 2u);
  EXPECT_FALSE(one.input.spec.steps.stability_cap);
  ASSERT_EQ(one.input.links.size(), 1u);
  EXPECT_EQ(one.input.links[0].delay_micros, 2500);
  ASSERT_EQ(one.input.interest.size(), 2u);
  EXPECT_EQ(one.input.interest[1].weight, 3);
}

TEST(FederationFile, WithoutLinksAllMayTalkToAllAndTheMemoryHasTheNameOfTheFederation) {
  std::string text = kGood;
  text.resize(text.find("    links:"));
  text.erase(text.find("    memory: m\n"), 14);
  const auto all = ParseFederations(text, "f.yaml");
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->front().input.links.size(), 1u);
  EXPECT_EQ(all->front().memory, "digits");
}

struct BadCase {
  const char* from;
  const char* to;
  const char* says;
};

TEST(FederationFile, NamesTheLineAndWhatWasExpected) {
  const BadCase cases[] = {
      {"key_dim", "key_dims", "key_dims"},
      {"key_dim: 16", "key_dim: -1", "whole number"},
      {"key_dim: 16", "key_dim: 0", "d_k"},
      {"transport: gradient", "transport: pigeon", "gradient, factor, statistic"},
      {"planner: congestion", "planner: 7", "per_root, congestion"},
      {"round_ms: 20", "round_ms: 0", "number from 1"},
      {"south: 3", "south: -3", "south"},
      {"south: 3", "south: .nan", "south"},
      {"south: 3", "east: 3", "east"},
      {"[north, south]", "[north]", "between"},
      {"[north, south]", "[north, north]", "linked to itself"},
      {"[north, south]", "[north, east]", "east"},
      {"delay_ms: 2.5", "delay_ms: -1", "number from"},
      {"name: south", "name: north", "north"},
      {"name: digits", "name: ''", "text"},
      {"stability_cap: false", "stability_cap: perhaps", "true or false"},
      {"federations:", "federation:", "federations"},
      {"  - name: digits", "  - [", "YAML"},
  };
  for (const BadCase& bad : cases) {
    std::string text = kGood;
    const size_t at = text.find(bad.from);
    ASSERT_NE(at, std::string::npos) << bad.from;
    text.replace(at, std::string(bad.from).size(), bad.to);
    const absl::Status status = ParseFederations(text, "f.yaml").status();
    EXPECT_FALSE(status.ok()) << bad.to;
    const std::string message(status.message());
    const std::optional<ErrorDetail> detail = GetErrorDetail(status);
    ASSERT_TRUE(detail.has_value()) << message;
    EXPECT_NE((message + detail->given + detail->expected).find(bad.says), std::string::npos)
        << bad.to << ": " << message;
    EXPECT_NE(message.find("f.yaml"), std::string::npos) << message;
  }
}

TEST(FederationFile, ASecondFederationOfTheNameIsRefused) {
  const std::string one = std::string(kGood).substr(std::string("federations:\n").size());
  EXPECT_FALSE(ParseFederations(kGood + one, "f.yaml").ok());
}

TEST(FederationFile, AFileThatIsNotThereIsNamed) {
  const absl::Status status = ReadFederationFile("/nowhere/f.yaml").status();
  EXPECT_NE(std::string(status.message()).find("/nowhere/f.yaml"), std::string::npos);
}

}  // namespace
}  // namespace mneme::server
