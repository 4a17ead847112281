// A file system that counts the bytes going through it and stops when it is told: how long work of
// RocksDB, which reports little, shows its progress and is cancelled.
//
// RocksDB reads the list of a backup's files ("meta/7") line by line, however long a line is: one
// that is longer than kListBytesMax, a million table files, is read so far and then Corruption.
//
// Thread-safe. One piece of work is metered at a time.
#ifndef MNEME_CORE_STORAGE_METERED_FILE_SYSTEM_H_
#define MNEME_CORE_STORAGE_METERED_FILE_SYSTEM_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/base/mutex.h"
#include "rocksdb/file_system.h"

namespace mneme::storage {

inline constexpr uint64_t kListBytesMax = 64u << 20;

class MeteredFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  struct Bytes {
    uint64_t read = 0;  // by sequential reads
    uint64_t written = 0;
  };
  // False to stop: what reads or writes then fails (Aborted).
  using OnBytes = std::function<bool(const Bytes&)>;

  explicit MeteredFileSystem(const std::shared_ptr<rocksdb::FileSystem>& files)
      : FileSystemWrapper(files) {}
  const char* Name() const override { return "MeteredFileSystem"; }

  // Counts from zero, and asks `on_bytes` (null: nobody) after each piece.
  void Start(OnBytes on_bytes);
  // Asks nobody any more; what was counted since Start.
  Bytes Stop();

  rocksdb::IOStatus NewSequentialFile(const std::string& path, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* result,
                                      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* debug) override;

 private:
  class Reading;
  class Writing;
  rocksdb::IOStatus Count(uint64_t read, uint64_t written);

  Mutex mutex_;
  Bytes bytes_ ABSL_GUARDED_BY(mutex_);
  OnBytes on_bytes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_METERED_FILE_SYSTEM_H_
