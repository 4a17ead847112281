// The kinds of dense memory over the wire: each stores, recalls, starts again and recalls the same;
// what does not go together is refused by name.
#include <signal.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/live.h"

namespace mneme::test {
namespace {

using ::testing::HasSubstr;

constexpr int kDim = 32;
constexpr int kRows = 200;
constexpr int kCues = 8;
constexpr uint64_t kSeed = 17;

struct Kind {
  std::string name;
  v1::DenseSpec spec;
  bool binary() const { return spec.state() == v1::STATE_SPACE_BINARY; }
};

Kind Make(const std::string& name, v1::Separation separation,
          v1::StateSpace state = v1::STATE_SPACE_UNSPECIFIED,
          v1::Similarity similarity = v1::SIMILARITY_UNSPECIFIED, uint32_t power = 0) {
  Kind kind{.name = name};
  kind.spec.set_separation(separation);
  kind.spec.set_state(state);
  kind.spec.set_similarity(similarity);
  kind.spec.set_power(power);
  return kind;
}

std::vector<Kind> AllKinds() {
  return {
      Make("default", v1::SEPARATION_UNSPECIFIED),
      Make("l1", v1::SEPARATION_EXP, v1::STATE_SPACE_FREE, v1::SIMILARITY_L1),
      Make("sphere", v1::SEPARATION_EXP, v1::STATE_SPACE_SPHERE, v1::SIMILARITY_DOT),
      Make("relu", v1::SEPARATION_RELU),
      Make("power", v1::SEPARATION_POWER, v1::STATE_SPACE_UNSPECIFIED, v1::SIMILARITY_DOT, 10),
      Make("rectified", v1::SEPARATION_RECTIFIED, v1::STATE_SPACE_UNSPECIFIED,
           v1::SIMILARITY_UNSPECIFIED, 9),
      Make("argmax", v1::SEPARATION_ARGMAX, v1::STATE_SPACE_UNSPECIFIED, v1::SIMILARITY_COSINE),
      Make("bits-exp", v1::SEPARATION_EXP, v1::STATE_SPACE_BINARY),
      Make("bits-rectified", v1::SEPARATION_RECTIFIED, v1::STATE_SPACE_BINARY,
           v1::SIMILARITY_UNSPECIFIED, 6),
  };
}

class DenseKindsTest : public ::testing::Test {
 protected:
  DenseKindsTest() {
    RecordProperty("seed", std::to_string(kSeed));
    Start();
  }
  void Start() {
    daemon_ = Daemon::Mnemed(MNEMED_PATH, directory_.path());
    stub_ = v1::MemoryService::NewStub(daemon_->Connect());
  }
  grpc::Status Create(const std::string& id, const v1::DenseSpec& spec, int dim = kDim,
                      int response_dim = 0) {
    v1::CreateMemoryRequest request;
    request.set_memory_id(id);
    request.mutable_memory()->set_key_dim(dim);
    request.mutable_memory()->set_response_dim(response_dim);
    *request.mutable_memory()->mutable_dense() = spec;
    v1::Memory memory;
    return MNEME_CALL(stub_, CreateMemory, request, &memory);
  }
  grpc::Status Store(const std::string& id, const std::vector<float>& keys, int dim = kDim) {
    v1::StoreRequest request;
    request.set_memory("memories/" + id);
    SetMatrix(keys, dim, request.mutable_keys());
    for (size_t i = 0; i < keys.size() / dim; ++i) request.add_ids()->set_number(i + 1);
    v1::StoreResponse response;
    return MNEME_CALL(stub_, Store, request, &response);
  }
  v1::RetrieveResponse Recall(const std::string& id, const std::vector<float>& cues,
                              int dim = kDim) {
    v1::RetrieveRequest request;
    request.set_memory("memories/" + id);
    request.set_top(1);
    SetMatrix(cues, dim, request.mutable_cues());
    v1::RetrieveResponse response;
    const grpc::Status status = MNEME_CALL(stub_, Retrieve, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  v1::Memory Describe(const std::string& id) {
    v1::GetMemoryRequest request;
    request.set_name("memories/" + id);
    v1::Memory memory;
    const grpc::Status status = MNEME_CALL(stub_, GetMemory, request, &memory);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return memory;
  }

  const TemporaryDirectory directory_;
  std::unique_ptr<Daemon> daemon_;
  std::unique_ptr<v1::MemoryService::Stub> stub_;
};

std::vector<float> Keys(bool binary) {
  std::vector<float> keys = UnitRows(kSeed, kRows, kDim);
  for (float& x : keys) x = !binary ? x : x < 0 ? -1.0f : 1.0f;
  return keys;
}

// The first keys, two numbers of each turned round.
std::vector<float> Damaged(std::vector<float> keys) {
  keys.resize(kCues * kDim);
  for (int i = 0; i < kCues; ++i) {
    for (const int j : {i, i + 9}) keys[i * kDim + j] *= -1;
  }
  return keys;
}

TEST_F(DenseKindsTest, EachRecallsTheSameAfterAKill) {
  std::vector<std::string> recalls, specs;
  for (const Kind& kind : AllKinds()) {
    SCOPED_TRACE(kind.name);
    ASSERT_TRUE(Create(kind.name, kind.spec).ok());
    const std::vector<float> keys = Keys(kind.binary());
    ASSERT_TRUE(Store(kind.name, keys).ok());
    // Under relu some damage is beyond the radius: whole keys are inside.
    const bool whole = kind.spec.separation() == v1::SEPARATION_RELU;
    std::vector<float> cues = whole ? keys : Damaged(keys);
    cues.resize(kCues * kDim);
    const v1::RetrieveResponse answer = Recall(kind.name, cues);
    ASSERT_EQ(answer.results_size(), kCues);
    for (int i = 0; i < kCues; ++i) {
      ASSERT_EQ(answer.results(i).top_size(), 1);
      EXPECT_EQ(answer.results(i).top(0).id().number(), i + 1);
    }
    if (whole || kind.binary() || kind.spec.separation() == v1::SEPARATION_ARGMAX) {
      EXPECT_EQ(answer.recalls().data(),
                std::string(reinterpret_cast<const char*>(keys.data()), kCues * kDim * 4));
    }
    recalls.push_back(answer.recalls().data());
    const v1::Memory memory = Describe(kind.name);
    specs.push_back(memory.dense().SerializeAsString());
    EXPECT_NE(memory.dense().separation(), v1::SEPARATION_UNSPECIFIED);
    EXPECT_NE(memory.dense().state(), v1::STATE_SPACE_UNSPECIFIED);
    EXPECT_NE(memory.dense().similarity(), v1::SIMILARITY_UNSPECIFIED);
  }
  daemon_->Stop(SIGKILL);
  Start();
  size_t at = 0;
  for (const Kind& kind : AllKinds()) {
    SCOPED_TRACE(kind.name);
    const std::vector<float> keys = Keys(kind.binary());
    std::vector<float> cues = kind.spec.separation() == v1::SEPARATION_RELU ? keys : Damaged(keys);
    cues.resize(kCues * kDim);
    EXPECT_EQ(Recall(kind.name, cues).recalls().data(), recalls[at]);
    EXPECT_EQ(Describe(kind.name).dense().SerializeAsString(), specs[at]);
    ++at;
  }
}

TEST_F(DenseKindsTest, NoneOfTheseIsSaidAndAPolicyNamesItself) {
  for (const v1::NoSupportPolicy policy :
       {v1::NO_SUPPORT_POLICY_UNSPECIFIED, v1::NO_SUPPORT_POLICY_NEAREST,
        v1::NO_SUPPORT_POLICY_BLEND, v1::NO_SUPPORT_POLICY_WIDEN}) {
    SCOPED_TRACE(v1::NoSupportPolicy_Name(policy));
    v1::DenseSpec spec;
    spec.set_separation(v1::SEPARATION_RELU);
    spec.set_no_support(policy);
    spec.set_radius(1);
    const std::string id = "m" + std::to_string(policy);
    ASSERT_TRUE(Create(id, spec, 2).ok());
    ASSERT_TRUE(Store(id, {0, 0, 10, 0}, 2).ok());
    const v1::RetrieveResponse answer = Recall(id, {2, 0, 0.5f, 0}, 2);
    const v1::CueResult& outside = answer.results(0);
    const bool reports = policy == v1::NO_SUPPORT_POLICY_UNSPECIFIED;
    EXPECT_EQ(outside.status(),
              reports ? v1::ANSWER_STATUS_NO_SUPPORT : v1::ANSWER_STATUS_CONVERGED);
    EXPECT_EQ(outside.answered_by(), policy);
    EXPECT_EQ(outside.n_support(), reports ? 0u : 1u);
    EXPECT_DOUBLE_EQ(outside.radius(), policy == v1::NO_SUPPORT_POLICY_WIDEN ? 4 : 1);
    const v1::CueResult& inside = answer.results(1);
    EXPECT_EQ(inside.status(), v1::ANSWER_STATUS_CONVERGED);
    EXPECT_EQ(inside.answered_by(), v1::NO_SUPPORT_POLICY_UNSPECIFIED);
    EXPECT_EQ(inside.n_support(), 1u);
    const v1::MemoryState state = Describe(id).state();
    EXPECT_DOUBLE_EQ(state.radius(), 1);
    EXPECT_EQ(state.shadowed_count(), 0u);
    EXPECT_EQ(state.shadowed_items(), 2u);
  }
}

TEST_F(DenseKindsTest, ShadowedItemsAreCounted) {
  v1::DenseSpec spec;
  spec.set_separation(v1::SEPARATION_RELU);
  spec.set_radius(1);
  ASSERT_TRUE(Create("m", spec, 2).ok());
  ASSERT_TRUE(Store("m", {0, 0, 0.5f, 0, 10, 0}, 2).ok());
  EXPECT_EQ(Describe("m").state().shadowed_count(), 2u);
}

TEST_F(DenseKindsTest, WhatDoesNotGoTogetherIsRefusedByName) {
  const auto refused = [&](const v1::DenseSpec& spec) {
    const ErrorParts error = Unpack(Create("m", spec));
    EXPECT_EQ(error.code, grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(error.reason, "SPEC");
    EXPECT_FALSE(error.next_step.empty());
    return error.given;
  };
  Kind kind = Make("", v1::SEPARATION_RELU, v1::STATE_SPACE_FREE, v1::SIMILARITY_COSINE);
  EXPECT_EQ(refused(kind.spec), "similarity=COSINE");
  kind = Make("", v1::SEPARATION_POWER, v1::STATE_SPACE_UNSPECIFIED, v1::SIMILARITY_L2);
  EXPECT_EQ(refused(kind.spec), "similarity=L2");
  kind = Make("", v1::SEPARATION_POWER, v1::STATE_SPACE_UNSPECIFIED, v1::SIMILARITY_UNSPECIFIED,
              4'000'000'000);
  EXPECT_THAT(refused(kind.spec), HasSubstr("power="));
  kind = Make("", v1::SEPARATION_RELU);
  kind.spec.mutable_index();
  EXPECT_EQ(refused(kind.spec), "index=given");
  kind = Make("", v1::SEPARATION_EXP);
  kind.spec.set_no_support(v1::NO_SUPPORT_POLICY_WIDEN);
  EXPECT_EQ(refused(kind.spec), "no_support=WIDEN");
  kind.spec.set_separation(static_cast<v1::Separation>(99));
  EXPECT_EQ(Unpack(Create("m", kind.spec)).code, grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(DenseKindsTest, BitsAreOneAndMinusOne) {
  ASSERT_TRUE(Create("m", Make("", v1::SEPARATION_EXP, v1::STATE_SPACE_BINARY).spec, 4).ok());
  const ErrorParts error = Unpack(Store("m", {1, -1, 1, -1, 1, 0, 1, -1}, 4));
  EXPECT_EQ(error.code, grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(error.reason, "NOT_BINARY");
  EXPECT_EQ(Describe("m").state().item_count(), 0u);
  ASSERT_TRUE(Store("m", {1, -1, 1, -1}, 4).ok());
  v1::RetrieveRequest request;
  request.set_memory("memories/m");
  SetMatrix({1, -1, 0.5f, -1}, 4, request.mutable_cues());
  v1::RetrieveResponse response;
  EXPECT_EQ(Unpack(MNEME_CALL(stub_, Retrieve, request, &response)).reason, "NOT_BINARY");
}

}  // namespace
}  // namespace mneme::test
