#include "server/auth/rate_limiter.h"

#include <algorithm>

#include "core/base/status.h"

namespace mneme::server {
namespace {

constexpr int64_t kBucketNanos = 1'000'000'000;
constexpr int64_t kNanosAMilli = 1'000'000;

absl::Status TooFast(const std::string& name, std::string_view what, double per_second,
                     int64_t wait_nanos) {
  return ResourceExhausted(
      absl::StrFormat("'%s' has used up its %s of this second", name, AbslView(what)),
      {.reason = "RATE",
       .given = absl::StrCat("more than ", per_second, " ", AbslView(what), " a second"),
       .expected = absl::StrCat("at most ", per_second, " ", AbslView(what), " a second"),
       .next_step = "Wait and retry; the limit stands in the server's auth.file.",
       .retry_after_ms = (wait_nanos + kNanosAMilli - 1) / kNanosAMilli});
}

}  // namespace

TokenBucket::TokenBucket(double per_second)
    : nanos_a_token_(per_second <= 0 ? 0 : 1e9 / std::clamp(per_second, kRateMin, kRateMax)) {}

int64_t TokenBucket::Spend(uint64_t tokens, int64_t now, int64_t ahead_max) {
  if (nanos_a_token_ == 0) return 0;
  const double cost = std::min(static_cast<double>(tokens) * nanos_a_token_,
                               static_cast<double>(kRateDebtNanosMax));
  int64_t paid = paid_until_.load(std::memory_order_relaxed);
  int64_t after = 0;
  do {
    const int64_t ahead = std::max(paid, now) - now;
    if (ahead >= ahead_max) return ahead - ahead_max + 1;
    after = now + std::min(ahead + static_cast<int64_t>(cost), kRateDebtNanosMax);
  } while (!paid_until_.compare_exchange_weak(paid, after, std::memory_order_relaxed));
  return 0;
}

int64_t TokenBucket::TryTake(uint64_t tokens, int64_t now) {
  return Spend(tokens, now, kBucketNanos);
}

void TokenBucket::Take(uint64_t tokens, int64_t now) {
  Spend(tokens, now, std::numeric_limits<int64_t>::max());
}

absl::Status RateLimiter::TryTake(const std::string& name, uint64_t calls, uint64_t bytes,
                                  int64_t now) {
  if (const int64_t wait = calls_.TryTake(calls, now); wait > 0) {
    return TooFast(name, "calls", limits_.calls_per_second, wait);
  }
  if (const int64_t wait = bytes_.TryTake(bytes, now); wait > 0) {
    return TooFast(name, "bytes", limits_.bytes_per_second, wait);
  }
  return absl::OkStatus();
}

}  // namespace mneme::server
