// Small files written whole or not at all, and folders whose entries are durable.
//
// Thread-safe, as the file system is; two writers of one path must not meet.
#ifndef MNEME_CORE_STORAGE_FILES_H_
#define MNEME_CORE_STORAGE_FILES_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace rocksdb {
class FileSystem;
}

namespace mneme::storage {

std::string JoinPath(std::string_view directory, std::string_view name);

// Makes `path` and its parents where they are absent. On return the entries are durable.
absl::Status MakeDirectory(rocksdb::FileSystem& files, const std::string& path);
absl::Status SyncDirectory(rocksdb::FileSystem& files, const std::string& path);

// Writes to `path`.tmp, syncs, renames, syncs the directory: whoever reads `path` sees the old
// bytes or the new ones, after a power cut too.
absl::Status WriteWhole(rocksdb::FileSystem& files, const std::string& path,
                        std::string_view bytes);
inline constexpr std::string_view kDraftSuffix = ".tmp";

// The whole file; DataLoss CORRUPT when it is longer than `bytes_max`.
absl::StatusOr<std::string> ReadWhole(rocksdb::FileSystem& files, const std::string& path,
                                      size_t bytes_max);

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_FILES_H_
