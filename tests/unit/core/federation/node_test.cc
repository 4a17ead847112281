#include "core/federation/node.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"
#include "tests/unit/core/federation/federated.h"

namespace mneme::federation {
namespace {

ParamDown Params(uint32_t root, uint64_t tag, float value = 0) {
  ParamDown down{.root = root, .root_incarnation = 1, .tag = tag, .base_tag = tag};
  down.memory = Pack(std::vector<float>(kDim * kDim, value), WireType::kFloat32);
  return down;
}

TEST(Node, LearnsItsOwnItemsWithoutAPlan) {
  Driven a("a");
  a.Handle(a.ItemAt(0, 1));
  const auto published = AllOf<Publish>(a.Handle(Tick{}));
  ASSERT_EQ(published.size(), 1U);
  EXPECT_EQ(published[0].round, 1U);
  // M - 0.5 (M k - v) k^T from M = 0.
  EXPECT_FLOAT_EQ((*published[0].matrix)[1 * kDim + 1], 0.5F);
  a.Handle(Tick{});
  EXPECT_FLOAT_EQ(a->memory()[1 * kDim + 1], 0.5F) << "an item counts once";
  EXPECT_FALSE(a.Status().planned);
}

TEST(Node, PublishesAMatrixThatNeverChanges) {
  Driven a("a");
  a.Handle(a.ItemAt(0, 0));
  const auto first = AllOf<Publish>(a.Handle(Tick{}))[0].matrix;
  const std::vector<float> before = *first;
  a.Handle(a.ItemAt(1, 0));
  const auto second = AllOf<Publish>(a.Handle(Tick{}))[0].matrix;
  EXPECT_EQ(*first, before);
  EXPECT_NE(*second, before);
}

TEST(Node, BadItemsCountForNothingAndKeepTheirPlace) {
  Driven a("a");
  const float bad_values[] = {std::numeric_limits<float>::quiet_NaN(),
                              std::numeric_limits<float>::infinity(), 1e20F};
  uint64_t position = 0;
  for (const float bad : bad_values) {
    Items items = a.ItemAt(position++, 0);
    items.keys[2] = bad;
    a.Handle(items);
    items = a.ItemAt(position++, 0);
    items.responses[0] = bad;
    a.Handle(items);
    items = a.ItemAt(position++, 0);
    items.weights = {bad};
    a.Handle(items);
  }
  Items odd = a.ItemAt(position, 0);
  odd.keys.push_back(1);
  a.Handle(odd);
  EXPECT_EQ(a.Dropped(Drop::kBadItems), 10U);
  a.Handle(Tick{});
  for (const float value : a->memory()) EXPECT_EQ(value, 0);
  Items tiny = a.ItemAt(position, 0, 1e-25F);
  a.Handle(tiny);
  a.Handle(Tick{});
  EXPECT_TRUE(std::isfinite(a->memory()[0]));
}

TEST(Node, ARelayPassesParametersOnFirstAndAddsItsOwnItemsToTheSum) {
  const Spec spec = SmallSpec();
  Driven b("b", spec);
  b.Plan(LinePlan(spec));
  Peer a = Greet(b, "a", 0, spec);
  Peer c = Greet(b, "c", 2, spec);
  b.Handle(b.ItemAt(0, 0));
  const auto passed = b.Handle(FrameIn{.peer = "a", .frame = a.Counted(Params(0, 0))});
  ASSERT_EQ(SentTo<ParamDown>(passed, "c").size(), 1U);
  EXPECT_TRUE(SentTo<GradUp>(passed, "a").empty()) << "sums go at the end of the round";
  b.Handle(FrameIn{.peer = "c", .frame = c.Counted(SumOf(0, 2, 0, -1))});
  const auto sums = SentTo<GradUp>(b.Handle(Tick{}), "a");
  ASSERT_EQ(sums.size(), 1U);
  ASSERT_EQ(sums[0].tally.contributors.size(), 2U);
  EXPECT_EQ(sums[0].tally.items, 2U);
  EXPECT_NEAR(sums[0].tally.weight_sum, 2.0 / 3, 1e-9);
  std::vector<float> sum(kDim * kDim);
  ASSERT_TRUE(Unpack(sums[0].values, sum));
  EXPECT_NEAR(sum[0], -1 - 1.0 / 3, 1e-6) << "c's -1, and a third of b's own -v k^T";
  EXPECT_NEAR(sum[1], -1, 1e-6);
  EXPECT_TRUE(SentTo<GradUp>(b.Handle(Tick{}), "a").empty()) << "the sum was cleared";
}

TEST(Node, ASumOlderThanMaxDelayIsDropped) {
  Spec spec = SmallSpec();
  spec.max_delay = 5;
  Driven a("a", spec);
  a.Plan(LinePlan(spec));
  Peer b = Greet(a, "b", 1, spec);
  for (int i = 0; i < 6; ++i) a.Handle(Tick{});
  a.Handle(FrameIn{.peer = "b", .frame = b.Counted(SumOf(0, 1, 0, -1, 1))});
  a.Handle(Tick{});
  EXPECT_EQ(a.Dropped(Drop::kTooOld), 1U);
  EXPECT_EQ(a->memory()[0], 0);
  a.Handle(FrameIn{.peer = "b", .frame = b.Counted(SumOf(0, 1, 2, -1, 2))});
  a.Handle(Tick{});
  EXPECT_GT(a->memory()[0], 0) << "late, but not too late";
}

TEST(Node, TheOrderInWhichChildrenAreHeardDoesNotMatter) {
  const Spec spec = SmallSpec();
  std::vector<std::vector<float>> memories;
  for (const bool a_first : {true, false}) {
    Driven b("b", spec);
    b.Plan(LinePlan(spec));
    Peer a = Greet(b, "a", 0, spec);
    Peer c = Greet(b, "c", 2, spec);
    const FrameIn one{.peer = "a", .frame = a.Counted(SumOf(1, 0, 0, 1e7F))};
    const FrameIn other{.peer = "c", .frame = c.Counted(SumOf(1, 2, 0, 0.3F))};
    b.Handle(b.ItemAt(0, 0));
    b.Handle(a_first ? one : other);
    b.Handle(a_first ? other : one);
    b.Handle(Tick{});
    memories.push_back(b->memory());
  }
  EXPECT_EQ(memories[0], memories[1]);
}

TEST(Node, AChildOfTheRootHoldsWhatWouldShowAnItemAndDropsItInTheEnd) {
  Spec spec = SmallSpec();
  spec.privacy = {.min_contributors = 2, .min_items = 3, .max_hold_rounds = 4};
  Driven b("b", spec);
  b.Plan(LinePlan(spec));
  Peer a = Greet(b, "a", 0, spec);
  Peer c = Greet(b, "c", 2, spec);
  b.Handle(b.ItemAt(0, 0));
  b.Handle(FrameIn{.peer = "a", .frame = a.Counted(Params(0, 0))});
  for (int round = 0; round < 4; ++round) {
    for (const GradUp& up : SentTo<GradUp>(b.Handle(Tick{}), "a")) {
      EXPECT_EQ(up.form, GradientForm::kNone);
    }
  }
  EXPECT_EQ(b.Dropped(Drop::kPrivacyHold), 1U);
  // Enough of them pass.
  b.Handle(b.ItemAt(1, 0));
  b.Handle(b.ItemAt(2, 1));
  b.Handle(FrameIn{.peer = "a", .frame = a.Counted(Params(0, 1))});
  b.Handle(FrameIn{.peer = "c", .frame = c.Counted(SumOf(0, 2, 1, -1))});
  const auto sums = SentTo<GradUp>(b.Handle(Tick{}), "a");
  ASSERT_EQ(sums.size(), 1U);
  EXPECT_EQ(sums[0].tally.items, 3U);
  // c is not a child of root a: it shows its single part to its parent b.
  Driven deep("c", spec);
  deep.Plan(LinePlan(spec));
  Peer parent = Greet(deep, "b", 1, spec);
  deep.Handle(deep.ItemAt(0, 0));
  deep.Handle(FrameIn{.peer = "b", .frame = parent.Counted(Params(0, 0))});
  EXPECT_EQ(SentTo<GradUp>(deep.Handle(Tick{}), "b").size(), 1U);
}

// Without acknowledgements a peer gets its window, and the rest becomes one sum.
TEST(Node, BehindASlowParentSumsGrowInContentAndNotInNumber) {
  Spec spec = SmallSpec();
  spec.wire.edge_queue_frames = 2;
  Driven b("b", spec);
  b.Plan(LinePlan(spec));
  Peer a = Greet(b, "a", 0, spec);
  std::vector<uint64_t> seqs;
  uint64_t last = 0;
  for (uint64_t round = 0; round < 6; ++round) {
    b.Handle(b.ItemAt(round, 0));
    b.Handle(FrameIn{.peer = "a", .frame = a.Counted(Params(0, round))});
    for (const Send& send : AllOf<Send>(b.Handle(Tick{}))) {
      if (!std::holds_alternative<GradUp>(send.frame.body)) continue;
      seqs.push_back(send.frame.header.edge_seq);
    }
  }
  ASSERT_EQ(seqs.size(), 2U);
  last = seqs.back();
  Frame ack = a.Plain(Ack{});
  ack.header.ack_seq = last;
  b.Handle(FrameIn{.peer = "a", .frame = ack});
  const auto sums = SentTo<GradUp>(b.Handle(Tick{}), "a");
  ASSERT_EQ(sums.size(), 1U);
  EXPECT_EQ(sums[0].tally.items, 4U) << "four rounds in one frame";
  EXPECT_EQ(sums[0].tally.contributors[0].evaluations, 4U);
}

TEST(Node, UnacknowledgedSumsGoAgainToTheSamePeerAndNeverToItsSuccessor) {
  const Spec spec = SmallSpec();
  for (const bool restarted : {false, true}) {
    Driven b("b", spec);
    b.Plan(LinePlan(spec));
    Peer a = Greet(b, "a", 0, spec);
    b.Handle(b.ItemAt(0, 0));
    b.Handle(FrameIn{.peer = "a", .frame = a.Counted(Params(0, 0))});
    ASSERT_EQ(SentTo<GradUp>(b.Handle(Tick{}), "a").size(), 1U);
    b.Handle(StreamDown{.peer = "a"});
    b.Handle(StreamUp{.peer = "a"});
    if (restarted) a.header().incarnation = 2;
    const auto again =
        SentTo<GradUp>(b.Handle(FrameIn{.peer = "a", .frame = a.HelloOf(spec)}), "a");
    EXPECT_EQ(again.size(), restarted ? 0U : 1U);
    EXPECT_EQ(b.Dropped(Drop::kPeerRestarted), restarted ? 1U : 0U);
  }
}

TEST(Node, AMemoryThatDidNotMoveIsSentAsATagAlone) {
  const Spec spec = SmallSpec();
  Driven a("a", spec);
  a.Plan(LinePlan(spec));
  Peer b = Greet(a, "b", 1, spec);
  const auto still = SentTo<ParamDown>(a.Handle(Tick{}), "b");
  ASSERT_EQ(still.size(), 1U);
  EXPECT_TRUE(still[0].unchanged);
  EXPECT_EQ(still[0].tag, 1U);
  EXPECT_EQ(still[0].base_tag, 0U);
  a.Handle(a.ItemAt(0, 0));
  const auto moved = SentTo<ParamDown>(a.Handle(Tick{}), "b");
  ASSERT_EQ(moved.size(), 1U);
  EXPECT_FALSE(moved[0].unchanged);
  // Asked for, the whole goes again.
  const auto asked = SentTo<ParamDown>(
      a.Handle(
          FrameIn{.peer = "b", .frame = b.Plain(Nack{.code = NackCode::kMissingBase, .root = 0})}),
      "b");
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_FALSE(asked[0].unchanged);
}

TEST(Node, ContributionsThatGotLostAreMadeUpForByABoost) {
  const Spec spec = SmallSpec();
  Driven a("a", spec);
  a.Plan(LinePlan(spec));
  Peer b = Greet(a, "b", 1, spec);
  std::vector<ParamDown> sent;
  for (uint64_t round = 0; round < 120; ++round) {
    // Every other evaluation of b arrives.
    const GradUp up = SumOf(0, 1, round, 0, 2 * (round + 1));
    Frame frame = b.Counted(up);
    frame.header.ack_seq = 0;
    for (const Send& send : AllOf<Send>(a.Handle(FrameIn{.peer = "b", .frame = frame}))) {
      (void)send;
    }
    for (const Send& send : AllOf<Send>(a.Handle(Tick{}))) {
      if (const auto* down = std::get_if<ParamDown>(&send.frame.body)) sent.push_back(*down);
      Frame ack = b.Plain(Ack{});
      ack.header.ack_seq = send.frame.header.edge_seq;
      if (ack.header.ack_seq > 0) a.Handle(FrameIn{.peer = "b", .frame = ack});
    }
  }
  ASSERT_FALSE(sent.back().boosts.empty());
  EXPECT_EQ(sent.back().boosts[0].node, 1U);
  EXPECT_NEAR(sent.back().boosts[0].factor, 2, 0.1);
  // And the contributor obeys.
  Driven c("c", spec);
  c.Plan(LinePlan(spec));
  Peer parent = Greet(c, "b", 1, spec);
  c.Handle(c.ItemAt(0, 0));
  ParamDown down = Params(0, 0);
  down.boosts = {{.node = 2, .factor = 2}};
  c.Handle(FrameIn{.peer = "b", .frame = parent.Counted(down)});
  const auto sums = SentTo<GradUp>(c.Handle(Tick{}), "b");
  ASSERT_EQ(sums.size(), 1U);
  EXPECT_NEAR(sums[0].tally.weight_sum, 2.0 / 3, 1e-6);
}

TEST(Node, APlanOfAnotherSpecOrAnOlderEpochIsRefused) {
  Driven a("a");
  a.Plan(LinePlan(SmallSpec(), 5));
  EXPECT_EQ(a->epoch(), 5U);
  a.Plan(LinePlan(SmallSpec(), 4));
  EXPECT_EQ(a.Dropped(Drop::kOldPlan), 1U);
  Spec other = SmallSpec();
  other.loss = Loss::kHuber;
  a.Plan(LinePlan(other, 9));
  EXPECT_EQ(a.Dropped(Drop::kBadPlan), 1U);
  EXPECT_EQ(a->epoch(), 5U);
}

TEST(Node, ANewEpochDropsSumsAndKeepsMemoryAndCursors) {
  const Spec spec = SmallSpec();
  Driven b("b", spec);
  b.Plan(LinePlan(spec));
  Peer a = Greet(b, "a", 0, spec);
  b.Handle(b.ItemAt(0, 0));
  b.Handle(FrameIn{.peer = "a", .frame = a.Counted(Params(0, 0))});
  b.Plan(LinePlan(spec, 2));
  EXPECT_EQ(b.Dropped(Drop::kEpochChange), 2U) << "the sum and its probe";
  EXPECT_TRUE(SentTo<GradUp>(b.Handle(Tick{}), "a").empty());
  EXPECT_GT(b->memory()[0], 0);
  // The item is not evaluated for a again.
  a = Greet(b, "a", 0, spec, 2);
  b.Handle(FrameIn{.peer = "a", .frame = a.Counted(Params(0, 1))});
  for (const GradUp& up : SentTo<GradUp>(b.Handle(Tick{}), "a")) EXPECT_EQ(up.tally.items, 0U);
}

TEST(Node, WithoutCoordinationItSendsNothingAndLearnsAlone) {
  const Spec spec = SmallSpec();
  Driven a("a", spec);
  a.Plan(LinePlan(spec));
  Greet(a, "b", 1, spec);
  a.Handle(PlanLost{});
  a.Handle(a.ItemAt(0, 0));
  EXPECT_TRUE(AllOf<Send>(a.Handle(Tick{})).empty());
  EXPECT_FLOAT_EQ(a->memory()[0], 0.5F) << "its own items count in full";
  a.Plan(LinePlan(spec));
  EXPECT_TRUE(a.Status().planned) << "the same plan, trusted again";
  EXPECT_FALSE(AllOf<Send>(a.Handle(Tick{})).empty());
}

TEST(Node, ANodeThatThePlanDoesNotNameGoesOnAlone) {
  Driven z("z");
  z.Handle(StreamUp{.peer = "a"});
  const Plan plan = LinePlan(SmallSpec());
  const auto actions =
      z.Handle(PlanChanged{.plan = std::make_shared<const federation::Plan>(plan)});
  EXPECT_EQ(AllOf<CloseStream>(actions).size(), 1U);
  z.Handle(z.ItemAt(0, 0));
  z.Handle(Tick{});
  EXPECT_FLOAT_EQ(z->memory()[0], 0.5F);
}

Checkpoint LastCheckpoint(const std::vector<Action>& actions) {
  const auto written = AllOf<WriteCheckpoint>(actions);
  EXPECT_EQ(written.size(), 1U);
  auto decoded = DecodeCheckpoint(written.at(0).bytes);
  EXPECT_TRUE(decoded.ok()) << decoded.status();
  return *std::move(decoded);
}

TEST(Node, AfterACrashNothingIsEvaluatedForAnotherRootAgain) {
  const Spec spec = SmallSpec();
  for (const bool clean : {true, false}) {
    Driven b("b", spec);
    b.Plan(LinePlan(spec));
    Peer a = Greet(b, "a", 0, spec);
    b.Handle(b.ItemAt(0, 0));
    b.Handle(FrameIn{.peer = "a", .frame = a.Counted(Params(0, 0))});
    b.Handle(Tick{});
    b.Handle(b.ItemAt(1, 0));  // stored, and evaluated by nobody yet
    const std::vector<float> memory = b->memory();
    const Checkpoint state = LastCheckpoint(clean ? b.Handle(Stop{}) : b.Handle(CheckpointTimer{}));

    Driven again("b", spec, 2, &state, 2);
    EXPECT_EQ(again->memory(), memory);
    EXPECT_EQ(again->round(), 1U);
    // c has not been told of item 0 either; after a crash that is not known.
    ASSERT_EQ(again->replay_from(), clean ? 0U : 1U);
    if (clean) again.Handle(again.ItemAt(0, 0));
    again.Handle(again.ItemAt(1, 0));
    again.Plan(LinePlan(spec));
    Peer root = Greet(again, "a", 0, spec, 1, 2);
    again.Handle(FrameIn{.peer = "a", .frame = root.Counted(Params(0, 5))});
    const auto sums = SentTo<GradUp>(again.Handle(Tick{}), "a");
    ASSERT_EQ(sums.size(), 1U);
    // A crash cannot know whether item 1 went out behind the checkpoint; a clean stop does.
    EXPECT_EQ(sums[0].tally.items, clean ? 1U : 0U);
    EXPECT_GT(again->memory()[0], memory[0]) << "its own memory has every own item";
  }
}

TEST(Node, ACheckpointOfAnotherSpecOrOfNoEarlierStartIsRefused) {
  Driven a("a");
  const Checkpoint state = LastCheckpoint(a.Handle(CheckpointTimer{}));
  EXPECT_FALSE(Node::Create({.name = "a", .spec = SmallSpec(), .incarnation = 1}, &state, 1).ok());
  Spec other = SmallSpec();
  other.radius = 7;
  const auto made = Node::Create({.name = "a", .spec = other, .incarnation = 2}, &state, 1);
  EXPECT_EQ(GetErrorDetail(made.status())->reason, "CHECKPOINT");
  EXPECT_TRUE(Node::Create({.name = "a", .spec = SmallSpec(), .incarnation = 2}, &state, 1).ok());
  EXPECT_FALSE(Node::Create({.name = "", .spec = SmallSpec()}, nullptr, 1).ok());
  EXPECT_FALSE(Node::Create({.name = "a", .spec = {}}, nullptr, 1).ok());
}

TEST(Node, NothingHappensAfterStop) {
  Driven a("a");
  a.Handle(StreamUp{.peer = "b"});
  EXPECT_EQ(AllOf<CloseStream>(a.Handle(Stop{})).size(), 1U);
  EXPECT_TRUE(a.Handle(Tick{}).empty());
  EXPECT_TRUE(a.Handle(Stop{}).empty());
}

// They are their senders' fault: what others put into the sums of this node stays.
TEST(Node, SumsThatWouldOverflowAreRefusedAndTheMemoryStaysFinite) {
  const Spec spec = SmallSpec();
  Driven b("b", spec);
  b.Plan(LinePlan(spec));
  Peer a = Greet(b, "a", 0, spec);
  Peer c = Greet(b, "c", 2, spec);
  // Two sums of c for a, each finite.
  b.Handle(FrameIn{.peer = "c", .frame = c.Counted(SumOf(0, 2, 0, 3e38F, 1))});
  b.Handle(FrameIn{.peer = "c", .frame = c.Counted(SumOf(0, 2, 1, 3e38F, 2))});
  EXPECT_TRUE(SentTo<GradUp>(b.Handle(Tick{}), "a").empty());
  EXPECT_EQ(b.Dropped(Drop::kBadFrame), 2U);
  // And two for b itself.
  b.Handle(FrameIn{.peer = "a", .frame = a.Counted(SumOf(1, 0, 0, 3e38F))});
  b.Handle(FrameIn{.peer = "c", .frame = c.Counted(SumOf(1, 2, 0, 3e38F))});
  b.Handle(Tick{});
  EXPECT_EQ(b.Dropped(Drop::kBadFrame), 4U);
  EXPECT_EQ(b.Dropped(Drop::kNotFinite), 0U);
  for (const float value : b->memory()) EXPECT_EQ(value, 0);
}

Spec FactorSpec() {
  Spec spec = SmallSpec();
  spec.transport = Transport::kFactor;
  spec.privacy.share_items = true;
  return spec;
}

Factor FactorOf(uint32_t source, uint64_t first, uint32_t count) {
  Factor factor{.source = source, .source_incarnation = 1, .first_item = first, .count = count};
  std::vector<float> rows(count * kDim);
  for (size_t i = 0; i < count; ++i) rows[i * kDim] = 1;
  factor.keys = factor.responses = Pack(rows, WireType::kFloat32);
  return factor;
}

TEST(Node, FactorsAreTakenOnceByTheirPositionsWhateverBringsThem) {
  const Spec spec = FactorSpec();
  Driven b("b", spec);
  b.Plan(LinePlan(spec));
  Peer a = Greet(b, "a", 0, spec);
  Greet(b, "c", 2, spec);
  const auto forwarded = b.Handle(FrameIn{.peer = "a", .frame = a.Counted(FactorOf(0, 10, 4))});
  EXPECT_EQ(SentTo<Factor>(forwarded, "c").size(), 1U);
  b.Handle(Tick{});
  const float once = b->memory()[0];
  EXPECT_NEAR(once, 0.5 / 3, 1e-6);
  // The same items in other frames, as a restarted source sends them.
  EXPECT_TRUE(
      AllOf<Send>(b.Handle(FrameIn{.peer = "a", .frame = a.Counted(FactorOf(0, 11, 2))})).empty());
  EXPECT_EQ(b.Dropped(Drop::kDuplicate), 1U);
  b.Handle(Tick{});
  EXPECT_EQ(b->memory()[0], once);
  b.Handle(FrameIn{.peer = "a", .frame = a.Counted(FactorOf(0, 12, 4))});
  b.Handle(Tick{});
  const auto source = b.Status().sources;
  EXPECT_EQ(source[0].items, 6U) << "two of the four were new";
}

TEST(Node, CoverageWithFactorsIsOfTheSourcesThatItWants) {
  const Spec spec = FactorSpec();
  Plan plan = LinePlan(spec);
  // b wants a's items three times as much as its own, and none of c's; all want b's.
  plan.trees[0].nodes[1].weight = 0.75;
  plan.trees[1].nodes[0].weight = 0.25;
  plan.trees[2].nodes[1].weight = 0;
  Driven b("b", spec);
  b.Plan(plan);
  Peer a = Greet(b, "a", 0, spec);
  Greet(b, "c", 2, spec);
  EXPECT_NEAR(b.Status().coverage, 0.25, 1e-9);
  b.Handle(FrameIn{.peer = "a", .frame = a.Plain(Factor{.source = 0, .source_incarnation = 1})});
  EXPECT_NEAR(b.Status().coverage, 1, 1e-9) << "heard of, though it had nothing new";
  ASSERT_EQ(b.Status().sources.size(), 1U);
  EXPECT_EQ(b.Status().sources[0].node, "a");
}

TEST(Node, FactorsThatQueueBecomeOneSumWithTheSameEffect) {
  Spec spec = FactorSpec();
  spec.wire.edge_queue_frames = 1;
  spec.wire.factor_queue_bytes = 1024;
  spec.radius = 1000;
  Driven a("a", spec);
  a.Plan(LinePlan(spec));
  Peer b = Greet(a, "b", 1, spec);
  uint64_t position = 0;
  uint64_t seq = 0;
  for (; position < 100; ++position) {
    a.Handle(a.ItemAt(position, position % 3, 2));
    for (const Send& send : AllOf<Send>(a.Handle(Tick{}))) {
      seq = std::max(seq, send.frame.header.edge_seq);
    }
    EXPECT_LE(a->queue_sizes().factor_queue_bytes, spec.wire.factor_queue_bytes);
  }
  Frame ack = b.Plain(Ack{});
  ack.header.ack_seq = seq;
  const auto sums = SentTo<StatUp>(a.Handle(FrameIn{.peer = "b", .frame = ack}), "b");
  ASSERT_EQ(sums.size(), 1U);
  EXPECT_EQ(sums[0].kind, StatKind::kFactors);
  EXPECT_GT(sums[0].count, 1U);
  EXPECT_EQ(a.Dropped(Drop::kQueueFull), 0U);
  // b applies the sum as it would have applied the items.
  Driven taker("b", spec);
  taker.Plan(LinePlan(spec));
  Peer source = Greet(taker, "a", 0, spec);
  taker.Handle(FrameIn{.peer = "a", .frame = source.Counted(sums[0])});
  taker.Handle(FrameIn{.peer = "a", .frame = source.Counted(sums[0])});
  EXPECT_EQ(taker.Dropped(Drop::kDuplicate), 1U);
  taker.Handle(Tick{});
  const double third = static_cast<double>(sums[0].count) / 3;
  EXPECT_NEAR(taker->memory()[0] + taker->memory()[4] + taker->memory()[8], 0.5 * 2 * third, 0.01);
}

TEST(Node, StatisticsGoUpAndAreAppliedAtThePresentMemory) {
  Spec spec = SmallSpec();
  spec.transport = Transport::kStatistic;
  Driven b("b", spec);
  b.Plan(LinePlan(spec));
  Greet(b, "a", 0, spec);
  b.Handle(b.ItemAt(0, 0));
  const auto sums = SentTo<StatUp>(b.Handle(Tick{}), "a");
  ASSERT_EQ(sums.size(), 1U);
  EXPECT_EQ(sums[0].kind, StatKind::kSum);
  Driven a("a", spec);
  a.Plan(LinePlan(spec));
  Peer from = Greet(a, "b", 1, spec);
  a.Handle(FrameIn{.peer = "b", .frame = from.Counted(sums[0])});
  a.Handle(Tick{});
  EXPECT_NEAR(a->memory()[0], 0.5 / 3, 1e-6);
}

TEST(Node, TellsHowMuchOfItsInterestItHears) {
  const Spec spec = SmallSpec();
  Driven a("a", spec);
  a.Plan(LinePlan(spec));
  Peer b = Greet(a, "b", 1, spec);
  EXPECT_NEAR(a.Status().coverage, 1.0 / 3, 1e-9);
  a.Handle(FrameIn{.peer = "b", .frame = b.Counted(SumOf(0, 1, 0, -1))});
  a.Handle(Tick{});
  EXPECT_NEAR(a.Status().coverage, 2.0 / 3, 1e-9);
  for (uint32_t i = 0; i <= spec.max_delay; ++i) a.Handle(Tick{});
  EXPECT_NEAR(a.Status().coverage, 1.0 / 3, 1e-9) << "b fell silent";
  const NodeStatus status = a.Status();
  ASSERT_EQ(status.edges.size(), 1U);
  EXPECT_GT(status.edges[0].sent.frames, 0U);
  EXPECT_EQ(status.sources.size(), 2U);
}

}  // namespace
}  // namespace mneme::federation
