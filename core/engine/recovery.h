// Reading one memory: from its checkpoint and the log after it, through the same Absorb and Forget
// as live writes.
#ifndef MNEME_CORE_ENGINE_RECOVERY_H_
#define MNEME_CORE_ENGINE_RECOVERY_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "core/base/ids.h"
#include "core/engine/memory.h"
#include "core/storage/storage.h"

namespace mneme::engine {

// A recovery that replayed at least this many rows of the log writes a checkpoint at the end, so
// that the next one need not.
inline constexpr uint64_t kReplayRowsLong = 16'384;

struct RecoveryOptions {
  bool write = true;  // checkpoints that are due; false: the storage is read only
  // Rows read so far, a number that never falls; false: stop (Cancelled). May be empty.
  std::function<bool(uint64_t)> progress;
};

// Makes the model and fills it; on return the memory is published, at the log's last position.
// Health is the caller's affair.
//
// Errors   DataLoss (CORRUPT): the data is damaged. Cancelled. Others as the storage gives them.
// Threads  the caller is the memory's writer until it serves.
absl::Status RecoverMemory(storage::Storage& storage, Memory& memory, ItemIdGenerator& ids,
                           const RecoveryOptions& options);

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_RECOVERY_H_
