// What filters say of one memory at its newest positions: concurrent queries with equal filters
// share one set, and so one pass over the items.
//
// Thread-safe.
//
// Invariant   at most kSets sets and kBytesMax bytes of them are kept; those asked for longest ago
//             go first, and sets of positions before the newest one go at once.
#ifndef MNEME_CORE_ENGINE_ROW_SET_CACHE_H_
#define MNEME_CORE_ENGINE_ROW_SET_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/mutex.h"
#include "core/base/row_set.h"

namespace mneme::engine {

class RowSetCache {
 public:
  static constexpr size_t kSets = 16;
  static constexpr uint64_t kBytesMax = 16ull << 20;

  struct Key {
    std::string filter;     // canonical text
    uint64_t position = 0;  // of the view
    // The rows that are not due, if some are: the set is of these only.
    std::shared_ptr<const RowSet> unexpired;
    friend bool operator==(const Key&, const Key&) = default;
  };

  // Null: not here.
  std::shared_ptr<const RowSet> Find(const Key& key);
  // Keeps the set, unless one is here already. Gives the one that all should use.
  std::shared_ptr<const RowSet> Keep(const Key& key, RowSet set);
  uint64_t bytes() const;

 private:
  struct Entry {
    Key key;
    std::shared_ptr<const RowSet> set;
  };
  static uint64_t BytesOf(const Entry& entry);
  std::shared_ptr<const RowSet> FindLocked(const Key& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DropOverflow() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;                               // a leaf
  std::list<Entry> entries_ ABSL_GUARDED_BY(mutex_);  // asked for last first
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

// The rows that pass both.
RowSet Intersect(const RowSet& a, const RowSet& b);

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_ROW_SET_CACHE_H_
