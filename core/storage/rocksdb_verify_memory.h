// Checking one memory: every value, and that its families agree.
#ifndef MNEME_CORE_STORAGE_ROCKSDB_VERIFY_MEMORY_H_
#define MNEME_CORE_STORAGE_ROCKSDB_VERIFY_MEMORY_H_

#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "core/storage/rocksdb_database.h"
#include "core/storage/storage.h"
#include "core/storage/values.h"

namespace mneme::storage {

struct MemoryCheck {
  const Database& database;
  const rocksdb::Snapshot* snapshot = nullptr;
  MemoryUid uid = 0;
  bool described = false;  // it stands in the catalogue; else it may be half a copy
  std::optional<MemoryCounters> counters;
};

// What must hold
// 1. Every value decodes under its key.
// 2. Rows lie below the counters' next row and have known flags; with ids kept (there is one), each
//    live row is what its id leads to, and each id leads to such a row.
// 3. Each payload has a row.
// 4. The log is gap-free from the trimmed position to the last, its rows below the next row.
// 5. The state that the counters name is whole, and there is no other.
// `report` gets what does not. An error is only what `advance` gives, which is called with the
// bytes that were read since.
absl::Status VerifyMemory(const MemoryCheck& check,
                          const std::function<void(const Damage&)>& report,
                          const std::function<absl::Status(uint64_t bytes)>& advance);

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_ROCKSDB_VERIFY_MEMORY_H_
