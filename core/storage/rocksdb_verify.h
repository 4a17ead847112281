// Checking a whole database: every block and every value against its checksum, and what the
// families say against each other.
#ifndef MNEME_CORE_STORAGE_ROCKSDB_VERIFY_H_
#define MNEME_CORE_STORAGE_ROCKSDB_VERIFY_H_

#include <functional>

#include "absl/status/status.h"
#include "core/storage/rocksdb_database.h"
#include "core/storage/storage.h"

namespace mneme::storage {

// Storage::Verify. Memories without a description are what a copy that was cut short left: their
// values are checked, what they lack is not damage.
//
// Errors   Cancelled when `progress` says so. Damage is no error: `report` gets it.
// Cost     reads each table file twice, once block by block and once key by key; memory
// O(memories). Threads  thread-safe; beside commits it checks the moment of the call.
absl::Status VerifyDatabase(const Database& database,
                            const std::function<void(const Damage&)>& report,
                            const ProgressFn& progress);

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_ROCKSDB_VERIFY_H_
