// What a node refuses, and that refusing leaves no trace but a count.
#include <cmath>
#include <limits>
#include <string_view>

#include "core/base/random.h"
#include "gtest/gtest.h"
#include "tests/unit/core/federation/federated.h"

namespace mneme::federation {
namespace {

// Node a of the line, with b greeted.
struct Meeting {
  explicit Meeting(const Spec& spec = SmallSpec()) : a("a", spec), b(1) {
    a.Plan(LinePlan(spec));
    a.Handle(StreamUp{.peer = "b"});
    a.Handle(FrameIn{.peer = "b", .frame = b.HelloOf(spec)});
  }
  std::vector<Action> From(const Frame& frame) {
    return a.Handle(FrameIn{.peer = "b", .frame = frame});
  }
  float Learned() {
    a.Handle(Tick{});
    return a->memory()[0];
  }

  Driven a;
  Peer b;
};

TEST(NodeReceive, AGoodSumIsAppliedOnce) {
  Meeting meeting;
  const Frame frame = meeting.b.Counted(SumOf(0, 1, 0, -1));
  meeting.From(frame);
  meeting.From(frame);
  EXPECT_FLOAT_EQ(meeting.Learned(), 0.5F) << "eta 0.5 times a gradient of -1";
  EXPECT_EQ(meeting.a.Dropped(Drop::kDuplicate), 1U);
  EXPECT_FLOAT_EQ(meeting.Learned(), 0.5F);
}

TEST(NodeReceive, RefusesWhatIsNotForIt) {
  struct Wrong {
    Drop reason;
    void (*change)(Header&);
  };
  const Wrong wrongs[] = {
      {Drop::kWrongFederation, [](Header& header) { header.federation = {7}; }},
      {Drop::kOldEpoch, [](Header& header) { header.epoch = 0; }},
      {Drop::kNotNeighbour, [](Header& header) { header.sender = 2; }},
      {Drop::kNotNeighbour, [](Header& header) { header.sender = 99; }},
      {Drop::kOldIncarnation, [](Header& header) { header.incarnation = 0; }},
      {Drop::kWrongSession, [](Header& header) { header.to_incarnation = 2; }},
      {Drop::kBadFrame, [](Header& header) { header.edge_seq = 0; }},
      {Drop::kBadFrame, [](Header& header) { header.ack_seq = 1'000; }},
  };
  for (const Wrong& wrong : wrongs) {
    Meeting meeting;
    Frame frame = meeting.b.Counted(SumOf(0, 1, 0, -1));
    wrong.change(frame.header);
    meeting.From(frame);
    EXPECT_EQ(meeting.a.Dropped(wrong.reason), 1U) << Name(wrong.reason);
    EXPECT_EQ(meeting.Learned(), 0) << Name(wrong.reason);
  }
}

TEST(NodeReceive, RefusesBodiesOfTheWrongEdgeOrTree) {
  Meeting meeting;
  meeting.From(meeting.b.Counted(SumOf(1, 2, 0, -1)));  // for b itself, from its own root
  meeting.From(meeting.b.Counted(SumOf(2, 1, 0, -1)));  // for c: b is my parent there
  EXPECT_EQ(meeting.a.Dropped(Drop::kNotNeighbour), 2U);
  // A sum that names me as one of its contributors.
  GradUp mine = SumOf(0, 1, 0, -1);
  mine.tally.contributors[0].node = 0;
  meeting.From(meeting.b.Counted(mine));
  EXPECT_EQ(meeting.a.Dropped(Drop::kBadFrame), 1U);
  EXPECT_EQ(meeting.Learned(), 0);
}

TEST(NodeReceive, TenBadFramesCloseTheStreamAndNothingIsLearned) {
  Meeting meeting;
  std::vector<CloseStream> closed;
  for (uint32_t i = 0; i < kBadFramesMax + 5; ++i) {
    const auto actions =
        meeting.From(meeting.b.Counted(SumOf(0, 1, 0, std::numeric_limits<float>::quiet_NaN())));
    for (const CloseStream& close : AllOf<CloseStream>(actions)) closed.push_back(close);
  }
  ASSERT_EQ(closed.size(), 1U);
  EXPECT_EQ(closed[0].peer, "b");
  EXPECT_NE(closed[0].reason.find("finite"), std::string::npos) << closed[0].reason;
  EXPECT_EQ(meeting.a.Dropped(Drop::kBadFrame), kBadFramesMax);
  EXPECT_EQ(meeting.Learned(), 0);
  // A new stream is a new chance.
  meeting.a.Handle(StreamDown{.peer = "b"});
  meeting.a.Handle(StreamUp{.peer = "b"});
  meeting.From(meeting.b.Counted(SumOf(0, 1, 0, -1)));
  EXPECT_GT(meeting.Learned(), 0);
}

TEST(NodeReceive, FramesBeforeAStreamOrAPlanAreDropped) {
  Driven a("a");
  Peer b(1);
  a.Handle(FrameIn{.peer = "b", .frame = b.HelloOf(SmallSpec())});
  EXPECT_EQ(a.Dropped(Drop::kWrongSession), 1U);
  a.Plan(LinePlan(SmallSpec()));
  a.Handle(StreamUp{.peer = "b"});
  a.Handle(PlanLost{});
  a.Handle(FrameIn{.peer = "b", .frame = b.HelloOf(SmallSpec())});
  EXPECT_EQ(a.Dropped(Drop::kNoPlan), 1U);
}

// They cannot be checked before the plan is here.
TEST(NodeReceive, FramesOfAnEpochToComeAreNotKeptAndItsPlanIsAskedFor) {
  Meeting meeting;
  meeting.b.header().epoch = 5;
  const auto actions = meeting.From(meeting.b.Counted(SumOf(0, 1, 0, -1)));
  ASSERT_EQ(AllOf<FetchPlan>(actions).size(), 1U);
  EXPECT_EQ(AllOf<FetchPlan>(actions)[0].epoch, 5U);
  EXPECT_EQ(meeting.a.Dropped(Drop::kNewEpoch), 1U);
  EXPECT_EQ(meeting.Learned(), 0);
  // Both greet in the new epoch; what was sent too early comes again, and counts once.
  meeting.a.Plan(LinePlan(SmallSpec(), 5));
  Peer b(1);
  b.header().epoch = 5;
  meeting.From(b.HelloOf(SmallSpec()));
  meeting.From(b.Counted(SumOf(0, 1, 0, -1)));
  EXPECT_FLOAT_EQ(meeting.Learned(), 0.5F);
}

TEST(NodeReceive, APlanThatNeverComesIsAskedForNowAndThenWhileFramesSpeakOfIt) {
  Meeting meeting;
  meeting.b.header().epoch = uint64_t{1} << 60;
  const auto fetches = [&](bool hears) {
    size_t count = 0;
    for (uint32_t round = 0; round < 4 * kFetchRounds; ++round) {
      for (int frame = 0; hears && frame < 3; ++frame) {
        ++meeting.b.header().epoch;  // a newer one each time
        count += AllOf<FetchPlan>(meeting.From(meeting.b.Plain(Ack{}))).size();
      }
      count += AllOf<FetchPlan>(meeting.a.Handle(Tick{})).size();
    }
    return count;
  };
  EXPECT_EQ(fetches(true), 4U);
  EXPECT_LE(fetches(false), 1U);
  EXPECT_EQ(fetches(false), 0U);
}

TEST(NodeReceive, APredecessorIsToldToStopAndItsSuccessorIsNot) {
  Meeting meeting;
  meeting.b.header().incarnation = 3;
  meeting.From(meeting.b.HelloOf(SmallSpec()));
  Frame old = Peer(1).Counted(SumOf(0, 1, 0, -1));
  old.header.incarnation = 2;
  const auto actions = meeting.From(old);
  EXPECT_EQ(meeting.a.Dropped(Drop::kOldIncarnation), 1U);
  const auto sends = AllOf<Send>(actions);
  ASSERT_EQ(sends.size(), 1U);
  EXPECT_EQ(std::get<Nack>(sends[0].frame.body).code, NackCode::kOldIncarnation);
  EXPECT_EQ(sends[0].frame.header.to_incarnation, 2U);
  EXPECT_EQ(meeting.Learned(), 0);
}

TEST(NodeReceive, SumsForAnEarlierStartOfTheRootAreDropped) {
  Driven a("a", SmallSpec(), 4);
  a.Plan(LinePlan(SmallSpec()));
  Peer b(1, 4);
  a.Handle(StreamUp{.peer = "b"});
  a.Handle(FrameIn{.peer = "b", .frame = b.HelloOf(SmallSpec())});
  a.Handle(FrameIn{.peer = "b", .frame = b.Counted(SumOf(0, 1, 0, -1))});
  EXPECT_EQ(a.Dropped(Drop::kOldRoot), 1U);
  a.Handle(Tick{});
  EXPECT_EQ(a->memory()[0], 0);
}

TEST(NodeReceive, ANormAboveTheClipIsRefused) {
  Spec spec = SmallSpec();
  spec.clip = 1;
  Meeting meeting(spec);
  meeting.From(meeting.b.Counted(SumOf(0, 1, 0, 1e20F)));
  EXPECT_EQ(meeting.a.Dropped(Drop::kClip), 1U);
  EXPECT_EQ(meeting.Learned(), 0);
  meeting.From(meeting.b.Counted(SumOf(0, 1, 0, -0.1F)));
  EXPECT_GT(meeting.Learned(), 0);
}

TEST(NodeReceive, WithoutAClipTheBallBoundsWhatOneSumCanDo) {
  Meeting meeting;
  meeting.From(meeting.b.Counted(SumOf(0, 1, 0, 1e30F)));
  meeting.a.Handle(Tick{});
  double squared = 0;
  for (const float value : meeting.a->memory()) squared += double{value} * double{value};
  EXPECT_NEAR(std::sqrt(squared), BallRadius(SmallSpec()), 1e-4);
}

TEST(NodeReceive, ParametersOutsideTheBallAreRefused) {
  Meeting meeting;
  ParamDown down{.root = 1, .root_incarnation = 1};
  down.memory = Pack(std::vector<float>(kDim * kDim, 1e6F), WireType::kFloat32);
  meeting.From(meeting.b.Counted(down));
  EXPECT_EQ(meeting.a.Dropped(Drop::kBadFrame), 1U);
}

TEST(NodeReceive, AnUnchangedMemoryThatIsNotHereIsAskedFor) {
  Meeting meeting;
  const auto actions = meeting.From(meeting.b.Counted(
      ParamDown{.root = 1, .root_incarnation = 1, .tag = 9, .base_tag = 7, .unchanged = true}));
  const auto nacks = SentTo<Nack>(actions, "b");
  ASSERT_EQ(nacks.size(), 1U);
  EXPECT_EQ(nacks[0].code, NackCode::kMissingBase);
  EXPECT_EQ(nacks[0].root, 1U);
  EXPECT_EQ(meeting.a.Dropped(Drop::kMissingBase), 1U);
}

TEST(NodeReceive, APeerWithAnotherSpecLosesItsStream) {
  Driven a("a");
  a.Plan(LinePlan(SmallSpec()));
  a.Handle(StreamUp{.peer = "b"});
  Spec other = SmallSpec();
  other.d_k = 5;
  const auto actions = a.Handle(FrameIn{.peer = "b", .frame = Peer(1).HelloOf(other)});
  const auto closed = AllOf<CloseStream>(actions);
  ASSERT_EQ(closed.size(), 1U);
  EXPECT_NE(closed[0].reason.find("another spec"), std::string::npos);
}

// Node b of the line, between its root a and the leaf c.
struct Relay {
  explicit Relay(const Spec& its_spec = SmallSpec()) : spec(its_spec), b("b", spec), a(0), c(2) {
    b.Plan(LinePlan(spec));
    a = Greet(b, "a", 0, spec);
    c = Greet(b, "c", 2, spec);
    ParamDown down{.root = 0, .root_incarnation = 1, .tag = 9, .base_tag = 9};
    down.memory = Pack(std::vector<float>(kDim * kDim), spec.wire.type);
    b.Handle(FrameIn{.peer = "a", .frame = a.Counted(down)});
  }
  std::vector<Action> FromC(const Body& body) {
    return b.Handle(FrameIn{.peer = "c", .frame = c.Counted(body)});
  }
  // What it sends to a is good, or a would blame it.
  GradUp Passes() {
    const auto actions = b.Handle(Tick{});
    const auto sums = SentTo<GradUp>(actions, "a");
    EXPECT_EQ(sums.size(), 1U);
    if (sums.empty()) return {};
    const absl::Status status = Check(Frame{.header = {}, .body = sums[0]}, LinePlan(spec));
    EXPECT_TRUE(status.ok()) << status;
    return sums[0];
  }

  Spec spec;
  Driven b;
  Peer a;
  Peer c;
};

// Each of c's frames passes alone; the sum of both would not pass at a.
TEST(NodeReceive, WhatWouldNotPassFurtherUpIsTheChildsFault) {
  struct Lie {
    const char* what;
    void (*make)(GradUp&);
  };
  const Lie lies[] = {
      {"more evaluations than tags", [](GradUp& up) { up.tally.contributors[0].newest_tag = 3; }},
      {"norms", [](GradUp& up) { up.tally.norm_sum = kTallySumMax; }},
      {"losses", [](GradUp& up) { up.tally.loss_sum = -kTallySumMax; }},
      {"items",
       [](GradUp& up) { up.tally.items = up.tally.contributors[0].items = uint64_t{1} << 48; }},
      {"length", [](GradUp& up) {
         up.values = Pack(std::vector<float>(kDim * kDim, 3e33F), WireType::kFloat32);
       }}};
  for (const Lie& lie : lies) {
    Relay relay;
    const bool same_tag = std::string_view(lie.what) == "more evaluations than tags";
    for (uint64_t i = 0; i < 3; ++i) {
      GradUp up = SumOf(0, 2, same_tag ? 3 : 3 + i, -1, i + 1);
      lie.make(up);
      if (!same_tag) up.tally.contributors[0].newest_tag = 3 + i;
      relay.FromC(up);
    }
    EXPECT_EQ(relay.b.Dropped(Drop::kBadFrame), 2U) << lie.what;
    EXPECT_EQ(relay.Passes().tally.contributors.at(1).evaluations, 1U) << lie.what;
    // And honest ones still pass.
    relay.FromC(SumOf(0, 2, 8, -1, 4));
    EXPECT_EQ(relay.b.Dropped(Drop::kBadFrame), 2U) << lie.what;
    EXPECT_EQ(relay.Passes().tally.items, 1U) << lie.what;
  }
}

TEST(NodeReceive, ASumAsLongAsMayBeDoesNotMakeHonestOnesBad) {
  Relay relay;
  GradUp full = SumOf(0, 2, 3, -1);
  full.tally.norm_sum = full.tally.loss_sum = kTallySumMax;
  full.values = Pack(std::vector<float>(kDim * kDim, 3.3e33F), WireType::kFloat32);
  relay.FromC(full);
  for (uint64_t i = 1; i < 6; ++i) relay.FromC(SumOf(0, 2, 3 + i, -1e10F, i + 1));
  EXPECT_EQ(relay.b.Dropped(Drop::kBadFrame), 0U);
  EXPECT_EQ(relay.Passes().tally.items, 6U);
}

TEST(NodeReceive, AChildSpeaksForItsOwnBranchOnly) {
  Relay relay;
  relay.FromC(SumOf(0, 1, 3, -1));  // of b itself
  EXPECT_EQ(relay.b.Dropped(Drop::kNotNeighbour), 1U);
  EXPECT_EQ(relay.Passes().tally.items, 0U);
}

TEST(NodeReceive, WhatIsRefusedIsAcknowledged) {
  Relay relay;
  const Frame bad = relay.c.Counted(SumOf(0, 2, 3, std::numeric_limits<float>::quiet_NaN()));
  relay.b.Handle(FrameIn{.peer = "c", .frame = bad});
  uint64_t acked = 0;
  for (const Send& send : AllOf<Send>(relay.b.Handle(Tick{}))) {
    if (send.peer == "c") acked = std::max(acked, send.frame.header.ack_seq);
  }
  EXPECT_EQ(acked, 1U);
  // Sent again it is no other bad frame.
  relay.b.Handle(FrameIn{.peer = "c", .frame = bad});
  EXPECT_EQ(relay.b.Dropped(Drop::kBadFrame), 1U);
  EXPECT_EQ(relay.b.Dropped(Drop::kDuplicate), 1U);
}

TEST(NodeReceive, OneLieAboutItsNormsDoesNotStopAdaptiveSteps) {
  Spec spec = SmallSpec();
  spec.steps = {.schedule = Schedule::kAdaptive};
  Meeting meeting(spec);
  meeting.From(meeting.b.Counted(SumOf(0, 1, 0, -1, 1)));
  meeting.Learned();
  GradUp lie = SumOf(0, 1, 0, -1, 2);  // late, so that its norm meets those before
  lie.tally.norm_sum = 1e99;
  meeting.From(meeting.b.Counted(lie));
  meeting.Learned();
  EXPECT_EQ(meeting.a.Dropped(Drop::kBadFrame), 0U);
  EXPECT_GT(meeting.a.Status().eta, 1e-2);
}

constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

TEST(NodeReceive, AStartThatIsStillToComeSilencesNobody) {
  Spec spec = SmallSpec();
  spec.transport = Transport::kFactor;
  spec.privacy.share_items = true;
  Meeting meeting(spec);
  // The relay b about c, without a number.
  meeting.From(meeting.b.Plain(Factor{.source = 2, .source_incarnation = kNever}));
  EXPECT_EQ(meeting.a.Dropped(Drop::kBadFrame), 1U);
  Factor real{.source = 2, .source_incarnation = 1, .count = 1};
  real.keys = real.responses = Pack(std::vector<float>{1, 0, 0}, WireType::kFloat32);
  meeting.From(meeting.b.Counted(real));
  EXPECT_GT(meeting.Learned(), 0);
  // And of a neighbour itself.
  Frame frame = meeting.b.HelloOf(spec);
  frame.header.incarnation = kNever;
  meeting.From(frame);
  real.first_item = 1;
  meeting.From(meeting.b.Counted(real));
  EXPECT_EQ(meeting.a.Dropped(Drop::kOldIncarnation), 0U);
  EXPECT_EQ(meeting.a.Dropped(Drop::kBadFrame), 2U);
}

TEST(NodeReceive, WhatARelayMadeOfASourcesStartIsForgottenWithTheEpoch) {
  Spec spec = SmallSpec();
  spec.transport = Transport::kFactor;
  spec.privacy.share_items = true;
  Meeting meeting(spec);
  Factor factor{.source = 2, .source_incarnation = 50'000, .count = 0};
  meeting.From(meeting.b.Plain(factor));
  Factor real{.source = 2, .source_incarnation = 1, .count = 1};
  real.keys = real.responses = Pack(std::vector<float>{1, 0, 0}, WireType::kFloat32);
  meeting.From(meeting.b.Counted(real));
  EXPECT_EQ(meeting.a.Dropped(Drop::kOldIncarnation), 1U);
  EXPECT_EQ(meeting.Learned(), 0);
  meeting.a.Plan(LinePlan(spec, 2));
  Peer b(1);
  b.header().epoch = 2;
  meeting.From(b.HelloOf(spec));
  meeting.From(b.Counted(real));
  EXPECT_GT(meeting.Learned(), 0);
}

TEST(NodeReceive, AStartThatANeighbourMadeUpIsForgottenWithTheEpoch) {
  Meeting meeting;
  Frame lie = meeting.b.HelloOf(SmallSpec());
  lie.header.incarnation = 50'000;
  meeting.From(lie);
  Peer again(1);
  meeting.From(again.HelloOf(SmallSpec()));
  EXPECT_EQ(meeting.a.Dropped(Drop::kOldIncarnation), 1U);
  Plan plan = LinePlan(SmallSpec(), 2);
  plan.nodes[1].incarnation = 2;  // it has registered again
  meeting.a.Plan(plan);
  again.header().epoch = 2;
  meeting.From(again.HelloOf(SmallSpec()));
  EXPECT_EQ(meeting.a.Dropped(Drop::kOldIncarnation), 2U) << "older than the plan knows";
  again.header().incarnation = 2;
  meeting.From(again.HelloOf(SmallSpec()));
  meeting.From(again.Counted(SumOf(0, 1, 0, -1)));
  EXPECT_FLOAT_EQ(meeting.Learned(), 0.5F);
}

TEST(NodeReceive, NumbersThatARelayMadeUpAreForgottenWithTheEpoch) {
  Spec spec = SmallSpec();
  spec.transport = Transport::kFactor;
  spec.privacy.share_items = true;
  Meeting meeting(spec);
  const auto item = [](uint64_t number, uint64_t start) {
    Factor factor{.source = 2, .source_incarnation = start, .first_item = number, .count = 1};
    factor.keys = factor.responses = Pack(std::vector<float>{1, 0, 0}, WireType::kFloat32);
    return factor;
  };
  const auto next_epoch = [&](uint64_t epoch) {
    meeting.a.Plan(LinePlan(spec, epoch));
    meeting.b = Peer(1);
    meeting.b.header().epoch = epoch;
    meeting.From(meeting.b.HelloOf(spec));
  };
  const auto arrived = [&] { return meeting.a.Status().sources[1].items; };
  meeting.From(meeting.b.Counted(item(0, 1)));
  Factor lie = item(1, 1);
  lie.count = 4'000;
  for (Numbers* numbers : {&lie.keys, &lie.responses}) {
    *numbers = Pack(std::vector<float>(size_t{3} * lie.count), WireType::kFloat32);
  }
  meeting.From(meeting.b.Counted(lie));
  const uint64_t before = arrived();
  ASSERT_EQ(before, 4'001U);
  meeting.From(meeting.b.Counted(item(1, 1)));
  EXPECT_EQ(meeting.a.Dropped(Drop::kDuplicate), 1U);
  next_epoch(2);
  meeting.From(meeting.b.Counted(item(2, 1)));
  meeting.From(meeting.b.Counted(item(3, 1)));
  EXPECT_EQ(arrived(), before + 2);
  meeting.From(meeting.b.Counted(item(0, 1)));
  EXPECT_EQ(meeting.a.Dropped(Drop::kDuplicate), 2U) << "later ones take nothing back";
  // A source that has started again may say once more what it said before.
  next_epoch(3);
  meeting.From(meeting.b.Counted(item(2, 2)));
  EXPECT_EQ(arrived(), before + 2);
  EXPECT_EQ(meeting.a.Dropped(Drop::kDuplicate), 3U);
}

TEST(NodeReceive, APlanWithAStartThatIsStillToComeKillsNoEdge) {
  Meeting meeting;
  Plan wrong = LinePlan(SmallSpec(), 2);
  wrong.nodes[1].incarnation = kNever;
  meeting.a.Plan(wrong);
  meeting.a.Plan(LinePlan(SmallSpec(), 3));
  Peer b(1);
  b.header().epoch = 3;
  meeting.From(b.HelloOf(SmallSpec()));
  meeting.From(b.Counted(SumOf(0, 1, 0, -1)));
  EXPECT_FLOAT_EQ(meeting.Learned(), 0.5F);
}

// Any change of any field of good frames: nothing throws, the memory stays finite.
TEST(NodeReceive, SpoiledFramesOfAnyKindDoNoHarm) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    Spec spec = SmallSpec();
    if (random.Below(3) == 0) {
      spec.transport = Transport::kFactor;
      spec.privacy.share_items = true;
    } else if (random.Below(3) == 0) {
      spec.transport = Transport::kStatistic;
    }
    Meeting meeting(spec);
    const auto any = [&]() -> uint64_t {
      return random.Below(2) == 0 ? random.Below(4) : random.Next();
    };
    const auto spoil = [&](std::string& bytes) {
      if (random.Below(3) == 0) bytes.resize(random.Below(64));
      for (char& byte : bytes) {
        if (random.Below(4) == 0) byte = static_cast<char>(random.Next());
      }
    };
    for (int i = 0; i < 40; ++i) {
      GradUp up = SumOf(0, 1, any(), 1, 1 + any());
      up.root = static_cast<uint32_t>(random.Below(3));
      up.tally.items = random.Below(3) == 0 ? any() : up.tally.items;
      spoil(up.values.bytes);
      const std::vector<float> three(kDim, 1);
      Factor factor{.source = 1, .source_incarnation = 1, .first_item = any(), .count = 1};
      factor.keys = factor.responses = Pack(three, WireType::kFloat32);
      spoil(factor.keys.bytes);
      StatUp stat{.kind = static_cast<StatKind>(random.Below(3)),
                  .root = static_cast<uint32_t>(random.Below(2)),
                  .first_item = any(),
                  .count = any()};
      stat.squares = Pack(std::vector<float>(6, 1), WireType::kFloat32);
      stat.products = Pack(std::vector<float>(9, 1), WireType::kFloat32);
      if (random.Below(2) == 0) spoil(stat.products.bytes);
      if (stat.kind != StatKind::kFactors) stat.tally = up.tally;
      ParamDown down{.root = 1, .root_incarnation = any(), .tag = any(), .base_tag = any()};
      down.memory = Pack(std::vector<float>(9, 1), WireType::kFloat32);
      spoil(down.memory.bytes);
      const Body bodies[] = {up,
                             factor,
                             stat,
                             down,
                             Nack{.code = NackCode::kMissingBase, .root = 9},
                             Ack{},
                             Probe{},
                             ProbeReply{.sent_at = static_cast<int64_t>(any())}};
      Frame frame = meeting.b.Counted(bodies[random.Below(8)]);
      if (random.Below(20) == 0) frame.header.edge_seq = any();
      if (random.Below(20) == 0) frame.header.ack_seq = any();
      if (random.Below(40) == 0) frame.header.incarnation = any();
      meeting.From(frame);
      meeting.a.Handle(StreamUp{.peer = "b"});
      if (random.Below(4) == 0) meeting.a.Handle(Tick{});
      for (const float value : meeting.a->memory()) ASSERT_TRUE(std::isfinite(value)) << seed;
    }
  }
}

}  // namespace
}  // namespace mneme::federation
