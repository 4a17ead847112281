// A disk that fills up: commits are refused with nothing written, reads go on, what takes away is
// written with the last of the room, and commits do again once there is room.
#include "core/storage/rocksdb_space.h"

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

#include "core/storage/disk_room.h"
#include "core/storage/rocksdb_database.h"
#include "core/storage/rocksdb_storage.h"
#include "gtest/gtest.h"
#include "rocksdb/file_system.h"
#include "tests/unit/core/storage/storage_test_util.h"

namespace mneme::storage {
namespace {

constexpr MemoryUid kUid = 3;

constexpr uint64_t kPlenty = uint64_t{1} << 40;

// Says what is free, and where a file named "room" is not there, so much more. No table files are
// made while nothing is free.
class SmallDisk final : public rocksdb::FileSystemWrapper {
 public:
  SmallDisk() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "SmallDisk"; }

  void SetFree(uint64_t bytes, uint64_t room_bytes = 0) {
    room_ = room_bytes;
    free_ = bytes;
  }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* debug) override {
    if (path.ends_with(".sst") && free_ == 0) {
      return rocksdb::IOStatus::NoSpace("the disk is full");
    }
    return target()->NewWritableFile(path, options, result, debug);
  }
  rocksdb::IOStatus GetFreeSpace(const std::string& path, const rocksdb::IOOptions&,
                                 uint64_t* bytes, rocksdb::IODebugContext*) override {
    *bytes = free_ + (std::filesystem::exists(path + "/room") ? 0 : room_.load());
    return rocksdb::IOStatus::OK();
  }

 private:
  std::atomic<uint64_t> free_{kPlenty};
  std::atomic<uint64_t> room_{0};
};

class DiskFullTest : public ::testing::Test {
 protected:
  // With ten rows in it.
  void Open(uint64_t disk_bytes_kept) {
    StorageOptions options = SmallOptions(directory_.path());
    options.disk_bytes_kept = disk_bytes_kept;
    auto storage = OpenRocksDbStorage(options, env_.get());
    ASSERT_TRUE(storage.ok()) << storage.status();
    storage_ = *std::move(storage);
    ASSERT_TRUE(CommitStore(*storage_, kUid, 1, 0, 10, Sync::kDisk).ok());
  }
  absl::Status Erase(uint64_t position, uint64_t row) {
    std::unique_ptr<CommitBatch> batch = storage_->NewBatch();
    batch->AppendLog(kUid,
                     {.position = position, .kind = RecordKind::kDelete, .removed_rows = {row}});
    const ItemId id = NumberedRow(row).id;
    batch->EraseRow(kUid, row, &id);
    return storage_->Commit(std::move(batch), Sync::kDisk);
  }
  absl::Status Drop() {
    std::unique_ptr<CommitBatch> batch = storage_->NewBatch();
    batch->DropMemory(kUid);
    return storage_->Commit(std::move(batch), Sync::kDisk);
  }
  absl::Status Flush() {
    const Database& database = *DatabaseOf(*storage_);
    const rocksdb::Status flushed =
        database.db().Flush(rocksdb::FlushOptions(), database[Family::kRows]);
    return flushed.IsNoSpace() ? absl::ResourceExhaustedError("") : absl::OkStatus();
  }

  TempDirectory directory_;
  const std::shared_ptr<SmallDisk> disk_ = std::make_shared<SmallDisk>();
  const std::unique_ptr<rocksdb::Env> env_ = rocksdb::NewCompositeEnv(disk_);
  std::unique_ptr<Storage> storage_;
};

TEST_F(DiskFullTest, RefusesCommitsUntilThereIsRoomAgainAndLosesNothing) {
  for (const bool while_flushing : {false, true}) {
    SCOPED_TRACE(while_flushing);
    const uint64_t position = while_flushing ? 3 : 2;
    if (storage_ == nullptr) Open(0);
    const size_t rows = AllRows(*storage_, kUid).size();
    disk_->SetFree(0);
    EXPECT_EQ(storage_->FreeDiskBytes().value(), 0u);
    if (while_flushing) {
      ASSERT_FALSE(Flush().ok());
    }
    for (Sync sync : {Sync::kOs, Sync::kDisk}) {
      const absl::Status refused = CommitStore(*storage_, kUid, position, rows, 10, sync);
      EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted) << refused;
      EXPECT_EQ(Reason(refused), "FULL");
      EXPECT_GE(GetErrorDetail(refused)->retry_after_ms, 0);
    }
    EXPECT_EQ(Reason(Erase(position, 0)), "FULL");
    EXPECT_EQ(AllRows(*storage_, kUid).size(), rows);
    // Of a retry that is answered: nothing is written.
    EXPECT_TRUE(storage_->Commit(storage_->NewBatch(), Sync::kDisk).ok());
    disk_->SetFree(kPlenty);
    const absl::Status committed = CommitStore(*storage_, kUid, position, rows, 10, Sync::kDisk);
    EXPECT_TRUE(committed.ok()) << committed;
  }
  storage_.reset();
  EXPECT_EQ(AllRows(*OpenOrDie(directory_.path()), kUid).size(), 30u);
}

TEST_F(DiskFullTest, TheLastOfTheRoomIsForWhatTakesAway) {
  Open(0);
  disk_->SetFree(kLogRoomBytes);
  EXPECT_EQ(Reason(CommitStore(*storage_, kUid, 2, 10, 10)), "FULL");
  EXPECT_TRUE(Erase(2, 0).ok());
  EXPECT_FALSE(Flush().ok()) << "table files leave it, too";
  EXPECT_EQ(Reason(Drop()), "FULL") << "until what was written before is flushed";
  disk_->SetFree(kPlenty);
  EXPECT_TRUE(Drop().ok());
  EXPECT_TRUE(AllRows(*storage_, kUid).empty());
}

TEST_F(DiskFullTest, WhereOthersFillItWhatTakesAwayIsWrittenWithTheRoomThatWasKept) {
  constexpr uint64_t kKept = kLogRoomBytes;  // too little for what grows
  const std::string file = directory_.path() + "/room";
  Open(kKept);
  EXPECT_TRUE(std::filesystem::exists(file));
  disk_->SetFree(0, kKept);
  EXPECT_EQ(Reason(CommitStore(*storage_, kUid, 2, 10, 10)), "FULL");
  EXPECT_TRUE(std::filesystem::exists(file)) << "not for what grows";
  EXPECT_TRUE(Erase(2, 0).ok());
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_EQ(Reason(CommitStore(*storage_, kUid, 3, 10, 10)), "FULL");
  EXPECT_TRUE(Drop().ok());
  disk_->SetFree(kPlenty, kKept);
  EXPECT_TRUE(CommitStore(*storage_, kUid, 1, 0, 10).ok());
  EXPECT_TRUE(std::filesystem::exists(file));
  // Opening may need it.
  disk_->SetFree(kKept, kKept);
  storage_.reset();
  StorageOptions options = SmallOptions(directory_.path());
  options.disk_bytes_kept = kKept;
  storage_ = *OpenRocksDbStorage(options, env_.get());
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_EQ(AllRows(*storage_, kUid).size(), 10u);
}

}  // namespace
}  // namespace mneme::storage
