// After a failed sync of the log nothing reaches the disk, and no sync is tried again; log files go
// oldest first.
#include "core/storage/log_guard.h"

#include <memory>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/storage/disk_room.h"
#include "gtest/gtest.h"
#include "tests/support/fault_file_system.h"

namespace mneme::storage {
namespace {

using rocksdb::FileOptions;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using test::Call;
using test::FaultFileSystem;

class LogGuardTest : public ::testing::Test {
 protected:
  LogGuardTest() { EXPECT_TRUE(guard_.CreateDir("/db", IOOptions(), nullptr).ok()); }

  std::unique_ptr<rocksdb::FSWritableFile> Create(const std::string& path) {
    std::unique_ptr<rocksdb::FSWritableFile> file;
    EXPECT_TRUE(guard_.NewWritableFile(path, FileOptions(), &file, nullptr).ok());
    return file;
  }
  static IOStatus Append(rocksdb::FSWritableFile& file) {
    return file.Append("bytes", IOOptions(), nullptr);
  }
  static IOStatus Sync(rocksdb::FSWritableFile& file) { return file.Sync(IOOptions(), nullptr); }

  const std::shared_ptr<FaultFileSystem> disk_ = std::make_shared<FaultFileSystem>();
  LogGuard guard_{disk_};
};

TEST_F(LogGuardTest, AFailedSyncOfTheLogIsTheLast) {
  const auto log = Create("/db/000007.log");
  const auto other_log = Create("/db/000008.log");
  const auto table = Create("/db/000009.sst");
  ASSERT_TRUE(Append(*log).ok());
  ASSERT_TRUE(Sync(*log).ok());
  EXPECT_TRUE(guard_.failure().ok());

  disk_->Inject({.call = Call::kSync});
  EXPECT_TRUE(Sync(*log).ok()) << "RocksDB is not told";
  EXPECT_FALSE(guard_.failure().ok());

  const uint64_t syncs = disk_->calls(Call::kSync);
  EXPECT_TRUE(Sync(*log).ok());
  EXPECT_TRUE(other_log->Fsync(IOOptions(), nullptr).ok());
  EXPECT_FALSE(Sync(*table).ok());
  EXPECT_EQ(disk_->calls(Call::kSync), syncs);

  EXPECT_FALSE(Append(*log).ok());
  EXPECT_FALSE(Append(*table).ok());
  std::unique_ptr<rocksdb::FSWritableFile> file;
  EXPECT_FALSE(guard_.NewWritableFile("/db/000010.sst", FileOptions(), &file, nullptr).ok());
  EXPECT_FALSE(guard_.RenameFile("/db/000009.sst", "/db/x", IOOptions(), nullptr).ok());
  EXPECT_FALSE(guard_.DeleteFile("/db/000009.sst", IOOptions(), nullptr).ok());
  EXPECT_EQ(disk_->Image().Read("/db/000007.log"), "bytes");
  EXPECT_FALSE(disk_->Image().files().contains("/db/000010.sst"));
}

TEST_F(LogGuardTest, AFailedSyncOfATableIsReported) {
  const auto table = Create("/db/000009.sst");
  disk_->Inject({.call = Call::kSync});
  EXPECT_FALSE(Sync(*table).ok());
  EXPECT_TRUE(guard_.failure().ok());
  EXPECT_TRUE(Append(*table).ok());
}

TEST_F(LogGuardTest, OlderLogFilesGoFirst) {
  const std::vector<std::string> logs = {"/db/000045.log", "/db/000100.log", "/db/000099.log",
                                         "/db/000044.log"};
  for (const std::string& path : logs) ASSERT_TRUE(Append(*Create(path)).ok());
  Create("/db/000001.sst");
  disk_->Inject({.kind = test::Fault::Kind::kPowerCut, .call = Call::kDelete, .nth = 3});
  EXPECT_FALSE(guard_.DeleteFile("/db/000099.log", IOOptions(), nullptr).ok());
  // 44 and 45 went, and the power before 99 did.
  const test::DiskImage left = disk_->Image();
  EXPECT_EQ(left.files().size(), 3u);
  EXPECT_TRUE(left.files().contains("/db/000099.log"));
  EXPECT_TRUE(left.files().contains("/db/000100.log"));
  EXPECT_TRUE(left.files().contains("/db/000001.sst"));
}

TEST_F(LogGuardTest, ALogFileThatWentWithANewerOneIsNoError) {
  for (const char* path : {"/db/000044.log", "/db/000045.log"}) Create(path);
  EXPECT_TRUE(guard_.DeleteFile("/db/000045.log", IOOptions(), nullptr).ok());
  EXPECT_TRUE(guard_.DeleteFile("/db/000044.log", IOOptions(), nullptr).ok());
  EXPECT_FALSE(guard_.DeleteFile("/db/000044.sst", IOOptions(), nullptr).ok());
}

TEST_F(LogGuardTest, TableFilesLeaveTheLastOfTheDiskToTheLog) {
  const auto log = Create("/db/000007.log");
  const auto table = Create("/db/000009.sst");
  disk_->SetFreeBytes(kLogRoomBytes + 4);
  EXPECT_TRUE(Append(*table).IsNoSpace());  // five bytes
  EXPECT_TRUE(Append(*log).ok());
  disk_->SetFreeBytes(kLogRoomBytes + 5);
  EXPECT_TRUE(Append(*table).ok());
}

}  // namespace
}  // namespace mneme::storage
