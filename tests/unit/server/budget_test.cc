// Bytes of calls under way: what fits, what is refused, and that nothing is lost on the way.
#include "server/rpc/budget.h"

#include <thread>
#include <vector>

#include "core/base/status.h"
#include "gtest/gtest.h"

namespace mneme::server {
namespace {

constexpr uint64_t kMiB = 1 << 20;

TEST(ByteBudget, RefusesWhatDoesNotFitAndSaysToRetry) {
  ByteBudget budget(10 * kMiB);
  EXPECT_TRUE(budget.TryTake(6 * kMiB).ok());
  const absl::Status refused = budget.TryTake(5 * kMiB);
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  const std::optional<ErrorDetail> detail = GetErrorDetail(refused);
  EXPECT_EQ(detail->reason, "BUSY");
  EXPECT_GE(detail->retry_after_ms, 0);
  EXPECT_EQ(budget.held(), 6 * kMiB);
  EXPECT_TRUE(budget.TryTake(4 * kMiB).ok());
  budget.Give(10 * kMiB);
  EXPECT_EQ(budget.held(), 0u);
}

TEST(ByteBudget, WhatNeverFitsIsALimit) {
  ByteBudget budget(10 * kMiB);
  const std::optional<ErrorDetail> detail = GetErrorDetail(budget.TryTake(10 * kMiB + 1));
  EXPECT_EQ(detail->reason, "LIMIT");
  EXPECT_LT(detail->retry_after_ms, 0) << "waiting does not help";
}

TEST(ByteBudget, SmallMessagesGetInAWhileLonger) {
  ByteBudget budget(8 * kMiB);
  EXPECT_TRUE(budget.TryTake(8 * kMiB).ok());
  EXPECT_FALSE(budget.TryTake(ByteBudget::kSmallBytes + 1).ok());
  uint64_t small = 0;
  while (budget.TryTake(ByteBudget::kSmallBytes).ok()) ++small;
  EXPECT_EQ(small, kMiB / ByteBudget::kSmallBytes);  // an eighth, and no more
}

TEST(ByteBudget, HoldsWithinItsBoundUnderManyThreads) {
  ByteBudget budget(kMiB);
  std::atomic<uint64_t> most{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) {
        if (!budget.TryTake(400'000).ok()) continue;
        uint64_t seen = most.load();
        const uint64_t held = budget.held();
        while (held > seen && !most.compare_exchange_weak(seen, held)) {
        }
        budget.Give(400'000);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most.load(), kMiB);
  EXPECT_EQ(budget.held(), 0u);
}

}  // namespace
}  // namespace mneme::server
