// What the server holds in main memory, against its limit: what memories hold, what writes on their
// way will need, and the most that one of them needs for a moment.
//
//   held      what is there now: the sum over memories (Account), and what the storage's caches
//   take peak      the largest passing need of one memory: the bytes of a checkpoint, new tiles
//   beside
//             the old ones. The committer has one at a time.
//   promised  to writes that were let in and are not applied yet (Reservation)
//
// held + peak + promised stays at or under the limit, but for memories that were read from disk and
// writes that make memories smaller: these are never refused.
//
// Thread-safe; the lock is held for a few additions.
#ifndef MNEME_CORE_ENGINE_MEMORY_BUDGET_H_
#define MNEME_CORE_ENGINE_MEMORY_BUDGET_H_

#include <cstdint>
#include <set>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/base/mutex.h"

namespace mneme::engine {

class MemoryBudget {
 public:
  // What a memory holds. Its part of the sum goes with it.
  class Account {
   public:
    Account() = default;
    explicit Account(MemoryBudget& budget) : budget_(&budget) {}
    Account(Account&& other) noexcept;
    Account& operator=(Account&& other) noexcept;
    ~Account();
    void Set(uint64_t bytes, uint64_t peak);

   private:
    MemoryBudget* budget_ = nullptr;
    uint64_t bytes_ = 0;
    uint64_t peak_ = 0;
  };

  // A promise of room, until it is given back or destroyed.
  class Reservation {
   public:
    Reservation() = default;
    Reservation(Reservation&& other) noexcept;
    Reservation& operator=(Reservation&& other) noexcept;
    ~Reservation() { Release(); }
    void Release();

   private:
    friend class MemoryBudget;
    Reservation(MemoryBudget& budget, uint64_t bytes) : budget_(&budget), bytes_(bytes) {}
    MemoryBudget* budget_ = nullptr;
    uint64_t bytes_ = 0;
  };

  // `limit` 0: nothing is refused. `reserved`: of the limit, what others take.
  MemoryBudget(uint64_t limit, uint64_t reserved) : limit_(limit), held_(reserved) {}

  // Room for `bytes` more, and for a passing need of `peak`. ResourceExhausted: FULL when there is
  // none, BUSY (with RetryInfo) when there will be once the writes on their way are done.
  // `what`: "a Store of 3 rows".
  absl::StatusOr<Reservation> Reserve(std::string_view what, uint64_t bytes, uint64_t peak);

  uint64_t limit() const { return limit_; }
  uint64_t used() const;  // held and promised

 private:
  uint64_t peak() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const uint64_t limit_;
  mutable Mutex mutex_;  // a leaf
  uint64_t held_ ABSL_GUARDED_BY(mutex_);
  uint64_t promised_ ABSL_GUARDED_BY(mutex_) = 0;
  std::multiset<uint64_t> peaks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_MEMORY_BUDGET_H_
