#include "core/storage/data_directory.h"

#include <string_view>

#include "core/base/status.h"
#include "core/storage/files.h"
#include "core/storage/keys.h"
#include "core/storage/marker.h"
#include "core/storage/values.h"
#include "rocksdb/file_system.h"

namespace mneme::storage {
namespace {

using rocksdb::FileSystem;

constexpr MarkerKind kMarkerKind = {.file = "MNEME",
                                    .magic = "mneme data directory",
                                    .what = "data directory",
                                    .format = kFormatVersion,
                                    .foreign_reason = "NOT_A_DATA_DIRECTORY"};
constexpr std::string_view kCreating = "creating";
constexpr std::string_view kReady = "ready";

absl::StatusOr<DirectoryState> ReadState(FileSystem& files, const std::string& directory) {
  MNEME_ASSIGN_OR_RETURN(const std::string state, ReadMarker(files, directory, kMarkerKind));
  if (state == kReady) return DirectoryState::kReady;
  if (state == kCreating) return DirectoryState::kCreating;
  return Corrupt(absl::StrCat("marker '", JoinPath(directory, kMarkerKind.file), "'"),
                 absl::StrCat("state '", state, "'"));
}

}  // namespace

std::string DatabasePath(const std::string& directory) { return JoinPath(directory, "db"); }

absl::Status CheckFormat(uint32_t format, const std::string& directory) {
  return CheckMarkedFormat(format, directory, kMarkerKind);
}

absl::StatusOr<DirectoryState> ClaimDirectory(FileSystem& files, const std::string& directory) {
  MNEME_RETURN_IF_ERROR(MakeDirectory(files, directory));
  if (HasMarker(files, directory, kMarkerKind)) return ReadState(files, directory);
  MNEME_RETURN_IF_ERROR(CheckEmpty(files, directory, kMarkerKind));
  MNEME_RETURN_IF_ERROR(WriteMarker(files, directory, kMarkerKind, kCreating));
  return DirectoryState::kCreating;
}

absl::Status CheckDirectory(FileSystem& files, const std::string& directory) {
  if (HasMarker(files, directory, kMarkerKind)) {
    MNEME_ASSIGN_OR_RETURN(const DirectoryState state, ReadState(files, directory));
    if (state == DirectoryState::kReady) return absl::OkStatus();
  }
  return FailedPrecondition(
      absl::StrCat("directory '", directory, "' holds no mneme data"),
      {.reason = "NOT_A_DATA_DIRECTORY",
       .given = directory,
       .expected = "a data directory that mneme made and finished",
       .next_step = "Name the directory that the server was started with (data.dir)."});
}

absl::Status MarkDirectoryReady(FileSystem& files, const std::string& directory) {
  MNEME_RETURN_IF_ERROR(SyncDirectory(files, directory));  // the entry of the database's folder
  return WriteMarker(files, directory, kMarkerKind, kReady);
}

}  // namespace mneme::storage
