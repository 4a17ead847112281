#include "core/storage/files.h"

#include <memory>

#include "core/base/status.h"
#include "core/storage/keys.h"
#include "core/storage/rocksdb_status.h"
#include "rocksdb/file_system.h"

namespace mneme::storage {
namespace {

using rocksdb::FileSystem;
using rocksdb::IOOptions;

std::string ParentOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::Status NoDirectory(const std::string& path) {
  return FailedPrecondition(absl::StrFormat("'%s' is no directory", path),
                            {.reason = "NOT_A_DIRECTORY",
                             .given = path,
                             .expected = "a directory, or a name that is free for one",
                             .next_step = "Choose another data.dir (or data.backup_dir)."});
}

}  // namespace

std::string JoinPath(std::string_view directory, std::string_view name) {
  return absl::StrCat(AbslView(directory), "/", AbslView(name));
}

absl::Status SyncDirectory(FileSystem& files, const std::string& path) {
  std::unique_ptr<rocksdb::FSDirectory> handle;
  MNEME_RETURN_IF_ERROR(FromRocksDb(files.NewDirectory(path, IOOptions(), &handle, nullptr),
                                    absl::StrCat("opening directory '", path, "'")));
  return FromRocksDb(handle->Fsync(IOOptions(), nullptr),
                     absl::StrCat("syncing directory '", path, "'"));
}

absl::Status MakeDirectory(FileSystem& files, const std::string& path) {
  if (files.FileExists(path, IOOptions(), nullptr).ok()) {
    bool is_directory = false;
    const rocksdb::IOStatus asked = files.IsDirectory(path, IOOptions(), &is_directory, nullptr);
    // Where it cannot be asked, what is done in it next says why.
    return asked.ok() && !is_directory ? NoDirectory(path) : absl::OkStatus();
  }
  const std::string parent = ParentOf(path);
  if (parent != path) MNEME_RETURN_IF_ERROR(MakeDirectory(files, parent));
  MNEME_RETURN_IF_ERROR(FromRocksDb(files.CreateDirIfMissing(path, IOOptions(), nullptr),
                                    absl::StrCat("making directory '", path, "'")));
  return SyncDirectory(files, parent);
}

namespace {

absl::Status WriteDraft(FileSystem& files, const std::string& draft, std::string_view bytes) {
  const std::string doing = absl::StrCat("writing '", draft, "'");
  std::unique_ptr<rocksdb::FSWritableFile> file;
  MNEME_RETURN_IF_ERROR(
      FromRocksDb(files.NewWritableFile(draft, rocksdb::FileOptions(), &file, nullptr), doing));
  MNEME_RETURN_IF_ERROR(FromRocksDb(file->Append(ToSlice(bytes), IOOptions(), nullptr), doing));
  MNEME_RETURN_IF_ERROR(FromRocksDb(file->Sync(IOOptions(), nullptr), doing));
  return FromRocksDb(file->Close(IOOptions(), nullptr), doing);
}

}  // namespace

absl::Status WriteWhole(FileSystem& files, const std::string& path, std::string_view bytes) {
  const std::string draft = absl::StrCat(path, AbslView(kDraftSuffix));
  if (absl::Status written = WriteDraft(files, draft, bytes); !written.ok()) {
    files.DeleteFile(draft, IOOptions(), nullptr).PermitUncheckedError();  // it takes room
    return written;
  }
  MNEME_RETURN_IF_ERROR(FromRocksDb(files.RenameFile(draft, path, IOOptions(), nullptr),
                                    absl::StrCat("renaming '", draft, "'")));
  return SyncDirectory(files, ParentOf(path));
}

absl::StatusOr<std::string> ReadWhole(FileSystem& files, const std::string& path,
                                      size_t bytes_max) {
  const std::string doing = absl::StrCat("reading '", path, "'");
  std::unique_ptr<rocksdb::FSSequentialFile> file;
  MNEME_RETURN_IF_ERROR(
      FromRocksDb(files.NewSequentialFile(path, rocksdb::FileOptions(), &file, nullptr), doing));
  uint64_t size = 0;
  MNEME_RETURN_IF_ERROR(FromRocksDb(files.GetFileSize(path, IOOptions(), &size, nullptr), doing));
  if (size > bytes_max) return Corrupt(doing, absl::StrCat(size, " bytes, at most ", bytes_max));
  std::string text(size, '\0');
  rocksdb::Slice read;
  MNEME_RETURN_IF_ERROR(
      FromRocksDb(file->Read(size, IOOptions(), &read, text.data(), nullptr), doing));
  return std::string(ToView(read));
}

}  // namespace mneme::storage
