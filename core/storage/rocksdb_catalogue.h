// Reading the catalogue: which memories there are, their counters, their aliases.
//
// Pure reads, thread-safe. What is damaged or missing is DataLoss, reason CORRUPT, naming the
// memory.
#ifndef MNEME_CORE_STORAGE_ROCKSDB_CATALOGUE_H_
#define MNEME_CORE_STORAGE_ROCKSDB_CATALOGUE_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "core/storage/rocksdb_database.h"
#include "core/storage/storage.h"
#include "core/storage/values.h"

namespace mneme::storage {

absl::StatusOr<std::vector<Storage::CatalogueEntry>> ReadCatalogue(const Database& database);
absl::StatusOr<std::vector<AliasEntry>> ReadAliases(const Database& database);
// Memories that have counters and no description. A memory has counters from its first commit and
// from the first piece of a copy, so there are no others.
absl::StatusOr<std::vector<MemoryUid>> FindOrphans(const Database& database);

// Whether the catalogue has a memory of this uid.
absl::StatusOr<bool> IsDescribed(const Database& database, MemoryUid uid);
// Storage::IsUsed.
absl::StatusOr<bool> IsUsed(const Database& database, MemoryUid uid);

// Nullopt for a memory that nothing was committed to.
absl::StatusOr<std::optional<MemoryCounters>> FindCounters(const Database& database,
                                                           const rocksdb::ReadOptions& read,
                                                           MemoryUid uid);
// All zero for a memory that nothing was committed to.
absl::StatusOr<MemoryCounters> ReadCounters(const Database& database,
                                            const rocksdb::ReadOptions& read, MemoryUid uid);

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_ROCKSDB_CATALOGUE_H_
