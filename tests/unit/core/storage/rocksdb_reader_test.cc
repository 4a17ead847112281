// Damage above and below RocksDB's own checksums: each kind of value changed, exchanged or taken
// away is data loss that names the memory, never a wrong answer and never a crash.
#include "core/storage/rocksdb_reader.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/storage/keys.h"
#include "core/storage/rocksdb_storage.h"
#include "gtest/gtest.h"
#include "rocksdb/db.h"
#include "rocksdb/options.h"
#include "tests/unit/core/storage/storage_test_util.h"

namespace mneme::storage {
namespace {

namespace fs = std::filesystem;

constexpr MemoryUid kUid = 0xfeed;
constexpr uint64_t kRows = 3;

void Fill(const std::string& directory) {
  std::unique_ptr<Storage> storage = OpenOrDie(directory);
  std::unique_ptr<CommitBatch> batch = storage->NewBatch();
  batch->PutMemory(kUid, "spec");
  for (uint64_t i = 0; i < kRows; ++i) {
    batch->AppendLog(kUid, {.position = i + 1, .first_row = i, .row_count = 1});
    batch->PutRow(kUid, NumberedRow(i).view(), {.payload = "payload", .attributes = "tags"}, true);
  }
  batch->PutState(kUid, kRows, std::string(5u << 20, 'x'));
  batch->PutRequest({.request_id = "r"}, {.reply = "done"});
  ASSERT_TRUE(storage->Commit(std::move(batch), Sync::kDisk).ok());
}

// Everything there is to read; the first error.
absl::Status ReadAll(const Storage& storage) {
  MNEME_RETURN_IF_ERROR(storage.ReadCatalogue().status());
  MNEME_RETURN_IF_ERROR(storage.NextRow(kUid).status());
  MNEME_RETURN_IF_ERROR(
      storage.ReadLog(kUid, 0, [](const LogRecord&) { return absl::OkStatus(); }));
  MNEME_RETURN_IF_ERROR(
      storage.ScanRows(kUid, 0, kRows, [](const RowView&) { return absl::OkStatus(); }));
  std::vector<ItemId> ids;
  std::vector<uint64_t> rows;
  for (uint64_t i = 0; i < kRows; ++i) {
    ids.push_back(NumberedRow(i).id);
    rows.push_back(i);
  }
  MNEME_RETURN_IF_ERROR(storage.FindIds(kUid, ids).status());
  MNEME_RETURN_IF_ERROR(storage.ReadPayloads(kUid, rows).status());
  MNEME_RETURN_IF_ERROR(storage.ReadState(kUid).status());
  return storage.FindRequest({.request_id = "r"}).status();
}

absl::Status OpenAndReadAll(const std::string& directory) {
  absl::StatusOr<std::unique_ptr<Storage>> storage = OpenRocksDbStorage(SmallOptions(directory));
  return storage.ok() ? ReadAll(**storage) : storage.status();
}

// The database without mneme's code above it.
class RawDatabase {
 public:
  explicit RawDatabase(const std::string& directory) {
    const std::string path = directory + "/db";
    std::vector<std::string> names;
    MNEME_CHECK(rocksdb::DB::ListColumnFamilies(rocksdb::DBOptions(), path, &names).ok());
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const std::string& name : names)
      families.emplace_back(name, rocksdb::ColumnFamilyOptions());
    rocksdb::DB* db = nullptr;
    MNEME_CHECK(rocksdb::DB::Open(rocksdb::DBOptions(), path, families, &handles_, &db).ok());
    db_.reset(db);
  }
  ~RawDatabase() {
    for (rocksdb::ColumnFamilyHandle* handle : handles_)
      MNEME_CHECK(db_->DestroyColumnFamilyHandle(handle).ok());
  }

  struct Entry {
    std::string family;
    std::string key;
    std::string value;
  };
  std::vector<Entry> Entries() const {
    std::vector<Entry> out;
    for (rocksdb::ColumnFamilyHandle* handle : handles_) {
      std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(rocksdb::ReadOptions(), handle));
      for (it->SeekToFirst(); it->Valid(); it->Next()) {
        out.push_back({handle->GetName(), it->key().ToString(), it->value().ToString()});
      }
    }
    return out;
  }
  void Compact() {
    rocksdb::CompactRangeOptions rewrite;
    rewrite.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
    for (rocksdb::ColumnFamilyHandle* handle : handles_) {
      MNEME_CHECK(db_->CompactRange(rewrite, handle, nullptr, nullptr).ok());
    }
  }
  void Put(const Entry& entry) {
    MNEME_CHECK(db_->Put({}, Handle(entry.family), entry.key, entry.value).ok());
  }
  void Delete(const Entry& entry) {
    MNEME_CHECK(db_->Delete({}, Handle(entry.family), entry.key).ok());
  }

 private:
  rocksdb::ColumnFamilyHandle* Handle(const std::string& family) const {
    for (rocksdb::ColumnFamilyHandle* handle : handles_) {
      if (handle->GetName() == family) return handle;
    }
    MNEME_CHECK(false);
    return nullptr;
  }

  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
};

// The time index of requests says nothing that is read.
bool IsRead(const RawDatabase::Entry& entry) {
  return entry.family != "requests" || entry.key[0] == '\x01';
}

TEST(RocksDbReader, EveryKindOfDamagedValueIsDataLoss) {
  TempDirectory directory;
  Fill(directory.path());
  const std::vector<RawDatabase::Entry> entries = RawDatabase(directory.path()).Entries();
  ASSERT_EQ(entries.size(), 3 + 4 * kRows + 2 + 2);
  for (const RawDatabase::Entry& entry : entries) {
    if (!IsRead(entry)) continue;
    SCOPED_TRACE(entry.family);
    RawDatabase::Entry damaged = entry;
    damaged.value.back() = static_cast<char>(damaged.value.back() ^ 0x10);
    RawDatabase(directory.path()).Put(damaged);
    const absl::Status status = OpenAndReadAll(directory.path());
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_EQ(Reason(status), "CORRUPT");
    if (entry.family != "requests" && entry.key.size() > 1) {
      EXPECT_NE(StdView(status.message()).find(MemoryName(kUid)), std::string_view::npos) << status;
    }
    RawDatabase(directory.path()).Put(entry);
  }
  EXPECT_TRUE(OpenAndReadAll(directory.path()).ok());
}

TEST(RocksDbReader, ADamagedRowIsNamed) {
  TempDirectory directory;
  Fill(directory.path());
  const std::string key = NumberKey(kUid, 1);
  RawDatabase(directory.path()).Put({.family = "rows", .key = key, .value = "rubbish"});
  std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
  uint64_t seen = 0;
  const absl::Status status = storage->ScanRows(kUid, 0, kRows, [&](const RowView&) {
    ++seen;
    return absl::OkStatus();
  });
  EXPECT_EQ(seen, 1u);
  EXPECT_TRUE(StdView(status.message()).starts_with("row 1 of memory 000000000000feed: "))
      << status;
  EXPECT_EQ(storage->ReadRow(kUid, 1, [](const RowView&) { return absl::OkStatus(); }).message(),
            status.message());
}

TEST(RocksDbReader, WhatTheCountersPromiseIsMissedWhenItIsGone) {
  TempDirectory directory;
  Fill(directory.path());
  for (const RawDatabase::Entry& entry : RawDatabase(directory.path()).Entries()) {
    const bool promised = entry.family == "log" || entry.family == "state" ||
                          (entry.family == "default" && entry.key != DescriptionKey(kUid));
    if (!promised) continue;
    SCOPED_TRACE(entry.family);
    RawDatabase(directory.path()).Delete(entry);
    const absl::Status status = OpenAndReadAll(directory.path());
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    RawDatabase(directory.path()).Put(entry);
  }
  EXPECT_TRUE(OpenAndReadAll(directory.path()).ok());
}

TEST(RocksDbReader, AChunkOfAnotherStateIsNotMixedIn) {
  TempDirectory directory;
  Fill(directory.path());
  std::vector<RawDatabase::Entry> before;
  for (const RawDatabase::Entry& entry : RawDatabase(directory.path()).Entries()) {
    if (entry.family == "state") before.push_back(entry);
  }
  ASSERT_EQ(before.size(), 2u);
  {
    std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
    std::unique_ptr<CommitBatch> batch = storage->NewBatch();
    batch->PutState(kUid, kRows, std::string((5u << 20) + 1, 'y'));
    ASSERT_TRUE(storage->Commit(std::move(batch), Sync::kDisk).ok());
  }
  RawDatabase(directory.path()).Put(before[1]);
  EXPECT_EQ(OpenOrDie(directory.path())->ReadState(kUid).status().code(),
            absl::StatusCode::kDataLoss);
}

// ---- below RocksDB

std::vector<fs::path> FilesOf(const std::string& directory, std::string_view extension) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(directory + "/db")) {
    if (entry.path().extension() == extension && entry.file_size() > 0) out.push_back(entry.path());
  }
  return out;
}

void FlipByte(const fs::path& path, uint64_t offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  MNEME_CHECK(file.is_open());
  file.seekg(static_cast<std::streamoff>(offset));
  const int byte = file.get();
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(static_cast<char>(byte ^ 0x20));
}

TEST(RocksDbReader, ADamagedFileIsDataLoss) {
  TempDirectory directory;
  Fill(directory.path());
  RawDatabase(directory.path()).Compact();  // one file a family, which no later open rewrites
  const std::vector<fs::path> files = FilesOf(directory.path(), ".sst");
  ASSERT_EQ(files.size(), 7u);
  for (const fs::path& file : files) {
    FlipByte(file, 10);  // inside the first block of data
    const absl::Status status = OpenAndReadAll(directory.path());
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << file << " " << status;
    FlipByte(file, 10);
  }
  EXPECT_TRUE(OpenAndReadAll(directory.path()).ok());
}

TEST(RocksDbReader, DamageInsideTheWriteAheadLogRefusesToOpen) {
  TempDirectory directory;
  {
    std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
    for (uint64_t i = 0; i < 10; ++i)
      ASSERT_TRUE(CommitStore(*storage, kUid, i + 1, i, 1, Sync::kDisk).ok());
  }
  const std::vector<fs::path> logs = FilesOf(directory.path(), ".log");
  ASSERT_EQ(logs.size(), 1u);
  FlipByte(logs[0], fs::file_size(logs[0]) / 2);
  const absl::Status status = OpenRocksDbStorage(SmallOptions(directory.path())).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  FlipByte(logs[0], fs::file_size(logs[0]) / 2);
  EXPECT_EQ(AllRows(*OpenOrDie(directory.path()), kUid).size(), 10u);
}

TEST(RocksDbReader, AWriteAheadLogCutAnywhereKeepsItsWholeCommits) {
  TempDirectory directory;
  {
    std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
    for (uint64_t i = 0; i < 5; ++i) ASSERT_TRUE(CommitStore(*storage, kUid, i + 1, 2 * i, 2).ok());
  }
  const std::vector<fs::path> logs = FilesOf(directory.path(), ".log");
  ASSERT_EQ(logs.size(), 1u);
  const fs::path relative = fs::relative(logs[0], directory.path());
  const uint64_t whole = fs::file_size(logs[0]);
  uint64_t commits_before = 0;
  for (uint64_t length = 0; length <= whole; length += 331) {
    TempDirectory copy;
    fs::copy(directory.path(), copy.path(),
             fs::copy_options::recursive | fs::copy_options::overwrite_existing);
    fs::resize_file(copy.path() + "/" + relative.string(), length);
    std::unique_ptr<Storage> storage = OpenOrDie(copy.path());
    ASSERT_NE(storage, nullptr) << length;
    const uint64_t commits = AllRecords(*storage, kUid).size();
    EXPECT_GE(commits, commits_before);
    EXPECT_EQ(storage->LastPosition(kUid).value(), commits);
    EXPECT_EQ(AllRows(*storage, kUid).size(), 2 * commits) << "half a commit at length " << length;
    commits_before = commits;
  }
  EXPECT_GE(commits_before, 4u);
}

}  // namespace
}  // namespace mneme::storage
