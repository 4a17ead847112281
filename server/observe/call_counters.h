// What all calls add up to, method by method: how many began and how they ended, how long they
// took, how many bytes came and went.
//
// Counting costs some atomic additions to memory that few threads share: there is a copy of all
// counters for each of kShards processors, and a reader adds them up. No locks, no look-ups.
// Thread-safe.
#ifndef MNEME_SERVER_OBSERVE_CALL_COUNTERS_H_
#define MNEME_SERVER_OBSERVE_CALL_COUNTERS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace mneme::server {

// Upper bounds of the buckets of call times, in nanoseconds; one more bucket for what is longer.
inline constexpr std::array<int64_t, 16> kCallNanos = {
    100'000,       250'000,       500'000,       1'000'000,     2'500'000,   5'000'000,
    10'000'000,    25'000'000,    50'000'000,    100'000'000,   250'000'000, 500'000'000,
    1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000};
// Codes of gRPC, OK to UNAUTHENTICATED.
inline constexpr size_t kCallCodes = 17;

// The sums of one method.
struct CallTotals {
  uint64_t begun = 0;
  std::array<uint64_t, kCallCodes> ended = {};  // by code
  std::array<uint64_t, kCallNanos.size() + 1> times = {};
  uint64_t nanos = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;

  uint64_t under_way() const;
};

class CallCounters {
 public:
  explicit CallCounters(size_t methods);

  void Begin(size_t method);
  // `bytes_in`: of its requests.
  void End(size_t method, int code, int64_t nanos, uint64_t bytes_in, uint64_t bytes_out);

  CallTotals Totals(size_t method) const;
  size_t methods() const { return methods_; }

 private:
  static constexpr size_t kShards = 8;

  struct alignas(64) Counters {
    std::atomic<uint64_t> begun{0};
    std::array<std::atomic<uint64_t>, kCallCodes> ended = {};
    std::array<std::atomic<uint64_t>, kCallNanos.size() + 1> times = {};
    std::atomic<uint64_t> nanos{0};
    std::atomic<uint64_t> bytes_in{0};
    std::atomic<uint64_t> bytes_out{0};
  };
  Counters& Mine(size_t method);

  const size_t methods_;
  std::vector<Counters> counters_;  // kShards * methods_
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_OBSERVE_CALL_COUNTERS_H_
