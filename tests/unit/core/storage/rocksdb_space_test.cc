// A disk that fills up: commits are refused with nothing written, reads go on, and commits do again
// once there is room.
#include "core/storage/rocksdb_space.h"

#include <memory>
#include <string>
#include <thread>

#include "core/base/mutex.h"
#include "core/storage/rocksdb_database.h"
#include "core/storage/rocksdb_storage.h"
#include "gtest/gtest.h"
#include "rocksdb/file_system.h"
#include "tests/unit/core/storage/storage_test_util.h"

namespace mneme::storage {
namespace {

constexpr MemoryUid kUid = 3;

// No room for table files while it is full.
class FullDisk final : public rocksdb::FileSystemWrapper {
 public:
  FullDisk() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FullDisk"; }

  void SetFull(bool full) {
    MutexLock lock(&mutex_);
    full_ = full;
    tables_made_ = 0;
  }
  void AwaitTable() {
    MutexLock lock(&mutex_);
    while (tables_made_ == 0) changed_.Wait(&mutex_);
  }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* debug) override {
    if (path.ends_with(".sst")) {
      MutexLock lock(&mutex_);
      if (full_) return rocksdb::IOStatus::NoSpace("the disk is full");
      ++tables_made_;
      changed_.NotifyAll();
    }
    return target()->NewWritableFile(path, options, result, debug);
  }
  rocksdb::IOStatus GetFreeSpace(const std::string&, const rocksdb::IOOptions&, uint64_t* bytes,
                                 rocksdb::IODebugContext*) override {
    MutexLock lock(&mutex_);
    *bytes = full_ ? 0 : uint64_t{1} << 40;
    return rocksdb::IOStatus::OK();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool full_ ABSL_GUARDED_BY(mutex_) = false;
  int tables_made_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST(DiskFull, RefusesCommitsUntilThereIsRoomAgainAndLosesNothing) {
  TempDirectory directory;
  const auto disk = std::make_shared<FullDisk>();
  const std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(disk);
  auto storage = OpenRocksDbStorage(SmallOptions(directory.path()), env.get());
  ASSERT_TRUE(storage.ok()) << storage.status();
  ASSERT_TRUE(CommitStore(**storage, kUid, 1, 0, 10, Sync::kDisk).ok());
  disk->SetFull(true);
  EXPECT_EQ((*storage)->FreeDiskBytes().value(), 0u);
  const Database& database = *DatabaseOf(**storage);
  ASSERT_TRUE(database.db().Flush(rocksdb::FlushOptions(), database[Family::kRows]).IsNoSpace());
  for (Sync sync : {Sync::kOs, Sync::kDisk}) {
    const absl::Status refused = CommitStore(**storage, kUid, 2, 10, 10, sync);
    EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted) << refused;
    EXPECT_EQ(Reason(refused), "FULL");
  }
  EXPECT_EQ(AllRows(**storage, kUid).size(), 10u);
  disk->SetFull(false);
  disk->AwaitTable();
  absl::Status committed = CommitStore(**storage, kUid, 2, 10, 10, Sync::kDisk);
  while (Reason(committed) == "FULL") {  // the table is made, and then recovery ends
    std::this_thread::yield();
    committed = CommitStore(**storage, kUid, 2, 10, 10, Sync::kDisk);
  }
  EXPECT_TRUE(committed.ok()) << committed;
  storage->reset();
  EXPECT_EQ(AllRows(*OpenOrDie(directory.path()), kUid).size(), 20u);
}

}  // namespace
}  // namespace mneme::storage
