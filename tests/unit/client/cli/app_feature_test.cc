// Feature memories from the command line: their flags, their forecast, sketches and merges.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/unit/client/cli/app_fixture.h"

namespace mneme::cli {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

class AppFeatureTest : public AppTest {};

TEST_F(AppFeatureTest, CreatesWithEveryFlagOfTheModel) {
  const Outcome outcome =
      Run({"memory",     "create",         "seen", "--model", "feature", "--dim",
           "64",         "--features",     "8000", "--beta",  "10",      "--kind",
           "orthogonal", "--feature-seed", "7",    "--rate",  "0.2",     "--steps-max",
           "50",         "--tolerance",    "0.01", "--gamma", "0.9",     "--items-expected",
           "100",        "--cue-noise",    "0.25"});
  ASSERT_EQ(outcome.code, kExitOk) << outcome.err;
  const v1::Memory memory = server_.Received<v1::CreateMemoryRequest>().at(0).memory();
  EXPECT_EQ(memory.retain(), v1::RETAIN_UNSPECIFIED) << "the server's choice";
  const v1::FeatureSpec& spec = memory.feature();
  EXPECT_EQ(spec.kind(), v1::FEATURE_KIND_ORTHOGONAL);
  EXPECT_EQ(spec.features(), 8000u);
  EXPECT_EQ(spec.beta(), 10);
  EXPECT_EQ(spec.seed(), 7u);
  EXPECT_EQ(spec.rate(), 0.2);
  EXPECT_EQ(spec.steps_max(), 50u);
  EXPECT_EQ(spec.tolerance(), 0.01);
  EXPECT_EQ(spec.gamma(), 0.9);
  EXPECT_EQ(spec.items_expected(), 100u);
  EXPECT_EQ(spec.cue_noise(), 0.25);
  ASSERT_EQ(
      Run({"memory", "create", "kept", "--model", "feature", "--dim", "4", "--retain", "all"}).code,
      kExitOk);
  EXPECT_EQ(server_.Received<v1::CreateMemoryRequest>().at(1).memory().retain(), v1::RETAIN_ALL);
}

TEST_F(AppFeatureTest, RefusesFlagsOfOtherModels) {
  const auto refused = [&](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"memory", "create", "x", "--dim", "4"});
    const Outcome outcome = Run(flags);
    EXPECT_EQ(outcome.code, kExitUsage);
    return outcome.err;
  };
  EXPECT_THAT(refused({"--features", "5"}), HasSubstr("--features does nothing in a dense memory"));
  EXPECT_THAT(refused({"--model", "feature", "--similarity", "l2"}),
              HasSubstr("--similarity does nothing in a feature memory"));
  EXPECT_THAT(refused({"--model", "feature", "--lambda", "1"}),
              HasSubstr("--lambda does nothing in a feature memory"));
  EXPECT_EQ(server_.calls(), 0);
}

TEST_F(AppFeatureTest, DescribesTheSpec) {
  v1::Memory& memory = server_.memory.emplace();
  memory.set_name("memories/seen");
  memory.set_key_dim(64);
  memory.mutable_feature()->set_kind(v1::FEATURE_KIND_TRIGONOMETRIC);
  memory.mutable_feature()->set_features(8000);
  memory.mutable_feature()->set_beta(10);
  EXPECT_THAT(Run({"memory", "describe", "seen"}).out,
              HasSubstr("feature: TRIGONOMETRIC, 8,000 features, beta 10"));
  const json parsed = json::parse(Run({"memory", "describe", "seen", "--json"}).out);
  EXPECT_EQ(parsed["model"], "feature");
  EXPECT_EQ(parsed["spec"]["features"], 8000);
  EXPECT_EQ(parsed["spec"]["kind"], "TRIGONOMETRIC");
}

TEST_F(AppFeatureTest, ForecastsAPlannedMemoryWithoutResponses) {
  const Outcome outcome = Run({"forecast", "--planned", "--model", "feature", "--dim", "64",
                               "--items", "20", "--beta", "30", "--cue-noise", "0.3"});
  ASSERT_EQ(outcome.code, kExitOk) << outcome.err;
  const auto planned = server_.Received<v1::ForecastRequest>().at(0).planned();
  EXPECT_EQ(planned.items(), 20u);
  EXPECT_EQ(planned.memory().feature().beta(), 30);
  EXPECT_EQ(planned.memory().feature().cue_noise(), 0.3);
  EXPECT_THAT(outcome.out, HasSubstr("planned: feature memory of 64 numbers"));
}

TEST_F(AppFeatureTest, CarriesSketchesAndMerges) {
  const std::string file = folder_ + "/seen.sketch";
  EXPECT_THAT(Run({"memory", "export-sketch", "seen", file}).out,
              AllOf(HasSubstr("12 items in 13 B"), HasSubstr(file)));
  std::ostringstream bytes;
  bytes << std::ifstream(file).rdbuf();
  EXPECT_EQ(bytes.str(), "bytes of sums");
  EXPECT_THAT(Run({"memory", "merge", "all", "--sketch", file}).out,
              HasSubstr("12 items merged into all, which holds 1,012 now"));
  const json merged =
      json::parse(Run({"memory", "merge", "all", "seen", "--request-id", "once", "--json"}).out);
  EXPECT_EQ(merged["merged"], 12);
  const auto merges = server_.admin.merges();
  ASSERT_EQ(merges.size(), 2u);
  EXPECT_EQ(merges[0].memory(), "memories/all");
  EXPECT_EQ(merges[0].sketch(), "bytes of sums");
  EXPECT_FALSE(merges[0].request_id().empty());
  EXPECT_EQ(merges[1].from(), "memories/seen");
  EXPECT_EQ(merges[1].request_id(), "once");
  EXPECT_EQ(Run({"memory", "merge", "all"}).code, kExitUsage);
  EXPECT_EQ(Run({"memory", "merge", "all", "seen", "--sketch", file}).code, kExitUsage);
  EXPECT_EQ(Run({"memory", "merge", "all", "--sketch", folder_ + "/none"}).code, kExitUsage);
  EXPECT_EQ(Run({"memory", "export-sketch", "seen", folder_ + "/none/x"}).code, kExitUsage);
}

}  // namespace
}  // namespace mneme::cli
