// Analyses over the wire: each on a small memory, watched, cancelled, and with bad input.
#include <cmath>
#include <future>
#include <map>

#include "google/longrunning/operations.grpc.pb.h"
#include "gtest/gtest.h"
#include "mneme/v1/admin_service.grpc.pb.h"
#include "tests/integration/live.h"

namespace mneme::test {
namespace {

using google::longrunning::Operation;

constexpr int kDim = 32;
constexpr int kRows = 40;
constexpr uint64_t kSeed = 9;

class AnalyzeTest : public ::testing::Test {
 protected:
  AnalyzeTest() {
    RecordProperty("seed", std::to_string(kSeed));
    daemon_ = Daemon::Mnemed(MNEMED_PATH, directory_.path());
    const auto channel = daemon_->Connect();
    stub_ = v1::MemoryService::NewStub(channel);
    admin_ = v1::AdminService::NewStub(channel);
    operations_ = google::longrunning::Operations::NewStub(channel);
    Create("spins", Signs());
    Create("reals", UnitRows(kSeed, kRows, kDim));
  }

  static std::vector<float> Signs() {
    Random random(kSeed);
    std::vector<float> out(kRows * kDim);
    for (float& x : out) x = random.Uniform() < 0.5 ? -1.0f : 1.0f;
    return out;
  }
  void Create(const std::string& name, const std::vector<float>& rows) {
    v1::CreateMemoryRequest create;
    create.set_memory_id(name);
    create.mutable_memory()->set_key_dim(kDim);
    create.mutable_memory()->mutable_dense()->set_similarity(v1::SIMILARITY_L2);
    v1::Memory memory;
    ASSERT_TRUE(MNEME_CALL(stub_, CreateMemory, create, &memory).ok());
    v1::StoreRequest store;
    store.set_memory("memories/" + name);
    SetMatrix(rows, kDim, store.mutable_keys());
    for (int i = 0; i < kRows; ++i) store.add_ids()->set_number(i);
    v1::StoreResponse stored;
    ASSERT_TRUE(MNEME_CALL(stub_, Store, store, &stored).ok());
  }
  static v1::AnalyzeRequest Request(const std::string& memory) {
    v1::AnalyzeRequest request;
    request.set_memory("memories/" + memory);
    return request;
  }
  grpc::Status Begin(const v1::AnalyzeRequest& request, Operation* operation) {
    return MNEME_CALL(admin_, Analyze, request, operation);
  }
  Operation Wait(const std::string& name) {
    google::longrunning::WaitOperationRequest request;
    request.set_name(name);
    Operation operation;
    while (true) {
      const grpc::Status status = MNEME_CALL(operations_, WaitOperation, request, &operation);
      EXPECT_TRUE(status.ok()) << status.error_message();
      if (!status.ok() || operation.done()) return operation;
    }
  }
  v1::AnalysisReport Study(const v1::AnalyzeRequest& request) {
    Operation operation;
    const grpc::Status status = Begin(request, &operation);
    EXPECT_TRUE(status.ok()) << status.error_message();
    const Operation ended = Wait(operation.name());
    EXPECT_FALSE(ended.has_error()) << ended.error().message();
    v1::AnalyzeResponse response;
    EXPECT_TRUE(ended.response().UnpackTo(&response));
    return response.report();
  }
  void Cancel(const Operation& operation) {
    google::longrunning::CancelOperationRequest cancel;
    cancel.set_name(operation.name());
    google::protobuf::Empty empty;
    ASSERT_TRUE(MNEME_CALL(operations_, CancelOperation, cancel, &empty).ok());
  }
  // The reason of an analysis that fails after it has begun.
  std::string FailureOf(const v1::AnalyzeRequest& request) {
    Operation operation;
    const grpc::Status status = Begin(request, &operation);
    EXPECT_TRUE(status.ok()) << status.error_message();
    const Operation ended = Wait(operation.name());
    return Unpack(ended.error().code(), ended.error().message(), ended.error()).reason;
  }
  ErrorParts RefusalOf(const v1::AnalyzeRequest& request) {
    Operation operation;
    return Unpack(Begin(request, &operation));
  }
  // Long enough to be watched and cancelled.
  static v1::AnalyzeRequest Long() {
    v1::AnalyzeRequest request = Request("spins");
    request.mutable_sedam()->mutable_patterns()->set_generated(5'000);
    request.mutable_sedam()->set_steps(1'000'000);
    return request;
  }

  const TemporaryDirectory directory_;
  std::unique_ptr<Daemon> daemon_;
  std::unique_ptr<v1::MemoryService::Stub> stub_;
  std::unique_ptr<v1::AdminService::Stub> admin_;
  std::unique_ptr<google::longrunning::Operations::Stub> operations_;
};

std::map<std::string, double> Figures(const v1::AnalysisReport& report) {
  std::map<std::string, double> out;
  for (const v1::AnalysisFigure& figure : report.figures()) out[figure.name()] = figure.value();
  return out;
}

TEST_F(AnalyzeTest, BasinsOfTheMemorysItems) {
  v1::AnalyzeRequest request = Request("reals");
  request.mutable_basins();
  const v1::AnalysisReport report = Study(request);
  EXPECT_EQ(report.analysis(), "basins");
  const auto figures = Figures(report);
  EXPECT_EQ(figures.at("items"), kRows);
  EXPECT_EQ(figures.at("kept"), kRows);
  EXPECT_EQ(figures.at("probes"), 256);
  ASSERT_GT(report.tables_size(), 0);
  EXPECT_EQ(report.tables(0).name(), "margin");
}

TEST_F(AnalyzeTest, EnergyOfARecallFalls) {
  v1::AnalyzeRequest request = Request("reals");
  SetMatrix(UnitRows(77, 1, kDim), kDim, request.mutable_recall()->mutable_cues());
  request.mutable_recall()->set_beta(8);
  request.mutable_recall()->set_steps_max(40);
  const v1::AnalysisReport report = Study(request);
  EXPECT_LE(Figures(report).at("energy_rise"), 1e-5);
  ASSERT_EQ(report.tables(0).name(), "energy");
  const auto& energies = report.tables(0).columns(1).values();
  ASSERT_GE(energies.size(), 2);
  EXPECT_LT(energies[energies.size() - 1], energies[0]);
}

TEST_F(AnalyzeTest, CapacityHasAMeanAndASpread) {
  v1::AnalyzeRequest request = Request("reals");
  request.mutable_capacity()->set_flip(0.25);
  request.mutable_capacity()->set_load_max(500);
  const v1::AnalysisReport report = Study(request);
  ASSERT_EQ(report.figures(0).name(), "capacity");
  EXPECT_GT(report.figures(0).value(), 0);
  EXPECT_TRUE(report.figures(0).has_spread());
}

TEST_F(AnalyzeTest, OscillatorsRecallAndLoop) {
  v1::AnalyzeRequest request = Request("spins");
  request.mutable_oscillators()->mutable_patterns()->mutable_start()->set_number(7);
  request.mutable_oscillators()->set_loop_points(4);
  request.mutable_oscillators()->set_loop_steps(20);
  const v1::AnalysisReport report = Study(request);
  EXPECT_NE(report.summary().find("item 7"), std::string::npos) << report.summary();
  EXPECT_TRUE(Figures(report).contains("loop_area"));
  EXPECT_EQ(report.tables(report.tables_size() - 1).name(), "loop");
}

TEST_F(AnalyzeTest, AnEnergyGraphRestsWhereTheMemoryRecalls) {
  v1::AnalyzeRequest request = Request("reals");
  request.mutable_energy_graph()->mutable_patterns()->mutable_start()->set_number(7);
  const v1::AnalysisReport report = Study(request);
  EXPECT_EQ(report.analysis(), "energy-graph");
  EXPECT_NE(report.summary().find("item 7"), std::string::npos) << report.summary();
  EXPECT_LT(Figures(report).at("memory_difference"), 1e-5);
  EXPECT_LT(Figures(report).at("energy_rise"), 1e-9);
  EXPECT_EQ(report.tables(0).name(), "trace");
}

TEST_F(AnalyzeTest, ConfidenceIsSetBesideWhatIsRight) {
  v1::AnalyzeRequest request = Request("reals");
  request.mutable_confidence()->set_cue_noise(0.3);
  const v1::AnalysisReport report = Study(request);
  const auto figures = Figures(report);
  EXPECT_GT(figures.at("accuracy"), 0.2);
  EXPECT_LE(figures.at("confidence"), 1 + 1e-6);
  EXPECT_NEAR(figures.at("beta_theory"), 1 / 0.09, 1e-9);
  EXPECT_EQ(report.tables(0).name(), "reliability");
}

TEST_F(AnalyzeTest, SamplesStreamWhileItRunsAndEndWithIt) {
  v1::AnalyzeRequest request = Request("spins");
  request.mutable_sedam()->set_steps(500);
  Operation operation;
  ASSERT_TRUE(Begin(request, &operation).ok());
  v1::WatchAnalysisRequest watch;
  watch.set_operation(operation.name());
  grpc::ClientContext context;
  const auto reader = admin_->WatchAnalysis(&context, watch);
  v1::AnalysisSample sample;
  uint64_t seen = 0;
  while (reader->Read(&sample)) {
    if (seen == 0) {
      EXPECT_EQ(std::vector<std::string>(sample.observables().begin(), sample.observables().end()),
                (std::vector<std::string>{"a", "q", "f", "w"}));
    }
    EXPECT_EQ(sample.missed(), 0u);
    EXPECT_EQ(sample.step(), seen++);
    EXPECT_EQ(sample.values_size(), 4);
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(seen, 500u);
  EXPECT_TRUE(Wait(operation.name()).has_response());
}

TEST_F(AnalyzeTest, ACancelledOneEndsForItsWatchersToo) {
  Operation operation;
  ASSERT_TRUE(Begin(Long(), &operation).ok());
  v1::WatchAnalysisRequest watch;
  watch.set_operation(operation.name());
  grpc::ClientContext context;
  const auto reader = admin_->WatchAnalysis(&context, watch);
  v1::AnalysisSample sample;
  ASSERT_TRUE(reader->Read(&sample));  // it runs
  Cancel(operation);
  while (reader->Read(&sample)) continue;
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(Wait(operation.name()).error().code(), grpc::StatusCode::CANCELLED);
}

TEST_F(AnalyzeTest, AWatcherThatLeavesHarmsNobody) {
  Operation operation;
  ASSERT_TRUE(Begin(Long(), &operation).ok());
  v1::WatchAnalysisRequest watch;
  watch.set_operation(operation.name());
  for (int i = 0; i < 5; ++i) {
    grpc::ClientContext context;
    const auto reader = admin_->WatchAnalysis(&context, watch);
    v1::AnalysisSample sample;
    ASSERT_TRUE(reader->Read(&sample));
    context.TryCancel();
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  v1::DeleteMemoryRequest drop;
  drop.set_name("memories/spins");
  google::protobuf::Empty empty;
  ASSERT_TRUE(MNEME_CALL(stub_, DeleteMemory, drop, &empty).ok());
  EXPECT_EQ(Wait(operation.name()).error().code(), grpc::StatusCode::CANCELLED);
}

TEST_F(AnalyzeTest, WatchersThatLeaveBeforeTheFirstSampleKeepNobodyOut) {
  Operation running, queued;
  ASSERT_TRUE(Begin(Long(), &running).ok());
  v1::AnalyzeRequest second = Request("reals");
  second.mutable_recall()->set_beta(8);
  SetMatrix(UnitRows(kSeed, 1, kDim), kDim, second.mutable_recall()->mutable_cues());
  ASSERT_TRUE(Begin(second, &queued).ok());
  v1::WatchAnalysisRequest watch;
  watch.set_operation(queued.name());
  v1::AnalysisSample sample;
  constexpr int kMoreThanMayWatch = 70;
  for (int i = 0; i < kMoreThanMayWatch; ++i) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(20));
    const auto reader = admin_->WatchAnalysis(&context, watch);
    EXPECT_FALSE(reader->Read(&sample));
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED) << i;
  }
  Cancel(running);
  Cancel(queued);
}

TEST_F(AnalyzeTest, WaitsThatGaveUpKeepNobodyFromWaiting) {
  Operation running;
  ASSERT_TRUE(Begin(Long(), &running).ok());
  google::longrunning::WaitOperationRequest wait;
  wait.set_name(running.name());
  Operation now;
  constexpr int kMoreThanMayWait = 1'030;
  wait.mutable_timeout();  // none
  for (int i = 0; i < kMoreThanMayWait; ++i) {
    const grpc::Status status = MNEME_CALL(operations_, WaitOperation, wait, &now);
    ASSERT_TRUE(status.ok()) << i << ": " << status.error_message();
    ASSERT_FALSE(now.done());
  }
  wait.clear_timeout();
  auto patient = std::async(std::launch::async, [&] {
    Operation ended;
    EXPECT_TRUE(MNEME_CALL(operations_, WaitOperation, wait, &ended).ok());
    return ended;
  });
  google::longrunning::WaitOperationRequest meanwhile = wait;  // he has begun to wait by then
  meanwhile.mutable_timeout()->set_nanos(200'000'000);
  ASSERT_TRUE(MNEME_CALL(operations_, WaitOperation, meanwhile, &now).ok());
  Cancel(running);
  EXPECT_TRUE(patient.get().done());
}

TEST_F(AnalyzeTest, BadInputIsRefusedWithAReason) {
  EXPECT_EQ(RefusalOf(Request("reals")).reason, "ANALYSIS");
  v1::AnalyzeRequest nobody = Request("nobody");
  nobody.mutable_basins();
  EXPECT_EQ(RefusalOf(nobody).code, grpc::StatusCode::NOT_FOUND);

  v1::AnalyzeRequest basins = Request("reals");
  basins.mutable_basins()->set_items(1'000'000);
  const ErrorParts refused = RefusalOf(basins);
  EXPECT_EQ(refused.code, grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(refused.reason, "RANGE");
  EXPECT_FALSE(refused.next_step.empty());

  v1::AnalyzeRequest recall = Request("reals");
  recall.mutable_recall();
  EXPECT_EQ(RefusalOf(recall).reason, "RANGE");
  SetMatrix(UnitRows(1, 1, 3), 3, recall.mutable_recall()->mutable_cues());
  EXPECT_EQ(RefusalOf(recall).reason, "SHAPE");
  SetMatrix(UnitRows(1, 17, kDim), kDim, recall.mutable_recall()->mutable_cues());
  EXPECT_EQ(RefusalOf(recall).reason, "LIMIT");

  v1::AnalyzeRequest capacity = Request("reals");
  capacity.mutable_capacity()->set_correlation(std::nan(""));
  EXPECT_EQ(RefusalOf(capacity).reason, "RANGE");

  v1::AnalyzeRequest oscillators = Request("spins");
  oscillators.mutable_oscillators()->set_k2(1e20);
  EXPECT_EQ(RefusalOf(oscillators).reason, "RANGE");

  v1::AnalyzeRequest sedam = Request("reals");
  sedam.mutable_sedam();
  EXPECT_EQ(FailureOf(sedam), "NOT_BINARY");
  v1::AnalyzeRequest graph = Request("reals");
  graph.mutable_energy_graph()->set_visible(static_cast<v1::Lagrangian>(77));
  EXPECT_EQ(RefusalOf(graph).reason, "ENUM");
  graph.mutable_energy_graph()->set_visible(v1::LAGRANGIAN_IDENTITY);
  graph.mutable_energy_graph()->set_hold(-1);
  EXPECT_EQ(RefusalOf(graph).reason, "RANGE");
  v1::AnalyzeRequest confidence = Request("reals");
  confidence.mutable_confidence();
  EXPECT_EQ(RefusalOf(confidence).reason, "RANGE");
  sedam = Request("spins");
  sedam.mutable_sedam()->mutable_patterns()->mutable_start()->set_text("nobody");
  EXPECT_EQ(FailureOf(sedam), "ITEM_NOT_FOUND");
}

TEST_F(AnalyzeTest, OnlyAnalysesCanBeWatched) {
  v1::CloneMemoryRequest clone;
  clone.set_source("memories/reals");
  clone.set_memory_id("copy");
  Operation operation;
  ASSERT_TRUE(MNEME_CALL(admin_, CloneMemory, clone, &operation).ok());
  const auto refusal = [&](const std::string& name) {
    v1::WatchAnalysisRequest watch;
    watch.set_operation(name);
    grpc::ClientContext context;
    const auto reader = admin_->WatchAnalysis(&context, watch);
    v1::AnalysisSample sample;
    EXPECT_FALSE(reader->Read(&sample));
    return Unpack(reader->Finish());
  };
  EXPECT_EQ(refusal(operation.name()).reason, "NOT_AN_ANALYSIS");
  EXPECT_EQ(refusal("operations/none").code, grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(refusal("nonsense").reason, "NAME");
}

}  // namespace
}  // namespace mneme::test
