// The marker of a folder that mneme keeps data in: a small text file that says whose the folder is,
// in which format and in which state it is (docs/formats/storage.md).
//
// Thread-safe, as the file system is.
#ifndef MNEME_CORE_STORAGE_MARKER_H_
#define MNEME_CORE_STORAGE_MARKER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace rocksdb {
class FileSystem;
}

namespace mneme::storage {

struct MarkerKind {
  std::string_view file;            // its name
  std::string_view magic;           // its first line
  std::string_view what;            // "data directory": in messages
  uint32_t format = 0;              // that this mneme reads and writes
  std::string_view foreign_reason;  // of the refusal of a folder that is not ours
};

bool HasMarker(rocksdb::FileSystem& files, const std::string& directory, const MarkerKind& kind);
// Whole or not at all; durable on return.
absl::Status WriteMarker(rocksdb::FileSystem& files, const std::string& directory,
                         const MarkerKind& kind, std::string_view state);
// The state that it says. FailedPrecondition FORMAT_VERSION: another format; DataLoss CORRUPT.
absl::StatusOr<std::string> ReadMarker(rocksdb::FileSystem& files, const std::string& directory,
                                       const MarkerKind& kind);
// FailedPrecondition, `foreign_reason`, when files lie in the folder that are not ours.
absl::Status CheckEmpty(rocksdb::FileSystem& files, const std::string& directory,
                        const MarkerKind& kind);
// FailedPrecondition FORMAT_VERSION unless this mneme reads `format`.
absl::Status CheckMarkedFormat(uint32_t format, const std::string& directory,
                               const MarkerKind& kind);

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_MARKER_H_
