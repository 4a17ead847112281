#include "core/federation/outbox.h"

#include "gtest/gtest.h"

namespace mneme::federation {
namespace {

constexpr Lane kOne = {.kind = LaneKind::kSum, .root = 1};
constexpr Lane kTwo = {.kind = LaneKind::kSum, .root = 2};

TEST(Outbox, KeepsFramesUntilTheyAreAcknowledged) {
  Outbox out;
  EXPECT_EQ(out.Add(kOne, Ack{}), 1U);
  EXPECT_EQ(out.Add(kTwo, Ack{}), 2U);
  EXPECT_EQ(out.Add(kOne, Ack{}), 3U);
  EXPECT_EQ(out.InFlight(kOne), 2U);
  size_t acked = 0;
  EXPECT_TRUE(out.Ack(2, acked));
  EXPECT_EQ(acked, 2U);
  EXPECT_EQ(out.InFlight(kOne), 1U);
  EXPECT_EQ(out.InFlight(kTwo), 0U);
  ASSERT_EQ(out.unacked().size(), 1U);
  EXPECT_EQ(out.unacked().front().seq, 3U);
  EXPECT_TRUE(out.Ack(1, acked)) << "an old acknowledgement, late";
  EXPECT_FALSE(out.Ack(4, acked)) << "never sent";
}

TEST(Outbox, CountsFromOneInANewSession) {
  Outbox out;
  out.Add(kOne, Ack{});
  EXPECT_EQ(out.Reset().size(), 1U);
  EXPECT_EQ(out.InFlight(kOne), 0U);
  EXPECT_EQ(out.Add(kOne, Ack{}), 1U);
}

TEST(Inbox, TakesEachNumberOnceInAnyOrder) {
  Inbox in;
  EXPECT_EQ(in.Accept(2), Inbox::Seen::kNew);
  EXPECT_EQ(in.seen(), 0U);
  EXPECT_EQ(in.Accept(2), Inbox::Seen::kDuplicate);
  EXPECT_EQ(in.Accept(1), Inbox::Seen::kNew);
  EXPECT_EQ(in.seen(), 2U);
  EXPECT_EQ(in.Accept(1), Inbox::Seen::kDuplicate);
  EXPECT_EQ(in.Accept(4), Inbox::Seen::kNew);
  EXPECT_EQ(in.Accept(3), Inbox::Seen::kNew);
  EXPECT_EQ(in.seen(), 4U);
  EXPECT_EQ(in.ahead(), 0U);
}

TEST(Inbox, HoldsABoundedNumberBeyondAGap) {
  Inbox in;
  for (uint64_t seq = 2; seq < 2 + Inbox::kAheadMax; ++seq) {
    ASSERT_EQ(in.Accept(seq), Inbox::Seen::kNew);
  }
  EXPECT_EQ(in.Accept(2 + Inbox::kAheadMax), Inbox::Seen::kTooFarAhead);
  EXPECT_EQ(in.Accept(1), Inbox::Seen::kNew);
  EXPECT_EQ(in.seen(), 1 + Inbox::kAheadMax);
  EXPECT_EQ(in.Accept(2 + Inbox::kAheadMax), Inbox::Seen::kNew);
}

}  // namespace
}  // namespace mneme::federation
