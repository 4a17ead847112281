// A node's runner beside a neighbour whose streams the test makes up: when it is dialled, what is
// said of the link.
#include "server/peer/federation_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "core/base/mutex.h"
#include "core/federation/planner.h"
#include "tests/unit/core/engine/engine_fixture.h"

namespace mneme::server {
namespace {

namespace fed = mneme::federation;

constexpr std::chrono::seconds kPatience{60};  // longer is a failure
constexpr std::chrono::milliseconds kRound{50};
constexpr size_t kDim = 2;

// One end of a stream that leads nowhere. Like the real one it says that it is down once, also
// where the runner closes it.
class FakeStream final : public PeerStream {
 public:
  explicit FakeStream(PeerCallbacks callbacks) : callbacks_(std::move(callbacks)) {}

  void Send(fed::Frame) override {
    MutexLock lock(&mutex_);
    ++sent_;
  }
  void Next() override {}
  void Close(const std::string& reason) override {
    {
      MutexLock lock(&mutex_);
      if (std::exchange(down_, true)) return;
    }
    callbacks_.down(reason);
  }
  uint64_t bytes_sent() const override { return kBytes; }

  // What the neighbour does.
  void Answer() { callbacks_.up(); }
  void Say(fed::Frame frame) { callbacks_.frame(std::move(frame)); }
  size_t sent() const {
    MutexLock lock(&mutex_);
    return sent_;
  }

  static constexpr uint64_t kBytes = 100;

 private:
  const PeerCallbacks callbacks_;
  mutable Mutex mutex_;
  bool down_ ABSL_GUARDED_BY(mutex_) = false;
  size_t sent_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Node a, which opens the streams to its neighbour b.
class FederationRunnerTest : public engine::EngineTest {
 protected:
  FederationRunnerTest() {
    EXPECT_TRUE(Create("m", engine::LinearSpecOf(kDim, kDim, models::LinearRule::kFederated)).ok());
  }

  // `dialled` is what the neighbour makes of each stream, before the runner has it in hand.
  void Start(std::function<void(FakeStream&)> dialled) {
    fed::PlanInput input{.spec = Spec()};
    input.nodes = {{.name = "a", .address = "x:1"}, {.name = "b", .address = "x:2"}};
    input.links = {{.a = "a", .b = "b"}};
    for (const char* root : {"a", "b"}) {
      for (const char* node : {"a", "b"})
        input.interest.push_back({.root = root, .node = node, .weight = 1});
    }
    absl::StatusOr<fed::Plan> plan = fed::MakePlan(input, {});
    ASSERT_TRUE(plan.ok()) << plan.status();
    RunnerOptions options{.federation = "f",
                          .node = "a",
                          .memory = "m",
                          .spec = plan->spec,
                          .incarnation_least = IncarnationByTime(clock_),
                          .round = kRound};
    options.dial = [this, dialled](const fed::PlanNode&, FrameLimits, PeerCallbacks callbacks) {
      auto stream = std::make_shared<FakeStream>(std::move(callbacks));
      dialled(*stream);
      MutexLock lock(&mutex_);
      stream_ = stream;
      ++dials_;
      return stream;
    };
    runner_ = std::make_unique<FederationRunner>(*engine_, clock_, std::move(options));
    runner_->SetPlan(std::make_shared<const fed::Plan>(*std::move(plan)));
    PassTwoRounds();
    ASSERT_EQ(runner_->Status().waiting_for, "");
  }
  ~FederationRunnerTest() override { runner_.reset(); }

  static fed::Spec Spec() {
    fed::Spec spec{.d_k = kDim, .d_v = kDim};
    spec.privacy = {.min_contributors = 1, .min_items = 1};
    return spec;
  }
  // The neighbour's first frame, where the federation is another one to it.
  static fed::Frame HelloOfAnotherSpec(const Clock& clock) {
    return {.header = {.epoch = 1, .sender = 1, .incarnation = IncarnationByTime(clock)},
            .body = fed::Hello{.spec_hash = fed::Hash(Spec()) + 1, .wants_reply = true}};
  }

  // The node ends another round.
  void PassRound() {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    const uint64_t before = runner_->Status().node.round;
    clock_.Advance(std::chrono::nanoseconds(kRound).count());
    while (runner_->Status().node.round == before) {
      ASSERT_LT(std::chrono::steady_clock::now(), end) << "no round ended";
      std::this_thread::yield();
    }
  }
  // What came so far it has taken before the second.
  void PassTwoRounds() {
    PassRound();
    PassRound();
  }
  size_t dials() {
    MutexLock lock(&mutex_);
    return dials_;
  }
  std::shared_ptr<FakeStream> stream() {
    MutexLock lock(&mutex_);
    return stream_;
  }
  bool Linked() {
    const RunnerStatus status = runner_->Status();
    EXPECT_EQ(status.node.edges.size(), 1u);
    return status.node.edges.size() == 1 && status.node.edges[0].up;
  }

  Mutex mutex_;
  size_t dials_ ABSL_GUARDED_BY(mutex_) = 0;
  std::shared_ptr<FakeStream> stream_ ABSL_GUARDED_BY(mutex_);  // the newest
  std::unique_ptr<FederationRunner> runner_;
};

TEST_F(FederationRunnerTest, IsNotLinkedToANeighbourThatCannotBeReached) {
  // It is down before the dialler has returned.
  Start([](FakeStream& stream) { stream.Close("connection refused"); });
  while (dials() < 3) {
    PassRound();
    EXPECT_FALSE(Linked()) << "after " << dials() << " dials";
  }
  EXPECT_EQ(runner_->Status().node.edges[0].sent.frames, 0u);
  EXPECT_EQ(runner_->Status().links["b"].closed_reason, "connection refused");
}

TEST_F(FederationRunnerTest, WhatAPeerSaysOfAnEndIsShownAsShortText) {
  Start([](FakeStream& stream) { stream.Close("\x1b[2J\xff" + std::string(10'000, 'x')); });
  PassTwoRounds();
  const std::string reason = runner_->Status().links["b"].closed_reason;
  EXPECT_EQ(reason, "?[2J?" + std::string(507, 'x'));
}

TEST_F(FederationRunnerTest, IsLinkedOnceTheNeighbourHasAnswered) {
  Start([](FakeStream&) {});
  PassTwoRounds();
  ASSERT_EQ(dials(), 1u);
  EXPECT_FALSE(Linked()) << "a stream that was opened may lead nowhere";
  EXPECT_EQ(stream()->sent(), 0u);
  stream()->Answer();
  PassTwoRounds();
  EXPECT_TRUE(Linked());
  EXPECT_GE(stream()->sent(), 1u);  // its hello
  // An answer that comes behind the end is none.
  stream()->Close("the peer is gone");
  stream()->Answer();
  PassTwoRounds();
  EXPECT_FALSE(Linked());
}

TEST_F(FederationRunnerTest,
       ANeighbourOfAnotherSpecIsDialledAgainAfterThePauseAndItsBytesStayCounted) {
  Start([this](FakeStream& stream) {
    stream.Answer();
    stream.Say(HelloOfAnotherSpec(clock_));
  });
  constexpr int kRounds = 60;
  uint64_t bytes = 0;
  for (int round = 0; round < kRounds; ++round) {
    PassRound();
    const uint64_t now = runner_->Status().links["b"].wire_bytes_sent;
    EXPECT_GE(now, bytes) << "the counter fell in round " << round;
    bytes = now;
  }
  PassTwoRounds();
  EXPECT_FALSE(Linked());
  EXPECT_GE(dials(), 2u);
  EXPECT_LE(dials(), 2 + kRounds * kRound / kRedialPause);
  EXPECT_EQ(runner_->Status().links["b"].wire_bytes_sent, dials() * FakeStream::kBytes);
}

}  // namespace
}  // namespace mneme::server
