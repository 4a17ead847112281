// Memories with an index from the command line: their flags, how they are described, what a list
// says of itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/client/cli/app_fixture.h"

namespace mneme::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

class AppIndexTest : public AppTest {
 protected:
  v1::IndexSpec Created(size_t request = 0) {
    return server_.Received<v1::CreateMemoryRequest>().at(request).memory().dense().index();
  }
  static void SetRecall(v1::MeasuredRecall* to) {
    to->set_recall(0.985);
    to->set_low(0.979);
    to->set_high(0.99);
  }
  v1::IndexStatus& UseIndexedMemory() {
    v1::Memory& memory = server_.memory.emplace();
    memory.set_name("memories/words");
    memory.set_key_dim(100);
    v1::IndexSpec& spec = *memory.mutable_dense()->mutable_index();
    spec.mutable_binary()->set_bits(256);
    spec.set_target_recall(0.98);
    v1::IndexStatus& index = *memory.mutable_state()->mutable_index();
    index.set_rows(341'479);
    index.set_depth(512);
    SetRecall(index.mutable_recall());
    index.set_exact_us(900);
    v1::IndexDepth& line = *index.add_table();
    line.set_depth(512);
    SetRecall(line.mutable_recall());
    line.set_candidates_us(120.5);
    line.set_rescore_us(33.25);
    return index;
  }
};

TEST_F(AppIndexTest, CreatesEachKindWithItsFlags) {
  ASSERT_EQ(Run({"memory",
                 "create",
                 "a",
                 "--dim",
                 "8",
                 "--index",
                 "binary",
                 "--index-recall",
                 "0.95",
                 "--index-depth",
                 "100",
                 "--index-bits",
                 "512",
                 "--index-rotation-seed",
                 "3",
                 "--index-no-centering",
                 "--index-tile-size",
                 "16",
                 "--index-tile-keep",
                 "2"})
                .code,
            kExitOk);
  ASSERT_EQ(Run({"memory", "create", "b", "--dim", "8", "--index", "graph", "--index-links", "24",
                 "--index-construction-width", "300", "--index-graph-seed", "5"})
                .code,
            kExitOk);
  ASSERT_EQ(Run({"memory", "create", "c", "--dim", "8"}).code, kExitOk);
  EXPECT_EQ(Created(0).target_recall(), 0.95);
  EXPECT_EQ(Created(0).rescore_depth(), 100u);
  EXPECT_EQ(Created(0).binary().bits(), 512u);
  EXPECT_EQ(Created(0).binary().rotation_seed(), 3u);
  EXPECT_TRUE(Created(0).binary().no_centering());
  EXPECT_EQ(Created(0).binary().tile_size(), 16u);
  EXPECT_EQ(Created(0).binary().tile_keep(), 2u);
  EXPECT_EQ(Created(1).graph().links(), 24u);
  EXPECT_EQ(Created(1).graph().construction_width(), 300u);
  EXPECT_EQ(Created(1).graph().seed(), 5u);
  const auto requests = server_.Received<v1::CreateMemoryRequest>();
  EXPECT_FALSE(requests.at(2).memory().dense().has_index());
}

TEST_F(AppIndexTest, RefusesAFlagThatTheIndexDoesNotUse) {
  Outcome outcome =
      Run({"memory", "create", "a", "--dim", "8", "--index", "graph", "--index-bits", "64"});
  EXPECT_EQ(outcome.code, kExitUsage);
  EXPECT_THAT(outcome.err, HasSubstr("--index-bits does nothing with --index graph"));
  EXPECT_EQ(Run({"memory", "create", "a", "--dim", "8", "--index-bits", "64"}).code, kExitUsage);
  EXPECT_EQ(Run({"memory", "create", "a", "--dim", "8", "--index", "tree"}).code, kExitUsage);
  outcome = Run({"memory", "create", "a", "--model", "linear", "--dim", "8", "--response-dim", "2",
                 "--index", "binary"});
  EXPECT_EQ(outcome.code, kExitUsage);
  EXPECT_THAT(outcome.err, HasSubstr("--index does nothing in a linear memory"));
}

TEST_F(AppIndexTest, DescribesWhatWasMeasured) {
  UseIndexedMemory();
  Outcome outcome = Run({"memory", "describe", "words"});
  ASSERT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("binary, 256 bits, target recall 0.98"));
  EXPECT_THAT(outcome.out,
              HasSubstr("approximate: recall 0.985 (0.979 to 0.990) at 341,479 items"));
  EXPECT_THAT(outcome.out, HasSubstr("120.5 us"));
  outcome = Run({"--json", "memory", "describe", "words"});
  const json memory = json::parse(outcome.out);
  EXPECT_EQ(memory["spec"]["index"]["kind"], "binary");
  EXPECT_EQ(memory["state"]["index"]["fallback"], "NONE");
  EXPECT_EQ(memory["state"]["index"]["table"][0]["depth"], 512);
}

TEST_F(AppIndexTest, DescribesWhyListsAreExact) {
  v1::IndexStatus& index = UseIndexedMemory();
  index.set_fallback(v1::INDEX_FALLBACK_RECALL_TOO_LOW);
  index.set_why("with 8192 candidates a recall of 0.9 was measured");
  const Outcome outcome = Run({"memory", "describe", "words"});
  EXPECT_THAT(outcome.out, HasSubstr("exact: the index does not reach its target"));
  EXPECT_THAT(outcome.out, HasSubstr("with 8192 candidates a recall of 0.9 was measured"));
}

TEST_F(AppIndexTest, AListSaysThatItIsApproximateOrWhyItIsNot) {
  server_.exactness = v1::EXACTNESS_APPROXIMATE;
  v1::IndexReport& report = server_.index.emplace();
  SetRecall(report.mutable_recall());
  report.set_depth(512);
  report.set_rows(341'479);
  Outcome outcome = Run({"query", "words", "--cue", "1,0"});
  ASSERT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("approximate: recall 0.985 (0.979 to 0.990)"));
  outcome = Run({"--json", "query", "words", "--cue", "1,0"});
  const json line = json::parse(outcome.out);
  EXPECT_EQ(line["exactness"], "APPROXIMATE");
  EXPECT_FALSE(line.contains("proof"));
  EXPECT_EQ(line["index"]["recall"]["low"], 0.979);
  EXPECT_EQ(line["index"]["depth"], 512);

  server_.exactness = v1::EXACTNESS_EXACT;
  report.Clear();
  report.set_fallback(v1::INDEX_FALLBACK_ASKED);
  outcome = Run({"query", "words", "--cue", "1,0", "--exact"});
  EXPECT_THAT(outcome.out, HasSubstr("exact, without the index: asked for"));
  EXPECT_THAT(outcome.out, Not(HasSubstr("approximate")));
  const auto requests = server_.Received<v1::ListwiseQueryRequest>();
  EXPECT_FALSE(requests.at(0).exact());
  EXPECT_TRUE(requests.at(2).exact());
}

TEST_F(AppIndexTest, BeginsACalibration) {
  const Outcome outcome = Run({"memory", "calibrate", "words", "--no-wait"});
  ASSERT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("operations/9"));
  EXPECT_THAT(outcome.out, HasSubstr("memories/words"));
  EXPECT_THAT(outcome.out, HasSubstr("calibrate"));
}

}  // namespace
}  // namespace mneme::cli
