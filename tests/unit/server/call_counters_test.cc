#include "server/observe/call_counters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <thread>
#include <vector>

namespace mneme::server {
namespace {

using ::testing::Each;

uint64_t Sum(const auto& counts) {
  return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
}

TEST(CallCounters, CallsAreUnderWayUntilTheyEnd) {
  CallCounters counters(3);
  counters.Begin(1);
  counters.Begin(1);
  counters.End(1, 5, 1'000, 10, 20);
  const CallTotals totals = counters.Totals(1);
  EXPECT_EQ(totals.begun, 2u);
  EXPECT_EQ(totals.under_way(), 1u);
  EXPECT_EQ(totals.ended[5], 1u);
  EXPECT_EQ(Sum(totals.ended), 1u);
  EXPECT_EQ(totals.nanos, 1'000u);
  EXPECT_EQ(totals.bytes_in, 10u);
  EXPECT_EQ(totals.bytes_out, 20u);
  for (const size_t other : {0, 2}) {
    EXPECT_EQ(counters.Totals(other).begun, 0u);
    EXPECT_THAT(counters.Totals(other).ended, Each(0u));
  }
}

TEST(CallCounters, TimesFallIntoTheBucketWhoseBoundTheyDoNotExceed) {
  CallCounters counters(1);
  for (const int64_t nanos : kCallNanos) {
    counters.End(0, 0, nanos, 0, 0);
    counters.End(0, 0, nanos + 1, 0, 0);
  }
  const CallTotals totals = counters.Totals(0);
  EXPECT_EQ(totals.times.front(), 1u);
  for (size_t i = 1; i < kCallNanos.size(); ++i) EXPECT_EQ(totals.times[i], 2u) << i;
  EXPECT_EQ(totals.times.back(), 1u);
}

TEST(CallCounters, HostileTimesAndCodesAreCountedSomewhere) {
  CallCounters counters(1);
  counters.End(0, -1, -5, 0, 0);
  counters.End(0, 17, INT64_MAX, 0, 0);
  counters.End(0, 1 << 30, 0, 0, 0);
  const CallTotals totals = counters.Totals(0);
  EXPECT_EQ(totals.ended[2], 3u);  // UNKNOWN
  EXPECT_EQ(Sum(totals.times), 3u);
  EXPECT_EQ(totals.times.back(), 1u);
  EXPECT_EQ(totals.nanos, static_cast<uint64_t>(INT64_MAX));
}

TEST(CallCounters, NothingIsLostBetweenThreads) {
  constexpr int kThreads = 8, kCalls = 10'000;
  CallCounters counters(2);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&counters, t] {
      for (int i = 0; i < kCalls; ++i) {
        counters.Begin(static_cast<size_t>(t % 2));
        counters.End(static_cast<size_t>(t % 2), i % 17, i, 1, 2);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const size_t method : {0, 1}) {
    const CallTotals totals = counters.Totals(method);
    EXPECT_EQ(totals.begun, uint64_t{kThreads / 2 * kCalls});
    EXPECT_EQ(totals.under_way(), 0u);
    EXPECT_EQ(Sum(totals.times), totals.begun);
    EXPECT_EQ(totals.bytes_in, totals.begun);
    EXPECT_EQ(totals.bytes_out, 2 * totals.begun);
  }
}

}  // namespace
}  // namespace mneme::server
