// train, operation and forecast from the command line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "client/cli/operations.h"
#include "tests/unit/client/cli/app_fixture.h"

namespace mneme::cli {
namespace {

using client::testing::FakeOperations;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

v1::TrainedState Trained() {
  v1::TrainedState trained;
  trained.set_items(100);
  trained.set_certified(99);
  trained.set_list_size(20);
  trained.set_loss(0.125);
  return trained;
}

class AppLearnTest : public AppTest {
 protected:
  // What theory says, and for hit@10 a probe that says otherwise.
  void PrepareForecast() {
    v1::ForecastResponse& forecast = server_.forecast;
    forecast.set_items(5000);
    forecast.set_load(0.0763);
    forecast.set_phase(v1::LOAD_PHASE_SATISFIABLE);
    forecast.set_capacity_items(6700);
    forecast.set_items_left(1700);
    forecast.set_capacity_formula("CMM_LIST");
    AddPrediction("top1", 0.5);
    v1::Prediction& hit = AddPrediction("hit@10", 0.9);
    hit.set_measured(0.625);
    hit.set_measured_error(0.01);
    hit.set_value(0.625);
    hit.set_probe_disagrees(true);
    forecast.mutable_probe()->set_items(500);
    forecast.add_list_sizes(10);
    for (const double load : {0.01, 0.05, 0.1}) {
      v1::CurvePoint& point = *forecast.add_curve();
      point.set_load(load);
      point.add_hits(1 - 5 * load);
    }
    v1::Warning& warning = *forecast.add_warnings();
    warning.set_reason("ANISOTROPIC");
    warning.set_message("keys are not isotropic");
  }
  v1::Prediction& AddPrediction(const std::string& quantity, double theory) {
    v1::Prediction& prediction = *server_.forecast.add_predictions();
    prediction.set_quantity(quantity);
    prediction.set_theory(theory);
    prediction.set_value(theory);
    prediction.set_formula("CMM_FINITE_SIZE");
    prediction.set_assumption("Keys are isotropic. It concerns " + quantity + ".");
    return prediction;
  }
};

TEST_F(AppLearnTest, TrainsAndPrintsWhatWasCertified) {
  server_.operations.Show(
      {FakeOperations::UnderWay("training", 0.5), FakeOperations::Ended(Trained())});
  const Outcome outcome =
      Run({"train", "words", "--list-size", "20", "--optimizer", "muon", "--loss", "cross-entropy",
           "--steps", "7", "--learning-rate", "0.5"});
  ASSERT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("99 of 100 items certified (99 %) in lists of 20"));
  const auto request = server_.Received<v1::TrainRequest>().at(0);
  EXPECT_EQ(request.list_size(), 20u);
  EXPECT_EQ(request.optimizer(), v1::TRAIN_OPTIMIZER_MUON);
  EXPECT_EQ(request.loss(), v1::TRAIN_LOSS_CROSS_ENTROPY);
  EXPECT_EQ(request.steps_max(), 7u);
  EXPECT_EQ(request.learning_rate(), 0.5);
  const json parsed = json::parse(Run({"train", "words", "--json"}).out);
  EXPECT_EQ(parsed["memory"]["state"]["trained"]["certified"], 99);
}

TEST_F(AppLearnTest, OnlyBeginsATrainingWithNoWait) {
  const Outcome outcome = Run({"train", "words", "--no-wait"});
  ASSERT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("operations/7\n"));
  EXPECT_EQ(server_.operations.looks(), 0);
}

TEST_F(AppLearnTest, AsksTheServerToCancelWhenItIsStopped) {
  server_.operations.Show({FakeOperations::UnderWay("training", 0.5)});
  server_.operations.ShowOnCancel(FakeOperations::Failed(grpc::StatusCode::CANCELLED, "as asked"));
  server_.operations.on_look = [this] { stop_.request_stop(); };
  const Outcome outcome = Run({"train", "words"});
  EXPECT_EQ(outcome.code, kExitStopped);
  EXPECT_THAT(server_.operations.cancelled(), ElementsAre("operations/7"));
  EXPECT_THAT(outcome.err,
              AllOf(HasSubstr("asking the server to cancel operations/7"),
                    HasSubstr("operations/7 was cancelled"), HasSubstr("What was served before is served on")));
}

TEST_F(AppLearnTest, LeavesAnOperationAloneWhenAWaitIsStopped) {
  server_.operations.Show({FakeOperations::UnderWay("training", 0.5)});
  server_.operations.on_look = [this] { stop_.request_stop(); };
  const Outcome outcome = Run({"operation", "wait", "operations/7"});
  EXPECT_EQ(outcome.code, kExitStopped);
  EXPECT_THAT(server_.operations.cancelled(), ElementsAre());
  EXPECT_THAT(outcome.err, HasSubstr("which goes on"));
}

TEST_F(AppLearnTest, FailsAsTheTrainingDid) {
  server_.operations.Show(
      {FakeOperations::Failed(grpc::StatusCode::FAILED_PRECONDITION, "the load is past collapse")});
  const Outcome outcome = Run({"train", "words"});
  EXPECT_EQ(outcome.code, kExitError);
  EXPECT_THAT(outcome.err, HasSubstr("the load is past collapse"));
}

TEST_F(AppLearnTest, ListsDescribesCancelsAndDeletesOperations) {
  server_.operations.Show({FakeOperations::UnderWay("training", 0.5),
                           FakeOperations::Failed(grpc::StatusCode::CANCELLED, "x")});
  EXPECT_THAT(Run({"operation", "list"}).out,
              AllOf(HasSubstr("operations/7  train  memories/words  training"), HasSubstr("50 %"),
                    HasSubstr("cancelled")));
  EXPECT_EQ(json::parse(Run({"operation", "list", "--json"}).out)["operations"][1]["error"]["code"],
            "CANCELLED");
  EXPECT_THAT(Run({"operation", "describe", "7"}).out, HasSubstr("training, 50 %"));
  EXPECT_EQ(Run({"operation", "cancel", "7"}).code, kExitOk);
  EXPECT_EQ(Run({"operation", "delete", "operations/7"}).code, kExitOk);
  EXPECT_THAT(server_.operations.cancelled(), ElementsAre("operations/7"));
  EXPECT_THAT(server_.operations.deleted(), ElementsAre("operations/7"));
}

TEST_F(AppLearnTest, ShowsPhaseLossAndTimeLeftWhileItTrains) {
  using std::chrono::seconds;
  const client::Timestamp start(seconds(1000));
  client::TrainProgress training{.memory = "memories/words",
                                 .phase = "training",
                                 .progress = 0.25,
                                 .steps = 12,
                                 .loss = 0.5,
                                 .start_time = start,
                                 .expected_end_time = start + seconds(100)};
  EXPECT_EQ(ProgressLine({.training = training}),
            "memories/words  ██████░░░░░░░░░░░░░░░░░░ 25 %, training, step 12, loss 0.5, "
            "1:15 left");
  training.expected_end_time.reset();
  training.steps = 0;
  EXPECT_EQ(ProgressLine({.training = training}),
            "memories/words  ██████░░░░░░░░░░░░░░░░░░ 25 %, training");
}

TEST_F(AppLearnTest, ForecastsAMemoryAndSaysWhereTheProbeDisagrees) {
  PrepareForecast();
  const Outcome outcome = Run({"forecast", "--list", "10,20", "words", "--cue-cosine", "0.9",
                               "--probe", "now", "--error-target", "0.1"});
  ASSERT_EQ(outcome.code, kExitOk) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("6,700 items by CMM_LIST; 1,700 left"));
  EXPECT_THAT(
      outcome.out,
      HasSubstr("hit@10    0.625     0.9  0.625 ± 0.01  CMM_FINITE_SIZE  the probe disagrees"));
  EXPECT_THAT(outcome.out, HasSubstr("by more than 20 % on hit@10:"));
  EXPECT_THAT(outcome.out, HasSubstr("assumes      Keys are isotropic.\n"
                                     "               It concerns top1. (top1)\n"
                                     "               It concerns hit@10. (hit@10)\n"));
  EXPECT_THAT(outcome.err, HasSubstr("warning: keys are not isotropic (ANISOTROPIC)"));
  const auto request = server_.Received<v1::ForecastRequest>().at(0);
  EXPECT_EQ(request.memory(), "memories/words");
  EXPECT_THAT(request.list_sizes(), ElementsAre(10, 20));
  EXPECT_EQ(request.cue_cosine(), 0.9);
  EXPECT_EQ(request.probe(), v1::PROBE_MODE_NOW);
  EXPECT_EQ(request.curve_points(), 0u) << "a curve is not asked for unless it is drawn";
  EXPECT_EQ(json::parse(Run({"forecast", "words", "--json"}).out)["predictions"][1]["measured"],
            0.625);
}

TEST_F(AppLearnTest, ForecastsAPlannedMemory) {
  ASSERT_EQ(Run({"forecast", "--planned", "--key-dim", "256", "--response-dim", "128", "--items",
                 "5000", "--rule", "tam", "--list-size", "20"})
                .code,
            kExitOk);
  const auto request = server_.Received<v1::ForecastRequest>().at(0);
  EXPECT_EQ(request.planned().items(), 5000u);
  EXPECT_EQ(request.planned().memory().key_dim(), 256u);
  EXPECT_EQ(request.planned().memory().linear().list_size(), 20u);
  EXPECT_EQ(Run({"forecast", "words", "--planned"}).code, kExitUsage);
  EXPECT_EQ(Run({"forecast"}).code, kExitUsage);
  EXPECT_EQ(Run({"forecast", "words", "--rule", "cmm"}).code, kExitUsage);
}

TEST_F(AppLearnTest, DrawsAForecastIntoAFileOrOnTheTerminal) {
  PrepareForecast();
  const std::string file = folder_ + "/load.svg";
  ASSERT_EQ(Run({"forecast", "words", "--plot", file}).code, kExitOk);
  std::ostringstream svg;
  svg << std::ifstream(file).rdbuf();
  EXPECT_THAT(svg.str(), AllOf(HasSubstr("<svg "), HasSubstr("list of 10"), HasSubstr("<circle"),
                               HasSubstr("probe of 500 of 5,000 items"), HasSubstr("</svg>")));
  EXPECT_THAT(
      Run({"forecast", "words", "--plot", "-"}).out,
      AllOf(HasSubstr("hit rate against load\n"), HasSubstr("a list of 10"), HasSubstr("A")));
  EXPECT_EQ(server_.Received<v1::ForecastRequest>().at(0).curve_points(), 100u);
  EXPECT_EQ(Run({"forecast", "words", "--plot", folder_ + "/none/load.svg"}).code, kExitUsage);
  server_.forecast.clear_curve();
  EXPECT_THAT(Run({"forecast", "words", "--plot", file}).err, HasSubstr("NOTHING_TO_DRAW"));
}

}  // namespace
}  // namespace mneme::cli
