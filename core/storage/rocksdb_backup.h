// Backups over RocksDB. Programs use OpenBackupStore of backup.h; this header adds the seam that
// tests use.
#ifndef MNEME_CORE_STORAGE_ROCKSDB_BACKUP_H_
#define MNEME_CORE_STORAGE_ROCKSDB_BACKUP_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/storage/backup.h"

namespace rocksdb {
class Env;
}

namespace mneme::storage {

// As OpenBackupStore of backup.h, with every access to files, those of the storages that are
// backed up too, going through `env`, which must outlive the store.
absl::StatusOr<std::unique_ptr<BackupStore>> OpenBackupStore(const std::string& directory,
                                                             const Clock& clock,
                                                             uint64_t disk_bytes_reserve,
                                                             rocksdb::Env* env);

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_ROCKSDB_BACKUP_H_
