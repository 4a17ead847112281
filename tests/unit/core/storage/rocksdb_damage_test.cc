// Damage at rest: who is concerned, who is not, and how it is told.
#include "core/storage/rocksdb_damage.h"

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "core/storage/keys.h"
#include "core/storage/rocksdb_database.h"
#include "core/storage/rocksdb_storage.h"
#include "core/storage/rocksdb_tables.h"
#include "gtest/gtest.h"
#include "tests/unit/core/storage/storage_test_util.h"

namespace mneme::storage {
namespace {

namespace fs = std::filesystem;

constexpr MemoryUid kLeft = 1;
constexpr MemoryUid kRight = 2;
constexpr uint64_t kRows = 2000;
constexpr size_t kColumns = 64;  // half a MiB a memory: a table file of its own

void FlushAll(const Database& database, bool compact) {
  for (size_t i = 0; i < kFamilyCount; ++i) {
    rocksdb::ColumnFamilyHandle* const family = database[static_cast<Family>(i)];
    ASSERT_TRUE(database.db().Flush(rocksdb::FlushOptions(), family).ok());
    if (!compact) continue;
    rocksdb::CompactRangeOptions rewrite;
    rewrite.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
    ASSERT_TRUE(database.db().CompactRange(rewrite, family, nullptr, nullptr).ok());
  }
}

// Two memories, all in table files, in their own.
void Fill(const std::string& directory) {
  std::unique_ptr<Storage> storage = OpenOrDie(directory);
  for (MemoryUid uid : {kLeft, kRight}) {
    std::unique_ptr<CommitBatch> batch = storage->NewBatch();
    batch->PutMemory(uid, "spec");
    batch->PutState(uid, 0, "state");
    ASSERT_TRUE(storage->Commit(std::move(batch), Sync::kDisk).ok());
    ASSERT_TRUE(CommitStore(*storage, uid, 1, 0, kRows, Sync::kDisk, kColumns).ok());
  }
  FlushAll(*DatabaseOf(*storage), /*compact=*/true);
}

std::vector<Table> TablesOf(const std::string& directory) {
  std::unique_ptr<Storage> storage = OpenOrDie(directory);
  return LiveTables(DatabaseOf(*storage)->db());
}

// The table file that holds rows of `uid` alone.
std::string RowsFileOf(const std::string& directory, MemoryUid uid) {
  for (const Table& table : TablesOf(directory)) {
    if (table.family == "rows" && table.uids == std::vector<MemoryUid>{uid}) {
      return directory + "/db/" + table.name;
    }
  }
  MNEME_CHECK(false);  // else the test tests nothing
  return "";
}

void FlipByte(const std::string& path, uint64_t offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  const int byte = file.get();
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(static_cast<char>(byte ^ 0x20));
}

absl::Status ScanAll(const Storage& storage, MemoryUid uid) {
  uint64_t rows = 0;
  const absl::Status status = storage.ScanRows(uid, 0, kRows, [&](const RowView&) {
    ++rows;
    return absl::OkStatus();
  });
  EXPECT_TRUE(!status.ok() || rows == kRows) << rows;
  return status;
}

std::vector<Damage> Verify(const Storage& storage) {
  std::vector<Damage> out;
  const absl::Status status =
      storage.Verify([&](const Damage& damage) { out.push_back(damage); }, nullptr);
  EXPECT_TRUE(status.ok()) << status;
  return out;
}

TEST(Damage, AnywhereInATableFileConcernsItsMemoryAlone) {
  TempDirectory directory;
  Fill(directory.path());
  const std::string file = RowsFileOf(directory.path(), kRight);
  const uint64_t size = fs::file_size(file);
  // A block of data; the footer; what lies before it (properties, index).
  for (uint64_t offset : {uint64_t{100}, size - 4, size - 30, size - 200, size - 700}) {
    SCOPED_TRACE(offset);
    TempDirectory copy;
    fs::copy(directory.path(), copy.path(),
             fs::copy_options::recursive | fs::copy_options::overwrite_existing);
    FlipByte(copy.path() / fs::relative(file, directory.path()), offset);
    const auto storage = OpenRocksDbStorage(SmallOptions(copy.path()));
    ASSERT_TRUE(storage.ok()) << storage.status();
    EXPECT_TRUE(ScanAll(**storage, kLeft).ok());
    const absl::Status status = ScanAll(**storage, kRight);
    const std::vector<Damage> damages = Verify(**storage);
    if (!status.ok()) {  // not where only the table's statistics are hit, which nobody reads
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
      EXPECT_NE(StdView(status.message()).find(MemoryName(kRight)), std::string_view::npos);
      EXPECT_FALSE(damages.empty());
    }
    for (const Damage& damage : damages) EXPECT_EQ(damage.uid, kRight) << damage.what;
    EXPECT_TRUE(CommitStore(**storage, kLeft, 2, kRows, 1).ok());
  }
}

TEST(Damage, ThatCompactionMeetsIsToldAndStopsNobodyElse) {
  TempDirectory directory;
  Fill(directory.path());
  FlipByte(RowsFileOf(directory.path(), kRight), 100);
  Mutex mutex;
  CondVar told;
  std::vector<MemoryUid> concerned;
  absl::Status cause;
  StorageOptions options = SmallOptions(directory.path());
  options.on_damage = [&](const absl::Status& status, const std::vector<MemoryUid>& uids) {
    MutexLock lock(&mutex);
    cause = status;
    concerned = uids;
    told.NotifyAll();
  };
  auto storage = OpenRocksDbStorage(options);
  ASSERT_TRUE(storage.ok()) << storage.status();
  const Database& database = *DatabaseOf(**storage);
  // New rows of both over the old ones, in as many files as make compaction due.
  for (uint64_t n = 2; n <= 6; ++n) {
    for (MemoryUid uid : {kLeft, kRight}) {
      ASSERT_TRUE(CommitStore(**storage, uid, n, 0, kRows, Sync::kOs, kColumns).ok());
    }
    ASSERT_TRUE(database.db().Flush(rocksdb::FlushOptions(), database[Family::kRows]).ok());
  }
  {
    MutexLock lock(&mutex);
    while (cause.ok()) told.Wait(&mutex);
  }
  EXPECT_EQ(cause.code(), absl::StatusCode::kDataLoss) << cause;
  EXPECT_EQ(concerned, std::vector<MemoryUid>{kRight});
  EXPECT_TRUE(CommitStore(**storage, kLeft, 7, 0, kRows, Sync::kDisk, kColumns).ok());
  EXPECT_TRUE(ScanAll(**storage, kLeft).ok());

  std::unique_ptr<CommitBatch> batch = (*storage)->NewBatch();
  batch->DropMemory(kRight);
  ASSERT_TRUE((*storage)->Commit(std::move(batch), Sync::kDisk).ok());
  EXPECT_TRUE(
      database.db()
          .CompactRange(rocksdb::CompactRangeOptions(), database[Family::kRows], nullptr, nullptr)
          .ok());
  storage->reset();
  EXPECT_TRUE(Verify(*OpenOrDie(directory.path())).empty());
}

TEST(Damage, OfADroppedMemoryGoesWithItsFiles) {
  TempDirectory directory;
  Fill(directory.path());
  const std::string file = RowsFileOf(directory.path(), kRight);
  FlipByte(file, fs::file_size(file) - 4);
  std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
  EXPECT_FALSE(Verify(*storage).empty());
  std::unique_ptr<CommitBatch> batch = storage->NewBatch();
  batch->DropMemory(kRight);
  ASSERT_TRUE(storage->Commit(std::move(batch), Sync::kOs).ok());
  EXPECT_TRUE(ScanAll(*storage, kLeft).ok());
  EXPECT_TRUE(Verify(*storage).empty());
  EXPECT_FALSE(fs::exists(file));
  EXPECT_TRUE(AllRows(*storage, kRight).empty());
}

TEST(Damage, OfWhatAllShareRefusesToOpenAndNamesTheFile) {
  TempDirectory directory;
  Fill(directory.path());
  for (const auto& entry : fs::directory_iterator(directory.path() + "/db")) {
    const std::string name = entry.path().filename().string();
    const bool shared = name == "CURRENT" || name.starts_with("MANIFEST");
    const bool ours = shared || name == "IDENTITY" || name.starts_with("OPTIONS");
    if (!ours) continue;
    SCOPED_TRACE(name);
    TempDirectory copy;
    fs::copy(directory.path(), copy.path(),
             fs::copy_options::recursive | fs::copy_options::overwrite_existing);
    FlipByte(copy.path() + "/db/" + name, 12);
    const auto opened = OpenRocksDbStorage(SmallOptions(copy.path()));
    EXPECT_EQ(opened.ok(), !shared) << opened.status();
    if (!shared && opened.ok()) {
      EXPECT_TRUE(ScanAll(**opened, kRight).ok());
    }
    if (shared) {
      EXPECT_EQ(opened.status().code(), absl::StatusCode::kDataLoss) << opened.status();
      EXPECT_NE(StdView(opened.status().message()).find(name.substr(0, 7)), std::string_view::npos)
          << opened.status();
    }
  }
}

TEST(Verify, FindsWhatFamiliesSayAgainstEachOther) {
  TempDirectory directory;
  Fill(directory.path());
  std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
  EXPECT_TRUE(Verify(*storage).empty());
  const Database& database = *DatabaseOf(*storage);
  const TestRow row = NumberedRow(7, kColumns);
  struct Case {
    Family family;
    std::string key;
    std::string expected;
  };
  const std::vector<Case> cases = {
      {Family::kIds, IdKey(kLeft, row.id), "'ids'"},
      {Family::kRows, NumberKey(kLeft, 7), "'ids'"},
      {Family::kLog, NumberKey(kLeft, 1), "'log'"},
      {Family::kState, StateChunkKey(kLeft, 0, 0), "'state'"},
      {Family::kCatalogue, CountersKey(kLeft), "counters"},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.expected);
    std::string value;
    ASSERT_TRUE(
        database.db().Get(rocksdb::ReadOptions(), database[each.family], each.key, &value).ok());
    ASSERT_TRUE(database.db().Delete({}, database[each.family], each.key).ok());
    const std::vector<Damage> damages = Verify(*storage);
    ASSERT_FALSE(damages.empty());
    bool named = false;
    for (const Damage& damage : damages) {
      EXPECT_EQ(damage.uid, kLeft);
      named |= damage.what.find(each.expected) != std::string::npos;
    }
    EXPECT_TRUE(named) << damages[0].what << ": " << damages[0].how;
    ASSERT_TRUE(database.db().Put({}, database[each.family], each.key, value).ok());
  }
  EXPECT_TRUE(Verify(*storage).empty());
  EXPECT_EQ(storage->Verify([](const Damage&) {}, [](uint64_t, uint64_t) { return false; }).code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace mneme::storage
