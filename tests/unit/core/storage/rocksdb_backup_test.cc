// Backups: consistent under commits, incremental, read in place, found out when damaged.
#include "core/storage/rocksdb_backup.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/storage/rocksdb_database.h"
#include "gtest/gtest.h"
#include "rocksdb/file_system.h"
#include "tests/unit/core/storage/storage_test_util.h"

namespace mneme::storage {
namespace {

namespace fs = std::filesystem;

constexpr MemoryUid kUid = 9;
constexpr uint64_t kRowsPerCommit = 50;
constexpr size_t kColumns = 64;

absl::Status CommitNumber(Storage& storage, uint64_t n) {
  return CommitStore(storage, kUid, n, (n - 1) * kRowsPerCommit, kRowsPerCommit, Sync::kOs,
                     kColumns);
}

std::unique_ptr<BackupStore> OpenBackups(const std::string& directory) {
  absl::StatusOr<std::unique_ptr<BackupStore>> store = OpenBackupStore(directory, Clock::Real(), 0);
  if (!store.ok()) ADD_FAILURE() << store.status();
  return store.ok() ? *std::move(store) : nullptr;
}

class BackupTest : public ::testing::Test {
 protected:
  uint32_t MakeBackup(BackupStore& store, std::string_view manifest) {
    const absl::StatusOr<uint32_t> id = store.Create(*storage_, nullptr);
    EXPECT_TRUE(id.ok()) << id.status();
    EXPECT_TRUE(store.PutManifest(id.value_or(0), manifest).ok());
    return id.value_or(0);
  }
  const std::string backups() const { return directory_.path() + "/backups"; }

  TempDirectory directory_;
  std::unique_ptr<Storage> storage_ = OpenOrDie(directory_.path() + "/data");
};

TEST_F(BackupTest, LiesInAFolderWhoseNameMayBeRelative) {
  ASSERT_TRUE(CommitNumber(*storage_, 1).ok());
  const std::string relative =
      std::filesystem::relative(backups(), std::filesystem::current_path()).string();
  ASSERT_NE(relative.front(), '/');
  const std::unique_ptr<BackupStore> store = OpenBackups(relative);
  const auto opened = store->Open(MakeBackup(*store, "positions"));
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ((*opened)->LastPosition(kUid).value(), 1u);
}

TEST_F(BackupTest, IsOpenedInPlaceAndCopiedBack) {
  for (uint64_t n = 1; n <= 20; ++n) ASSERT_TRUE(CommitNumber(*storage_, n).ok());
  const std::unique_ptr<BackupStore> store = OpenBackups(backups());
  const uint32_t id = MakeBackup(*store, "positions");
  ASSERT_TRUE(CommitNumber(*storage_, 21).ok());
  EXPECT_EQ(store->Get(id)->manifest, "positions");
  EXPECT_TRUE(store->VerifyFiles(id, nullptr).ok());
  const auto opened = store->Open(id);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ((*opened)->LastPosition(kUid).value(), 20u);
  EXPECT_EQ(AllRows(**opened, kUid), AllRows(*storage_, kUid, 0, 20 * kRowsPerCommit));
  EXPECT_EQ(Reason(CommitNumber(**opened, 21)), "READ_ONLY");
  ASSERT_TRUE(storage_->CopyMemory(**opened, kUid, kUid + 1, "", nullptr).ok());
  EXPECT_EQ(AllRecords(*storage_, kUid + 1).size(), 20u);
}

TEST_F(BackupTest, OfTheSecondTimeWritesOnlyWhatIsNew) {
  for (uint64_t n = 1; n <= 400; ++n) ASSERT_TRUE(CommitNumber(*storage_, n).ok());
  const std::unique_ptr<BackupStore> store = OpenBackups(backups());
  const uint32_t first = MakeBackup(*store, "one");
  ASSERT_TRUE(CommitNumber(*storage_, 401).ok());
  const uint32_t second = MakeBackup(*store, "two");
  const std::vector<BackupEntry> entries = store->List().value();
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].id, second);
  EXPECT_EQ(entries[1].id, first);
  EXPECT_GT(entries[1].new_bytes, 400 * kRowsPerCommit * kColumns * 4);
  EXPECT_GE(entries[0].bytes, 400 * kRowsPerCommit * kColumns * 4);
  // The table files are shared; the write-ahead log, at most 4 MiB here, is copied anew.
  EXPECT_LT(entries[0].new_bytes, entries[1].new_bytes);
  ASSERT_TRUE(store->Delete(first).ok());
  EXPECT_EQ(Reason(store->Get(first).status()), "BACKUP_NOT_FOUND");
  EXPECT_TRUE(store->VerifyFiles(second, nullptr).ok());
  const auto opened = store->Open(second);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(AllRows(**opened, kUid).size(), 401 * kRowsPerCommit);
}

TEST_F(BackupTest, MadeUnderCommitsHoldsWholeOnesUpToItsCall) {
  const std::unique_ptr<BackupStore> store = OpenBackups(backups());
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> committed{0};
  std::thread writer([&] {
    for (uint64_t n = 1; !stop; ++n) {
      ASSERT_TRUE(CommitNumber(*storage_, n).ok());
      committed = n;
    }
  });
  while (committed < 30) std::this_thread::yield();
  for (int i = 0; i < 4; ++i) {
    const uint64_t before = committed;
    const uint32_t id = MakeBackup(*store, "m");
    const auto opened = store->Open(id);
    ASSERT_TRUE(opened.ok()) << opened.status();
    const uint64_t held = (*opened)->LastPosition(kUid).value();
    EXPECT_GE(held, before);
    EXPECT_EQ(AllRecords(**opened, kUid).size(), held);
    EXPECT_EQ(AllRows(**opened, kUid).size(), held * kRowsPerCommit);
  }
  stop = true;
  writer.join();
}

TEST_F(BackupTest, SurvivesReopeningOfTheFolderUnlessItWasNotFinished) {
  ASSERT_TRUE(CommitNumber(*storage_, 1).ok());
  uint32_t finished = 0;
  uint32_t unfinished = 0;
  {
    const std::unique_ptr<BackupStore> store = OpenBackups(backups());
    finished = MakeBackup(*store, "m");
    unfinished = store->Create(*storage_, nullptr).value();
    EXPECT_EQ(store->List()->size(), 1u);
    EXPECT_EQ(Reason(OpenBackupStore(backups(), Clock::Real(), 0).status()), "LOCKED");
  }
  const std::unique_ptr<BackupStore> store = OpenBackups(backups());
  ASSERT_EQ(store->List()->size(), 1u);
  EXPECT_EQ(store->List()->at(0).id, finished);
  EXPECT_GT(store->List()->at(0).new_bytes, 0u);
  EXPECT_EQ(Reason(store->Open(unfinished).status()), "BACKUP_NOT_FOUND");
  EXPECT_FALSE(fs::exists(backups() + "/private/" + std::to_string(unfinished)));
}

TEST_F(BackupTest, HasANumberThatNoOtherEverHad) {
  ASSERT_TRUE(CommitNumber(*storage_, 1).ok());
  uint32_t last = 0;
  const auto make = [&](BackupStore& store) {
    const uint32_t id = MakeBackup(store, "m");
    EXPECT_GT(id, last);
    last = id;
  };
  {
    const std::unique_ptr<BackupStore> store = OpenBackups(backups());
    for (int i = 0; i < 3; ++i) make(*store);
    ASSERT_TRUE(store->Delete(last).ok());  // the newest
  }
  {
    const std::unique_ptr<BackupStore> store = OpenBackups(backups());
    make(*store);
    const std::vector<BackupEntry> all = store->List().value();
    EXPECT_EQ(all.size(), 3u);
    for (const BackupEntry& entry : all) ASSERT_TRUE(store->Delete(entry.id).ok());
  }
  for (int opened = 0; opened < 3; ++opened) {  // it is kept however often nothing is made
    const std::unique_ptr<BackupStore> store = OpenBackups(backups());
    EXPECT_TRUE(store->List()->empty());
    EXPECT_EQ(Reason(store->Get(last).status()), "BACKUP_NOT_FOUND");
    EXPECT_TRUE(fs::is_empty(backups() + "/meta"));
  }
  const std::unique_ptr<BackupStore> store = OpenBackups(backups());
  make(*store);
  EXPECT_TRUE(store->VerifyFiles(last, nullptr).ok());
}

TEST_F(BackupTest, WithoutItsListOfFilesKeepsItsNumber) {
  ASSERT_TRUE(CommitNumber(*storage_, 1).ok());
  uint32_t id = 0;
  {
    const std::unique_ptr<BackupStore> store = OpenBackups(backups());
    id = MakeBackup(*store, "m");
  }
  fs::remove(backups() + "/meta/" + std::to_string(id));
  fs::remove(backups() + "/last");  // as a folder of before there was one
  const std::unique_ptr<BackupStore> store = OpenBackups(backups());
  EXPECT_TRUE(absl::IsDataLoss(store->Get(id).status())) << store->Get(id).status();
  EXPECT_GT(MakeBackup(*store, "m"), id);
  EXPECT_TRUE(store->Delete(id).ok());
}

TEST_F(BackupTest, IsRefusedWhereTheLastNumberIsDamaged) {
  ASSERT_TRUE(CommitNumber(*storage_, 1).ok());
  MakeBackup(*OpenBackups(backups()), "m");
  std::fstream(backups() + "/last", std::ios::in | std::ios::out | std::ios::binary) << "xx";
  const absl::Status status = OpenBackupStore(backups(), Clock::Real(), 0).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_NE(StdView(status.message()).find("/last'"), std::string_view::npos) << status;
}

TEST_F(BackupTest, IsStoppedWhenTheCallerSaysSoAndLeavesNothing) {
  for (uint64_t n = 1; n <= 100; ++n) ASSERT_TRUE(CommitNumber(*storage_, n).ok());
  const std::unique_ptr<BackupStore> store = OpenBackups(backups());
  const auto stopped = store->Create(*storage_, [](uint64_t done, uint64_t) { return done == 0; });
  EXPECT_EQ(stopped.status().code(), absl::StatusCode::kCancelled) << stopped.status();
  EXPECT_TRUE(store->List()->empty());
  EXPECT_TRUE(fs::is_empty(backups() + "/private"));
  EXPECT_GT(MakeBackup(*store, "m"), 0u);
}

// A disk of which so much is free, less what was written since.
class FillingDisk final : public rocksdb::FileSystemWrapper {
 public:
  FillingDisk() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FillingDisk"; }
  void SetFree(uint64_t bytes) { free_ = bytes; }
  // How often it is asked before nothing is free any more.
  void SetLooks(int looks) { looks_ = looks; }
  rocksdb::IOStatus GetFreeSpace(const std::string&, const rocksdb::IOOptions&, uint64_t* bytes,
                                 rocksdb::IODebugContext*) override {
    *bytes = looks_-- > 0 ? free_.load() : 0;
    return rocksdb::IOStatus::OK();
  }

 private:
  std::atomic<uint64_t> free_{uint64_t{1} << 40};
  std::atomic<int> looks_{1 << 30};
};

TEST_F(BackupTest, LeavesTheReserveOfItsDiskAndNothingOfItself) {
  constexpr uint64_t kReserve = 1u << 20;
  for (uint64_t n = 1; n <= 400; ++n) ASSERT_TRUE(CommitNumber(*storage_, n).ok());
  const Database& database = *DatabaseOf(*storage_);
  ASSERT_TRUE(database.db().Flush(rocksdb::FlushOptions(), database[Family::kRows]).ok());
  const auto disk = std::make_shared<FillingDisk>();
  const std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(disk);
  const auto store = *OpenBackupStore(backups(), Clock::Real(), kReserve, env.get());
  const auto files = [this] {  // but for the number, which is not given again
    size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(backups())) {
      count += entry.is_regular_file() && entry.path().filename() != "last" ? 1 : 0;
    }
    return count;
  };
  const size_t before = files();
  const auto expect_full = [&](const absl::Status& status) {
    EXPECT_EQ(Reason(status), "FULL") << status;
    EXPECT_NE(StdView(GetErrorDetail(status)->next_step).find("data.backup_dir"),
              std::string_view::npos);
    EXPECT_TRUE(store->List()->empty());
    EXPECT_EQ(files(), before);
  };
  // Told before anything is copied, and of a disk that others fill meanwhile.
  uint64_t copied = 0;
  disk->SetFree(kReserve + 400 * kRowsPerCommit * kColumns * 4);
  expect_full(store
                  ->Create(*storage_,
                           [&](uint64_t done, uint64_t) {
                             copied = done;
                             return true;
                           })
                  .status());
  EXPECT_EQ(copied, 0u);
  disk->SetFree(uint64_t{1} << 40);
  disk->SetLooks(5);
  expect_full(store->Create(*storage_, nullptr).status());
  // Room for the files, and none for the manifest.
  disk->SetLooks(1 << 30);
  const uint32_t unfinished = store->Create(*storage_, nullptr).value();
  disk->SetFree(kReserve);
  EXPECT_EQ(Reason(store->PutManifest(unfinished, "m")), "FULL");
  EXPECT_TRUE(store->Delete(unfinished).ok());
  EXPECT_EQ(files(), before);
  disk->SetFree(uint64_t{1} << 40);
  EXPECT_GT(MakeBackup(*store, "m"), 0u);
  // The second one has little to copy.
  disk->SetFree(2 * kReserve);
  EXPECT_GT(MakeBackup(*store, "m"), 0u);
  EXPECT_EQ(store->List()->size(), 2u);
}

TEST_F(BackupTest, WithADamagedFileIsDataLossAndNamesIt) {
  for (uint64_t n = 1; n <= 50; ++n) ASSERT_TRUE(CommitNumber(*storage_, n).ok());
  const std::unique_ptr<BackupStore> store = OpenBackups(backups());
  const uint32_t id = MakeBackup(*store, "m");
  for (const auto& entry : fs::recursive_directory_iterator(backups() + "/shared_checksum")) {
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(20);
    const int byte = file.get();
    file.seekp(20);
    file.put(static_cast<char>(byte ^ 1));
    file.close();
    const absl::Status status = store->VerifyFiles(id, nullptr);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_NE(StdView(status.message()).find(entry.path().filename().string()),
              std::string_view::npos)
        << status;
    break;
  }
}

TEST_F(BackupTest, WithADamagedManifestIsNotListedAndSaysWhy) {
  ASSERT_TRUE(CommitNumber(*storage_, 1).ok());
  uint32_t id = 0;
  {
    const std::unique_ptr<BackupStore> store = OpenBackups(backups());
    id = MakeBackup(*store, "positions");
  }
  std::fstream(backups() + "/manifest/" + std::to_string(id),
               std::ios::in | std::ios::out | std::ios::binary)
      << "xx";
  const std::unique_ptr<BackupStore> store = OpenBackups(backups());
  EXPECT_TRUE(store->List()->empty());
  EXPECT_EQ(store->Get(id).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(store->Delete(id).ok());
}

TEST_F(BackupTest, WithAListOfFilesWithoutEndIsReadOnlySoFar) {
  ASSERT_TRUE(CommitNumber(*storage_, 1).ok());
  uint32_t endless = 0, well = 0;
  {
    const std::unique_ptr<BackupStore> store = OpenBackups(backups());
    endless = MakeBackup(*store, "endless");
    ASSERT_TRUE(CommitNumber(*storage_, 2).ok());
    well = MakeBackup(*store, "well");
  }
  const std::string list = backups() + "/meta/" + std::to_string(endless);
  fs::remove(list);
  fs::create_symlink("/dev/zero", list);
  const std::unique_ptr<BackupStore> store = OpenBackups(backups());
  ASSERT_NE(store, nullptr);
  EXPECT_TRUE(absl::IsDataLoss(store->Get(endless).status())) << store->Get(endless).status();
  ASSERT_TRUE(store->Get(well).ok()) << store->Get(well).status();
  EXPECT_TRUE(store->VerifyFiles(well, nullptr).ok());
}

TEST_F(BackupTest, DoesNotGoIntoAForeignFolder) {
  EXPECT_EQ(Reason(OpenBackupStore(directory_.path() + "/data", Clock::Real(), 0).status()),
            "NOT_A_BACKUP_DIRECTORY");
}

}  // namespace
}  // namespace mneme::storage
