#include "core/storage/data_directory.h"

#include <memory>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "core/base/status.h"
#include "core/storage/keys.h"
#include "core/storage/rocksdb_status.h"
#include "core/storage/values.h"
#include "rocksdb/file_system.h"

namespace mneme::storage {
namespace {

using rocksdb::FileSystem;
using rocksdb::IOOptions;

constexpr std::string_view kMarker = "MNEME";
constexpr std::string_view kMarkerDraft = "MNEME.tmp";
constexpr std::string_view kMagicLine = "mneme data directory";
constexpr std::string_view kCreating = "creating";
constexpr std::string_view kReady = "ready";

std::string Join(const std::string& directory, std::string_view name) {
  return absl::StrCat(directory, "/", AbslView(name));
}

absl::Status SyncDirectory(FileSystem& files, const std::string& directory) {
  std::unique_ptr<rocksdb::FSDirectory> handle;
  MNEME_RETURN_IF_ERROR(FromRocksDb(files.NewDirectory(directory, IOOptions(), &handle, nullptr),
                                    absl::StrCat("opening directory '", directory, "'")));
  return FromRocksDb(handle->Fsync(IOOptions(), nullptr),
                     absl::StrCat("syncing directory '", directory, "'"));
}

std::string ParentOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::Status MakeDirectory(FileSystem& files, const std::string& path) {
  if (files.FileExists(path, IOOptions(), nullptr).ok()) return absl::OkStatus();
  const std::string parent = ParentOf(path);
  MNEME_RETURN_IF_ERROR(MakeDirectory(files, parent));
  MNEME_RETURN_IF_ERROR(FromRocksDb(files.CreateDirIfMissing(path, IOOptions(), nullptr),
                                    absl::StrCat("making directory '", path, "'")));
  return SyncDirectory(files, parent);
}

absl::Status WriteMarker(FileSystem& files, const std::string& directory, std::string_view state) {
  const std::string text =
      absl::StrCat(AbslView(kMagicLine), "\nformat ", kFormatVersion, "\ncreated_by ",
                   MNEME_VERSION, "\nstate ", AbslView(state), "\n");
  const std::string draft = Join(directory, kMarkerDraft);
  const std::string doing = absl::StrCat("writing '", draft, "'");
  std::unique_ptr<rocksdb::FSWritableFile> file;
  MNEME_RETURN_IF_ERROR(
      FromRocksDb(files.NewWritableFile(draft, rocksdb::FileOptions(), &file, nullptr), doing));
  MNEME_RETURN_IF_ERROR(FromRocksDb(file->Append(text, IOOptions(), nullptr), doing));
  MNEME_RETURN_IF_ERROR(FromRocksDb(file->Sync(IOOptions(), nullptr), doing));
  MNEME_RETURN_IF_ERROR(FromRocksDb(file->Close(IOOptions(), nullptr), doing));
  MNEME_RETURN_IF_ERROR(
      FromRocksDb(files.RenameFile(draft, Join(directory, kMarker), IOOptions(), nullptr), doing));
  return SyncDirectory(files, directory);
}

absl::StatusOr<std::string> ReadSmallFile(FileSystem& files, const std::string& path) {
  constexpr size_t kMarkerBytesMax = 4096;
  const std::string doing = absl::StrCat("reading '", path, "'");
  std::unique_ptr<rocksdb::FSSequentialFile> file;
  MNEME_RETURN_IF_ERROR(
      FromRocksDb(files.NewSequentialFile(path, rocksdb::FileOptions(), &file, nullptr), doing));
  std::string text(kMarkerBytesMax, '\0');
  rocksdb::Slice read;
  MNEME_RETURN_IF_ERROR(
      FromRocksDb(file->Read(kMarkerBytesMax, IOOptions(), &read, text.data(), nullptr), doing));
  return std::string(ToView(read));
}

// The value of the line `name value`; empty when there is none.
std::string_view Field(const std::vector<absl::string_view>& lines, std::string_view name) {
  for (absl::string_view line : lines) {
    std::string_view text = StdView(line);
    if (text.size() > name.size() && text.starts_with(name) && text[name.size()] == ' ') {
      return text.substr(name.size() + 1);
    }
  }
  return {};
}

absl::StatusOr<DirectoryState> ReadMarker(FileSystem& files, const std::string& directory) {
  const std::string path = Join(directory, kMarker);
  MNEME_ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(files, path));
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  uint32_t format = 0;
  if (StdView(lines[0]) != kMagicLine ||
      !absl::SimpleAtoi(AbslView(Field(lines, "format")), &format)) {
    return Corrupt(absl::StrCat("marker '", path, "'"),
                   "it does not say which format the directory has");
  }
  MNEME_RETURN_IF_ERROR(CheckFormat(format, directory));
  const std::string_view state = Field(lines, "state");
  if (state == kReady) return DirectoryState::kReady;
  if (state == kCreating) return DirectoryState::kCreating;
  return Corrupt(absl::StrCat("marker '", path, "'"),
                 absl::StrCat("state '", AbslView(state), "'"));
}

absl::Status RefuseForeign(const std::string& directory, const std::string& entry) {
  return FailedPrecondition(
      absl::StrCat("directory '", directory, "' holds '", entry, "' and no mneme data"),
      {.reason = "NOT_A_DATA_DIRECTORY",
       .given = directory,
       .expected = "an empty or absent directory, or one made by mneme",
       .next_step = "Name another data directory, or move the files away."});
}

}  // namespace

std::string DatabasePath(const std::string& directory) { return Join(directory, "db"); }

absl::Status CheckFormat(uint32_t format, const std::string& directory) {
  if (format == kFormatVersion) return absl::OkStatus();
  return FailedPrecondition(absl::StrCat("data directory '", directory, "' has format ", format,
                                         ", this mneme reads format ", kFormatVersion),
                            {.reason = "FORMAT_VERSION",
                             .given = absl::StrCat("format ", format),
                             .expected = absl::StrCat("format ", kFormatVersion),
                             .next_step = "Use the mneme that wrote it, or a newer one."});
}

absl::StatusOr<DirectoryState> ClaimDirectory(FileSystem& files, const std::string& directory) {
  MNEME_RETURN_IF_ERROR(MakeDirectory(files, directory));
  if (files.FileExists(Join(directory, kMarker), IOOptions(), nullptr).ok()) {
    return ReadMarker(files, directory);
  }
  std::vector<std::string> entries;
  MNEME_RETURN_IF_ERROR(FromRocksDb(files.GetChildren(directory, IOOptions(), &entries, nullptr),
                                    absl::StrCat("listing directory '", directory, "'")));
  for (const std::string& entry : entries) {
    const bool ours =
        entry == "." || entry == ".." || entry == "lost+found" || entry == kMarkerDraft;
    if (!ours) return RefuseForeign(directory, entry);
  }
  MNEME_RETURN_IF_ERROR(WriteMarker(files, directory, kCreating));
  return DirectoryState::kCreating;
}

absl::Status MarkDirectoryReady(FileSystem& files, const std::string& directory) {
  MNEME_RETURN_IF_ERROR(SyncDirectory(files, directory));  // the entry of the database's folder
  return WriteMarker(files, directory, kReady);
}

}  // namespace mneme::storage
