// The kinds of dense memory from the command line: their flags, how they are described, what a
// recall says of itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/client/cli/app_fixture.h"

namespace mneme::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

class AppDenseTest : public AppTest {
 protected:
  v1::DenseSpec Created(std::vector<std::string> flags) {
    std::vector<std::string> line = {"memory", "create", "a", "--dim", "8"};
    line.insert(line.end(), flags.begin(), flags.end());
    EXPECT_EQ(Run(line).code, kExitOk);
    return server_.Received<v1::CreateMemoryRequest>().back().memory().dense();
  }
  v1::Memory& UseRelu() {
    v1::Memory& memory = server_.memory.emplace();
    memory.set_name("memories/words");
    memory.set_key_dim(8);
    v1::DenseSpec& spec = *memory.mutable_dense();
    spec.set_similarity(v1::SIMILARITY_L2);
    spec.set_separation(v1::SEPARATION_RELU);
    spec.set_state(v1::STATE_SPACE_FREE);
    spec.set_no_support(v1::NO_SUPPORT_POLICY_NEAREST);
    spec.set_steps_max(32);
    v1::MemoryState& state = *memory.mutable_state();
    state.set_item_count(40);
    state.set_radius(0.75);
    state.set_shadowed_count(3);
    state.set_shadowed_items(38);
    return memory;
  }
};

TEST_F(AppDenseTest, LeavesTheServerWhatIsNotGiven) {
  const v1::DenseSpec spec = Created({});
  EXPECT_EQ(spec.similarity(), v1::SIMILARITY_UNSPECIFIED);
  EXPECT_EQ(spec.separation(), v1::SEPARATION_UNSPECIFIED);
  EXPECT_EQ(spec.state(), v1::STATE_SPACE_UNSPECIFIED);
  EXPECT_EQ(spec.no_support(), v1::NO_SUPPORT_POLICY_UNSPECIFIED);
  EXPECT_FALSE(spec.has_radius());
}

TEST_F(AppDenseTest, CreatesEachKindWithItsFlags) {
  v1::DenseSpec spec =
      Created({"--separation", "relu", "--no-support", "widen", "--radius", "0.5"});
  EXPECT_EQ(spec.separation(), v1::SEPARATION_RELU);
  EXPECT_EQ(spec.no_support(), v1::NO_SUPPORT_POLICY_WIDEN);
  EXPECT_EQ(spec.radius(), 0.5);
  spec = Created({"--separation", "rectified", "--power", "5", "--state", "binary"});
  EXPECT_EQ(spec.separation(), v1::SEPARATION_RECTIFIED);
  EXPECT_EQ(spec.power(), 5u);
  EXPECT_EQ(spec.state(), v1::STATE_SPACE_BINARY);
  EXPECT_EQ(Created({"--similarity", "l1"}).similarity(), v1::SIMILARITY_L1);
}

TEST_F(AppDenseTest, RefusesUnknownNamesAndFlagsOfAnotherModel) {
  EXPECT_EQ(Run({"memory", "create", "a", "--dim", "8", "--separation", "relu1"}).code, kExitUsage);
  EXPECT_EQ(Run({"memory", "create", "a", "--dim", "8", "--no-support", "guess"}).code, kExitUsage);
  const Outcome linear = Run({"memory", "create", "a", "--dim", "8", "--response-dim", "2",
                              "--model", "linear", "--radius", "1"});
  EXPECT_EQ(linear.code, kExitUsage);
  EXPECT_THAT(linear.err, HasSubstr("--radius does nothing in a linear memory"));
}

TEST_F(AppDenseTest, DescribesSupportsAndWhatTheyShadow) {
  v1::Memory& memory = UseRelu();
  const std::string text = Run({"memory", "describe", "words"}).out;
  EXPECT_THAT(text, HasSubstr("separation RELU, radius automatic, now 0.75"));
  EXPECT_THAT(text, HasSubstr("without support NEAREST, at most 32 steps"));
  EXPECT_THAT(text, Not(HasSubstr("beta")));
  EXPECT_THAT(text, HasSubstr("3 of 38 have another inside their radius"));
  const json parsed = json::parse(Run({"--json", "memory", "describe", "words"}).out);
  EXPECT_EQ(parsed["spec"]["separation"], "RELU");
  EXPECT_EQ(parsed["spec"]["radius"], "auto");
  EXPECT_EQ(parsed["spec"]["no_support"], "NEAREST");
  EXPECT_EQ(parsed["state"]["radius"], 0.75);
  EXPECT_EQ(parsed["state"]["shadowed_count"], 3);
  memory.mutable_state()->set_shadowed_items(0);
  EXPECT_THAT(Run({"memory", "describe", "words"}).out, HasSubstr("not counted"));
}

TEST_F(AppDenseTest, ARecallSaysThatNothingSupportsItAndWhatAnsweredAllTheSame) {
  server_.recall_result.set_status(v1::ANSWER_STATUS_NO_SUPPORT);
  EXPECT_THAT(Run({"retrieve", "words", "--cue", "1,0"}).out, HasSubstr("NO_SUPPORT "));
  server_.recall_result.set_status(v1::ANSWER_STATUS_CONVERGED);
  server_.recall_result.set_answered_by(v1::NO_SUPPORT_POLICY_NEAREST);
  server_.recall_result.set_n_support(1);
  server_.recall_result.set_beta(8);
  server_.recall_result.set_radius(0.5);
  EXPECT_THAT(Run({"retrieve", "words", "--cue", "1,0"}).out,
              HasSubstr("CONVERGED (no support: NEAREST)"));
  const json line = json::parse(Run({"retrieve", "words", "--cue", "1,0", "--json"}).out);
  EXPECT_EQ(line["answered_by"], "NEAREST");
  EXPECT_EQ(line["radius"], 0.5);
  EXPECT_EQ(line["beta"], 8);
  EXPECT_EQ(line["n_support"], 1);
}

}  // namespace
}  // namespace mneme::cli
