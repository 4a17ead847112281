// Checks of how long items live and how many a memory holds, and what follows from it for a Store.
//
// Pure functions, thread-safe.
#ifndef MNEME_CORE_ENGINE_ITEM_POLICY_H_
#define MNEME_CORE_ENGINE_ITEM_POLICY_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/engine/types.h"
#include "core/models/spec.h"

namespace mneme::engine {

// True where an item can be taken out with nothing but its row: dense memories, and linear ones
// that keep keys and responses. Others have no lifetimes and no eviction.
bool CanForgetById(const models::MemorySpec& spec);

// InvalidArgument (ITEM_POLICY) for lifetimes or eviction where items cannot be forgotten by id, a
// lifetime that is negative or longer than kTtlNanosMax, an unknown policy.
absl::Status ValidateItemPolicy(const ItemPolicy& policy, const models::MemorySpec& spec);

// Its time has come: readers do not see it any more.
inline bool IsDue(const storage::RowView& row, int64_t now_unix_nanos) {
  return row.expire_unix_nanos != 0 && row.expire_unix_nanos <= now_unix_nanos;
}

// When each row of a batch expires (0: never): its own time, else the batch's lifetime, else the
// memory's. Empty when none of them does. InvalidArgument (EXPIRED) names a row whose time has
// come.
absl::StatusOr<std::vector<int64_t>> ExpiryOfRows(const StoreCommand& command,
                                                  const ItemPolicy& policy, int64_t now_unix_nanos);

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_ITEM_POLICY_H_
