// Feature memories over the wire: store, novelty, recall, delete, restart, and merges on one daemon
// and between two.
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mneme/v1/admin_service.grpc.pb.h"
#include "tests/integration/live.h"

namespace mneme::test {
namespace {

using grpc::StatusCode;
using ::testing::HasSubstr;

constexpr int kDim = 16;

// A daemon and what it is asked.
struct Node {
  Node() { Start(); }
  void Start() {
    daemon = Daemon::Mnemed(MNEMED_PATH, directory.path());
    const auto channel = daemon->Connect();
    stub = v1::MemoryService::NewStub(channel);
    admin = v1::AdminService::NewStub(channel);
  }

  ErrorParts Create(const std::string& id, const v1::FeatureSpec& spec,
                    v1::Retain retain = v1::RETAIN_UNSPECIFIED, v1::Memory* made = nullptr) {
    v1::CreateMemoryRequest request;
    request.set_memory_id(id);
    request.mutable_memory()->set_key_dim(kDim);
    request.mutable_memory()->set_retain(retain);
    *request.mutable_memory()->mutable_feature() = spec;
    v1::Memory memory;
    return Unpack(MNEME_CALL(stub, CreateMemory, request, made == nullptr ? &memory : made));
  }
  v1::StoreResponse Store(const std::string& id, int rows, uint64_t seed) {
    v1::StoreRequest request;
    request.set_memory("memories/" + id);
    SetMatrix(UnitRows(seed, rows, kDim), kDim, request.mutable_keys());
    v1::StoreResponse response;
    const grpc::Status status = MNEME_CALL(stub, Store, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  v1::RetrieveResponse Retrieve(const std::string& id, const std::vector<float>& cues,
                                uint32_t steps_max = 0, const std::string& token = "") {
    v1::RetrieveRequest request;
    request.set_memory("memories/" + id);
    request.set_steps_max(steps_max);
    request.set_read_token(token);
    request.set_values(true);
    SetMatrix(cues, kDim, request.mutable_cues());
    v1::RetrieveResponse response;
    const grpc::Status status = MNEME_CALL(stub, Retrieve, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  std::vector<double> Energies(const std::string& id, int rows, uint64_t seed) {
    std::vector<double> out;
    const v1::RetrieveResponse answer = Retrieve(id, UnitRows(seed, rows, kDim), 1);
    for (const v1::CueResult& result : answer.results()) {
      out.push_back(result.energy());
    }
    return out;
  }
  ErrorParts Merge(const v1::MergeSketchRequest& request, v1::MergeSketchResponse* response) {
    return Unpack(MNEME_CALL(admin, MergeSketch, request, response));
  }
  ErrorParts Export(const std::string& id, v1::ExportSketchResponse* response) {
    v1::ExportSketchRequest request;
    request.set_memory("memories/" + id);
    return Unpack(MNEME_CALL(admin, ExportSketch, request, response));
  }
  uint64_t Items(const std::string& id) {
    v1::GetMemoryRequest request;
    request.set_name("memories/" + id);
    v1::Memory memory;
    EXPECT_TRUE(MNEME_CALL(stub, GetMemory, request, &memory).ok());
    return memory.state().item_count();
  }

  const TemporaryDirectory directory;
  std::unique_ptr<Daemon> daemon;
  std::unique_ptr<v1::MemoryService::Stub> stub;
  std::unique_ptr<v1::AdminService::Stub> admin;
};

v1::FeatureSpec Spec(uint64_t seed = 3) {
  v1::FeatureSpec spec;
  spec.set_features(4000);
  spec.set_beta(20);
  spec.set_seed(seed);
  return spec;
}

void ExpectSame(const std::vector<double>& a, const std::vector<double>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-9);
}

TEST(FeatureLive, TellsWhatItHasSeenRecallsForgetsAndComesBack) {
  Node node;
  v1::Memory made;
  ASSERT_EQ(node.Create("m", Spec(), v1::RETAIN_UNSPECIFIED, &made).code, StatusCode::OK);
  EXPECT_EQ(made.retain(), v1::RETAIN_STATISTICS);
  EXPECT_EQ(made.feature().steps_max(), 100u);
  EXPECT_EQ(made.state().row_bytes(), 0u);
  const v1::StoreResponse stored = node.Store("m", 8, 1);
  EXPECT_EQ(stored.item_count(), 8u);
  const v1::RetrieveResponse known =
      node.Retrieve("m", UnitRows(1, 8, kDim), 1, stored.read_token());
  const v1::RetrieveResponse strange = node.Retrieve("m", UnitRows(2, 8, kDim), 1);
  for (int i = 0; i < 8; ++i) {
    EXPECT_GT(known.results(i).z_best(), 10);
    EXPECT_LT(strange.results(i).z_best(), 5);
    EXPECT_LT(known.results(i).energy(), strange.results(i).energy());
  }
  std::vector<float> cues = UnitRows(1, 8, kDim);
  for (size_t i = 0; i < cues.size(); ++i) cues[i] += i % 2 == 0 ? 0.04f : -0.04f;
  const v1::RetrieveResponse recalled = node.Retrieve("m", cues);
  const std::vector<float> keys = UnitRows(1, 8, kDim);
  for (size_t i = 0; i < cues.size(); ++i) {
    EXPECT_NEAR(recalled.recalls().values(static_cast<int>(i)), keys[i], 0.03);
  }
  v1::DeleteItemsRequest by_id;
  by_id.set_memory("memories/m");
  by_id.add_ids()->set_number(1);
  v1::DeleteItemsResponse deleted;
  EXPECT_EQ(Unpack(MNEME_CALL(node.stub, DeleteItems, by_id, &deleted)).reason, "VECTORS_NEEDED");
  v1::DeleteItemsRequest by_vector;
  by_vector.set_memory("memories/m");
  SetMatrix({keys.begin(), keys.begin() + 3 * kDim}, kDim, by_vector.mutable_keys());
  ASSERT_TRUE(MNEME_CALL(node.stub, DeleteItems, by_vector, &deleted).ok());
  EXPECT_EQ(deleted.deleted(), 3u);
  const std::vector<double> before = node.Energies("m", 8, 1);
  EXPECT_GT(before[0], before[7]);
  EXPECT_EQ(node.daemon->Stop(SIGKILL), -SIGKILL);
  node.Start();
  EXPECT_EQ(node.Items("m"), 5u);
  ExpectSame(node.Energies("m", 8, 1), before);
}

TEST(FeatureLive, MergesOnOneDaemonOnceAndSurvivesAKill) {
  Node node;
  for (const char* name : {"into", "from"}) ASSERT_EQ(node.Create(name, Spec()).message, "");
  node.Store("into", 2, 1);
  node.Store("from", 3, 2);
  v1::MergeSketchRequest request;
  request.set_memory("memories/into");
  request.set_from("memories/from");
  request.set_request_id("once");
  v1::MergeSketchResponse merged;
  ASSERT_EQ(node.Merge(request, &merged).message, "");
  EXPECT_EQ(merged.merged(), 3u);
  EXPECT_EQ(merged.item_count(), 5u);
  EXPECT_EQ(merged.durability(), v1::DURABILITY_DISK);
  const auto seen = node.Retrieve("into", UnitRows(2, 3, kDim), 1, merged.read_token());
  EXPECT_GT(seen.results(0).z_best(), 10);
  const std::vector<double> before = node.Energies("into", 3, 2);
  EXPECT_EQ(node.daemon->Stop(SIGKILL), -SIGKILL);
  node.Start();
  EXPECT_EQ(node.Items("into"), 5u);
  ExpectSame(node.Energies("into", 3, 2), before);
  ASSERT_EQ(node.Merge(request, &merged).message, "");
  EXPECT_TRUE(merged.replayed());
  EXPECT_EQ(node.Items("into"), 5u);
}

TEST(FeatureLive, MergesBetweenTwoDaemonsAndRefusesOtherSeeds) {
  Node here, there;
  ASSERT_EQ(here.Create("m", Spec()).message, "");
  ASSERT_EQ(there.Create("m", Spec()).message, "");
  ASSERT_EQ(there.Create("other", Spec(/*seed=*/4)).message, "");
  here.Store("m", 4, 1);
  there.Store("m", 5, 2);
  v1::ExportSketchResponse sketch;
  ASSERT_EQ(here.Export("m", &sketch).message, "");
  EXPECT_EQ(sketch.item_count(), 4u);
  v1::MergeSketchRequest request;
  request.set_memory("memories/m");
  request.set_sketch(sketch.sketch());
  v1::MergeSketchResponse merged;
  ASSERT_EQ(there.Merge(request, &merged).message, "");
  EXPECT_EQ(merged.item_count(), 9u);
  ASSERT_EQ(here.Store("m", 5, 2).item_count(), 9u);
  ExpectSame(here.Energies("m", 4, 1), there.Energies("m", 4, 1));
  ExpectSame(here.Energies("m", 5, 2), there.Energies("m", 5, 2));
  request.set_memory("memories/other");
  const ErrorParts refused = there.Merge(request, &merged);
  EXPECT_EQ(refused.code, StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(refused.reason, "FEATURES_DIFFER");
  EXPECT_THAT(refused.given, HasSubstr("seed 3"));
  EXPECT_THAT(refused.expected, HasSubstr("seed 4"));
  std::string turned = sketch.sketch();
  turned[turned.size() / 2] ^= 1;
  request.set_memory("memories/m");
  request.set_sketch(turned);
  EXPECT_EQ(there.Merge(request, &merged).reason, "SKETCH");
  request.clear_source();
  EXPECT_EQ(there.Merge(request, &merged).reason, "SKETCH");
  EXPECT_EQ(there.Items("m"), 9u);
}

TEST(FeatureLive, FirstMistakesAreNamed) {
  Node node;
  v1::FeatureSpec spec = Spec();
  spec.clear_beta();
  ErrorParts error = node.Create("m", spec);
  EXPECT_EQ(error.reason, "SPEC");
  EXPECT_THAT(error.message, HasSubstr("beta"));
  EXPECT_THAT(error.next_step, HasSubstr("Forecast"));
  spec = Spec();
  spec.set_items_expected(100'000);
  spec.set_cue_noise(0.3);
  error = node.Create("m", spec);
  EXPECT_EQ(error.code, StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(error.reason, "FEATURES_TOO_FEW");
  ASSERT_EQ(node.Create("m", Spec(), v1::RETAIN_ALL).message, "");
  node.Store("m", 2, 1);
  v1::ListwiseQueryRequest list;
  list.set_memory("memories/m");
  list.set_k(1);
  SetMatrix(UnitRows(1, 1, kDim), kDim, list.mutable_cues());
  v1::ListwiseQueryResponse lists;
  EXPECT_EQ(Unpack(MNEME_CALL(node.stub, ListwiseQuery, list, &lists)).reason, "CODEBOOK_NOT_KEPT");
}

TEST(FeatureLive, QuadraticMemoriesRecallSigns) {
  Node node;
  v1::FeatureSpec spec;
  spec.set_kind(v1::FEATURE_KIND_QUADRATIC);
  ASSERT_EQ(node.Create("bits", spec).message, "");
  std::vector<float> pattern(kDim);
  for (int j = 0; j < kDim; ++j) pattern[static_cast<size_t>(j)] = j % 3 == 0 ? -1.0f : 1.0f;
  v1::StoreRequest store;
  store.set_memory("memories/bits");
  SetMatrix(pattern, kDim, store.mutable_keys());
  v1::StoreResponse stored;
  ASSERT_TRUE(MNEME_CALL(node.stub, Store, store, &stored).ok());
  std::vector<float> cue = pattern;
  cue[0] = -cue[0];
  cue[5] = -cue[5];
  const v1::RetrieveResponse answer = node.Retrieve("bits", cue);
  EXPECT_EQ(answer.results(0).status(), v1::ANSWER_STATUS_CONVERGED);
  EXPECT_NEAR(answer.results(0).energy(), -kDim * kDim, 1e-6);
  for (int j = 0; j < kDim; ++j) {
    EXPECT_EQ(answer.recalls().values(j), pattern[static_cast<size_t>(j)]);
  }
  SetMatrix(UnitRows(1, 1, kDim), kDim, store.mutable_keys());
  EXPECT_EQ(Unpack(MNEME_CALL(node.stub, Store, store, &stored)).reason, "NOT_BINARY");
}

}  // namespace
}  // namespace mneme::test
