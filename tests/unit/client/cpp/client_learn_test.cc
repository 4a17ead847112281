#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "tests/unit/client/cpp/client_fixture.h"

namespace mneme::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using testing::FakeOperations;

class ClientLearnTest : public testing::ClientTest {};

TEST_F(ClientLearnTest, SendsEveryFieldOfALinearSpecAndReadsItBack) {
  Client client(Options());
  const auto made = client.CreateMemory({.name = "words",
                                         .key_dim = 2,
                                         .response_dim = 3,
                                         .model = LinearSpec{.rule = LinearRule::kGatedDelta,
                                                             .lambda = 0.5,
                                                             .partitions = 4,
                                                             .beta = 0.25,
                                                             .gamma = 0.75,
                                                             .tail = TailFraction{0.1},
                                                             .load_policy = LoadPolicy::kGrow,
                                                             .load_limit = 0.2,
                                                             .fast_statistics = true,
                                                             .key_mean = {1, -1}}});
  ASSERT_TRUE(made.ok()) << made.status();
  const v1::LinearSpec wire = server_.Received<v1::CreateMemoryRequest>().at(0).memory().linear();
  EXPECT_EQ(wire.rule(), v1::LINEAR_RULE_GATED_DELTA);
  EXPECT_EQ(wire.tail_fraction(), 0.1);
  EXPECT_FALSE(wire.has_list_size());
  EXPECT_EQ(wire.load_policy(), v1::LOAD_POLICY_GROW);
  const auto& spec = std::get<LinearSpec>(made->spec.model);
  EXPECT_EQ(Name(spec.rule), "GATED_DELTA");
  EXPECT_EQ(spec.lambda, 0.5);
  EXPECT_EQ(spec.beta, 0.25);
  EXPECT_EQ(spec.gamma, 0.75);
  EXPECT_EQ(std::get<TailFraction>(spec.tail).share, 0.1);
  EXPECT_EQ(Name(spec.load_policy), "GROW");
  EXPECT_EQ(spec.load_limit, 0.2);
  EXPECT_TRUE(spec.fast_statistics);
  EXPECT_THAT(spec.key_mean, ElementsAre(1, -1));
}

TEST_F(ClientLearnTest, LeavesOutWhatTheServerShallChoose) {
  Client client(Options());
  ASSERT_TRUE(client.CreateMemory({.name = "w", .key_dim = 2, .model = LinearSpec{}}).ok());
  const v1::LinearSpec wire = server_.Received<v1::CreateMemoryRequest>().at(0).memory().linear();
  EXPECT_FALSE(wire.has_beta() || wire.has_gamma() || wire.has_lambda());
  EXPECT_EQ(wire.tail_case(), v1::LinearSpec::TAIL_NOT_SET);
}

TEST_F(ClientLearnTest, ReadsMeterBytesAndTrainedStateOfAMemory) {
  v1::Memory& wire = server_.memory.emplace();
  wire.mutable_linear()->set_list_size(20);
  v1::MemoryState& state = *wire.mutable_state();
  state.add_bytes()->set_what("W");
  state.add_bytes()->set_bytes(7);
  state.set_partitions(3);
  state.set_suppressed_count(5);
  state.mutable_load_meter()->set_used(0.75);
  state.mutable_load_meter()->set_phase(v1::LOAD_PHASE_UNSATISFIABLE);
  state.mutable_trained()->set_certified(11);
  state.mutable_trained()->mutable_epoch()->set_job("train-1");
  Client client(Options());
  const auto memory = client.GetMemory("words");
  ASSERT_TRUE(memory.ok()) << memory.status();
  EXPECT_EQ(std::get<ListSize>(std::get<LinearSpec>(memory->spec.model).tail).items, 20u);
  EXPECT_EQ(memory->state.bytes.at(0).what, "W");
  EXPECT_EQ(memory->state.bytes.at(1).bytes, 7u);
  EXPECT_EQ(memory->state.partitions, 3u);
  EXPECT_EQ(memory->state.suppressed_count, 5u);
  EXPECT_EQ(memory->state.load_meter->used, 0.75);
  EXPECT_EQ(Name(memory->state.load_meter->phase), "UNSATISFIABLE");
  EXPECT_EQ(memory->state.trained->certified, 11u);
  EXPECT_EQ(memory->state.trained->epoch.job, "train-1");

  server_.memory->mutable_state()->clear_trained();
  EXPECT_FALSE(client.GetMemory("words")->state.trained.has_value());
}

TEST_F(ClientLearnTest, BeginsATraining) {
  Client client(Options());
  const auto operation = client.Train("words", {.loss = TrainLoss::kCrossEntropy,
                                                .optimizer = TrainOptimizer::kMuon,
                                                .tail = ListSize{20},
                                                .lambda = 0.001,
                                                .steps_max = 300,
                                                .learning_rate = 0.5,
                                                .batch = 64,
                                                .seed = 9});
  ASSERT_TRUE(operation.ok()) << operation.status();
  EXPECT_EQ(operation->name, "operations/7");
  EXPECT_EQ(operation->training->phase, "queued");
  EXPECT_FALSE(operation->done);
  const v1::TrainRequest request = server_.Received<v1::TrainRequest>().at(0);
  EXPECT_EQ(request.memory(), "memories/words");
  EXPECT_EQ(request.loss(), v1::TRAIN_LOSS_CROSS_ENTROPY);
  EXPECT_EQ(request.optimizer(), v1::TRAIN_OPTIMIZER_MUON);
  EXPECT_EQ(request.list_size(), 20u);
  EXPECT_EQ(request.lambda(), 0.001);
  EXPECT_EQ(request.steps_max(), 300u);
  EXPECT_EQ(request.learning_rate(), 0.5);
  EXPECT_EQ(request.batch(), 64u);
  EXPECT_EQ(request.seed(), 9u);
}

TEST_F(ClientLearnTest, DoesNotBeginATrainingTwice) {
  Client client(Options());
  server_.FailWith({grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone")});
  EXPECT_EQ(client.Train("words").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(server_.Received<v1::TrainRequest>().size(), 1u);
}

TEST_F(ClientLearnTest, WaitsUntilTheEndAndTellsHowItGoes) {
  v1::TrainedState trained;
  trained.set_items(100);
  trained.set_certified(99);
  server_.operations.Show({FakeOperations::UnderWay("reading", 0.1),
                           FakeOperations::UnderWay("training", 0.5),
                           FakeOperations::Ended(trained)});
  Client client(Options());
  std::vector<std::string> phases;
  std::optional<Timestamp> end;
  const auto ended = client.WaitOperation("7", {.observe = [&](const Operation& now) {
                                            phases.push_back(now.training->phase);
                                            if (!end) end = now.training->expected_end_time;
                                          }});
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_THAT(phases, ElementsAre("reading", "training", "done"));
  EXPECT_EQ(end, Timestamp(seconds(1'700'000'060)));
  EXPECT_TRUE(ended->done);
  EXPECT_TRUE(ended->error.ok());
  EXPECT_EQ(ended->memory->state.trained->certified, 99u);
}

TEST_F(ClientLearnTest, AFailedOperationIsNoErrorOfTheWait) {
  server_.operations.Show({FakeOperations::Failed(grpc::StatusCode::CANCELLED, "as asked")});
  Client client(Options());
  const auto ended = client.WaitOperation("operations/7");
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_EQ(ended->error.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(ended->error.message(), "as asked");
  EXPECT_FALSE(ended->memory.has_value());
}

TEST_F(ClientLearnTest, EndsAWaitAtItsTimeoutOrWhenItIsStopped) {
  server_.operations.Show({FakeOperations::UnderWay("training", 0.5)});
  Client client(Options());
  EXPECT_EQ(client.WaitOperation("7", {.timeout = milliseconds(0)}).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  std::stop_source stop;
  const auto stopped = client.WaitOperation(
      "7", {.observe = [&](const Operation&) { stop.request_stop(); }, .stop = stop.get_token()});
  EXPECT_EQ(stopped.status().code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(server_.operations.cancelled(), ElementsAre());
}

TEST_F(ClientLearnTest, ListsCancelsAndDeletesOperations) {
  server_.operations.Show({FakeOperations::UnderWay("training", 0.5),
                           FakeOperations::Failed(grpc::StatusCode::INTERNAL, "x")});
  Client client(Options());
  const auto operations = client.ListOperations();
  ASSERT_TRUE(operations.ok()) << operations.status();
  ASSERT_EQ(operations->size(), 2u);
  EXPECT_EQ(operations->at(1).error.code(), absl::StatusCode::kInternal);
  ASSERT_TRUE(client.CancelOperation("7").ok());
  ASSERT_TRUE(client.DeleteOperation("operations/8").ok());
  EXPECT_THAT(server_.operations.cancelled(), ElementsAre("operations/7"));
  EXPECT_THAT(server_.operations.deleted(), ElementsAre("operations/8"));
}

TEST_F(ClientLearnTest, ForecastsAnExistingOrAPlannedMemory) {
  v1::ForecastResponse& wire = server_.forecast;
  wire.set_capacity_items(5000);
  wire.set_phase(v1::LOAD_PHASE_SATISFIABLE);
  v1::Prediction& prediction = *wire.add_predictions();
  prediction.set_quantity("hit@10");
  prediction.set_theory(0.9);
  prediction.set_measured(0.5);
  prediction.set_value(0.5);
  prediction.set_probe_disagrees(true);
  wire.add_predictions()->set_quantity("mean_percentile");
  wire.mutable_probe()->set_items(500);
  wire.add_curve()->add_hits(0.25);
  wire.add_profile()->set_percentile(0.5);
  wire.add_list_sizes(10);
  Client client(Options());
  const auto forecast = client.Forecast("words", {.list_sizes = {10, 20},
                                                  .cue_cosine = 0.9,
                                                  .error_target = 0.1,
                                                  .probe = ProbeMode::kNow,
                                                  .probe_items = 99,
                                                  .seed = 3,
                                                  .curve_points = 7});
  ASSERT_TRUE(forecast.ok()) << forecast.status();
  EXPECT_EQ(forecast->capacity_items, 5000u);
  EXPECT_EQ(forecast->phase, LoadPhase::kSatisfiable);
  EXPECT_EQ(forecast->predictions.at(0).measured, 0.5);
  EXPECT_TRUE(forecast->predictions.at(0).probe_disagrees);
  EXPECT_FALSE(forecast->predictions.at(1).theory.has_value());
  EXPECT_EQ(forecast->probe->items, 500u);
  EXPECT_THAT(forecast->curve.at(0).hits, ElementsAre(0.25));
  EXPECT_FALSE(forecast->profile.at(0).measured.has_value());
  EXPECT_THAT(forecast->list_sizes, ElementsAre(10));

  ASSERT_TRUE(client
                  .Forecast(PlannedMemory{.spec = {.key_dim = 256,
                                                   .response_dim = 128,
                                                   .model = LinearSpec{.rule = LinearRule::kTam}},
                                          .items = 5000,
                                          .key_dim_effective = 60})
                  .ok());
  const auto requests = server_.Received<v1::ForecastRequest>();
  EXPECT_EQ(requests[0].memory(), "memories/words");
  EXPECT_THAT(requests[0].list_sizes(), ElementsAre(10, 20));
  EXPECT_EQ(requests[0].cue_cosine(), 0.9);
  EXPECT_EQ(requests[0].error_target(), 0.1);
  EXPECT_EQ(requests[0].probe(), v1::PROBE_MODE_NOW);
  EXPECT_EQ(requests[0].probe_items(), 99u);
  EXPECT_EQ(requests[0].seed(), 3u);
  EXPECT_EQ(requests[0].curve_points(), 7u);
  EXPECT_EQ(requests[1].planned().memory().linear().rule(), v1::LINEAR_RULE_TAM);
  EXPECT_EQ(requests[1].planned().items(), 5000u);
  EXPECT_EQ(requests[1].planned().key_dim_effective(), 60);
}

}  // namespace
}  // namespace mneme::client
