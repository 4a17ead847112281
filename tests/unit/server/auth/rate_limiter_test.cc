// Token buckets by a clock of the test's.
#include "server/auth/rate_limiter.h"

#include "core/base/status.h"
#include "gtest/gtest.h"

namespace mneme::server {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

TEST(TokenBucket, ASecondsWorthAtOnceThenAsFastAsTheRate) {
  TokenBucket bucket(10);
  int64_t now = 5 * kSecond;
  int taken = 0;
  while (bucket.TryTake(1, now) == 0) ++taken;
  EXPECT_EQ(taken, 10);
  const int64_t wait = bucket.TryTake(1, now);
  EXPECT_GT(wait, 0);
  EXPECT_LE(wait, kSecond / 10 + 1);
  EXPECT_NE(bucket.TryTake(1, now + wait - 1), 0);
  EXPECT_EQ(bucket.TryTake(1, now + wait), 0);
  // Over a long time: the rate.
  taken = 0;
  for (now += kSecond; now < 105 * kSecond; now += kSecond / 1000) {
    taken += bucket.TryTake(1, now) == 0 ? 1 : 0;
  }
  EXPECT_NEAR(taken, 990 + 10, 11);
}

TEST(TokenBucket, OneLargeRequestIsServedAndPaidForAfterwards) {
  TokenBucket bucket(1000);
  EXPECT_EQ(bucket.TryTake(5000, 0), 0);
  EXPECT_NEAR(static_cast<double>(bucket.TryTake(1, 0)), 4.0 * kSecond, 10);
  EXPECT_NE(bucket.TryTake(1, 3 * kSecond), 0);
  EXPECT_EQ(bucket.TryTake(1, 4 * kSecond + 10), 0);
}

TEST(TokenBucket, HostileNumbersNeitherOverflowNorLockOutForEver) {
  for (const double rate : {kRateMin, 1.0, kRateMax, 1e300}) {
    for (const int64_t now : {int64_t{0}, kSecond, int64_t{1} << 61}) {
      TokenBucket bucket(rate);
      EXPECT_EQ(bucket.TryTake(~uint64_t{0}, now), 0);
      bucket.Take(~uint64_t{0}, now);
      const int64_t wait = bucket.TryTake(1, now);
      EXPECT_GE(wait, 0);
      EXPECT_LE(wait, kRateDebtNanosMax);
      EXPECT_EQ(bucket.TryTake(1, now + kRateDebtNanosMax), 0);
    }
  }
}

TEST(TokenBucket, NoRateIsNoLimit) {
  TokenBucket bucket(0);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(bucket.TryTake(~uint64_t{0}, 0), 0);
}

TEST(RateLimiter, SaysWhichLimitAndHowLongToWait) {
  RateLimiter limiter({.calls_per_second = 1, .bytes_per_second = 100});
  EXPECT_TRUE(limiter.TryTake("ingest", 1, 50, 0).ok());
  const absl::Status calls = limiter.TryTake("ingest", 1, 1, 0);
  EXPECT_EQ(calls.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(GetErrorDetail(calls)->reason, "RATE");
  EXPECT_EQ(GetErrorDetail(calls)->retry_after_ms, 1);
  limiter.TakeBytes(400, 0);  // an answer
  const absl::Status bytes = limiter.TryTake("ingest", 1, 1, 2 * kSecond);
  EXPECT_NE(bytes.message().find("bytes"), absl::string_view::npos) << bytes;
  EXPECT_NEAR(static_cast<double>(GetErrorDetail(bytes)->retry_after_ms), 1500, 5);
}

}  // namespace
}  // namespace mneme::server
