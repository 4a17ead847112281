// Streams of frames between two ends, over a real connection.
#include "server/peer/peer_stream.h"

#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "core/base/mutex.h"
#include "core/base/status.h"

namespace mneme::server {
namespace {

namespace fed = mneme::federation;

constexpr std::chrono::seconds kPatience{60};  // longer is a failure
constexpr size_t kPiece = 1'000;

// What one end was given.
struct End {
  PeerCallbacks Callbacks() {
    return {.frame =
                [this](absl::StatusOr<fed::Frame> frame) {
                  MutexLock lock(&mutex);
                  frames.push_back(std::move(frame));
                  changed.NotifyAll();
                },
            .up =
                [this] {
                  MutexLock lock(&mutex);
                  is_up = true;
                  changed.NotifyAll();
                },
            .down =
                [this](const std::string& reason) {
                  MutexLock lock(&mutex);
                  is_down = true;
                  why = reason;
                  changed.NotifyAll();
                }};
  }
  // The next frame that came, after waiting for it.
  absl::StatusOr<fed::Frame> Take() {
    MutexLock lock(&mutex);
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (frames.empty() && !is_down && std::chrono::steady_clock::now() < end)
      changed.WaitFor(&mutex, kPatience);
    if (frames.empty()) return Unavailable("no frame came", {.reason = "TEST"});
    absl::StatusOr<fed::Frame> first = std::move(frames.front());
    frames.pop_front();
    return first;
  }
  bool AwaitUp() {
    MutexLock lock(&mutex);
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!is_up && std::chrono::steady_clock::now() < end) changed.WaitFor(&mutex, kPatience);
    return is_up;
  }
  bool AwaitDown() {
    MutexLock lock(&mutex);
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!is_down && std::chrono::steady_clock::now() < end) changed.WaitFor(&mutex, kPatience);
    return is_down;
  }
  Mutex mutex;
  CondVar changed;
  std::deque<absl::StatusOr<fed::Frame>> frames ABSL_GUARDED_BY(mutex);
  bool is_up ABSL_GUARDED_BY(mutex) = false;
  bool is_down ABSL_GUARDED_BY(mutex) = false;
  std::string why ABSL_GUARDED_BY(mutex);  // it is down
};

class Service final : public v1::PeerService::CallbackService {
 public:
  Service(FrameLimits limits, End& end) : limits_(limits), end_(end) {}
  grpc::ServerBidiReactor<v1::PeerFrame, v1::PeerFrame>* Exchange(
      grpc::CallbackServerContext*) override {
    AcceptedStream accepted = AcceptPeerStream(limits_, end_.Callbacks());
    MutexLock lock(&mutex_);
    stream_ = accepted.stream;
    opened_.NotifyAll();
    return accepted.reactor;
  }
  std::shared_ptr<PeerStream> stream() {
    MutexLock lock(&mutex_);
    if (stream_ == nullptr) opened_.WaitFor(&mutex_, kPatience);
    return stream_;
  }

 private:
  const FrameLimits limits_;
  End& end_;
  Mutex mutex_;
  CondVar opened_;
  std::shared_ptr<PeerStream> stream_ ABSL_GUARDED_BY(mutex_);
};

class PeerStreamTest : public ::testing::Test {
 protected:
  static constexpr FrameLimits kLimits{.frame_bytes_max = 1u << 20, .piece_bytes = kPiece};

  void Open(FrameLimits opener = kLimits, FrameLimits taker = kLimits) {
    service_ = std::make_unique<Service>(taker, there_);
    grpc::ServerBuilder builder;
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    stub_ = v1::PeerService::NewStub(server_->InProcessChannel({}));
    mine_ = OpenPeerStream(*stub_, "f", "a", opener, here_.Callbacks());
    mine_->Next();
    yours_ = service_->stream();
    ASSERT_NE(yours_, nullptr);
  }
  ~PeerStreamTest() override {
    if (mine_ != nullptr) mine_->Close("the test ends");
    if (yours_ != nullptr) yours_->Close("the test ends");
    if (server_ != nullptr) server_->Shutdown();
  }
  static fed::Frame Memory(uint64_t seq, size_t numbers, uint64_t tag = 0) {
    fed::ParamDown down{.root = 1, .tag = tag, .base_tag = tag};
    down.memory =
        fed::Pack(std::vector<float>(numbers, static_cast<float>(seq)), fed::WireType::kFloat32);
    return {.header = {.epoch = 1, .incarnation = 2, .edge_seq = seq}, .body = std::move(down)};
  }

  End here_, there_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::PeerService::Stub> stub_;
  std::shared_ptr<PeerStream> mine_, yours_;
};

TEST_F(PeerStreamTest, LongFramesGoInPiecesBothWaysAndComeInOrder) {
  Open();
  for (const uint64_t seq : {1, 2, 3}) {
    mine_->Send(Memory(seq, seq * 3'333));
    yours_->Send(Memory(seq, seq * 10));
  }
  mine_->Send({.header = {.edge_seq = 0}, .body = fed::Ack{}});
  for (const uint64_t seq : {1, 2, 3}) {
    yours_->Next();
    EXPECT_EQ(*there_.Take(), Memory(seq, seq * 3'333));
    EXPECT_EQ(*here_.Take(), Memory(seq, seq * 10));
    mine_->Next();
  }
  yours_->Next();
  EXPECT_TRUE(std::holds_alternative<fed::Ack>(there_.Take()->body));
  EXPECT_GT(mine_->bytes_sent(), 6 * 3'333 * sizeof(float));
}

TEST_F(PeerStreamTest, AFrameLongerThanThoseOfTheFederationIsRefused) {
  Open(kLimits, {.frame_bytes_max = 10'000, .piece_bytes = kPiece});
  mine_->Send(Memory(1, 2'500));
  mine_->Send(Memory(2, 2'501));
  yours_->Next();
  EXPECT_TRUE(there_.Take().ok());
  yours_->Next();
  const auto refused = there_.Take();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(GetErrorDetail(refused.status())->reason, "FRAME");
}

TEST_F(PeerStreamTest, WhatIsSentAgainTakesThePlaceOfWhatStillWaits) {
  Open();
  // Far more than a connection takes without a reader, so that what is behind it waits.
  mine_->Send(Memory(1, 200'000));
  mine_->Send(Memory(2, 10, 5));
  mine_->Send(Memory(2, 10, 6));
  mine_->Send(Memory(3, 10));
  yours_->Next();
  EXPECT_TRUE(there_.Take().ok());
  std::vector<uint64_t> tags, seqs;
  for (int i = 0; i < 2; ++i) {
    yours_->Next();
    const auto frame = there_.Take();
    ASSERT_TRUE(frame.ok());
    seqs.push_back(frame->header.edge_seq);
    tags.push_back(std::get<fed::ParamDown>(frame->body).tag);
  }
  EXPECT_EQ(seqs, (std::vector<uint64_t>{2, 3}));
  EXPECT_EQ(tags[0], 6U);
}

TEST_F(PeerStreamTest, AStreamThatEndsInTheMiddleOfAFrameGivesNothingOfIt) {
  Open();
  mine_->Send(Memory(1, 200'000));
  yours_->Next();
  mine_->Close("enough");
  EXPECT_TRUE(there_.AwaitDown());
  MutexLock lock(&there_.mutex);
  for (const auto& frame : there_.frames) EXPECT_EQ(*frame, Memory(1, 200'000)) << "whole";
}

TEST_F(PeerStreamTest, BothEndsAreUpBeforeAnythingIsSaidAndHearWhyItEnded) {
  Open();
  EXPECT_TRUE(here_.AwaitUp());
  EXPECT_TRUE(there_.AwaitUp());
  yours_->Send(Memory(1, 10));
  EXPECT_TRUE(here_.Take().ok());
  mine_->Next();
  yours_->Close("another spec");
  ASSERT_TRUE(here_.AwaitDown());
  MutexLock lock(&here_.mutex);
  EXPECT_EQ(here_.why, "another spec");
}

TEST_F(PeerStreamTest, OfAPeerThatIsNotThereOnlyTheEndIsHeard) {
  const auto stub = v1::PeerService::NewStub(
      grpc::CreateChannel("unix:no-such-socket", grpc::InsecureChannelCredentials()));
  mine_ = OpenPeerStream(*stub, "f", "a", kLimits, here_.Callbacks());
  ASSERT_TRUE(here_.AwaitDown());
  MutexLock lock(&here_.mutex);
  EXPECT_FALSE(here_.is_up);
  EXPECT_NE(here_.why, "");
}

TEST_F(PeerStreamTest, OneThatIsRefusedHearsWhy) {
  class Refusing final : public v1::PeerService::CallbackService {
    grpc::ServerBidiReactor<v1::PeerFrame, v1::PeerFrame>* Exchange(
        grpc::CallbackServerContext*) override {
      return RefusePeerStream(Unavailable("no plan yet", {.reason = "NO_PLAN"}));
    }
  } refusing;
  grpc::ServerBuilder builder;
  builder.RegisterService(&refusing);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  const auto stub = v1::PeerService::NewStub(server->InProcessChannel({}));
  mine_ = OpenPeerStream(*stub, "f", "a", kLimits, here_.Callbacks());
  mine_->Next();
  ASSERT_TRUE(here_.AwaitDown());
  server->Shutdown();
  MutexLock lock(&here_.mutex);
  EXPECT_EQ(here_.why, "no plan yet");
}

}  // namespace
}  // namespace mneme::server
