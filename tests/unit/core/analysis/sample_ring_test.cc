#include "core/analysis/sample_ring.h"

#include <thread>

#include "gtest/gtest.h"

namespace mneme::analysis {
namespace {

void AddOne(SampleRing& ring, uint64_t step) {
  const double value[] = {static_cast<double>(step)};
  ring.Add(step, value);
}

TEST(SampleRing, GivesSamplesInOrderAndThenWaits) {
  SampleRing ring({"x"});
  AddOne(ring, 5);
  AddOne(ring, 6);
  uint64_t next = 0;
  EXPECT_EQ(ring.Take(next)->step, 5u);
  EXPECT_EQ(ring.Take(next)->values, std::vector<double>{6});
  EXPECT_FALSE(ring.Take(next).has_value());
  EXPECT_FALSE(ring.IsOver(next));
  ring.End();
  EXPECT_TRUE(ring.IsOver(next));
  AddOne(ring, 7);  // nothing comes after the end
  EXPECT_FALSE(ring.Take(next).has_value());
}

TEST(SampleRing, ALateWatcherLearnsHowManyItMissed) {
  SampleRing ring({"x"});
  for (uint64_t i = 0; i < kSamplesKept + 10; ++i) AddOne(ring, i);
  uint64_t next = 0;
  const auto first = ring.Take(next);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->missed, 10u);
  EXPECT_EQ(first->step, 10u);
  uint64_t left = 0;
  while (const auto sample = ring.Take(next)) {
    EXPECT_EQ(sample->missed, 0u);
    ++left;
  }
  EXPECT_EQ(left, kSamplesKept - 1);
}

TEST(SampleRing, CallsAWatcherOnceForTheNextSampleOrTheEnd) {
  SampleRing ring({"x"});
  int calls = 0;
  EXPECT_TRUE(ring.WhenReady(0, [&] { ++calls; }));
  EXPECT_EQ(calls, 0);
  AddOne(ring, 1);
  AddOne(ring, 2);
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(ring.WhenReady(1, [&] { ++calls; }));  // it is there: at once
  EXPECT_EQ(calls, 2);
  EXPECT_TRUE(ring.WhenReady(2, [&] { ++calls; }));
  ring.End();
  EXPECT_EQ(calls, 3);
}

TEST(SampleRing, RefusesMoreWatchersThanItsBound) {
  SampleRing ring({"x"});
  size_t calls = 0;
  for (size_t i = 0; i < kWatchersMax; ++i) {
    ASSERT_TRUE(ring.WhenReady(0, [&] { ++calls; }));
  }
  EXPECT_FALSE(ring.WhenReady(0, [&] { ++calls; }));
  ring.End();
  EXPECT_EQ(calls, kWatchersMax);
}

TEST(SampleRing, AWatcherThatLeftIsNotCalledAndKeepsNobodyElseOut) {
  SampleRing ring({"x"});
  size_t calls = 0, calls_of_gone = 0;
  for (size_t i = 0; i < kWatchersMax + 2; ++i) {
    const Waiter<> gone([&] { ++calls_of_gone; });
    ASSERT_TRUE(ring.WhenReady(0, gone)) << i;
    ASSERT_TRUE(gone.Leave());
    EXPECT_FALSE(gone.Leave());
  }
  EXPECT_TRUE(ring.WhenReady(0, [&] { ++calls; }));
  AddOne(ring, 1);
  EXPECT_EQ(calls, 1u);
  EXPECT_EQ(calls_of_gone, 0u);
}

TEST(SampleRing, AWatcherWaitsForTheSampleOfHisNumber) {
  SampleRing ring({"x"});
  int calls = 0;
  EXPECT_TRUE(ring.WhenReady(1, [&] { ++calls; }));
  AddOne(ring, 1);
  EXPECT_EQ(calls, 0);
  AddOne(ring, 2);
  EXPECT_EQ(calls, 1);
}

TEST(SampleRing, DroppedItHoldsNothingAndIsOver) {
  SampleRing ring({"x"});
  AddOne(ring, 1);
  ring.Drop();
  uint64_t next = 0;
  EXPECT_TRUE(ring.IsOver(next));
  EXPECT_FALSE(ring.Take(next).has_value());
}

TEST(SampleRing, AReaderBesideAWriterSeesGrowingStepsAndCountsAll) {
  constexpr uint64_t kSamples = 20'000;
  SampleRing ring({"x"});
  std::thread writer([&] {
    for (uint64_t i = 0; i < kSamples; ++i) AddOne(ring, i);
    ring.End();
  });
  uint64_t next = 0, seen = 0, missed = 0;
  while (!ring.IsOver(next)) {
    const auto sample = ring.Take(next);
    if (!sample) continue;
    missed += sample->missed;
    EXPECT_EQ(sample->step, seen + missed);
    EXPECT_EQ(sample->values[0], static_cast<double>(sample->step));
    ++seen;
  }
  writer.join();
  EXPECT_EQ(seen + missed, kSamples);
}

}  // namespace
}  // namespace mneme::analysis
