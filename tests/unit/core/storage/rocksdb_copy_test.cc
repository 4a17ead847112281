// Copies of memories, aliases, orphans, and storages that are open for reading only.
#include "core/storage/rocksdb_copy.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "core/storage/rocksdb_disk.h"
#include "core/storage/rocksdb_storage.h"
#include "gtest/gtest.h"
#include "tests/unit/core/storage/storage_test_util.h"

namespace mneme::storage {
namespace {

constexpr MemoryUid kFaces = 0xab;
constexpr MemoryUid kCopy = 0xcd;

// Removed rows, payloads, a trimmed log, a state of two chunks, an outcome.
void FillMemory(Storage& storage, MemoryUid uid) {
  ASSERT_TRUE(CommitStore(storage, uid, 1, 0, 50).ok());
  std::unique_ptr<CommitBatch> batch = storage.NewBatch();
  batch->PutMemory(uid, "spec");
  batch->AppendLog(uid, {.position = 2, .kind = RecordKind::kExpire, .removed_rows = {3}});
  batch->MarkRowRemoved(uid, NumberedRow(3).view());
  batch->AppendLog(uid, {.position = 3, .first_row = 50, .row_count = 1});
  batch->PutRow(uid, NumberedRow(50).view(), {.payload = "opaque", .attributes = "typed"}, true);
  batch->TrimLog(uid, 1);
  batch->PutState(uid, 1, std::string(5u << 20, 'x'));
  batch->PutRequest({.scope = "faces", .request_id = "r"}, {.time_unix_nanos = 5, .reply = "done"});
  batch->PutRequest({.scope = "other", .request_id = "r"}, {.time_unix_nanos = 6, .reply = "no"});
  ASSERT_TRUE(storage.Commit(std::move(batch), Sync::kOs).ok());
}

void ExpectSameMemory(const Storage& a, MemoryUid uid_a, const Storage& b, MemoryUid uid_b) {
  EXPECT_EQ(AllRows(a, uid_a), AllRows(b, uid_b));
  EXPECT_EQ(a.NextRow(uid_a).value(), b.NextRow(uid_b).value());
  EXPECT_EQ(a.LastPosition(uid_a).value(), b.LastPosition(uid_b).value());
  const std::vector<LogRecord> records_a = AllRecords(a, uid_a);
  const std::vector<LogRecord> records_b = AllRecords(b, uid_b);
  ASSERT_EQ(records_a.size(), records_b.size());
  for (size_t i = 0; i < records_a.size(); ++i) {
    EXPECT_EQ(records_a[i].position, records_b[i].position);
    EXPECT_EQ(records_a[i].kind, records_b[i].kind);
    EXPECT_EQ(records_a[i].removed_rows, records_b[i].removed_rows);
  }
  const auto state_a = a.ReadState(uid_a).value();
  const auto state_b = b.ReadState(uid_b).value();
  ASSERT_EQ(state_a.has_value(), state_b.has_value());
  if (state_a.has_value()) {
    EXPECT_EQ(state_a->position, state_b->position);
    EXPECT_EQ(state_a->blob, state_b->blob);
  }
  const std::vector<ItemId> ids = {ItemId(1003), ItemId(1004), ItemId(1050), ItemId(7)};
  EXPECT_EQ(a.FindIds(uid_a, ids).value(), b.FindIds(uid_b, ids).value());
  const std::vector<uint64_t> rows = {3, 50};
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(a.ReadPayloads(uid_a, rows)->at(i).attributes,
              b.ReadPayloads(uid_b, rows)->at(i).attributes);
  }
}

void ExpectNoDamage(const Storage& storage) {
  const absl::Status verified = storage.Verify(
      [](const Damage& damage) { ADD_FAILURE() << damage.what << ": " << damage.how; }, nullptr);
  EXPECT_TRUE(verified.ok()) << verified;
}

TEST(CopyMemory, HasEverythingUnderAnotherUidAndIsAnOrphanUntilItIsDescribed) {
  TempDirectory directory;
  std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
  FillMemory(*storage, kFaces);
  ASSERT_TRUE(storage->CopyMemory(*storage, kFaces, kCopy, "faces", nullptr).ok());
  EXPECT_EQ(storage->FindOrphans().value(), std::vector<MemoryUid>{kCopy});
  EXPECT_EQ(storage->ReadCatalogue()->size(), 1u);
  std::unique_ptr<CommitBatch> batch = storage->NewBatch();
  batch->PutMemory(kCopy, "spec");
  ASSERT_TRUE(storage->Commit(std::move(batch), Sync::kOs).ok());
  EXPECT_TRUE(storage->FindOrphans()->empty());
  ExpectSameMemory(*storage, kFaces, *storage, kCopy);
  ExpectNoDamage(*storage);
}

TEST(CopyMemory, GoesFromOneStorageToAnotherWithTheOutcomesOfItsScope) {
  TempDirectory from;
  TempDirectory to;
  std::unique_ptr<Storage> source = OpenOrDie(from.path());
  std::unique_ptr<Storage> target = OpenOrDie(to.path());
  FillMemory(*source, kFaces);
  std::unique_ptr<CommitBatch> batch = target->NewBatch();
  batch->PutRequest({.scope = "faces", .request_id = "later"}, {.reply = "of a life that is gone"});
  batch->PutRequest({.scope = "kept", .request_id = "k"}, {.reply = "kept"});
  ASSERT_TRUE(target->Commit(std::move(batch), Sync::kOs).ok());
  uint64_t last_done = 0;
  uint64_t last_total = 1;
  const absl::Status copied =
      target->CopyMemory(*source, kFaces, kFaces, "faces", [&](uint64_t done, uint64_t total) {
        EXPECT_GE(done, last_done);
        EXPECT_LE(done, total);
        last_done = done;
        last_total = total;
        return true;
      });
  ASSERT_TRUE(copied.ok()) << copied;
  EXPECT_EQ(last_done, last_total);
  ExpectSameMemory(*source, kFaces, *target, kFaces);
  const auto outcome = [&](std::string_view scope, std::string_view id) {
    const auto found =
        target->FindRequest({.scope = std::string(scope), .request_id = std::string(id)}).value();
    return found.has_value() ? found->reply : "none";
  };
  EXPECT_EQ(outcome("faces", "r"), "done");
  EXPECT_EQ(outcome("faces", "later"), "none");
  EXPECT_EQ(outcome("other", "r"), "none");
  EXPECT_EQ(outcome("kept", "k"), "kept");
  EXPECT_EQ(target->ExpireRequests(6, 100).value(), 2u);  // copied ones expire too
}

TEST(CopyMemory, UnderTheUidOfADroppedMemoryShowsNothingOfThatOne) {
  TempDirectory from;
  TempDirectory to;
  std::unique_ptr<Storage> source = OpenOrDie(from.path());
  std::unique_ptr<Storage> target = OpenOrDie(to.path());
  FillMemory(*source, kFaces);
  // More rows, more records and a longer state than the one that comes under its uid.
  FillMemory(*target, kFaces);
  for (uint64_t i = 0; i < 5; ++i) {
    ASSERT_TRUE(CommitStore(*target, kFaces, 4 + i, 51 + 50 * i, 50).ok());
  }
  std::unique_ptr<CommitBatch> batch = target->NewBatch();
  batch->PutState(kFaces, 8, std::string(9u << 20, 'y'));
  batch->DropMemory(kFaces);
  ASSERT_TRUE(target->Commit(std::move(batch), Sync::kOs).ok());
  EXPECT_TRUE(AllRows(*target, kFaces).empty());
  const absl::Status copied = target->CopyMemory(*source, kFaces, kFaces, "", nullptr);
  ASSERT_TRUE(copied.ok()) << copied;
  ExpectSameMemory(*source, kFaces, *target, kFaces);
}

TEST(CopyMemory, IsRefusedWhereTheUidIsUsedOrTheSourceIsNotThere) {
  TempDirectory directory;
  std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
  FillMemory(*storage, kFaces);
  EXPECT_EQ(Reason(storage->CopyMemory(*storage, kFaces, kFaces, "", nullptr)), "IN_USE");
  EXPECT_EQ(storage->CopyMemory(*storage, 1, 2, "", nullptr).code(), absl::StatusCode::kNotFound);
}

TEST(CopyMemory, ThatIsStoppedLeavesAnOrphanThatCanBeDropped) {
  TempDirectory directory;
  std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
  FillMemory(*storage, kFaces);
  EXPECT_EQ(storage
                ->CopyMemory(*storage, kFaces, kCopy, "",
                             [](uint64_t done, uint64_t) { return done == 0; })
                .code(),
            absl::StatusCode::kCancelled);
  ASSERT_EQ(storage->FindOrphans().value(), std::vector<MemoryUid>{kCopy});
  ExpectNoDamage(*storage);
  std::unique_ptr<CommitBatch> batch = storage->NewBatch();
  batch->DropMemory(kCopy);
  ASSERT_TRUE(storage->Commit(std::move(batch), Sync::kOs).ok());
  EXPECT_TRUE(storage->FindOrphans()->empty());
  EXPECT_TRUE(storage->CopyMemory(*storage, kFaces, kCopy, "", nullptr).ok());
}

TEST(CopyMemory, IsOfOneMomentWhileCommitsGoOn) {
  TempDirectory from;
  TempDirectory to;
  std::unique_ptr<Storage> source = OpenOrDie(from.path());
  std::unique_ptr<Storage> target = OpenOrDie(to.path());
  ASSERT_TRUE(CommitStore(*source, kFaces, 1, 0, 10).ok());
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (uint64_t n = 2; !stop; ++n) {
      ASSERT_TRUE(CommitStore(*source, kFaces, n, (n - 1) * 10, 10).ok());
    }
  });
  for (MemoryUid uid = 1; uid <= 10; ++uid) {
    const absl::Status copied = target->CopyMemory(*source, kFaces, uid, "", nullptr);
    ASSERT_TRUE(copied.ok()) << copied;
    const uint64_t commits = target->LastPosition(uid).value();
    EXPECT_EQ(AllRecords(*target, uid).size(), commits);
    EXPECT_EQ(AllRows(*target, uid).size(), 10 * commits);
    EXPECT_EQ(target->NextRow(uid).value(), 10 * commits);
  }
  stop = true;
  writer.join();
}

TEST(Aliases, ArePutReplacedAndErased) {
  TempDirectory directory;
  {
    std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
    std::unique_ptr<CommitBatch> batch = storage->NewBatch();
    batch->PutAlias({.alias = "x", .memory = "x-v1", .update_unix_nanos = 1});
    batch->PutAlias({.alias = "y", .memory = "z", .update_unix_nanos = 2});
    ASSERT_TRUE(storage->Commit(std::move(batch), Sync::kOs).ok());
    batch = storage->NewBatch();
    batch->PutAlias({.alias = "x", .memory = "x-v2", .update_unix_nanos = 3});
    batch->EraseAlias("y");
    ASSERT_TRUE(storage->Commit(std::move(batch), Sync::kOs).ok());
  }
  const auto aliases = OpenOrDie(directory.path())->ReadAliases();
  ASSERT_TRUE(aliases.ok()) << aliases.status();
  ASSERT_EQ(aliases->size(), 1u);
  EXPECT_EQ(aliases->at(0).alias, "x");
  EXPECT_EQ(aliases->at(0).memory, "x-v2");
  EXPECT_EQ(aliases->at(0).update_unix_nanos, 3);
}

TEST(ScanAttributes, VisitsRowsThatHaveSomeInOrder) {
  TempDirectory directory;
  std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
  std::unique_ptr<CommitBatch> batch = storage->NewBatch();
  for (uint64_t row = 0; row < 6; ++row) {
    const std::string attributes = row % 2 == 0 ? "" : "a" + std::to_string(row);
    batch->PutRow(kFaces, NumberedRow(row).view(), {.payload = "p", .attributes = attributes},
                  true);
    batch->PutRow(kCopy, NumberedRow(row).view(), {.attributes = "another's"}, true);
  }
  ASSERT_TRUE(storage->Commit(std::move(batch), Sync::kOs).ok());
  std::vector<std::string> seen;
  ASSERT_TRUE(storage
                  ->ScanAttributes(kFaces,
                                   [&](uint64_t row, std::string_view attributes) {
                                     seen.push_back(std::to_string(row) + std::string(attributes));
                                     return absl::OkStatus();
                                   })
                  .ok());
  EXPECT_EQ(seen, (std::vector<std::string>{"1a1", "3a3", "5a5"}));
  EXPECT_EQ(storage->ScanAttributes(kFaces, [](uint64_t, auto) { return absl::CancelledError(""); })
                .code(),
            absl::StatusCode::kCancelled);
}

TEST(ReadOnlyStorage, ReadsADirectoryThatIsBeingWrittenToAndWritesNothing) {
  TempDirectory directory;
  std::unique_ptr<Storage> writer = OpenOrDie(directory.path());
  FillMemory(*writer, kFaces);
  StorageOptions options = SmallOptions(directory.path());
  options.read_only = true;
  const auto reader = OpenRocksDbStorage(options);
  ASSERT_TRUE(reader.ok()) << reader.status();
  ASSERT_TRUE(CommitStore(*writer, kFaces, 4, 51, 5).ok());
  EXPECT_EQ((*reader)->LastPosition(kFaces).value(), 3u);
  EXPECT_EQ(AllRows(**reader, kFaces).size(), 51u);
  EXPECT_EQ(Reason(CommitStore(**reader, kFaces, 4, 51, 5)), "READ_ONLY");
  EXPECT_EQ(Reason((*reader)->CopyMemory(*writer, kFaces, kCopy, "", nullptr)), "READ_ONLY");
  ASSERT_TRUE(writer->CopyMemory(**reader, kFaces, kCopy, "", nullptr).ok());
  EXPECT_EQ(writer->LastPosition(kCopy).value(), 3u);
}

TEST(ReadOnlyStorage, IsNotMadeWhereNothingIs) {
  TempDirectory directory;
  StorageOptions options = SmallOptions(directory.path());
  options.read_only = true;
  EXPECT_EQ(Reason(OpenRocksDbStorage(options).status()), "NOT_A_DATA_DIRECTORY");
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(DiskBytes, AreToldByPartAndInAll) {
  TempDirectory directory;
  std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
  ASSERT_TRUE(CommitStore(*storage, kFaces, 1, 0, 2000, Sync::kOs, 64).ok());
  uint64_t rows = 0;
  for (const DiskBytes& part : storage->MemoryDiskBytes(kFaces)) {
    if (part.what == "rows") rows = part.bytes;
  }
  EXPECT_GT(rows, 2000u * 64 * 4 / 2);
  EXPECT_LT(rows, 2000u * 64 * 4 * 2);
  EXPECT_GT(storage->disk_bytes(), 2000u * 64 * 4);
  EXPECT_GT(storage->FreeDiskBytes().value(), 0u);
}

TEST(DiskBytes, OfWriteBuffersAreOwedUntilTheyAreFlushed) {
  TempDirectory directory;
  std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
  const Database& database = *DatabaseOf(*storage);
  ASSERT_TRUE(CommitStore(*storage, kFaces, 1, 0, 2000, Sync::kOs, 64).ok());
  const uint64_t before = OwedBytes(database), buffers_before = BufferBytes(database);
  EXPECT_GT(before, 2000u * 64 * 4);
  EXPECT_LE(before, buffers_before);
  ASSERT_TRUE(database.db().Flush(rocksdb::FlushOptions(), database[Family::kRows]).ok());
  EXPECT_LT(BufferBytes(database), buffers_before - 2000u * 64 * 4);
  EXPECT_LE(OwedBytes(database), BufferBytes(database));
  for (size_t i = 0; i < kFamilyCount; ++i) {
    const auto family = static_cast<Family>(i);
    ASSERT_TRUE(database.db().Flush(rocksdb::FlushOptions(), database[family]).ok());
  }
  EXPECT_LT(OwedBytes(database), before - 2000u * 64 * 4);
}

}  // namespace
}  // namespace mneme::storage
