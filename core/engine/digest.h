// What a memory has on disk, in a few numbers: to tell whether a copy is the same.
#ifndef MNEME_CORE_ENGINE_DIGEST_H_
#define MNEME_CORE_ENGINE_DIGEST_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "core/storage/storage.h"

namespace mneme::engine {

struct MemoryDigest {
  uint64_t next_row = 0;
  uint64_t position = 0;
  uint64_t rows = 0;         // removed ones too
  uint64_t ids = 0;          // rows that their ids lead to
  uint64_t payloads = 0;     // live rows with a payload or attributes
  uint64_t log_records = 0;  // that are kept
  uint64_t state_bytes = 0;
  // Sum of the checksums of all of these; does not depend on their order.
  uint64_t sum = 0;
  friend bool operator==(const MemoryDigest&, const MemoryDigest&) = default;
};

// Reads all that the storage has of a memory. `visit` gets every live row; may be empty.
//
// Errors   DataLoss where it is damaged, or an id does not lead to its row; Cancelled.
// Cost     one pass over rows and log; for each live row a look-up of its id and its payload.
absl::StatusOr<MemoryDigest> DigestMemory(const storage::Storage& storage, storage::MemoryUid uid,
                                          bool keeps_ids,
                                          const std::function<void(const storage::RowView&)>& visit,
                                          const storage::ProgressFn& progress);

// What differs first, in words; empty when nothing does.
std::string Difference(const MemoryDigest& given, const MemoryDigest& expected);

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_DIGEST_H_
