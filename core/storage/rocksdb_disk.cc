#include "core/storage/rocksdb_disk.h"

#include <algorithm>

#include "core/base/status.h"
#include "core/storage/files.h"
#include "core/storage/keys.h"
#include "core/storage/rocksdb_status.h"
#include "core/storage/write_ahead_log.h"
#include "rocksdb/file_system.h"

namespace mneme::storage {
namespace {

// RocksDB's. To ask whether it is a directory opens and closes it, with which the process would
// give up its lock.
constexpr char kLockFile[] = "LOCK";

}  // namespace

std::vector<DiskBytes> ApproximateMemoryBytes(const Database& database, MemoryUid uid) {
  rocksdb::SizeApproximationOptions what;
  what.include_memtables = true;
  what.include_files = true;
  const std::string first = MemoryPrefix(uid);
  const std::string end = PrefixEnd(first);
  const rocksdb::Range range(first, end);
  std::vector<DiskBytes> out;
  for (Family family : kMemoryFamilies) {
    uint64_t bytes = 0;
    const rocksdb::Status status =
        database.db().GetApproximateSizes(what, database[family], &range, 1, &bytes);
    out.push_back({.what = FamilyName(family), .bytes = status.ok() ? bytes : 0});
  }
  return out;
}

uint64_t OwedBytes(const Database& database) {
  rocksdb::FileSystem& files = *database.db().GetFileSystem();
  const std::string& path = database.db().GetName();
  std::vector<std::string> names;
  if (!files.GetChildren(path, rocksdb::IOOptions(), &names, nullptr).ok()) {
    return BufferBytes(database);
  }
  uint64_t log = 0;
  for (const std::string& name : names) {
    uint64_t bytes = 0;
    const bool there =
        LogFileNumber(name).has_value() &&
        files.GetFileSize(JoinPath(path, name), rocksdb::IOOptions(), &bytes, nullptr).ok();
    if (there) log += bytes;
  }
  return std::min(log, BufferBytes(database));
}

uint64_t BufferBytes(const Database& database) {
  uint64_t owed = 0;
  for (size_t i = 0; i < kFamilyCount; ++i) {
    uint64_t part = 0;
    if (database.db().GetIntProperty(database[static_cast<Family>(i)],
                                     rocksdb::DB::Properties::kCurSizeAllMemTables, &part)) {
      owed += part;
    }
  }
  return owed;
}

uint64_t FileBytesBelow(rocksdb::FileSystem& files, const std::string& path) {
  std::vector<std::string> names;
  if (!files.GetChildren(path, rocksdb::IOOptions(), &names, nullptr).ok()) return 0;
  uint64_t total = 0;
  for (const std::string& name : names) {
    if (name == "." || name == ".." || name == kLockFile) continue;
    const std::string child = path + "/" + name;
    bool is_directory = false;
    uint64_t bytes = 0;
    if (files.IsDirectory(child, rocksdb::IOOptions(), &is_directory, nullptr).ok() &&
        is_directory) {
      total += FileBytesBelow(files, child);
    } else if (files.GetFileSize(child, rocksdb::IOOptions(), &bytes, nullptr).ok()) {
      total += bytes;
    }
  }
  return total;
}

absl::StatusOr<uint64_t> FreeBytesAt(rocksdb::FileSystem& files, const std::string& path) {
  uint64_t bytes = 0;
  MNEME_RETURN_IF_ERROR(FromRocksDb(files.GetFreeSpace(path, rocksdb::IOOptions(), &bytes, nullptr),
                                    absl::StrCat("asking for the free space of '", path, "'")));
  return bytes;
}

}  // namespace mneme::storage
