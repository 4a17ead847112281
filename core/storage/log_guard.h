// The file system below a database that is written to, watching over its write-ahead log where
// RocksDB's own handling falls short of what storage promises:
//
//   1. RocksDB syncs files of the log on two threads, the writer's and a flush's. When one fails,
//      the other may sync the same file again, which then may "succeed" although the pages are
//      lost; Debian's build ends the process instead. Here a failed sync is the last: RocksDB is
//      told that all is well, nothing that it does from then on reaches the disk, and storage asks
//      failure() before it acknowledges anything.
//   2. RocksDB deletes files of the log that are no longer needed newest first. A crash between two
//      deletions would leave a hole as damage does. Here older files go first.
//   3. A log that finds no room for all of a record is in doubt. Table files, which may be written
//      again, therefore leave the last of it (kLogRoomBytes) to the log.
//
// Thread-safe.
#ifndef MNEME_CORE_STORAGE_LOG_GUARD_H_
#define MNEME_CORE_STORAGE_LOG_GUARD_H_

#include <atomic>
#include <memory>
#include <string>

#include "core/base/mutex.h"
#include "rocksdb/file_system.h"

namespace mneme::storage {

class LogGuard final : public rocksdb::FileSystemWrapper {
 public:
  using IOStatus = rocksdb::IOStatus;
  using IOOptions = rocksdb::IOOptions;
  using Debug = rocksdb::IODebugContext;

  explicit LogGuard(const std::shared_ptr<rocksdb::FileSystem>& files) : FileSystemWrapper(files) {}
  const char* Name() const override { return "LogGuard"; }

  // How the sync of a file of the log failed; OK while none has. Once it is not OK it stays.
  IOStatus failure() const;

  IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* result, Debug* debug) override;
  IOStatus ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* result,
                              Debug* debug) override;
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      Debug* debug) override;
  IOStatus DeleteFile(const std::string& path, const IOOptions& options, Debug* debug) override;

 private:
  class Writer;
  class TableWriter;

  std::unique_ptr<rocksdb::FSWritableFile> Guard(const std::string& path,
                                                 std::unique_ptr<rocksdb::FSWritableFile> file);

  void Fail(const IOStatus& status);
  // For bytes of a table file: NoSpace where they would take the log's room.
  IOStatus LeaveLogRoom(const std::string& path, size_t bytes) const;
  // For what changes the disk: refused once the log has failed.
  IOStatus Writable() const;
  IOStatus DeleteOlderLogFiles(const std::string& path, uint64_t number, const IOOptions& options,
                               Debug* debug);

  std::atomic<bool> failed_{false};
  mutable Mutex mutex_;
  IOStatus failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_LOG_GUARD_H_
