// Learning over the wire: write rules, trainings as long-running operations, certificates,
// forecasts, load policies.
#include <google/protobuf/util/message_differencer.h>

#include <set>

#include "gmock/gmock.h"
#include "google/longrunning/operations.grpc.pb.h"
#include "gtest/gtest.h"
#include "tests/integration/live.h"

namespace mneme::test {
namespace {

using google::longrunning::Operation;
using ::testing::HasSubstr;

constexpr int kKeyDim = 24;
constexpr int kResponseDim = 20;

class LearnTest : public ::testing::Test {
 protected:
  LearnTest() { Start(); }

  void Start() {
    daemon_ = Daemon::Mnemed(MNEMED_PATH, directory_.path());
    const auto channel = daemon_->Connect();
    stub_ = v1::MemoryService::NewStub(channel);
    operations_ = google::longrunning::Operations::NewStub(channel);
  }

  grpc::Status Create(const std::string& id, const v1::LinearSpec& spec,
                      v1::Retain retain = v1::RETAIN_ALL) {
    v1::CreateMemoryRequest request;
    request.set_memory_id(id);
    request.mutable_memory()->set_key_dim(kKeyDim);
    request.mutable_memory()->set_response_dim(kResponseDim);
    request.mutable_memory()->set_retain(retain);
    *request.mutable_memory()->mutable_linear() = spec;
    v1::Memory memory;
    return MNEME_CALL(stub_, CreateMemory, request, &memory);
  }
  grpc::Status CreateTam(uint32_t list_size) {
    v1::LinearSpec spec;
    spec.set_rule(v1::LINEAR_RULE_TAM);
    spec.set_list_size(list_size);
    return Create("m", spec);
  }
  v1::StoreRequest Rows(const std::string& memory, uint64_t first, int count) {
    v1::StoreRequest request;
    request.set_memory("memories/" + memory);
    SetMatrix(UnitRows(100 + first, count, kKeyDim), kKeyDim, request.mutable_keys());
    SetMatrix(UnitRows(900 + first, count, kResponseDim), kResponseDim,
              request.mutable_responses());
    return request;
  }
  grpc::Status Store(const std::string& memory, uint64_t first, int count,
                     v1::StoreResponse* response = nullptr) {
    v1::StoreRequest request = Rows(memory, first, count);
    for (int i = 0; i < count; ++i) request.add_ids()->set_number(first + i);
    v1::StoreResponse ignored;
    return MNEME_CALL(stub_, Store, request, response == nullptr ? &ignored : response);
  }
  Operation Train(const v1::TrainRequest& request) {
    Operation operation;
    const grpc::Status status = MNEME_CALL(stub_, Train, request, &operation);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return operation;
  }
  Operation Wait(const std::string& name) {
    google::longrunning::WaitOperationRequest request;
    request.set_name(name);
    Operation operation;
    do {
      const grpc::Status status = MNEME_CALL(operations_, WaitOperation, request, &operation);
      EXPECT_TRUE(status.ok()) << status.error_message();
      if (!status.ok()) break;
    } while (!operation.done());
    return operation;
  }
  static v1::TrainRequest TrainRequestOf(const std::string& memory) {
    v1::TrainRequest request;
    request.set_memory("memories/" + memory);
    return request;
  }
  // Steps without end, to be cancelled.
  static v1::TrainRequest Endless() {
    v1::TrainRequest request = TrainRequestOf("m");
    request.set_optimizer(v1::TRAIN_OPTIMIZER_OGD);
    request.set_steps_max(100'000);
    return request;
  }
  v1::ListwiseQueryResponse CertifiedList(uint64_t first) {
    v1::ListwiseQueryRequest request;
    request.set_memory("memories/m");
    SetMatrix(UnitRows(100 + first, 1, kKeyDim), kKeyDim, request.mutable_cues());
    request.set_check_radius(true);
    v1::ListwiseQueryResponse response;
    const grpc::Status status = MNEME_CALL(stub_, ListwiseQuery, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  const TemporaryDirectory directory_;
  std::unique_ptr<Daemon> daemon_;
  std::unique_ptr<v1::MemoryService::Stub> stub_;
  std::unique_ptr<google::longrunning::Operations::Stub> operations_;
};

TEST_F(LearnTest, ATrainingCertifiesListsThatSurviveAKill) {
  ASSERT_TRUE(CreateTam(12).ok());
  ASSERT_TRUE(Store("m", 1, 60).ok());
  const Operation begun = Train(TrainRequestOf("m"));
  EXPECT_THAT(begun.name(), HasSubstr("operations/"));
  v1::TrainMetadata metadata;
  ASSERT_TRUE(begun.metadata().UnpackTo(&metadata));
  EXPECT_EQ(metadata.memory(), "memories/m");
  const Operation ended = Wait(begun.name());
  v1::TrainResponse trained;
  ASSERT_TRUE(ended.response().UnpackTo(&trained)) << ended.error().message();
  EXPECT_EQ(trained.memory().state().trained().items(), 60u);
  EXPECT_GT(trained.memory().state().trained().certified(), 0u);

  const v1::ListwiseQueryResponse before = CertifiedList(1);
  EXPECT_EQ(before.certificates(), v1::CERTIFICATE_STATE_SEALED);
  EXPECT_EQ(before.list_size(), 12u);
  ASSERT_EQ(before.lists(0).items_size(), 12);
  for (const v1::ScoredItem& item : before.lists(0).items()) {
    if (item.id().number() != 1) continue;
    EXPECT_TRUE(!item.certificate().certified() || item.certificate().inside_radius());
  }

  daemon_->Stop(SIGKILL);
  Start();
  const v1::ListwiseQueryResponse after = CertifiedList(1);
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(before, after))
      << before.ShortDebugString() << "\n"
      << after.ShortDebugString();
  // Operations are of one run of the server.
  google::longrunning::GetOperationRequest get;
  get.set_name(begun.name());
  Operation gone;
  const ErrorParts error = Unpack(MNEME_CALL(operations_, GetOperation, get, &gone));
  EXPECT_EQ(error.reason, "OPERATION_NOT_FOUND");
}

TEST_F(LearnTest, CancellingATrainingLeavesTheServedWeights) {
  ASSERT_TRUE(CreateTam(12).ok());
  ASSERT_TRUE(Store("m", 1, 40).ok());
  ASSERT_TRUE(Wait(Train(TrainRequestOf("m")).name()).has_response());
  const v1::ListwiseQueryResponse before = CertifiedList(3);

  const Operation running = Train(Endless());
  google::longrunning::WaitOperationRequest wait;
  wait.set_name(running.name());
  wait.mutable_timeout();  // none
  Operation now;
  ASSERT_TRUE(MNEME_CALL(operations_, WaitOperation, wait, &now).ok());
  EXPECT_FALSE(now.done());
  Operation second;
  EXPECT_EQ(Unpack(MNEME_CALL(stub_, Train, TrainRequestOf("m"), &second)).reason, "JOB_RUNNING");
  google::longrunning::CancelOperationRequest cancel;
  cancel.set_name(running.name());
  google::protobuf::Empty empty;
  ASSERT_TRUE(MNEME_CALL(operations_, CancelOperation, cancel, &empty).ok());
  const Operation ended = Wait(running.name());
  const ErrorParts error = Unpack(ended.error().code(), ended.error().message(), ended.error());
  EXPECT_EQ(error.code, grpc::StatusCode::CANCELLED);
  EXPECT_EQ(error.reason, "CANCELLED");
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(before, CertifiedList(3)));

  google::longrunning::ListOperationsResponse list;
  ASSERT_TRUE(MNEME_CALL(operations_, ListOperations, {}, &list).ok());
  EXPECT_EQ(list.operations_size(), 2);
  google::longrunning::DeleteOperationRequest forget;
  forget.set_name(running.name());
  ASSERT_TRUE(MNEME_CALL(operations_, DeleteOperation, forget, &empty).ok());
  ASSERT_TRUE(MNEME_CALL(operations_, ListOperations, {}, &list).ok());
  EXPECT_EQ(list.operations_size(), 1);
}

TEST_F(LearnTest, BadTrainingsAreRefused) {
  ASSERT_TRUE(CreateTam(12).ok());
  Operation operation;
  EXPECT_EQ(Unpack(MNEME_CALL(stub_, Train, TrainRequestOf("m"), &operation)).reason,
            "TRAINING_SET_EMPTY");
  ASSERT_TRUE(Store("m", 1, 20).ok());
  v1::TrainRequest request = TrainRequestOf("m");
  request.set_tail_fraction(1);
  EXPECT_EQ(Unpack(MNEME_CALL(stub_, Train, request, &operation)).code,
            grpc::StatusCode::INVALID_ARGUMENT);
  request = TrainRequestOf("m");
  request.set_lambda(0);
  EXPECT_EQ(Unpack(MNEME_CALL(stub_, Train, request, &operation)).code,
            grpc::StatusCode::INVALID_ARGUMENT);
  request = TrainRequestOf("m");
  request.set_learning_rate(-1);
  EXPECT_EQ(Unpack(MNEME_CALL(stub_, Train, request, &operation)).code,
            grpc::StatusCode::INVALID_ARGUMENT);
  v1::LinearSpec cmm;
  cmm.set_rule(v1::LINEAR_RULE_CMM);
  ASSERT_TRUE(Create("cmm", cmm).ok());
  EXPECT_EQ(Unpack(MNEME_CALL(stub_, Train, TrainRequestOf("cmm"), &operation)).code,
            grpc::StatusCode::UNIMPLEMENTED);
  google::longrunning::GetOperationRequest get;
  get.set_name("nonsense");
  EXPECT_EQ(Unpack(MNEME_CALL(operations_, GetOperation, get, &operation)).code,
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(LearnTest, EveryRuleStoresRecallsAndForgets) {
  int made = 0;
  for (int rule = v1::LINEAR_RULE_CMM; rule <= v1::LINEAR_RULE_TAM; ++rule) {
    const std::string name = "rule-" + std::to_string(rule);
    v1::LinearSpec spec;
    spec.set_rule(static_cast<v1::LinearRule>(rule));
    if (rule == v1::LINEAR_RULE_DELTA || rule == v1::LINEAR_RULE_GATED_DELTA) spec.set_beta(0.5);
    if (rule == v1::LINEAR_RULE_DECAYED || rule == v1::LINEAR_RULE_GATED_DELTA ||
        rule == v1::LINEAR_RULE_RLS) {
      spec.set_gamma(0.99);
    }
    ASSERT_TRUE(Create(name, spec).ok()) << name;
    ASSERT_TRUE(Store(name, 1, 5).ok()) << name;
    v1::DeleteItemsRequest forget;
    forget.set_memory("memories/" + name);
    forget.add_ids()->set_number(3);
    v1::DeleteItemsResponse forgotten;
    ASSERT_TRUE(MNEME_CALL(stub_, DeleteItems, forget, &forgotten).ok()) << name;
    EXPECT_EQ(forgotten.deleted(), 1u);
    const bool erases = rule == v1::LINEAR_RULE_DELTA || rule == v1::LINEAR_RULE_GATED_DELTA;
    EXPECT_EQ(forgotten.suppressed(), erases ? 1u : 0u) << name;
    v1::GetMemoryRequest get;
    get.set_name("memories/" + name);
    v1::Memory memory;
    ASSERT_TRUE(MNEME_CALL(stub_, GetMemory, get, &memory).ok());
    EXPECT_EQ(memory.linear().rule(), spec.rule());
    EXPECT_EQ(memory.linear().beta(), spec.beta());
    EXPECT_EQ(memory.linear().gamma(), spec.gamma());
    EXPECT_EQ(memory.state().item_count(), 4u);
    uint64_t bytes = 0;
    for (const v1::ByteAccount& account : memory.state().bytes()) bytes += account.bytes();
    EXPECT_EQ(bytes, memory.state().memory_bytes()) << memory.state().ShortDebugString();
    v1::RetrieveRequest retrieve;
    retrieve.set_memory("memories/" + name);
    retrieve.set_top(1);
    SetMatrix(UnitRows(101, 5, kKeyDim), kKeyDim, retrieve.mutable_cues());
    v1::RetrieveResponse recalled;
    ASSERT_TRUE(MNEME_CALL(stub_, Retrieve, retrieve, &recalled).ok());
    std::set<uint64_t> found;
    for (const v1::CueResult& result : recalled.results()) {
      found.insert(result.top(0).id().number());
    }
    EXPECT_FALSE(found.contains(3)) << name;
    EXPECT_EQ(found.size(), 4u) << name;
    ++made;
  }
  EXPECT_EQ(made, 7);
}

TEST_F(LearnTest, ListsOfResponsesThatAreSentNeedNoCodebook) {
  v1::LinearSpec spec;
  spec.set_rule(v1::LINEAR_RULE_CMM);
  ASSERT_TRUE(Create("m", spec, v1::RETAIN_STATISTICS).ok());
  v1::StoreRequest rows = Rows("m", 1, 4);
  v1::StoreResponse stored;
  ASSERT_TRUE(MNEME_CALL(stub_, Store, rows, &stored).ok());
  v1::ListwiseQueryRequest request;
  request.set_memory("memories/m");
  SetMatrix(UnitRows(101, 4, kKeyDim), kKeyDim, request.mutable_cues());
  *request.mutable_candidate_responses() = rows.responses();
  v1::ListwiseQueryResponse response;
  const grpc::Status status = MNEME_CALL(stub_, ListwiseQuery, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(response.lists(i).items_size(), 4);
    EXPECT_EQ(response.lists(i).items(0).id().number(), static_cast<uint64_t>(i));
  }
  request.mutable_candidate_responses()->set_cols(7);
  EXPECT_EQ(Unpack(MNEME_CALL(stub_, ListwiseQuery, request, &response)).code,
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(LearnTest, AForecastSaysTheoryAndMeasurement) {
  v1::ForecastRequest request;
  v1::PlannedMemory& planned = *request.mutable_planned();
  planned.set_items(5'000);
  planned.mutable_memory()->set_key_dim(256);
  planned.mutable_memory()->set_response_dim(256);
  planned.mutable_memory()->mutable_linear()->set_rule(v1::LINEAR_RULE_TAM);
  planned.mutable_memory()->mutable_linear()->set_list_size(20);
  request.add_list_sizes(20);
  v1::ForecastResponse response;
  grpc::Status status = MNEME_CALL(stub_, Forecast, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_NEAR(response.load(), 5'000.0 / 65'536, 1e-12);
  EXPECT_EQ(response.phase(), v1::LOAD_PHASE_SATISFIABLE);
  for (const v1::Prediction& prediction : response.predictions()) {
    EXPECT_FALSE(prediction.formula().empty()) << prediction.quantity();
    EXPECT_FALSE(prediction.assumption().empty()) << prediction.quantity();
  }

  v1::LinearSpec spec;
  spec.set_rule(v1::LINEAR_RULE_RIDGE);
  ASSERT_TRUE(Create("m", spec).ok());
  ASSERT_TRUE(Store("m", 1, 30).ok());
  request.Clear();
  request.set_memory("memories/m");
  request.set_curve_points(4);
  status = MNEME_CALL(stub_, Forecast, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.probe().items(), 30u);
  EXPECT_EQ(response.curve_size(), 4);
  EXPECT_EQ(response.list_sizes_size(), 3);
  request.set_cue_cosine(2);
  EXPECT_EQ(Unpack(MNEME_CALL(stub_, Forecast, request, &response)).reason, "FORECAST");
  request.clear_memory();
  request.set_cue_cosine(1);
  EXPECT_EQ(Unpack(MNEME_CALL(stub_, Forecast, request, &response)).reason, "FORECAST");
}

TEST_F(LearnTest, AFullMemoryRefusesAndAGrowingOneGrows) {
  v1::LinearSpec spec;
  spec.set_rule(v1::LINEAR_RULE_CMM);
  spec.set_load_policy(v1::LOAD_POLICY_REFUSE);
  spec.set_load_limit(0.125);  // 60 items
  ASSERT_TRUE(Create("full", spec).ok());
  v1::StoreResponse stored;
  ASSERT_TRUE(Store("full", 1, 60, &stored).ok());
  EXPECT_DOUBLE_EQ(stored.load(), 0.125);
  const ErrorParts full = Unpack(Store("full", 100, 1));
  EXPECT_EQ(full.code, grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(full.reason, "FULL");
  spec.set_load_policy(v1::LOAD_POLICY_WARN);
  ASSERT_TRUE(Create("warned", spec).ok());
  ASSERT_TRUE(Store("warned", 1, 61, &stored).ok());
  ASSERT_EQ(stored.warnings_size(), 1);
  EXPECT_EQ(stored.warnings(0).reason(), "LOAD");
  spec.set_load_policy(v1::LOAD_POLICY_GROW);
  ASSERT_TRUE(Create("grown", spec).ok());
  ASSERT_TRUE(Store("grown", 1, 130).ok());
  v1::GetMemoryRequest get;
  get.set_name("memories/grown");
  v1::Memory memory;
  ASSERT_TRUE(MNEME_CALL(stub_, GetMemory, get, &memory).ok());
  EXPECT_EQ(memory.state().partitions(), 3u);
  EXPECT_EQ(memory.linear().partitions(), 1u);
}

}  // namespace
}  // namespace mneme::test
