// The folder of backups around RocksDB's BackupEngine: whose it is, and the manifests of those that
// were finished (docs/formats/storage.md).
#ifndef MNEME_CORE_STORAGE_BACKUP_DIRECTORY_H_
#define MNEME_CORE_STORAGE_BACKUP_DIRECTORY_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/storage/backup.h"

namespace rocksdb {
class FileSystem;
}

namespace mneme::storage {

// Takes the folder over as ClaimDirectory does a data directory: makes it where it is absent, marks
// it where it is empty. On return what it made is durable.
//   FailedPrecondition FORMAT_VERSION          written by a newer mneme
//   FailedPrecondition NOT_A_BACKUP_DIRECTORY  it holds other files and no marker
//   DataLoss CORRUPT                           the marker is damaged
absl::Status ClaimBackupDirectory(rocksdb::FileSystem& files, const std::string& directory);

absl::Status WriteManifest(rocksdb::FileSystem& files, const std::string& directory,
                           const BackupEntry& entry);
absl::Status DeleteManifest(rocksdb::FileSystem& files, const std::string& directory, uint32_t id);

// The highest number that a backup of the folder ever had, as it was noted; 0 where none was.
// DataLoss where the note is damaged.
absl::StatusOr<uint32_t> ReadLastNumber(rocksdb::FileSystem& files, const std::string& directory);
// Durable on return.
absl::Status WriteLastNumber(rocksdb::FileSystem& files, const std::string& directory, uint32_t id);
// BackupEngine counts on from the highest number whose list of files it finds when it is opened: an
// empty list keeps `id` taken where there is none. It is no backup, and is cleared away as one that
// was not finished.
absl::Status KeepNumberTaken(rocksdb::FileSystem& files, const std::string& directory, uint32_t id);

// All there are, by id; DataLoss for one that is damaged. Clears half-written ones away.
absl::StatusOr<std::map<uint32_t, absl::StatusOr<BackupEntry>>> ReadManifests(
    rocksdb::FileSystem& files, const std::string& directory);

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_BACKUP_DIRECTORY_H_
