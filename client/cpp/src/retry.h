// When to try a request again, and how long to wait before.
//
// Threads: NextDelay and the other functions are pure; Jitter is thread-safe.
#ifndef MNEME_CLIENT_CPP_SRC_RETRY_H_
#define MNEME_CLIENT_CPP_SRC_RETRY_H_

#include <chrono>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "mneme/client.h"

namespace mneme::client {

// May the same request be sent again when nobody knows whether the last try was carried out?
enum class Repeatable { kNo, kYes };

// The wait before try number `tries_done` + 1; nullopt when there shall be none.
//
// A server that names a delay is obeyed: never less, at most half as much again. Otherwise the wait
// is `jitter` (in [0, 1)) between half and the whole of backoff_initial * factor^(tries_done - 1),
// capped, so that clients that failed together do not come back together.
std::optional<std::chrono::nanoseconds> NextDelay(const RetryOptions& options, int tries_done,
                                                  const absl::Status& status, Repeatable repeatable,
                                                  double jitter);

// Random numbers in [0, 1) for NextDelay.
class Jitter {
 public:
  explicit Jitter(uint64_t seed) : engine_(seed) {}
  double Take();

 private:
  std::mutex mutex_;
  std::mt19937_64 engine_;  // guarded by mutex_
};

// A version-4 UUID from the system's random source.
std::string MakeRequestId();

// Sleeps; gives false, at once, when `stop` is requested.
bool SleepFor(std::chrono::nanoseconds duration, std::stop_token stop);

}  // namespace mneme::client

#endif  // MNEME_CLIENT_CPP_SRC_RETRY_H_
