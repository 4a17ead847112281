// A memory with an index over the wire: made in the background, measured, labelled. Whether the
// index is worth using is this machine's to say; that every answer says what it is, is not.
#include <cmath>
#include <set>

#include "google/longrunning/operations.grpc.pb.h"
#include "gtest/gtest.h"
#include "mneme/v1/admin_service.grpc.pb.h"
#include "tests/integration/live.h"

namespace mneme::test {
namespace {

using google::longrunning::Operation;

constexpr int kDim = 128;
constexpr int kRows = 16'000;
constexpr int kRowsAtOnce = 2'000;
constexpr int kCentres = 400;
constexpr uint64_t kSeed = 5;

class IndexTest : public ::testing::Test {
 protected:
  IndexTest() {
    RecordProperty("seed", std::to_string(kSeed));
    Start();
  }

  void Start() {
    daemon_ = Daemon::Mnemed(MNEMED_PATH, directory_.path());
    const auto channel = daemon_->Connect();
    stub_ = v1::MemoryService::NewStub(channel);
    admin_ = v1::AdminService::NewStub(channel);
    operations_ = google::longrunning::Operations::NewStub(channel);
  }

  grpc::Status Create(const v1::IndexSpec& index) {
    v1::CreateMemoryRequest request;
    request.set_memory_id("m");
    request.mutable_memory()->set_key_dim(kDim);
    v1::DenseSpec& dense = *request.mutable_memory()->mutable_dense();
    dense.set_similarity(v1::SIMILARITY_COSINE);
    *dense.mutable_index() = index;
    v1::Memory memory;
    return MNEME_CALL(stub_, CreateMemory, request, &memory);
  }
  // Rows around some centres: near ones exist, as in real data.
  static std::vector<float> Rows(uint64_t seed, int count) {
    std::vector<float> rows = UnitRows(kSeed, kCentres, kDim);
    rows.resize(static_cast<size_t>(count) * kDim);
    Random random(seed);
    for (int i = count - 1; i >= 0; --i) {
      for (int j = 0; j < kDim; ++j) {
        rows[i * kDim + j] = rows[i % kCentres * kDim + j] +
                             static_cast<float>(0.6 * random.Gaussian() / std::sqrt(kDim));
      }
    }
    return rows;
  }
  void Store() {
    for (int first = 0; first < kRows; first += kRowsAtOnce) {
      v1::StoreRequest request;
      request.set_memory("memories/m");
      SetMatrix(Rows(100 + first, kRowsAtOnce), kDim, request.mutable_keys());
      for (int i = 0; i < kRowsAtOnce; ++i) request.add_ids()->set_number(first + i);
      v1::StoreResponse response;
      const grpc::Status status = MNEME_CALL(stub_, Store, request, &response);
      ASSERT_TRUE(status.ok()) << status.error_message();
    }
  }
  v1::ListwiseQueryResponse List(bool exact = false) {
    v1::ListwiseQueryRequest request;
    request.set_memory("memories/m");
    SetMatrix(Rows(7, kCues), kDim, request.mutable_cues());
    request.set_k(10);
    request.set_exact(exact);
    v1::ListwiseQueryResponse response;
    const grpc::Status status = MNEME_CALL(stub_, ListwiseQuery, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  v1::IndexStatus Describe() {
    v1::GetMemoryRequest request;
    request.set_name("memories/m");
    v1::Memory memory;
    const grpc::Status status = MNEME_CALL(stub_, GetMemory, request, &memory);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_TRUE(memory.state().has_index());
    return memory.state().index();
  }
  // Measures now; where the daemon is at work on the index already, that is waited for.
  v1::Memory Calibrate() {
    v1::CalibrateIndexRequest request;
    request.set_memory("memories/m");
    Operation operation;
    const grpc::Status status = MNEME_CALL(admin_, CalibrateIndex, request, &operation);
    EXPECT_TRUE(status.ok()) << status.error_message();
    v1::CalibrateIndexResponse response;
    EXPECT_TRUE(Wait(operation.name()).response().UnpackTo(&response));
    return response.memory();
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

  // The label is what describe says of the index, and nothing in between.
  void ExpectRightLabel(const v1::ListwiseQueryResponse& list, const v1::IndexStatus& index) {
    ASSERT_TRUE(list.has_index());
    EXPECT_EQ(list.index().fallback(), index.fallback());
    if (index.fallback() == v1::INDEX_FALLBACK_UNSPECIFIED) {
      EXPECT_EQ(list.exactness(), v1::EXACTNESS_APPROXIMATE);
      EXPECT_EQ(list.proof(), v1::EXACTNESS_PROOF_UNSPECIFIED);
      EXPECT_EQ(list.index().recall().recall(), index.recall().recall());
      EXPECT_GE(list.index().recall().recall(), 0.9);
      EXPECT_LE(list.index().recall().low(), list.index().recall().recall());
      EXPECT_EQ(list.index().depth(), index.depth());
      EXPECT_EQ(list.index().rows(), static_cast<uint64_t>(kRows));
    } else {
      EXPECT_EQ(list.exactness(), v1::EXACTNESS_EXACT);
      EXPECT_NE(list.proof(), v1::EXACTNESS_PROOF_UNSPECIFIED);
      EXPECT_FALSE(list.index().has_recall());
    }
  }

  static constexpr int kCues = 64;
  const TemporaryDirectory directory_;
  std::unique_ptr<Daemon> daemon_;
  std::unique_ptr<v1::MemoryService::Stub> stub_;
  std::unique_ptr<v1::AdminService::Stub> admin_;
  std::unique_ptr<google::longrunning::Operations::Stub> operations_;
};

double Recall(const v1::ListwiseQueryResponse& found, const v1::ListwiseQueryResponse& truth) {
  int hits = 0, all = 0;
  for (int i = 0; i < truth.lists_size(); ++i) {
    std::set<uint64_t> ids;
    for (const v1::ScoredItem& item : found.lists(i).items()) ids.insert(item.id().number());
    for (const v1::ScoredItem& item : truth.lists(i).items()) {
      ++all;
      hits += ids.contains(item.id().number()) ? 1 : 0;
    }
  }
  return static_cast<double>(hits) / all;
}

TEST_F(IndexTest, EveryListSaysWhatItIsFromTheFirstItemToARestart) {
  v1::IndexSpec index;
  index.mutable_binary()->set_bits(512);
  index.set_target_recall(0.9);
  ASSERT_TRUE(Create(index).ok());
  EXPECT_EQ(Describe().fallback(), v1::INDEX_FALLBACK_FEW_ROWS);
  Store();
  const v1::Memory memory = Calibrate();
  const v1::IndexStatus& status = memory.state().index();
  EXPECT_EQ(memory.dense().index().binary().bits(), 512u);
  EXPECT_EQ(status.rows(), static_cast<uint64_t>(kRows));
  ASSERT_GT(status.table_size(), 0);
  EXPECT_FALSE(status.why().empty());
  EXPECT_GE(status.recall().recall(), 0.9) << status.why();
  const v1::ListwiseQueryResponse list = List(), truth = List(/*exact=*/true);
  ExpectRightLabel(list, status);
  EXPECT_EQ(truth.exactness(), v1::EXACTNESS_EXACT);
  EXPECT_EQ(truth.index().fallback(), v1::INDEX_FALLBACK_ASKED);
  EXPECT_GE(Recall(list, truth), 0.85);

  daemon_->Stop(SIGKILL);
  Start();
  const v1::IndexStatus after = Describe();
  EXPECT_EQ(after.rows(), status.rows());
  EXPECT_EQ(after.recall().recall(), status.recall().recall());
  ASSERT_EQ(after.table_size(), status.table_size());
  EXPECT_GE(Recall(List(), truth), 0.85);
}

TEST_F(IndexTest, ABadSpecAndAMemoryWithoutOneAreRefusedByName) {
  v1::IndexSpec index;
  index.mutable_binary()->set_bits(100);
  ErrorParts error = Unpack(Create(index));
  EXPECT_EQ(error.code, grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(error.given, "index.binary.bits=100");
  index.mutable_graph()->set_links(1);
  error = Unpack(Create(index));
  EXPECT_EQ(error.given, "index.graph.links=1");
  v1::CreateMemoryRequest request;
  request.set_memory_id("plain");
  request.mutable_memory()->set_key_dim(kDim);
  request.mutable_memory()->mutable_dense();
  v1::Memory memory;
  ASSERT_TRUE(MNEME_CALL(stub_, CreateMemory, request, &memory).ok());
  EXPECT_FALSE(memory.state().has_index());
  v1::CalibrateIndexRequest calibrate;
  calibrate.set_memory("memories/plain");
  Operation operation;
  error = Unpack(MNEME_CALL(admin_, CalibrateIndex, calibrate, &operation));
  EXPECT_EQ(error.reason, "NO_INDEX");
}

}  // namespace
}  // namespace mneme::test
