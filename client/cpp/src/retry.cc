#include "client/cpp/src/retry.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <condition_variable>
#include <cstdio>

namespace mneme::client {

std::optional<std::chrono::nanoseconds> NextDelay(const RetryOptions& options, int tries_done,
                                                  const absl::Status& status, Repeatable repeatable,
                                                  double jitter) {
  if (tries_done >= options.attempts_max) return std::nullopt;
  const Error error = GetError(status);
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      if (repeatable == Repeatable::kNo) return std::nullopt;
      break;
    case absl::StatusCode::kResourceExhausted:  // refused, so not carried out: any request may come
                                                // again
      if (!error.retry_after) return std::nullopt;
      break;
    default:
      return std::nullopt;
  }
  using Seconds = std::chrono::duration<double>;
  const Seconds grown =
      std::min<Seconds>(options.backoff_max, Seconds(options.backoff_initial) *
                                                 std::pow(options.backoff_factor, tries_done - 1));
  Seconds delay = grown * (0.5 + 0.5 * jitter);
  if (error.retry_after) {
    delay = std::max(delay, Seconds(*error.retry_after) * (1 + 0.5 * jitter));
  }
  return std::chrono::duration_cast<std::chrono::nanoseconds>(delay);
}

double Jitter::Take() {
  const std::lock_guard lock(mutex_);
  return std::uniform_real_distribution<double>(0, 1)(engine_);
}

std::string MakeRequestId() {
  std::random_device source;
  std::array<uint32_t, 4> word;
  for (uint32_t& w : word) w = source();
  word[1] = (word[1] & 0xffff0fff) | 0x00004000;
  word[2] = (word[2] & 0x3fffffff) | 0x80000000;
  std::array<char, 37> text;
  std::snprintf(text.data(), text.size(), "%08x-%04x-%04x-%04x-%04x%08x", word[0], word[1] >> 16,
                word[1] & 0xffff, word[2] >> 16, word[2] & 0xffff, word[3]);
  return std::string(text.data());
}

bool SleepFor(std::chrono::nanoseconds duration, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, duration, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace mneme::client
