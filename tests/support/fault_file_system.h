// A RocksDB file system in memory that fails, tears, stalls and loses power when told to: the disk
// under every fault test of the storage.
//
// Each call of RocksDB (or of storage) is a call site with a number. A Fault says which call is to
// go wrong (the n-th of a sort, on files of a kind) and how. The power cut keeps what was synced,
// of the rest a random choice of pages, and undoes names whose directory was not synced; what the
// disk holds then is a DiskImage, from which another FaultFileSystem starts.
//
// What is durable
//   1. Bytes of a file up to where its last good sync reached. A sync that failed hardens nothing,
//      and what it should have hardened is not hardened by a later one either: the pages are clean
//      by then (as Linux has it).
//   2. Names once their directory was synced. Of later changes of names a random prefix survives,
//      or, as often, the deletions alone.
// The same seed and the same calls give the same image. The order of calls of RocksDB's background
// threads is theirs.
//
// Thread-safe. RocksDB's info log is thrown away; recycled and mapped files are not there.
#ifndef MNEME_TESTS_SUPPORT_FAULT_FILE_SYSTEM_H_
#define MNEME_TESTS_SUPPORT_FAULT_FILE_SYSTEM_H_

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/random.h"
#include "rocksdb/file_system.h"
#include "tests/support/disk_file.h"
#include "tests/support/disk_image.h"
#include "tests/support/fault_plan.h"

namespace mneme::test {

class FaultFileSystem final : public rocksdb::FileSystem {
 public:
  using IOStatus = rocksdb::IOStatus;
  using IOOptions = rocksdb::IOOptions;
  using FileOptions = rocksdb::FileOptions;
  using Debug = rocksdb::IODebugContext;

  FaultFileSystem() = default;
  explicit FaultFileSystem(const DiskImage& image);  // all of it durable
  const char* Name() const override { return "FaultFileSystem"; }

  // ---- the test's side
  void Inject(const Fault& fault);
  void ClearFaults();
  bool fired() const;  // whether any fault has been met, since the last ClearFaults
  // Until a call is stalled; lets stalled calls go on, and takes the stalls away.
  void WaitStalled();
  void Release();
  // What GetFreeSpace answers.
  void SetFreeBytes(uint64_t bytes);

  uint64_t calls() const;
  uint64_t calls(Call call) const;
  uint64_t calls(Call call, FileKind file) const;
  // Syncs tried of files whose sync had failed before.
  uint64_t syncs_after_failed_sync() const;

  // What the disk holds as the machine sees it, synced or not.
  DiskImage Image() const;
  // The power goes now (unless it has gone): what the disk holds afterwards. From now on every call
  // fails.
  DiskImage CutPower(Random& random);

  // ---- RocksDB's side
  IOStatus NewSequentialFile(const std::string& path, const FileOptions& options,
                             std::unique_ptr<rocksdb::FSSequentialFile>* result,
                             Debug* debug) override;
  IOStatus NewRandomAccessFile(const std::string& path, const FileOptions& options,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                               Debug* debug) override;
  IOStatus NewWritableFile(const std::string& path, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* result, Debug* debug) override;
  IOStatus NewDirectory(const std::string& path, const IOOptions& options,
                        std::unique_ptr<rocksdb::FSDirectory>* result, Debug* debug) override;
  IOStatus FileExists(const std::string& path, const IOOptions& options, Debug* debug) override;
  IOStatus GetChildren(const std::string& path, const IOOptions& options,
                       std::vector<std::string>* result, Debug* debug) override;
  IOStatus DeleteFile(const std::string& path, const IOOptions& options, Debug* debug) override;
  IOStatus CreateDir(const std::string& path, const IOOptions& options, Debug* debug) override;
  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions& options,
                              Debug* debug) override;
  IOStatus DeleteDir(const std::string& path, const IOOptions& options, Debug* debug) override;
  IOStatus GetFileSize(const std::string& path, const IOOptions& options, uint64_t* bytes,
                       Debug* debug) override;
  IOStatus GetFileModificationTime(const std::string& path, const IOOptions& options,
                                   uint64_t* time, Debug* debug) override;
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      Debug* debug) override;
  IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions& options,
                    Debug* debug) override;
  IOStatus LockFile(const std::string& path, const IOOptions& options, rocksdb::FileLock** lock,
                    Debug* debug) override;
  IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions& options, Debug* debug) override;
  IOStatus GetTestDirectory(const IOOptions& options, std::string* path, Debug* debug) override;
  IOStatus NewLogger(const std::string& path, const IOOptions& options,
                     std::shared_ptr<rocksdb::Logger>* result, Debug* debug) override;
  IOStatus GetAbsolutePath(const std::string& path, const IOOptions& options, std::string* result,
                           Debug* debug) override;
  IOStatus GetFreeSpace(const std::string& path, const IOOptions& options, uint64_t* bytes,
                        Debug* debug) override;
  IOStatus IsDirectory(const std::string& path, const IOOptions& options, bool* result,
                       Debug* debug) override;

 private:
  using FilePtr = std::shared_ptr<DiskFile>;
  using Names = std::map<std::string, FilePtr>;
  struct NameChange {
    std::string path;
    FilePtr file;            // null: it went
    bool with_next = false;  // happens together with the change after it (a rename)
  };
  struct Outcome {
    IOStatus status;
    std::optional<uint64_t> torn_bytes;
  };
  class Reader;
  class SequentialReader;
  class Writer;
  class Directory;

  // Counts a call and says what becomes of it.
  Outcome Enter(Call call, const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  IOStatus Meet(const Fault& fault, Outcome& outcome) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  IOStatus Read(const DiskFile& file, const std::string& path, uint64_t offset, size_t bytes,
                rocksdb::Slice* result, char* scratch);
  IOStatus Append(DiskFile& file, const std::string& path, const rocksdb::Slice& data);
  IOStatus Sync(DiskFile& file, const std::string& path);
  IOStatus SyncDirectory(const std::string& path);
  void Change(NameChange change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The names that survive a power cut.
  Names SurvivingNames(Random& random) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  CondVar changed_;
  Names names_ ABSL_GUARDED_BY(mutex_);
  Names durable_names_ ABSL_GUARDED_BY(mutex_);
  std::vector<NameChange> unsynced_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> directories_ ABSL_GUARDED_BY(mutex_) = {"/"};
  std::set<std::string> locked_ ABSL_GUARDED_BY(mutex_);
  FaultPlan plan_ ABSL_GUARDED_BY(mutex_);
  uint64_t free_bytes_ ABSL_GUARDED_BY(mutex_) = std::numeric_limits<uint64_t>::max();
  uint64_t syncs_after_failed_sync_ ABSL_GUARDED_BY(mutex_) = 0;
  int stalled_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t releases_ ABSL_GUARDED_BY(mutex_) = 0;
  bool dead_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace mneme::test

#endif  // MNEME_TESTS_SUPPORT_FAULT_FILE_SYSTEM_H_
