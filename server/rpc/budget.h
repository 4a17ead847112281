// How many bytes all calls under way hold together: requests that came in, and answers that their
// clients have not taken yet. What keeps a flood of large messages, or clients that never read,
// from eating the process.
//
// Invariant: held() <= bytes_max * 9/8 + the answers of writes (which are small, and cannot be
// refused any more). Thread-safe; never blocks.
#ifndef MNEME_SERVER_RPC_BUDGET_H_
#define MNEME_SERVER_RPC_BUDGET_H_

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"

namespace mneme::server {

class ByteBudget {
 public:
  // Messages up to this size may use an eighth more than the rest, so that a server which is full
  // of large ones can still be asked how it is.
  static constexpr uint64_t kSmallBytes = 16 * 1024;

  explicit ByteBudget(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // Takes `bytes`, or nothing: ResourceExhausted (BUSY) when they do not fit beside what is held,
  // (LIMIT) when they never would.
  absl::Status TryTake(uint64_t bytes);
  // Takes them whatever is held.
  void Take(uint64_t bytes) { held_.fetch_add(bytes, std::memory_order_relaxed); }
  void Give(uint64_t bytes) { held_.fetch_sub(bytes, std::memory_order_relaxed); }

  uint64_t held() const { return held_.load(std::memory_order_relaxed); }
  uint64_t bytes_max() const { return bytes_max_; }

 private:
  const uint64_t bytes_max_;
  std::atomic<uint64_t> held_{0};
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_BUDGET_H_
