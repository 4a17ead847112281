// Room in a memory that has a cap: how much a batch needs, and which rows go out for it.
//
// The writer's thread only.
#ifndef MNEME_CORE_ENGINE_EVICTION_H_
#define MNEME_CORE_ENGINE_EVICTION_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/engine/memory.h"
#include "core/engine/types.h"
#include "core/storage/storage.h"

namespace mneme::engine {

// The cap that binds first, in items.
struct Cap {
  uint64_t items = ~uint64_t{0};
  bool by_bytes = false;  // bytes_max does
};
Cap CapOf(const ItemPolicy& policy, const models::MemorySpec& spec);

// ResourceExhausted (FULL): `items` is what the memory would hold.
absl::Status FullOfItems(const Memory& memory, const ItemPolicy& policy, const Cap& cap,
                         uint64_t items);

// Finds the rows that go out first.
class Evictor {
 public:
  // Takes the row out, unless it cannot go (it goes already): then false.
  using Take = std::function<bool(const storage::RowView&)>;

  Evictor(const storage::Storage& storage, Memory& memory) : storage_(storage), memory_(memory) {}

  // Offers live rows to `take` in the order of the policy, until it has taken `count` in all or
  // there are no more; gives the number taken. Rows that an earlier search passed over are not
  // looked at again: Restart does that.
  absl::StatusOr<uint64_t> Find(FullPolicy policy, uint64_t count, const Take& take);
  // The rows taken do go out: the next search need not pass over them again.
  void Commit();
  void Restart();

 private:
  absl::Status Scan(bool skip_used, uint64_t count, const Take& take);
  absl::Status OfferUsed(uint64_t row, const Take& take);
  absl::Status OfferUsedBefore(uint64_t time, uint64_t count, const Take& take);

  const storage::Storage& storage_;
  Memory& memory_;
  std::vector<UsageClock::Use> used_;  // used longest ago first
  size_t next_used_ = 0;
  uint64_t taken_ = 0;
  uint64_t scanned_to_ = 0;
};

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_EVICTION_H_
