#include "core/storage/backup_directory.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "core/base/status.h"
#include "core/storage/files.h"
#include "core/storage/keys.h"
#include "core/storage/marker.h"
#include "core/storage/rocksdb_status.h"
#include "core/storage/values.h"
#include "rocksdb/file_system.h"

namespace mneme::storage {
namespace {

using rocksdb::IOOptions;

constexpr uint32_t kBackupFormatVersion = 1;
constexpr MarkerKind kMarkerKind = {.file = "MNEME-BACKUPS",
                                    .magic = "mneme backup directory",
                                    .what = "backup directory",
                                    .format = kBackupFormatVersion,
                                    .foreign_reason = "NOT_A_BACKUP_DIRECTORY"};
constexpr std::string_view kReady = "ready";
constexpr size_t kManifestBytesMax = 256u << 20;
constexpr std::string_view kLastNumberFile = "last";
constexpr size_t kLastNumberBytesMax = 64;

std::string ManifestFolder(const std::string& directory) { return JoinPath(directory, "manifest"); }
std::string ManifestPath(const std::string& directory, uint32_t id) {
  return JoinPath(ManifestFolder(directory), absl::StrCat(id));
}

absl::StatusOr<BackupEntry> ReadManifest(rocksdb::FileSystem& files, const std::string& directory,
                                         uint32_t id) {
  const std::string path = ManifestPath(directory, id);
  MNEME_ASSIGN_OR_RETURN(const std::string value, ReadWhole(files, path, kManifestBytesMax));
  absl::StatusOr<BackupEntry> entry = DecodeBackup(absl::StrCat(id), value);
  if (!entry.ok()) return Annotate(entry.status(), absl::StrCat("manifest '", path, "'"));
  entry->id = id;
  return entry;
}

}  // namespace

absl::Status ClaimBackupDirectory(rocksdb::FileSystem& files, const std::string& directory) {
  MNEME_RETURN_IF_ERROR(MakeDirectory(files, directory));
  if (HasMarker(files, directory, kMarkerKind)) {
    MNEME_RETURN_IF_ERROR(ReadMarker(files, directory, kMarkerKind).status());
  } else {
    MNEME_RETURN_IF_ERROR(CheckEmpty(files, directory, kMarkerKind));
    MNEME_RETURN_IF_ERROR(WriteMarker(files, directory, kMarkerKind, kReady));
  }
  return MakeDirectory(files, ManifestFolder(directory));
}

absl::Status WriteManifest(rocksdb::FileSystem& files, const std::string& directory,
                           const BackupEntry& entry) {
  return WriteWhole(files, ManifestPath(directory, entry.id),
                    EncodeBackup(absl::StrCat(entry.id), entry));
}

absl::Status DeleteManifest(rocksdb::FileSystem& files, const std::string& directory, uint32_t id) {
  const std::string path = ManifestPath(directory, id);
  MNEME_RETURN_IF_ERROR(FromRocksDb(files.DeleteFile(path, IOOptions(), nullptr),
                                    absl::StrCat("deleting '", path, "'")));
  return SyncDirectory(files, ManifestFolder(directory));
}

absl::StatusOr<uint32_t> ReadLastNumber(rocksdb::FileSystem& files, const std::string& directory) {
  const std::string path = JoinPath(directory, kLastNumberFile);
  if (files.FileExists(path, IOOptions(), nullptr).IsNotFound()) return 0;
  MNEME_ASSIGN_OR_RETURN(const std::string value, ReadWhole(files, path, kLastNumberBytesMax));
  const absl::StatusOr<uint64_t> id = DecodeIdRow(kLastNumberFile, value);
  if (!id.ok())
    return Annotate(id.status(), absl::StrCat("the last backup's number in '", path, "'"));
  return static_cast<uint32_t>(*id);
}

absl::Status WriteLastNumber(rocksdb::FileSystem& files, const std::string& directory,
                             uint32_t id) {
  return WriteWhole(files, JoinPath(directory, kLastNumberFile), EncodeIdRow(kLastNumberFile, id));
}

absl::Status KeepNumberTaken(rocksdb::FileSystem& files, const std::string& directory,
                             uint32_t id) {
  const std::string folder = JoinPath(directory, "meta");
  const std::string path = JoinPath(folder, absl::StrCat(id));
  if (id == 0 || files.FileExists(path, IOOptions(), nullptr).ok()) return absl::OkStatus();
  MNEME_RETURN_IF_ERROR(MakeDirectory(files, folder));
  return WriteWhole(files, path, "");
}

absl::StatusOr<std::map<uint32_t, absl::StatusOr<BackupEntry>>> ReadManifests(
    rocksdb::FileSystem& files, const std::string& directory) {
  const std::string folder = ManifestFolder(directory);
  std::vector<std::string> names;
  MNEME_RETURN_IF_ERROR(FromRocksDb(files.GetChildren(folder, IOOptions(), &names, nullptr),
                                    absl::StrCat("listing directory '", folder, "'")));
  std::map<uint32_t, absl::StatusOr<BackupEntry>> out;
  for (const std::string& name : names) {
    const std::string path = JoinPath(folder, name);
    uint32_t id = 0;
    if (name.ends_with(kDraftSuffix)) {
      MNEME_RETURN_IF_ERROR(FromRocksDb(files.DeleteFile(path, IOOptions(), nullptr),
                                        absl::StrCat("deleting '", path, "'")));
    } else if (absl::SimpleAtoi(name, &id)) {
      out.emplace(id, ReadManifest(files, directory, id));
    }
  }
  return out;
}

}  // namespace mneme::storage
