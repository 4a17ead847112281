#include "core/federation/memory_changes.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "core/base/random.h"
#include "gtest/gtest.h"
#include "tests/unit/core/federation/federated.h"

namespace mneme::federation {
namespace {

constexpr size_t kRows = 8;
constexpr size_t kColumns = 6;
constexpr size_t kRankMax = 3;  // 4 * 14 is more than 48
constexpr uint64_t kSeed = 11;

GradientSum Gradient(size_t rank, Random& random) {
  std::vector<float> errors(rank * kRows);
  std::vector<float> keys(rank * kColumns);
  random.FillGaussian(std::span<float>(errors));
  random.FillGaussian(std::span<float>(keys));
  GradientSum out(kRows, kColumns);
  out.AddFactors(errors, keys, true);
  return out;
}

// memory = scale memory + factor gradient.
void Step(float scale, float factor, const GradientSum& gradient, std::vector<float>& memory) {
  for (float& value : memory) value *= scale;
  gradient.AddTo(factor, memory);
}

void ExpectNear(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-5) << i;
}

TEST(MemoryChanges, LeadFromEachMemoryToTheNewest) {
  Random random(kSeed);
  MemoryChanges changes(kRows, kColumns);
  std::vector<float> memory(kRows * kColumns, 1);
  changes.Restart(4);
  std::vector<std::vector<float>> history = {memory};
  for (uint64_t round = 5; round <= 7; ++round) {
    const GradientSum gradient = Gradient(1, random);
    const float scale = round == 6 ? 0.5F : 1;
    Step(scale, -0.1F, gradient, memory);
    changes.AddStep(scale, -0.1F, gradient, WireType::kFloat32);
    changes.Seal(round);
    history.push_back(memory);
  }
  EXPECT_EQ(changes.newest(), 7U);
  for (uint64_t from = 4; from < 7; ++from) {
    const auto change = changes.Since(from);
    ASSERT_TRUE(change.has_value()) << from;
    EXPECT_EQ(change->rank(), 7 - from);
    EXPECT_TRUE(IsChange(*change, kRows, kColumns));
    std::vector<float> there = history[from - 4];
    ApplyChange(*change, kRows, kColumns, there);
    ExpectNear(there, memory);
  }
  EXPECT_EQ(changes.Since(4)->steps.size(), 2U) << "steps that scale nothing join";
  EXPECT_FALSE(changes.Since(3).has_value());
  EXPECT_FALSE(changes.Since(7).has_value()) << "no change";
  // One more is no smaller than a memory: the oldest goes.
  changes.AddStep(1, 1, Gradient(1, random), WireType::kFloat32);
  changes.Seal(9);
  EXPECT_FALSE(changes.Since(4).has_value());
  EXPECT_EQ(changes.Since(5)->rank(), kRankMax);
}

TEST(MemoryChanges, ThoseThatWereNoFactorsAreForgottenWithAllBefore) {
  Random random(kSeed);
  MemoryChanges changes(kRows, kColumns);
  changes.Restart(1);
  changes.AddStep(1, 1, Gradient(1, random), WireType::kFloat32);
  changes.Seal(2);
  GradientSum dense(kRows, kColumns);
  dense.AddDense(std::vector<float>(kRows * kColumns, 1));
  changes.AddStep(1, 1, dense, WireType::kFloat32);
  changes.AddStep(1, 1, Gradient(1, random), WireType::kFloat32);
  changes.Seal(3);
  EXPECT_FALSE(changes.Since(1).has_value());
  EXPECT_FALSE(changes.Since(2).has_value());
  EXPECT_EQ(changes.start(), 3U);
  changes.AddStep(1, 1, Gradient(1, random), WireType::kFloat32);
  changes.Seal(4);
  EXPECT_TRUE(changes.Since(3).has_value());
  changes.Seal(5);
  EXPECT_FALSE(changes.Since(3).has_value()) << "it moved without a step";
}

TEST(MemoryChanges, OneThatAnotherNodeSentIsPassedOnAsItCame) {
  Random random(kSeed);
  MemoryChanges root(kRows, kColumns);
  root.Restart(0);
  root.AddStep(0.25F, -1, Gradient(2, random), WireType::kBfloat16);
  root.Seal(1);
  MemoryChanges relay(kRows, kColumns);
  relay.Restart(0);
  relay.Add(1, *root.Since(0));
  EXPECT_EQ(relay.Since(0), root.Since(0));
}

TEST(MemoryChanges, StepsGoDownAsFactorsToThoseWhoHaveWhatTheyBeganWith) {
  Spec spec = SmallSpec();
  spec.wire.compression = Compression::kLowRank;
  spec.decay = 0.1;
  Driven a("a", spec);
  Driven b("b", spec);
  a.Plan(LinePlan(spec));
  b.Plan(LinePlan(spec));
  Peer to_a = Greet(a, "b", 1, spec);
  Peer to_b = Greet(b, "a", 0, spec);
  Peer to_c = Greet(b, "c", 2, spec);
  a.Handle(a.ItemAt(0, 0));
  const auto first = SentTo<ParamDown>(a.Handle(Tick{}), "b");
  ASSERT_EQ(first.size(), 1U);
  // b has heard of no memory yet: it asks for the whole.
  ASSERT_EQ(first[0].change.steps.size(), 1U) << "of the memory of tag 0, sent when they met";
  const auto asks =
      SentTo<Nack>(b.Handle(FrameIn{.peer = "a", .frame = to_b.Counted(first[0])}), "a");
  ASSERT_EQ(asks.size(), 1U);
  EXPECT_EQ(asks[0].code, NackCode::kMissingBase);
  const auto whole =
      SentTo<ParamDown>(a.Handle(FrameIn{.peer = "b", .frame = to_a.Plain(asks[0])}), "b");
  ASSERT_EQ(whole.size(), 1U);
  EXPECT_TRUE(whole[0].change.steps.empty());
  const auto passed =
      SentTo<ParamDown>(b.Handle(FrameIn{.peer = "a", .frame = to_b.Counted(whole[0])}), "c");
  ASSERT_EQ(passed.size(), 1U);
  EXPECT_EQ(passed[0].memory, whole[0].memory);
  a.Handle(a.ItemAt(1, 1));
  const auto change = SentTo<ParamDown>(a.Handle(Tick{}), "b");
  ASSERT_EQ(change.size(), 1U);
  ASSERT_EQ(change[0].change.steps.size(), 1U);
  EXPECT_LT(change[0].change.steps[0].scale, 1) << "decay";
  EXPECT_TRUE(change[0].memory.bytes.empty());
  // The relay passes on what came; asked for the whole, it has it.
  const auto relayed =
      SentTo<ParamDown>(b.Handle(FrameIn{.peer = "a", .frame = to_b.Counted(change[0])}), "c");
  ASSERT_EQ(relayed.size(), 1U);
  EXPECT_EQ(relayed[0].change, change[0].change);
  const auto again = SentTo<ParamDown>(
      b.Handle(FrameIn{.peer = "c",
                       .frame = to_c.Plain(Nack{.code = NackCode::kMissingBase, .root = 0})}),
      "c");
  ASSERT_EQ(again.size(), 1U);
  std::vector<float> memory(a->memory().size());
  ASSERT_TRUE(Unpack(again[0].memory, memory));
  for (size_t i = 0; i < memory.size(); ++i) EXPECT_NEAR(memory[i], a->memory()[i], 1e-5) << i;
}

TEST(MemoryChanges, StepsThatWereTakenWithoutAPlanAreNotLeftOut) {
  Spec spec = SmallSpec();
  spec.wire.compression = Compression::kLowRank;
  Driven a("a", spec);
  a.Plan(LinePlan(spec));
  Greet(a, "b", 1, spec);
  a.Handle(PlanLost{});
  a.Handle(a.ItemAt(0, 0));
  EXPECT_TRUE(SentTo<ParamDown>(a.Handle(Tick{}), "b").empty());
  a.Plan(LinePlan(spec));
  a.Handle(a.ItemAt(1, 1));
  const auto sent = SentTo<ParamDown>(a.Handle(Tick{}), "b");
  ASSERT_EQ(sent.size(), 1U);
  // Two steps are no smaller than a memory of 3 x 3.
  EXPECT_TRUE(sent[0].change.steps.empty());
  std::vector<float> memory(a->memory().size());
  ASSERT_TRUE(Unpack(sent[0].memory, memory));
  EXPECT_EQ(memory, a->memory());
}

// A root, and a relay that follows it over an edge that loses a fifth of all frames.
class Pair {
 public:
  explicit Pair(const Spec& spec) : spec_(spec), a_("a", spec), b_("b", spec), c_(2) {
    a_.Plan(LinePlan(spec));
    b_.Plan(LinePlan(spec));
    history_[0] = a_->memory();
    c_ = Greet(b_, "c", 2, spec);
    Pass(a_.Handle(StreamUp{.peer = "b"}), 0);
    Pass(b_.Handle(StreamUp{.peer = "a"}), 0);
  }

  void Round(uint64_t round) {
    if (random_.Below(10) == 0) {
      a_.Handle(PlanLost{});
    } else if (random_.Below(3) == 0) {
      a_.Plan(LinePlan(spec_));
    }
    if (random_.Below(4) > 0) a_.Handle(a_.ItemAt(items_++, random_.Below(kDim)));
    Pass(a_.Handle(Tick{}), 0.2);
    history_[round] = a_->memory();
    Pass(b_.Handle(Tick{}), 0.2);
  }

  // What the relay has, as it tells a child that asks for the whole.
  std::optional<ParamDown> Followed() {
    Frame ask = c_.Plain(Nack{.code = NackCode::kMissingBase, .root = 0});
    ask.header.ack_seq = acked_by_c_;
    const auto told = SentTo<ParamDown>(Handle(b_, "b", FrameIn{.peer = "c", .frame = ask}), "c");
    for (const ParamDown& down : told) {
      if (!down.memory.bytes.empty() && down.root == 0) return down;
    }
    return std::nullopt;
  }
  const std::vector<float>& HadAt(uint64_t tag) const { return history_.at(tag); }
  uint64_t changes() const { return changes_; }

 private:
  std::vector<Action> Handle(Driven& node, const std::string& name, const Event& event) {
    std::vector<Action> actions = node.Handle(event);
    for (const Send& send : AllOf<Send>(actions)) {
      if (name == "b" && send.peer == "c") {
        acked_by_c_ = std::max(acked_by_c_, send.frame.header.edge_seq);
      }
    }
    return actions;
  }
  // To a and b what is for them, and all that comes of it.
  void Pass(const std::vector<Action>& actions, double lose) {
    for (const Send& send : AllOf<Send>(actions)) {
      if (send.peer == "c") acked_by_c_ = std::max(acked_by_c_, send.frame.header.edge_seq);
      if (send.peer == "c" || random_.Uniform() < lose) continue;
      if (const auto* down = std::get_if<ParamDown>(&send.frame.body)) {
        changes_ += down->root == 0 && !down->change.steps.empty() ? 1 : 0;
      }
      const std::string from = send.peer == "a" ? "b" : "a";
      Pass(
          Handle(send.peer == "a" ? a_ : b_, send.peer, FrameIn{.peer = from, .frame = send.frame}),
          lose);
    }
  }

  const Spec spec_;
  Random random_{kSeed};
  Driven a_;
  Driven b_;
  Peer c_;
  uint64_t items_ = 0;
  uint64_t acked_by_c_ = 0;
  uint64_t changes_ = 0;
  std::map<uint64_t, std::vector<float>> history_;  // of the root, by tag
};

TEST(MemoryChanges, FollowersHaveTheMemoryOfTheirRootWhateverGetsLost) {
  RecordProperty("seed", std::to_string(kSeed));
  Spec spec = SmallSpec();
  spec.wire.compression = Compression::kLowRank;
  spec.decay = 0.05;
  spec.radius = 1.2;  // less than three unit vectors need
  Pair pair(spec);
  uint64_t compared = 0;
  for (uint64_t round = 1; round <= 400; ++round) {
    pair.Round(round);
    const std::optional<ParamDown> followed = pair.Followed();
    if (!followed.has_value()) continue;
    std::vector<float> memory(kDim * kDim);
    ASSERT_TRUE(Unpack(followed->memory, memory));
    ExpectNear(memory, pair.HadAt(followed->base_tag));
    ++compared;
  }
  EXPECT_GT(compared, 100U);
  EXPECT_GT(pair.changes(), 50U);
}

}  // namespace
}  // namespace mneme::federation
