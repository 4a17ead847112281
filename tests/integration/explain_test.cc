// Explain over the wire: what a live server tells of queries that it answered, for each way that
// they can go.
#include <map>

#include "gmock/gmock.h"
#include "google/longrunning/operations.grpc.pb.h"
#include "gtest/gtest.h"
#include "mneme/v1/admin_service.grpc.pb.h"
#include "tests/integration/live.h"

namespace mneme::test {
namespace {

using google::longrunning::Operation;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

constexpr int kDim = 64;
constexpr int kRowsAtOnce = 2'000;
constexpr uint64_t kSeed = 11;

int64_t NanosOf(const google::protobuf::Duration& duration) {
  return duration.seconds() * 1'000'000'000 + duration.nanos();
}

class ExplainTest : public ::testing::Test {
 protected:
  ExplainTest() {
    RecordProperty("seed", std::to_string(kSeed));
    daemon_ = Daemon::Mnemed(MNEMED_PATH, directory_.path());
    const auto channel = daemon_->Connect();
    stub_ = v1::MemoryService::NewStub(channel);
    admin_ = v1::AdminService::NewStub(channel);
    operations_ = google::longrunning::Operations::NewStub(channel);
  }

  void Create(v1::Memory memory) {
    v1::CreateMemoryRequest request;
    request.set_memory_id("m");
    memory.set_key_dim(kDim);
    *request.mutable_memory() = std::move(memory);
    v1::Memory made;
    const grpc::Status status = MNEME_CALL(stub_, CreateMemory, request, &made);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  void CreateDense(const v1::IndexSpec* index = nullptr) {
    v1::Memory memory;
    memory.mutable_dense()->set_similarity(v1::SIMILARITY_COSINE);
    memory.mutable_dense()->set_beta(30);
    if (index != nullptr) *memory.mutable_dense()->mutable_index() = *index;
    Create(std::move(memory));
  }
  void CreateLinear(const v1::LinearSpec& spec) {
    v1::Memory memory;
    memory.set_response_dim(kDim);
    *memory.mutable_linear() = spec;
    Create(std::move(memory));
  }
  void Store(int rows, bool responses = false, bool ids = true) {
    for (int first = 0; first < rows; first += kRowsAtOnce) {
      const int count = std::min(kRowsAtOnce, rows - first);
      v1::StoreRequest request;
      request.set_memory("memories/m");
      SetMatrix(UnitRows(kSeed + first, count, kDim), kDim, request.mutable_keys());
      if (responses) {
        SetMatrix(UnitRows(kSeed + first + 1, count, kDim), kDim, request.mutable_responses());
      }
      for (int i = 0; ids && i < count; ++i) request.add_ids()->set_number(first + i);
      v1::StoreResponse response;
      const grpc::Status status = MNEME_CALL(stub_, Store, request, &response);
      ASSERT_TRUE(status.ok()) << status.error_message();
    }
  }
  // Of the first keys that Store stored.
  static v1::ExplainRequest Recall(int cues = 1) {
    v1::ExplainRequest request;
    request.mutable_retrieve()->set_memory("memories/m");
    SetMatrix(UnitRows(kSeed, cues, kDim), kDim, request.mutable_retrieve()->mutable_cues());
    return request;
  }
  static v1::ExplainRequest List(uint32_t k = 10, int cues = 1) {
    v1::ExplainRequest request;
    request.mutable_listwise_query()->set_memory("memories/m");
    SetMatrix(UnitRows(kSeed, cues, kDim), kDim, request.mutable_listwise_query()->mutable_cues());
    if (k > 0) request.mutable_listwise_query()->set_k(k);
    return request;
  }
  v1::ExplainResponse Explain(const v1::ExplainRequest& request) {
    v1::ExplainResponse response;
    const grpc::Status status = MNEME_CALL(stub_, Explain, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    ExpectStagesAddUp(response);
    return response;
  }
  ErrorParts Refusal(const v1::ExplainRequest& request) {
    v1::ExplainResponse response;
    return Unpack(MNEME_CALL(stub_, Explain, request, &response));
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

  // By subject.
  static std::map<std::string, std::string> ReasonsOf(const v1::ExplainResponse& told) {
    std::map<std::string, std::string> out;
    for (const v1::ExplainChoice& choice : told.choices()) {
      EXPECT_FALSE(choice.message().empty()) << choice.reason();
      out[choice.subject()] = choice.reason();
    }
    return out;
  }
  static std::vector<std::string> NamesOf(const v1::ExplainResponse& told) {
    std::vector<std::string> out;
    for (const v1::ExplainStage& stage : told.stages()) out.push_back(stage.name());
    return out;
  }
  static const v1::ExplainStage* StageOf(const v1::ExplainResponse& told, const std::string& name) {
    for (const v1::ExplainStage& stage : told.stages()) {
      if (stage.name() == name) return &stage;
    }
    return nullptr;
  }
  static void ExpectStagesAddUp(const v1::ExplainResponse& told) {
    int64_t at = 0;
    for (const v1::ExplainStage& stage : told.stages()) {
      EXPECT_EQ(NanosOf(stage.start()), at) << stage.name();
      EXPECT_GE(NanosOf(stage.elapsed()), 0) << stage.name();
      at += NanosOf(stage.elapsed());
    }
    EXPECT_EQ(NanosOf(told.elapsed()), at);
    ASSERT_FALSE(told.stages().empty());
    EXPECT_EQ(told.stages(0).name(), "decode");
    EXPECT_EQ(told.stages().rbegin()->name(), "encode");
  }

  const TemporaryDirectory directory_;
  std::unique_ptr<Daemon> daemon_;
  std::unique_ptr<v1::MemoryService::Stub> stub_;
  std::unique_ptr<v1::AdminService::Stub> admin_;
  std::unique_ptr<google::longrunning::Operations::Stub> operations_;
};

TEST_F(ExplainTest, ASmallMemoryIsScannedByItsKeysWhereTheCallCameIn) {
  CreateDense();
  Store(100);
  const v1::ExplainResponse told = Explain(Recall());
  EXPECT_EQ(told.memory(), "memories/m");
  EXPECT_EQ(told.model(), "dense");
  EXPECT_EQ(told.kernel(), "COSINE, EXP, beta 30");
  EXPECT_EQ(told.items(), 100u);
  EXPECT_EQ(told.path(), v1::QUERY_PATH_FLOAT_SCAN);
  EXPECT_EQ(told.exactness(), v1::EXACTNESS_EXACT);
  EXPECT_EQ(told.proof(), v1::EXACTNESS_PROOF_FULL_SCAN);
  EXPECT_EQ(told.rows(), 100u);
  EXPECT_EQ(told.tiles(), 1u);
  EXPECT_EQ(told.cues(), 1u);
  EXPECT_EQ(told.batch_requests(), 1u);
  EXPECT_THAT(ReasonsOf(told),
              AllOf(Contains(Pair("codes", "FEW_ROWS")), Contains(Pair("place", "INLINE")),
                    Not(Contains(Key("index")))));
  EXPECT_GT(NanosOf(told.estimate()), 0);
  EXPECT_THAT(NamesOf(told), AllOf(Contains("begin"), Contains("scan"), Contains("settle"),
                                   Not(Contains("queue"))));
  const v1::ExplainStage* scan = StageOf(told, "scan");
  EXPECT_EQ(scan->parts(), 1u);
  EXPECT_EQ(scan->threads(), 1u);
  EXPECT_EQ(scan->bytes(), 100u * kDim * sizeof(float));
  ASSERT_EQ(told.answers_size(), 1);
  EXPECT_EQ(told.answers(0).status(), v1::ANSWER_STATUS_CONVERGED);
  EXPECT_GE(told.answers(0).steps(), 1u);
  EXPECT_EQ(told.answers(0).rows_survived(), 0u);
  EXPECT_FALSE(told.instruction_set().empty());
  EXPECT_GE(told.scan_threads(), 1u);
  EXPECT_GT(told.answer_bytes(), kDim * sizeof(float));
}

TEST_F(ExplainTest, ALargeMemoryIsScannedByItsCodes) {
  constexpr int kRows = 40'000;
  CreateDense();
  Store(kRows);
  const v1::ExplainResponse told = Explain(List());
  EXPECT_EQ(told.path(), v1::QUERY_PATH_CODE_SCAN);
  EXPECT_EQ(told.proof(), v1::EXACTNESS_PROOF_CODE_BOUNDS);
  EXPECT_EQ(told.items_scored(), static_cast<uint64_t>(kRows));
  EXPECT_EQ(told.tiles(), (kRows + 1023u) / 1024u);
  EXPECT_THAT(ReasonsOf(told),
              AllOf(Contains(Pair("codes", "READ")), Contains(Pair("place", "DEAR"))));
  EXPECT_THAT(NamesOf(told), AllOf(Contains("queue"), Contains("begin"), Contains("scan")));
  const v1::ExplainStage* scan = StageOf(told, "scan");
  EXPECT_EQ(scan->parts(), told.tiles());
  EXPECT_LT(scan->bytes(), kRows * kDim * sizeof(float) / 2);
  EXPECT_GE(scan->threads(), 1u);
  EXPECT_LE(scan->threads(), told.scan_threads());
  const v1::ExplainCue& cue = told.answers(0);
  EXPECT_EQ(cue.listed(), 10u);
  EXPECT_EQ(cue.best().id().number(), 0u);
  EXPECT_NEAR(cue.best().score(), 1, 1e-5);
  // Ten are listed; most of the others were never looked at.
  EXPECT_GE(cue.rows_survived(), 10u);
  EXPECT_LT(cue.rows_survived(), kRows / 4u);
  EXPECT_GE(cue.rows_rescored(), 10u);
  EXPECT_LT(cue.rows_rescored(), kRows / 4u);

  // The answer is the one that the query gives by itself.
  v1::ListwiseQueryResponse list;
  ASSERT_TRUE(MNEME_CALL(stub_, ListwiseQuery, List().listwise_query(), &list).ok());
  EXPECT_EQ(list.lists(0).items(0).score(), cue.best().score());
  EXPECT_EQ(list.proof(), told.proof());
  EXPECT_EQ(list.ByteSizeLong(), told.answer_bytes());
}

TEST_F(ExplainTest, WhatCodesCannotServeSaysSo) {
  CreateDense();
  Store(20'000);
  v1::ExplainRequest masked = List();
  masked.mutable_listwise_query()->mutable_mask()->set_bits(std::string(kDim / 8, '\x0f'));
  v1::ExplainResponse told = Explain(masked);
  EXPECT_EQ(told.path(), v1::QUERY_PATH_FLOAT_SCAN);
  EXPECT_EQ(told.proof(), v1::EXACTNESS_PROOF_FULL_SCAN);
  EXPECT_THAT(ReasonsOf(told), Contains(Pair("codes", "MASK")));

  v1::ExplainRequest chosen = List(2);
  for (uint64_t id : {1, 2, 3}) chosen.mutable_listwise_query()->add_candidates()->set_number(id);
  told = Explain(chosen);
  EXPECT_EQ(told.path(), v1::QUERY_PATH_FLOAT_SCAN);
  EXPECT_THAT(ReasonsOf(told), Contains(Pair("codes", "CANDIDATES")));

  v1::ExplainRequest spread = Recall();
  spread.mutable_retrieve()->set_beta(0.01);
  told = Explain(spread);
  EXPECT_EQ(told.path(), v1::QUERY_PATH_FLOAT_SCAN);
  EXPECT_THAT(ReasonsOf(told), Contains(Pair("codes", "SPREAD")));
}

TEST_F(ExplainTest, AnIndexIsUsedOrSaysWhyNot) {
  v1::IndexSpec index;
  index.mutable_binary();
  CreateDense(&index);
  Store(3'000);
  v1::ExplainResponse told = Explain(List());
  EXPECT_THAT(ReasonsOf(told), Contains(Pair("index", "FEW_ROWS")));
  EXPECT_EQ(told.index().fallback(), v1::INDEX_FALLBACK_FEW_ROWS);
  v1::ExplainRequest exact = List();
  exact.mutable_listwise_query()->set_exact(true);
  EXPECT_THAT(ReasonsOf(Explain(exact)), Contains(Pair("index", "ASKED")));
  EXPECT_THAT(ReasonsOf(Explain(Recall())), Contains(Pair("index", "RECALL")));
}

// Whether an index is worth using is this machine's to say: the explanation must say what the
// calibration did.
void ExpectIndexTold(const v1::ExplainResponse& told, v1::IndexFallback fallback,
                     v1::QueryPath path, const std::string& reason) {
  EXPECT_EQ(told.index().fallback(), fallback);
  if (fallback == v1::INDEX_FALLBACK_UNSPECIFIED) {
    EXPECT_EQ(told.path(), path);
    EXPECT_EQ(told.exactness(), v1::EXACTNESS_APPROXIMATE);
    EXPECT_EQ(reason, "USED");
    EXPECT_GE(told.answers(0).rows_rescored(), 10u);
    EXPECT_LE(told.answers(0).rows_rescored(), told.index().depth());
  } else {
    EXPECT_THAT(told.path(), ::testing::AnyOf(v1::QUERY_PATH_FLOAT_SCAN, v1::QUERY_PATH_CODE_SCAN));
    EXPECT_EQ(told.exactness(), v1::EXACTNESS_EXACT);
    EXPECT_EQ("INDEX_FALLBACK_" + reason, v1::IndexFallback_Name(fallback));
  }
}

TEST_F(ExplainTest, WhatWasMeasuredOfAnIndexIsWhatIsTold) {
  v1::IndexSpec binary, graph;
  binary.mutable_binary();
  graph.mutable_graph();
  for (const auto& [index, path] : {std::pair(binary, v1::QUERY_PATH_BINARY_INDEX),
                                    std::pair(graph, v1::QUERY_PATH_GRAPH_INDEX)}) {
    CreateDense(&index);
    Store(6'000);
    v1::CalibrateIndexRequest request;
    request.set_memory("memories/m");
    Operation operation;
    ASSERT_TRUE(MNEME_CALL(admin_, CalibrateIndex, request, &operation).ok());
    v1::CalibrateIndexResponse calibrated;
    ASSERT_TRUE(Wait(operation.name()).response().UnpackTo(&calibrated));
    const v1::ExplainResponse told = Explain(List());
    ExpectIndexTold(told, calibrated.memory().state().index().fallback(), path,
                    ReasonsOf(told)["index"]);
    if (told.exactness() == v1::EXACTNESS_APPROXIMATE) {
      EXPECT_THAT(NamesOf(told), AllOf(Contains("candidates"), Contains("rescore")));
    }
    v1::DeleteMemoryRequest drop;
    drop.set_name("memories/m");
    google::protobuf::Empty empty;
    ASSERT_TRUE(MNEME_CALL(stub_, DeleteMemory, drop, &empty).ok());
  }
}

TEST_F(ExplainTest, ALinearMemoryMultipliesAndRanks) {
  CreateLinear(v1::LinearSpec());
  Store(500, true);
  v1::ExplainResponse told = Explain(Recall());
  EXPECT_EQ(told.model(), "linear");
  EXPECT_EQ(told.kernel(), "RIDGE");
  EXPECT_EQ(told.path(), v1::QUERY_PATH_LINEAR_PRODUCT);
  EXPECT_EQ(StageOf(told, "product")->bytes(), kDim * kDim * sizeof(float));
  EXPECT_EQ(StageOf(told, "rank"), nullptr);
  EXPECT_THAT(ReasonsOf(told), Not(Contains(Key("codes"))));
  told = Explain(List());
  EXPECT_EQ(told.path(), v1::QUERY_PATH_LINEAR_RANKING);
  EXPECT_EQ(told.items_scored(), 500u);
  EXPECT_NE(StageOf(told, "rank"), nullptr);
  EXPECT_EQ(told.answers(0).listed(), 10u);
}

TEST_F(ExplainTest, ACertifiedListIsToldAsOneAndALackOfCertificatesWithItsReason) {
  v1::LinearSpec spec;
  spec.set_rule(v1::LINEAR_RULE_TAM);
  spec.set_list_size(12);
  CreateLinear(spec);
  Store(60, true);
  EXPECT_THAT(ReasonsOf(Explain(List())), Contains(Pair("certificates", "UNTRAINED")));
  EXPECT_EQ(Refusal(List(0)).reason, "UNTRAINED");
  v1::TrainRequest train;
  train.set_memory("memories/m");
  Operation operation;
  ASSERT_TRUE(MNEME_CALL(stub_, Train, train, &operation).ok());
  ASSERT_TRUE(Wait(operation.name()).has_response());
  v1::ExplainResponse told = Explain(List(0));
  EXPECT_EQ(told.path(), v1::QUERY_PATH_LINEAR_CERTIFIED);
  EXPECT_EQ(told.certificates(), v1::CERTIFICATE_STATE_SEALED);
  EXPECT_THAT(ReasonsOf(told), Contains(Pair("certificates", "SEALED")));
  EXPECT_EQ(told.answers(0).listed(), 12u);
  told = Explain(List(5));
  EXPECT_EQ(told.path(), v1::QUERY_PATH_LINEAR_RANKING);
  EXPECT_THAT(ReasonsOf(told), Contains(Pair("certificates", "SHORT")));
}

TEST_F(ExplainTest, AFeatureMemoryDescends) {
  v1::Memory memory;
  memory.mutable_feature()->set_kind(v1::FEATURE_KIND_TRIGONOMETRIC);
  memory.mutable_feature()->set_features(512);
  memory.mutable_feature()->set_beta(4);
  Create(std::move(memory));
  Store(50, false, false);
  const v1::ExplainResponse told = Explain(Recall());
  EXPECT_EQ(told.model(), "feature");
  EXPECT_EQ(told.path(), v1::QUERY_PATH_FEATURE_DESCENT);
  EXPECT_NE(StageOf(told, "descend"), nullptr);
  EXPECT_THAT(ReasonsOf(told), Contains(Pair("place", "STEPS")));
}

TEST_F(ExplainTest, AnEmptyMemoryIsExplainedToo) {
  CreateDense();
  const v1::ExplainResponse told = Explain(Recall());
  EXPECT_EQ(told.items(), 0u);
  EXPECT_EQ(told.answers(0).status(), v1::ANSWER_STATUS_EMPTY_STORE);
  EXPECT_EQ(StageOf(told, "scan"), nullptr);
}

TEST_F(ExplainTest, PayloadsAreAStageOfTheirOwn) {
  CreateDense();
  Store(50);
  v1::ExplainRequest request = List();
  request.mutable_listwise_query()->set_include_payloads(true);
  const v1::ExplainResponse told = Explain(request);
  EXPECT_NE(StageOf(told, "read"), nullptr);
  EXPECT_THAT(told.advice(), Each(::testing::Property(&v1::Warning::next_step, Not(""))));
}

TEST_F(ExplainTest, CuesOfARequestAreOneBatch) {
  CreateDense();
  Store(20'000);
  const v1::ExplainResponse told = Explain(List(10, 7));
  EXPECT_EQ(told.cues(), 7u);
  EXPECT_EQ(told.batch_cues(), 7u);
  EXPECT_EQ(told.answers_size(), 7);
}

TEST_F(ExplainTest, BadQueriesAreRefusedAsByThemselves) {
  CreateDense();
  Store(10);
  ErrorParts refusal = Refusal(v1::ExplainRequest());
  EXPECT_EQ(refusal.code, grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(refusal.reason, "QUERY");
  EXPECT_THAT(refusal.expected, HasSubstr("listwise_query"));

  v1::ExplainRequest unknown = Recall();
  unknown.mutable_retrieve()->set_memory("memories/nobody");
  EXPECT_EQ(Refusal(unknown).code, grpc::StatusCode::NOT_FOUND);

  v1::ExplainRequest narrow = Recall();
  SetMatrix({1, 2, 3}, 3, narrow.mutable_retrieve()->mutable_cues());
  EXPECT_EQ(Refusal(narrow).code, grpc::StatusCode::INVALID_ARGUMENT);

  v1::RetrieveResponse ignored;
  const ErrorParts itself = Unpack(MNEME_CALL(stub_, Retrieve, narrow.retrieve(), &ignored));
  EXPECT_EQ(Refusal(narrow).message, itself.message);

  v1::ExplainRequest none = Recall();
  none.mutable_retrieve()->clear_cues();
  EXPECT_EQ(Refusal(none).code, grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace mneme::test
