// mnemectl explain: what it asks, and how it tells the answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/client/cli/app_fixture.h"

namespace mneme::cli {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

class AppExplainTest : public AppTest {
 protected:
  AppExplainTest() {
    v1::ExplainResponse& told = server_.explanation;
    told.set_memory("memories/faces");
    told.set_model("dense");
    told.set_kernel("cosine, exp, beta 8");
    told.set_items(40'000);
    told.set_path(v1::QUERY_PATH_CODE_SCAN);
    told.set_exactness(v1::EXACTNESS_EXACT);
    told.set_proof(v1::EXACTNESS_PROOF_CODE_BOUNDS);
    told.set_rows(40'000);
    told.set_tiles(40);
    told.set_items_scored(40'000);
    told.set_cues(1);
    told.set_batch_cues(3);
    told.set_batch_requests(2);
    told.set_scan_threads(2);
    told.set_instruction_set("AVX2");
    told.set_blas_core("Haswell");
    AddStage("decode", 0, 100'000);
    AddStage("scan", 100'000, 1'900'000);
    v1::ExplainStage& scan = *told.mutable_stages(1);
    scan.set_parts(40);
    scan.set_bytes(5 << 20);
    scan.set_threads(2);
    told.mutable_elapsed()->set_nanos(2'000'000);
    v1::ExplainChoice& choice = *told.add_choices();
    choice.set_subject("codes");
    choice.set_reason("READ");
    choice.set_message("the scan read codes");
    v1::ExplainCue& cue = *told.add_answers();
    cue.set_status(v1::ANSWER_STATUS_CONVERGED);
    cue.set_listed(10);
    cue.mutable_best()->mutable_id()->set_text("anna");
    cue.mutable_best()->set_found(true);
    cue.mutable_best()->set_score(0.75);
    cue.set_rows_survived(321);
    cue.set_rows_rescored(123);
    v1::Warning& advice = *told.add_advice();
    advice.set_reason("ONE_CUE");
    advice.set_message("a pass read much");
    advice.set_next_step("Send several.");
  }
  void AddStage(const std::string& name, int start, int nanos) {
    v1::ExplainStage& stage = *server_.explanation.add_stages();
    stage.set_name(name);
    stage.mutable_start()->set_nanos(start);
    stage.mutable_elapsed()->set_nanos(nanos);
  }
};

TEST_F(AppExplainTest, TellsTheWayTheStagesAndTheReasons) {
  const Outcome outcome = Run({"explain", "faces", "--cue", "1,0,0", "--list", "--size", "10"});
  EXPECT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("CODE_SCAN, EXACT (CODE_BOUNDS)"), HasSubstr("cosine, exp, beta 8"),
                    HasSubstr("in a batch of 3 cues of 2 requests"), HasSubstr("1.900 ms"),
                    HasSubstr("95 %"), HasSubstr("5.0 MiB"), HasSubstr("anna"), HasSubstr("321"),
                    HasSubstr("123"), HasSubstr("the scan read codes"), HasSubstr("ONE_CUE"),
                    HasSubstr("-> Send several.")));
  // Columns line up: the name of each stage begins its line, and all times end in one column.
  std::istringstream lines(outcome.out);
  std::string line;
  size_t end = 0;
  int stages = 0;
  while (std::getline(lines, line)) {
    if (line.rfind("STAGE", 0) == 0) end = line.find("TIME") + 4;
    if (line.rfind("decode", 0) != 0 && line.rfind("scan ", 0) != 0) continue;
    EXPECT_EQ(line.substr(end - 3, 3), " ms") << line;
    ++stages;
  }
  EXPECT_EQ(stages, 2);
  const auto received = server_.Received<v1::ExplainRequest>();
  ASSERT_EQ(received.size(), 1u);
  EXPECT_EQ(received[0].listwise_query().k(), 10u);
}

TEST_F(AppExplainTest, ARecallIsWhatIsExplainedWithoutTheFlag) {
  ASSERT_EQ(Run({"explain", "faces", SaveNpy("cue.npy", 1, 3), "--top", "2"}).code, kExitOk);
  const auto received = server_.Received<v1::ExplainRequest>();
  EXPECT_EQ(received.at(0).retrieve().top(), 2u);
  EXPECT_EQ(received.at(0).retrieve().cues().cols(), 3u);
}

TEST_F(AppExplainTest, PrintsOneJsonObject) {
  const Outcome outcome =
      Run({"explain", "faces", "--cue", "1,0,0", "--list", "--certified", "--json"});
  ASSERT_EQ(outcome.code, kExitOk) << outcome.err;
  const json told = json::parse(outcome.out);
  EXPECT_EQ(told["path"], "CODE_SCAN");
  EXPECT_EQ(told["stages"][1]["name"], "scan");
  EXPECT_EQ(told["stages"][1]["bytes"], 5 << 20);
  EXPECT_EQ(told["elapsed_ms"], 2.0);
  EXPECT_EQ(told["answers"][0]["best"]["id"], "anna");
  EXPECT_EQ(told["advice"][0]["reason"], "ONE_CUE");
  EXPECT_FALSE(server_.Received<v1::ExplainRequest>().at(0).listwise_query().has_k());
}

TEST_F(AppExplainTest, FlagsOfAListNeedTheList) {
  for (const char* flag : {"--certified", "--exact"}) {
    EXPECT_EQ(Run({"explain", "faces", "--cue", "1,0", flag}).code, kExitUsage) << flag;
  }
  EXPECT_EQ(Run({"explain", "faces", "--cue", "1,0", "--list", "--certified", "--size", "3"}).code,
            kExitUsage);
  EXPECT_EQ(server_.calls(), 0);
}

TEST_F(AppExplainTest, ATraceparentThatIsNoneIsRefused) {
  const Outcome outcome = Run({"explain", "faces", "--cue", "1,0", "--traceparent", "tomorrow"});
  EXPECT_EQ(outcome.code, kExitError);
  EXPECT_THAT(outcome.err, HasSubstr("TRACEPARENT"));
}

}  // namespace
}  // namespace mneme::cli
