// How much one identity may ask for a second: calls, and bytes of requests and answers.
//
// A bucket holds what a second gives. What is asked for is taken as long as anything is left, so
// that one request larger than the bucket is served too, and those after it wait the longer.
//
// Thread-safe, without a lock. Times are of a monotonic clock, in nanoseconds.
#ifndef MNEME_SERVER_AUTH_RATE_LIMITER_H_
#define MNEME_SERVER_AUTH_RATE_LIMITER_H_

#include <atomic>
#include <cstdint>
#include <limits>
#include <string>

#include "absl/status/status.h"

namespace mneme::server {

// What a bucket may be set to.
inline constexpr double kRateMin = 1e-3;
inline constexpr double kRateMax = 1e15;
// Nobody waits longer for what he took before.
inline constexpr int64_t kRateDebtNanosMax = 3'600'000'000'000;

class TokenBucket {
 public:
  // Units  per_second in tokens a second, kRateMin to kRateMax; 0: no limit.
  explicit TokenBucket(double per_second);

  // 0: taken. Else nothing is taken, and there is something left in so many nanoseconds.
  int64_t TryTake(uint64_t tokens, int64_t now);
  // Takes whatever is left.
  void Take(uint64_t tokens, int64_t now);

 private:
  int64_t Spend(uint64_t tokens, int64_t now, int64_t ahead_max);

  const double nanos_a_token_;
  // Up to then what was taken is paid for; an empty bucket is a second ahead of the clock.
  std::atomic<int64_t> paid_until_{std::numeric_limits<int64_t>::min()};
};

struct RateLimits {
  double calls_per_second = 0;  // 0: no limit
  double bytes_per_second = 0;
  bool operator==(const RateLimits&) const = default;
};

class RateLimiter {
 public:
  explicit RateLimiter(const RateLimits& limits)
      : limits_(limits), calls_(limits.calls_per_second), bytes_(limits.bytes_per_second) {}

  // ResourceExhausted (RATE) with the time to wait. `name`: whose limit it is.
  absl::Status TryTake(const std::string& name, uint64_t calls, uint64_t bytes, int64_t now);
  // Of an answer: it is sent, and paid for by what comes after it.
  void TakeBytes(uint64_t bytes, int64_t now) { bytes_.Take(bytes, now); }
  const RateLimits& limits() const { return limits_; }

 private:
  const RateLimits limits_;
  TokenBucket calls_;
  TokenBucket bytes_;
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_AUTH_RATE_LIMITER_H_
