// Checks a data directory that no daemon serves: what the storage holds, and that every memory can
// be read and agrees with it. Nothing is written.
#ifndef MNEME_CORE_ENGINE_FSCK_H_
#define MNEME_CORE_ENGINE_FSCK_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/engine/types.h"
#include "core/storage/storage.h"

namespace mneme::engine {

struct CheckedMemory {
  std::string name;
  MemoryUid uid = 0;
  uint64_t items = 0;
  uint64_t position = 0;
  uint64_t checkpoint_position = 0;
  std::vector<std::string> damage;  // in words; empty: it is well
};

struct FsckReport {
  std::vector<CheckedMemory> memories;  // in the order of their names
  std::vector<std::string> shared;      // damage of no memory alone
  size_t aliases = 0;
  size_t orphans = 0;  // left by copies that were cut short; no damage: the next start drops them

  bool clean() const;
};

// What is being done, and the share of it.
using FsckProgress = std::function<void(std::string_view phase, double share)>;

// Cost: reads the whole directory three times; one memory at a time is in main memory.
absl::StatusOr<FsckReport> CheckDataDirectory(storage::Storage& storage, const Clock& clock,
                                              const FsckProgress& progress);

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_FSCK_H_
