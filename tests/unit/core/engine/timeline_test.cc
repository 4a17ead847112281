#include "core/engine/timeline.h"

#include <gtest/gtest.h>

namespace mneme::engine {
namespace {

TEST(Timeline, LapsFollowOneAnotherWithoutAGap) {
  ManualClock clock(100);
  Timeline timeline(clock, 90);
  EXPECT_EQ(timeline.end_nanos(), 90);
  timeline.Pass("decode");
  clock.Advance(7);
  timeline.Pass("scan");
  ASSERT_EQ(timeline.laps().size(), 2u);
  EXPECT_EQ(timeline.laps()[0].name, "decode");
  EXPECT_EQ(timeline.laps()[0].end_nanos, 100);
  EXPECT_EQ(timeline.end_nanos(), 107);
}

TEST(Timeline, FollowsAnother) {
  ManualClock clock;
  Timeline batch(clock, 0);
  clock.Advance(3);
  batch.Add({.name = "scan", .end_nanos = 3, .parts = 2, .bytes = 10, .threads = 1});
  Timeline own(clock, 0);
  own.Follow(batch);
  ASSERT_EQ(own.laps().size(), 1u);
  EXPECT_EQ(own.laps()[0].parts, 2u);
  EXPECT_EQ(own.end_nanos(), 3);
}

TEST(Timeline, BeyondItsBoundNothingOfTheSumsIsLost) {
  ManualClock clock;
  Timeline timeline(clock, 0);
  constexpr size_t kPasses = 3 * kLapsMax;
  for (size_t i = 0; i < kPasses; ++i) {
    clock.Advance(5);
    timeline.Add({.name = i % 2 == 0 ? "scan" : "settle",
                  .end_nanos = clock.NowMonotonicNanos(),
                  .parts = i % 2 == 0 ? 4u : 0u,
                  .bytes = i % 2 == 0 ? 100u : 0u,
                  .threads = 1});
  }
  timeline.Pass("encode");  // what comes after them is still told apart
  EXPECT_LE(timeline.laps().size(), kLapsMax);
  ASSERT_GE(timeline.laps().size(), 2u);
  EXPECT_EQ(timeline.laps().end()[-2].name, "more");
  EXPECT_EQ(timeline.laps().back().name, "encode");
  uint64_t parts = 0, bytes = 0;
  for (const Lap& lap : timeline.laps()) {
    parts += lap.parts;
    bytes += lap.bytes;
  }
  EXPECT_EQ(parts, kPasses / 2 * 4);
  EXPECT_EQ(bytes, kPasses / 2 * 100);
  EXPECT_EQ(timeline.end_nanos(), static_cast<int64_t>(5 * kPasses));
}

}  // namespace
}  // namespace mneme::engine
