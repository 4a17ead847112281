// When each row of a memory was last named by an answer: for eviction of the least used. Time is
// counted in rows: a use happens at the number of the next row to be stored, so that it can be
// compared with the time of a Store (the row's own number) without keeping one entry a row.
//
// Bounded: kUsageEntriesMax rows that were used, those used longest ago are forgotten first (and
// then count as used when they were stored). Starts anew with every start of the server.
//
// Thread-safe. Note never waits: while another thread is at it, its rows go uncounted. Costs about
// 0.3 us a row (random rows, more than the cache holds); one load when off.
#ifndef MNEME_CORE_ENGINE_USAGE_CLOCK_H_
#define MNEME_CORE_ENGINE_USAGE_CLOCK_H_

#include <atomic>
#include <cstdint>
#include <limits>
#include <list>
#include <optional>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/base/mutex.h"

namespace mneme::engine {

class UsageClock {
 public:
  struct Use {
    uint64_t row = 0;
    uint64_t time = 0;  // the next row's number when it was used; above `row`
  };

  bool on() const { return on_.load(std::memory_order_relaxed); }
  // An answer named these rows.
  void Note(std::span<const uint64_t> rows);
  uint64_t bytes() const;

  // ---- the writer
  // Off: forgets everything.
  void Turn(bool on);
  void Advance(uint64_t next_row) { next_row_.store(next_row, std::memory_order_relaxed); }
  // Rows that are gone. (An answer from an older view may bring one back; whoever evicts finds
  // that out.)
  void Remove(std::span<const uint64_t> rows);
  bool Contains(uint64_t row) const;
  // The `most` rows that were used longest ago, in that order.
  std::vector<Use> LeastUsed(size_t most) const;
  // The smallest row that was forgotten for the bound since the last call; the largest number if
  // none was.
  uint64_t TakeLowestForgotten();

 private:
  static constexpr uint64_t kNone = std::numeric_limits<uint64_t>::max();
  using Uses = std::list<Use>;

  void NoteOne(uint64_t row) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::atomic<bool> on_{false};
  std::atomic<uint64_t> next_row_{0};
  mutable Mutex mutex_;                // a leaf
  Uses uses_ ABSL_GUARDED_BY(mutex_);  // used longest ago first
  absl::flat_hash_map<uint64_t, Uses::iterator> places_ ABSL_GUARDED_BY(mutex_);  // in uses_
  uint64_t lowest_forgotten_ ABSL_GUARDED_BY(mutex_) = kNone;
};

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_USAGE_CLOCK_H_
