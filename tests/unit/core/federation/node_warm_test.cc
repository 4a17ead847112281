// A node that begins with a neighbour's memory, and one that leaves.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "core/federation/node.h"
#include "tests/unit/core/federation/federated.h"

namespace mneme::federation {
namespace {

Spec WarmSpec() {
  Spec spec = SmallSpec();
  spec.warm_start = WarmStart::kNeighbour;
  return spec;
}

WarmReply ReplyOf(uint64_t steps, float value) {
  WarmReply reply{.steps = steps, .spread = 2};
  if (steps > 0) reply.memory = Pack(std::vector<float>(kDim * kDim, value), WireType::kFloat32);
  return reply;
}

TEST(NodeWarm, BeginsWithTheMemoryOfTheFirstNeighbourThatHasOne) {
  const Spec spec = WarmSpec();
  Driven b("b", spec);
  b.Handle(b.ItemAt(0, 0));
  b.Handle(Tick{});
  EXPECT_EQ(b->memory()[0], 0) << "own items wait";
  b.Plan(LinePlan(spec));
  Peer a = Greet(b, "a", 0, spec);
  Peer c = Greet(b, "c", 2, spec);
  auto actions = b.Handle(Tick{});
  ASSERT_EQ(SentTo<WarmAsk>(actions, "a").size(), 1U);
  EXPECT_TRUE(SentTo<WarmAsk>(actions, "c").empty()) << "one at a time";
  EXPECT_TRUE(SentTo<ParamDown>(actions, "a").empty()) << "nothing to evaluate yet";
  EXPECT_TRUE(b.Status().warming);
  // It has nothing itself: the next one is asked.
  b.Handle(FrameIn{.peer = "a", .frame = a.Plain(ReplyOf(0, 0))});
  actions = b.Handle(Tick{});
  ASSERT_EQ(SentTo<WarmAsk>(actions, "c").size(), 1U);
  b.Handle(FrameIn{.peer = "c", .frame = c.Plain(ReplyOf(40, 0.25F))});
  EXPECT_EQ(b->memory(), std::vector<float>(kDim * kDim, 0.25F));
  EXPECT_EQ(b.Status().warm_from, "c");
  EXPECT_EQ(b.Status().steps, 40U) << "its steps go on where those of c are";
  // And from here as ever, with the item that waited: M - 0.5 / 3 (M k - v) k^T.
  actions = b.Handle(Tick{});
  EXPECT_FALSE(SentTo<ParamDown>(actions, "a").empty());
  EXPECT_NEAR(b->memory()[0], 0.25 + 0.5 / 3 * 0.75, 1e-6);
  // A late answer changes nothing.
  const std::vector<float> before = b->memory();
  b.Handle(FrameIn{.peer = "a", .frame = a.Plain(ReplyOf(7, 0.5F))});
  EXPECT_EQ(b->memory(), before);
}

// Steps of 1 / sqrt(2^63) would teach it nothing ever again.
TEST(NodeWarm, ANeighbourThatLiesAboutItsStepsDoesNotStopTheNodes) {
  for (const Schedule schedule : {Schedule::kSqrt, Schedule::kAdaptive}) {
    Spec spec = WarmSpec();
    spec.steps = {.schedule = schedule};
    Driven b("b", spec);
    b.Plan(LinePlan(spec));
    Greet(b, "a", 0, spec);
    Peer c = Greet(b, "c", 2, spec);
    b.Handle(Tick{});
    for (uint32_t t = 0; t < kWarmAnswerRounds; ++t) b.Handle(Tick{});
    WarmReply lie = ReplyOf(uint64_t{1} << 63, 1e-6F);
    lie.spread = 1e300;
    b.Handle(FrameIn{.peer = "c", .frame = c.Plain(lie)});
    ASSERT_EQ(b.Status().warm_from, "c");
    b.Handle(b.ItemAt(0, 0));
    b.Handle(Tick{});
    EXPECT_GT(b.Status().eta, 0.25 / std::sqrt(2.0 * kWarmStepsMax)) << Name(schedule);
  }
}

TEST(NodeWarm, WhereNobodyHasAnythingOrAnswersItBeginsWithZeros) {
  const Spec spec = WarmSpec();
  Driven none("b", spec);
  none.Plan(LinePlan(spec));
  Peer a = Greet(none, "a", 0, spec), c = Greet(none, "c", 2, spec);
  none.Handle(Tick{});
  none.Handle(FrameIn{.peer = "a", .frame = a.Plain(ReplyOf(0, 0))});
  none.Handle(Tick{});
  none.Handle(FrameIn{.peer = "c", .frame = c.Plain(ReplyOf(0, 0))});
  none.Handle(Tick{});
  EXPECT_FALSE(none.Status().warming);

  Driven silent("b", spec);
  silent.Plan(LinePlan(spec));
  Greet(silent, "a", 0, spec);
  uint64_t asked = 0;
  for (uint32_t round = 0; round <= kWarmRoundsMax; ++round)
    asked += SentTo<WarmAsk>(silent.Handle(Tick{}), "a").size();
  EXPECT_FALSE(silent.Status().warming);
  EXPECT_NEAR(static_cast<double>(asked), kWarmRoundsMax / kWarmAnswerRounds, 1);

  Driven alone("b", spec);
  for (uint32_t round = 0; round <= kWarmPlanRoundsMax; ++round) alone.Handle(Tick{});
  EXPECT_FALSE(alone.Status().warming);
}

TEST(NodeWarm, AMemoryThatCannotBeIsRefused) {
  const Spec spec = WarmSpec();
  Driven b("b", spec);
  b.Plan(LinePlan(spec));
  Peer a = Greet(b, "a", 0, spec);
  b.Handle(FrameIn{.peer = "a", .frame = a.Plain(ReplyOf(5, 0.25F))});
  EXPECT_EQ(b->memory()[0], 0) << "it was not asked";
  b.Handle(Tick{});
  WarmReply nan = ReplyOf(5, std::nanf(""));
  b.Handle(FrameIn{.peer = "a", .frame = a.Plain(nan)});
  WarmReply short_one = ReplyOf(5, 1);
  short_one.memory.bytes.pop_back();
  b.Handle(FrameIn{.peer = "a", .frame = a.Plain(short_one)});
  WarmReply spread = ReplyOf(5, 1);
  spread.spread = -1;
  b.Handle(FrameIn{.peer = "a", .frame = a.Plain(spread)});
  EXPECT_EQ(b.Dropped(Drop::kBadFrame), 3U);
  b.Handle(FrameIn{.peer = "a", .frame = a.Plain(ReplyOf(5, 1e6F))});
  EXPECT_EQ(b.Dropped(Drop::kBadFrame), 4U) << "outside the ball";
  EXPECT_EQ(b->memory()[0], 0);
}

TEST(NodeWarm, ShowsItsMemoryOnlyWhereTheSpecSaysSoAndNotAllTheTime) {
  for (const bool shows : {false, true}) {
    const Spec spec = shows ? WarmSpec() : SmallSpec();
    Driven b("b", spec);
    b.Handle(b.ItemAt(0, 0));
    b.Plan(LinePlan(spec));
    Peer a = Greet(b, "a", 0, spec), c = Greet(b, "c", 2, spec);
    for (auto* peer : {&a, &c}) {
      b.Handle(Tick{});
      b.Handle(FrameIn{.peer = peer == &a ? "a" : "c", .frame = peer->Plain(ReplyOf(0, 0))});
    }
    b.Handle(Tick{});
    auto replies =
        SentTo<WarmReply>(b.Handle(FrameIn{.peer = "a", .frame = a.Plain(WarmAsk{})}), "a");
    ASSERT_EQ(replies.size(), 1U);
    EXPECT_EQ(replies[0].steps, shows ? 1U : 0U);
    EXPECT_EQ(replies[0].memory.bytes.size(), shows ? 4 * kDim * kDim : 0);
    EXPECT_TRUE(b.Handle(FrameIn{.peer = "a", .frame = a.Plain(WarmAsk{})}).empty());
  }
}

TEST(NodeWarm, WhoHasLearnedBeforeAsksNobody) {
  const Spec spec = WarmSpec();
  Checkpoint state{.spec_hash = Hash(spec), .incarnation = 1};
  state.memory.assign(kDim * kDim, 0.5F);
  state.steps.steps = 3;
  Driven b("b", spec, 2, &state);
  EXPECT_FALSE(b.Status().warming);
}

TEST(NodeDrain, AnswersForOthersWithWhatItHasUntilAPlanWithoutIt) {
  const Spec spec = SmallSpec();
  Driven b("b", spec);
  b.Plan(LinePlan(spec));
  Peer a = Greet(b, "a", 0, spec);
  b.Handle(b.ItemAt(0, 0));
  b.Handle(Tick{});
  const std::vector<float> learned = b->memory();
  b.Handle(b.ItemAt(1, 1));
  b.Handle(Drain{});
  b.Handle(b.ItemAt(2, 2));
  ParamDown down{.root = 0, .root_incarnation = 1, .tag = 1, .base_tag = 1};
  down.memory = Pack(std::vector<float>(kDim * kDim), WireType::kFloat32);
  b.Handle(FrameIn{.peer = "a", .frame = a.Counted(down)});
  const auto actions = b.Handle(Tick{});
  const auto sums = SentTo<GradUp>(actions, "a");
  ASSERT_EQ(sums.size(), 1U);
  EXPECT_EQ(sums[0].tally.items, 2U) << "not the item that came after";
  EXPECT_TRUE(SentTo<ParamDown>(actions, "a").empty()) << "it asks for nothing";
  EXPECT_EQ(b->memory(), learned) << "and learns nothing";
  EXPECT_TRUE(b.Status().draining);
  Plan without = LinePlan(spec, 2);
  without.nodes = {{.name = "a", .address = "x:1"}, {.name = "c", .address = "x:1"}};
  without.trees = {{0, {{0, kNoNode, 0, 1.0}}}, {1, {{1, kNoNode, 0, 1.0}}}};
  b.Plan(without);
  EXPECT_FALSE(b.Status().planned);
}

}  // namespace
}  // namespace mneme::federation
