// What connections owe: honest ones stay within it, and what is of no use adds up.
#include "server/net/ledger.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mneme::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr uint64_t kMiB = 1 << 20;
constexpr int64_t kSecond = 1'000'000'000;
constexpr LedgerBounds kBounds{
    .call_bytes_max = 10 * kMiB, .connection_bytes_max = 22 * kMiB, .all_bytes_max = 25 * kMiB};

class LedgerTest : public ::testing::Test {
 protected:
  std::vector<Ledger::Id> Named() const {
    std::vector<Ledger::Id> out;
    for (const Ledger::Offender& offender : ledger_.Judge()) out.push_back(offender.id);
    return out;
  }
  // So much came in altogether, in so many calls.
  void Came(Ledger::Id id, uint64_t bytes, CallCounts calls = {.opened = 1}) {
    // What is received and answered sends at least a byte.
    ledger_.Count(id, Traffic{.bytes_in = bytes, .bytes_out = calls.answered + calls.messages});
    ledger_.Count(id, calls);
  }

  Ledger ledger_{kBounds};
};

TEST_F(LedgerTest, BytesThatAreNoCallsAddUp) {
  ledger_.Open(1);
  ledger_.Open(2);
  Came(1, 10 * kMiB);
  EXPECT_THAT(Named(), IsEmpty());
  Came(1, 10 * kMiB + 1);
  EXPECT_THAT(Named(), ElementsAre(1));
  EXPECT_EQ(ledger_.Judge()[0].breach, Breach::kBytes);
  EXPECT_EQ(ledger_.bytes_owed(), 10 * kMiB + 1);
  ledger_.Close(1);
  EXPECT_THAT(Named(), IsEmpty());
  EXPECT_EQ(ledger_.bytes_owed(), 0u);
}

TEST_F(LedgerTest, BytesBeforeTheFirstCallAddUpSooner) {
  ledger_.Open(1);
  ledger_.Open(2);
  const CallCounts none, over{.opened = 9, .answered = 6, .failed = 3};
  Came(1, kBytesOfNoCallMax, none);
  EXPECT_THAT(Named(), IsEmpty());
  Came(1, kBytesOfNoCallMax + 1, none);
  EXPECT_THAT(Named(), ElementsAre(1));
  ledger_.Forgive(kSecond);
  EXPECT_THAT(Named(), IsEmpty());
  // What is left of a call that ended early may still be on its way.
  Came(2, 0, over);
  Came(2, 10 * kMiB, over);
  EXPECT_THAT(Named(), IsEmpty());
}

TEST_F(LedgerTest, EachCallUnderWayMayHaveHalfAMessage) {
  ledger_.Open(1);
  Came(1, 0, {.opened = 5, .answered = 3});
  Came(1, 20 * kMiB, {.opened = 5, .answered = 3});
  EXPECT_THAT(Named(), IsEmpty());
  Came(1, 20 * kMiB + 1, {.opened = 5, .answered = 3});
  EXPECT_THAT(Named(), ElementsAre(1));
  Came(1, 22 * kMiB, {.opened = 9, .answered = 3});
  EXPECT_THAT(Named(), IsEmpty());
  Came(1, 22 * kMiB + 1, {.opened = 9, .answered = 3});
  EXPECT_THAT(Named(), ElementsAre(1)) << "whatever is under way";
}

TEST_F(LedgerTest, ACallThatWasBrokenOffGivesBackWhatItHeld) {
  ledger_.Open(1);
  for (uint64_t i = 1; i <= 100; ++i) {
    Came(1, i * 9 * kMiB, {.opened = i, .failed = i - 1});
    EXPECT_THAT(Named(), IsEmpty());
    Came(1, i * 9 * kMiB, {.opened = i, .failed = i});
    EXPECT_EQ(ledger_.bytes_owed(), 0u);
    ledger_.Forgive(9 * kSecond);
  }
}

TEST_F(LedgerTest, CallsThatAreBrokenOffPayForNoFlood) {
  ledger_.Open(1);
  ledger_.Open(2);
  const uint64_t most = kCallsGivenBackMax * 10;
  for (uint64_t i = 1; i <= most; ++i) {
    const CallCounts counts{.opened = 2 * i, .failed = 2 * i};
    Came(1, i * kMiB, counts);
    Came(2, i * kMiB, counts);
    EXPECT_THAT(Named(), IsEmpty()) << i;
  }
  Came(1, (most + 1) * kMiB, {.opened = 2 * most, .failed = 2 * most});
  EXPECT_THAT(Named(), IsEmpty());
  Came(1, (most + 2) * kMiB, {.opened = 2 * most + 2, .failed = 2 * most + 2});
  EXPECT_THAT(Named(), ElementsAre(1));
  EXPECT_EQ(ledger_.Judge()[0].breach, Breach::kBytes);
  // What arrives pays for it.
  ledger_.Deliver(2, 2 * kMiB);
  Came(2, (most + 2) * kMiB, {.opened = 2 * most + 2, .failed = 2 * most + 2});
  EXPECT_THAT(Named(), ElementsAre(1));
}

TEST_F(LedgerTest, ATotalThatFallsIsNotCountedAgain) {
  ledger_.Open(1);
  Came(1, 6 * kMiB);
  Came(1, 2 * kMiB);
  Came(1, 6 * kMiB);
  EXPECT_EQ(ledger_.bytes_owed(), 6 * kMiB);
}

TEST_F(LedgerTest, WhoSendsForVeryLongAndGetsNothingSendsNoMessage) {
  for (const Ledger::Id id : {1, 2, 3}) ledger_.Open(id);
  const CallCounts one{.opened = 1};
  const uint64_t step = kSilentBytesMax / kSilentLooksMax + 1;
  for (uint64_t look = 1; look <= kSilentLooksMax + 1; ++look) {
    EXPECT_THAT(Named(), IsEmpty()) << look;
    Came(1, look * step, one);
    // One gets a byte now and then; one says little.
    ledger_.Count(2, Traffic{.bytes_in = look * step, .bytes_out = look / kSilentLooksMax});
    ledger_.Count(2, one);
    Came(3, look, one);
  }
  EXPECT_THAT(Named(), ElementsAre(1));
}

TEST_F(LedgerTest, CallsAndMessagesPayForThem) {
  ledger_.Open(1);
  for (uint64_t i = 1; i <= 100; ++i) {
    // Calls with the largest headers, for ever.
    const uint64_t calls = i * 1'000;
    Came(1, calls * kBytesPaidByCall, {.opened = calls, .answered = calls, .messages = calls});
    EXPECT_THAT(Named(), IsEmpty());
  }
  EXPECT_EQ(ledger_.bytes_owed(), 0u);
  ledger_.Open(2);
  for (uint64_t i = 1; i <= 100; ++i) {
    // Messages of 8 MiB; frames cost a little more.
    Came(2, i * (8 * kMiB + 40'000), {.opened = i, .answered = i, .messages = i});
    ledger_.Deliver(2, 8 * kMiB);
    EXPECT_THAT(Named(), IsEmpty());
  }
  EXPECT_EQ(ledger_.bytes_owed(), 0u);
  // A stream of messages, none of which is answered.
  ledger_.Open(3);
  for (uint64_t i = 1; i <= 100; ++i) {
    Came(3, i * kMiB, {.opened = 1, .messages = i * 1'000});
    EXPECT_THAT(Named(), IsEmpty());
  }
}

TEST_F(LedgerTest, NobodySavesUp) {
  ledger_.Open(1);
  Came(1, 1, {.answered = 1'000'000, .messages = 1'000'000});
  ledger_.Deliver(1, 1'000 * kMiB);
  ledger_.Forgive(1'000 * kSecond);
  Came(1, 10 * kMiB + 2, {.answered = 1'000'000, .messages = 1'000'000});
  EXPECT_THAT(Named(), ElementsAre(1));
}

TEST_F(LedgerTest, ALittleIsForgivenWithTimeAndWithWhatIsSent) {
  ledger_.Open(1);
  Came(1, 10 * kMiB);
  ledger_.Forgive(4 * kSecond);
  EXPECT_EQ(ledger_.bytes_owed(), 10 * kMiB) << "a call is under way, and may hold them";
  ledger_.Count(1, CallCounts{.opened = 1, .answered = 1});
  ledger_.Forgive(4 * kSecond);
  const uint64_t owed = 10 * kMiB - kBytesPaidByCall - 4 * kBytesForgivenPerSecond;
  EXPECT_EQ(ledger_.bytes_owed(), owed);
  ledger_.Count(1, Traffic{.bytes_in = 10 * kMiB, .bytes_out = 6'400});
  EXPECT_EQ(ledger_.bytes_owed(), owed - 100);
}

TEST_F(LedgerTest, CallsWithoutAnAnswerAddUpUnlessOthersAreAnswered) {
  ledger_.Open(1);
  Came(1, 1, {.opened = kUnansweredCallsMax});
  EXPECT_THAT(Named(), IsEmpty());
  Came(1, 2, {.opened = kUnansweredCallsMax + 1});
  EXPECT_THAT(Named(), ElementsAre(1));
  EXPECT_EQ(ledger_.Judge()[0].breach, Breach::kCalls);
  ledger_.Forgive(kSecond);
  EXPECT_THAT(Named(), IsEmpty());
  // Who breaks off half of what he asks for may do so.
  ledger_.Open(2);
  for (uint64_t i = 1; i <= 100; ++i) {
    Came(2, i, {.opened = i * 1'800, .answered = i * 900});
    EXPECT_THAT(Named(), IsEmpty());
  }
  // Who breaks off two of three may not.
  ledger_.Open(3);
  for (uint64_t i = 1; i <= 100; ++i) Came(3, i, {.opened = i * 900, .answered = i * 300});
  EXPECT_THAT(Named(), ElementsAre(3));
}

TEST_F(LedgerTest, WhatAllOweTogetherIsBoundedAndTheWorstIsNamed) {
  for (const Ledger::Id id : {1, 2, 3, 4}) ledger_.Open(id);
  Came(1, 6 * kMiB);
  Came(2, 9 * kMiB);
  Came(3, 8 * kMiB);
  EXPECT_THAT(Named(), IsEmpty());
  Came(4, 7 * kMiB);
  EXPECT_THAT(Named(), ElementsAre(2));
  EXPECT_EQ(ledger_.Judge()[0].breach, Breach::kTogether);
}

TEST_F(LedgerTest, NobodyIsJudgedBeforeHisCallsWereCounted) {
  ledger_.Open(1);
  ledger_.Open(2);
  ledger_.Open(3);
  ledger_.Count(1, Traffic{.bytes_in = 20 * kMiB});
  ledger_.Count(2, Traffic{.bytes_in = 21 * kMiB});
  ledger_.Count(3, Traffic{.bytes_in = 100});
  EXPECT_THAT(Named(), IsEmpty());
  EXPECT_THAT(ledger_.ToCount(1'000, 10), ElementsAre(2, 1));
  EXPECT_THAT(ledger_.ToCount(1'000, 1), ElementsAre(2));
  ledger_.Count(2, CallCounts{.opened = 100, .answered = 100, .messages = 10'000});
  EXPECT_THAT(Named(), IsEmpty());
  ledger_.Count(1, CallCounts{.opened = 1});
  EXPECT_THAT(Named(), ElementsAre(1));
  EXPECT_THAT(ledger_.ToCount(1, 10), ElementsAre(3));
}

}  // namespace
}  // namespace mneme::server
