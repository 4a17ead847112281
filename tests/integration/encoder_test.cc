// Encoders over the wire: a training beside serving, what it says of itself, and that it is kept.
#include <signal.h>

#include <string>
#include <vector>

#include "google/longrunning/operations.grpc.pb.h"
#include "gtest/gtest.h"
#include "tests/integration/live.h"

namespace mneme::test {
namespace {

using google::longrunning::Operation;

constexpr int kDim = 16;
constexpr int kRows = 200;
constexpr uint64_t kSeed = 23;

// Keys that share most of what they are.
std::vector<float> Keys() {
  std::vector<float> keys = UnitRows(kSeed, kRows, kDim);
  for (size_t i = 0; i < keys.size(); ++i) keys[i] = 0.3f * keys[i] + (i % 2 == 0 ? 1.0f : -0.5f);
  return keys;
}

class EncoderTest : public ::testing::Test {
 protected:
  EncoderTest() {
    RecordProperty("seed", std::to_string(kSeed));
    Start();
  }
  void Start() {
    daemon_ = Daemon::Mnemed(MNEMED_PATH, directory_.path());
    const auto channel = daemon_->Connect();
    stub_ = v1::MemoryService::NewStub(channel);
    operations_ = google::longrunning::Operations::NewStub(channel);
  }
  grpc::Status Create(v1::Encoder encoder) {
    v1::CreateMemoryRequest request;
    request.set_memory_id("m");
    request.mutable_memory()->set_key_dim(kDim);
    request.mutable_memory()->mutable_dense()->set_encoder(encoder);
    v1::Memory memory;
    return MNEME_CALL(stub_, CreateMemory, request, &memory);
  }
  void Store() {
    v1::StoreRequest request;
    request.set_memory("memories/m");
    SetMatrix(Keys(), kDim, request.mutable_keys());
    v1::StoreResponse response;
    ASSERT_TRUE(MNEME_CALL(stub_, Store, request, &response).ok());
  }
  Operation Train(const v1::TrainRequest& request) {
    Operation operation;
    const grpc::Status status = MNEME_CALL(stub_, Train, request, &operation);
    EXPECT_TRUE(status.ok()) << status.error_message();
    google::longrunning::WaitOperationRequest wait;
    wait.set_name(operation.name());
    while (!operation.done()) {
      if (!MNEME_CALL(operations_, WaitOperation, wait, &operation).ok()) break;
    }
    return operation;
  }
  static v1::TrainRequest NoiseAware() {
    v1::TrainRequest request;
    request.set_memory("memories/m");
    request.set_objective(v1::ENCODER_OBJECTIVE_NOISE_AWARE);
    request.set_cue_noise(0.05);
    request.set_steps_max(60);
    return request;
  }
  std::string Recall() {
    v1::RetrieveRequest request;
    request.set_memory("memories/m");
    std::vector<float> cues = Keys();
    cues.resize(8 * kDim);
    for (float& x : cues) x += 0.01f;
    SetMatrix(cues, kDim, request.mutable_cues());
    v1::RetrieveResponse response;
    EXPECT_TRUE(MNEME_CALL(stub_, Retrieve, request, &response).ok());
    return response.recalls().data();
  }
  v1::Memory Describe() {
    v1::GetMemoryRequest request;
    request.set_name("memories/m");
    v1::Memory memory;
    EXPECT_TRUE(MNEME_CALL(stub_, GetMemory, request, &memory).ok());
    return memory;
  }

  const TemporaryDirectory directory_;
  std::unique_ptr<Daemon> daemon_;
  std::unique_ptr<v1::MemoryService::Stub> stub_;
  std::unique_ptr<google::longrunning::Operations::Stub> operations_;
};

TEST_F(EncoderTest, IsLearnedServedAndKeptOverAKill) {
  ASSERT_TRUE(Create(v1::ENCODER_LINEAR).ok());
  Store();
  EXPECT_EQ(Describe().dense().similarity(), v1::SIMILARITY_COSINE);
  EXPECT_FALSE(Describe().state().has_encoder());
  const std::string before = Recall();
  const Operation ended = Train(NoiseAware());
  v1::TrainResponse trained;
  ASSERT_TRUE(ended.response().UnpackTo(&trained)) << ended.error().message();
  const v1::EncoderState& encoder = trained.memory().state().encoder();
  EXPECT_EQ(encoder.objective(), v1::ENCODER_OBJECTIVE_NOISE_AWARE);
  EXPECT_EQ(encoder.items(), static_cast<uint64_t>(kRows));
  EXPECT_EQ(encoder.cue_noise(), 0.05);
  EXPECT_GE(encoder.kept().top1(), encoder.start().top1());
  EXPECT_EQ("operations/" + encoder.epoch().job(), ended.name());
  const std::string after = Recall();
  EXPECT_NE(after, before);
  daemon_->Stop(SIGKILL);
  Start();
  EXPECT_EQ(Recall(), after);
  EXPECT_EQ(Describe().state().encoder().SerializeAsString(), encoder.SerializeAsString());
}

TEST_F(EncoderTest, WhatATrainingDoesNotTakeIsRefused) {
  ASSERT_TRUE(Create(v1::ENCODER_CENTRE).ok());
  Store();
  const auto reason = [&](const v1::TrainRequest& request) {
    Operation operation;
    const ErrorParts error = Unpack(MNEME_CALL(stub_, Train, request, &operation));
    EXPECT_EQ(error.code, grpc::StatusCode::INVALID_ARGUMENT);
    return error.given;
  };
  EXPECT_EQ(reason(NoiseAware()), "objective=NOISE_AWARE");
  v1::TrainRequest request;
  request.set_memory("memories/m");
  request.set_list_size(5);
  EXPECT_EQ(reason(request), "a field of linear memories");
  request.clear_list_size();
  request.set_cue_noise(-1);
  EXPECT_EQ(reason(request), "cue_noise=-1");
  request.set_cue_noise(0);
  v1::TrainResponse trained;
  ASSERT_TRUE(Train(request).response().UnpackTo(&trained));
  EXPECT_EQ(trained.memory().state().encoder().objective(), v1::ENCODER_OBJECTIVE_CENTRE);
}

}  // namespace
}  // namespace mneme::test
