// The rows of a memory that expire, by time.
//
// Threads: Add and Remove are the writer's; the rest is for any thread. `earliest` takes no lock,
// so that a query on a memory with nothing due pays one load.
#ifndef MNEME_CORE_ENGINE_EXPIRY_INDEX_H_
#define MNEME_CORE_ENGINE_EXPIRY_INDEX_H_

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/base/mutex.h"
#include "core/base/row_set.h"

namespace mneme::engine {

class ExpiryIndex {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  // expire_unix_nanos 0: the row does not expire.
  void Add(uint64_t row, int64_t expire_unix_nanos);
  // Rows that are not here are passed over.
  void Remove(std::span<const uint64_t> rows);

  // When the next row is due; kNever if none is to come.
  int64_t earliest() const { return earliest_.load(std::memory_order_acquire); }
  // Rows that are due at `now`: the `most` that were due first, in ascending order of row numbers.
  std::vector<uint64_t> Due(int64_t now_unix_nanos, size_t most) const;
  // The rows that are not due at `now`; null where none is due. The same set until another row is
  // due, or one comes or goes: queries that share it are answered together.
  std::shared_ptr<const RowSet> Unexpired(int64_t now_unix_nanos) const;
  uint64_t bytes() const;

 private:
  void NoteChange() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;  // a leaf
  std::set<std::pair<int64_t, uint64_t>> by_time_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint64_t, int64_t> by_row_ ABSL_GUARDED_BY(mutex_);
  std::atomic<int64_t> earliest_{kNever};
  // What Unexpired said last, true for times in [from, until); null: nothing.
  mutable std::shared_ptr<const RowSet> unexpired_ ABSL_GUARDED_BY(mutex_);
  mutable int64_t unexpired_from_ ABSL_GUARDED_BY(mutex_) = 0;
  mutable int64_t unexpired_until_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_EXPIRY_INDEX_H_
