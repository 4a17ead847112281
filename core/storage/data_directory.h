// The data directory around the database: who it belongs to and in which format it is
// (docs/formats/storage.md).
#ifndef MNEME_CORE_STORAGE_DATA_DIRECTORY_H_
#define MNEME_CORE_STORAGE_DATA_DIRECTORY_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace rocksdb {
class FileSystem;
}

namespace mneme::storage {

// Whether the database in it is whole, or still has to be made.
enum class DirectoryState { kCreating, kReady };

// Looks at `directory` and takes it over: makes it where it is absent (parents too), writes the
// marker where it is empty, checks the marker where there is one. On return everything it made is
// durable.
//   FailedPrecondition FORMAT_VERSION        written by a newer mneme
//   FailedPrecondition NOT_A_DATA_DIRECTORY  it holds other files and no marker
//   DataLoss CORRUPT                         the marker is damaged
absl::StatusOr<DirectoryState> ClaimDirectory(rocksdb::FileSystem& files,
                                              const std::string& directory);

// For reading only: changes nothing. The same errors, and NOT_A_DATA_DIRECTORY where nothing was
// made, or not to its end.
absl::Status CheckDirectory(rocksdb::FileSystem& files, const std::string& directory);

// The database is made and durable: from now on nothing is made anew here.
absl::Status MarkDirectoryReady(rocksdb::FileSystem& files, const std::string& directory);

// Where the database lies.
std::string DatabasePath(const std::string& directory);

// FailedPrecondition FORMAT_VERSION unless this mneme reads `format`.
absl::Status CheckFormat(uint32_t format, const std::string& directory);

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_DATA_DIRECTORY_H_
