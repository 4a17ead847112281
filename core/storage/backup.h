// Backups of a data directory: consistent, made while it is written to, each holding only files
// that no earlier one has (RocksDB's BackupEngine). An opaque manifest of the caller goes with
// each.
//
// Thread-safe; one Create, Delete or Open at a time, the others wait.
#ifndef MNEME_CORE_STORAGE_BACKUP_H_
#define MNEME_CORE_STORAGE_BACKUP_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/storage/storage.h"

namespace mneme::storage {

struct BackupEntry {
  uint32_t id = 0;  // grows
  int64_t create_unix_nanos = 0;
  uint64_t bytes = 0;      // of all its files, shared ones too
  uint64_t new_bytes = 0;  // written for it
  std::string manifest;    // empty: it was not finished (Create failed after the files)
};

class BackupStore {
 public:
  virtual ~BackupStore() = default;

  // Backs up all that was committed before the call. The files are durable and their checksums
  // known when it returns; the backup counts as finished (List shows it) once its manifest is put.
  // Cancelled when `progress` says so; ResourceExhausted (FULL) when the disk is, or would be but
  // for its reserve: where that can be told, before anything is copied. Nothing is left of it then.
  virtual absl::StatusOr<uint32_t> Create(Storage& storage, const ProgressFn& progress) = 0;
  // FULL as Create's; the backup stays unfinished.
  virtual absl::Status PutManifest(uint32_t id, std::string_view manifest) = 0;
  // Newest first, those with a manifest only.
  virtual absl::StatusOr<std::vector<BackupEntry>> List() const = 0;
  // NotFound (BACKUP_NOT_FOUND) with the ids that there are.
  virtual absl::StatusOr<BackupEntry> Get(uint32_t id) const = 0;
  virtual absl::Status Delete(uint32_t id) = 0;
  // Compares sizes and checksums of all its files. DataLoss (CORRUPT) naming the first bad one.
  virtual absl::Status VerifyFiles(uint32_t id, const ProgressFn& progress) const = 0;
  // The backup as a read-only storage, straight from its files; outlives nothing of this object.
  virtual absl::StatusOr<std::unique_ptr<Storage>> Open(uint32_t id) const = 0;
};

// Opens or makes the folder of backups; unfinished ones of earlier processes are cleared away. A
// backup leaves `disk_bytes_reserve` of the folder's disk free.
absl::StatusOr<std::unique_ptr<BackupStore>> OpenBackupStore(const std::string& directory,
                                                             const Clock& clock,
                                                             uint64_t disk_bytes_reserve);

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_BACKUP_H_
