// What storage.h promises, on a healthy disk.
#include "core/storage/rocksdb_storage.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/storage/directory_lock.h"
#include "gtest/gtest.h"
#include "tests/unit/core/storage/storage_test_util.h"

namespace mneme::storage {
namespace {

constexpr MemoryUid kFaces = 0xab;
constexpr MemoryUid kNext = kFaces + 1;
constexpr MemoryUid kLast = UINT64_MAX;

TEST(RocksDbStorage, EverythingPutComesBackAfterReopening) {
  TempDirectory directory;
  TestRow row{.row = 0,
              .id = ItemId(std::string_view("cat")),
              .weight = 2,
              .key = {1, 2, 3},
              .response = {4, 5}};
  {
    std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
    std::unique_ptr<CommitBatch> batch = storage->NewBatch();
    batch->PutMemory(kFaces, "spec of faces");
    batch->AppendLog(kFaces, {.position = 1,
                              .kind = RecordKind::kStore,
                              .first_row = 0,
                              .row_count = 1,
                              .removed_rows = {17, 4}});
    batch->PutRow(kFaces, row.view(), {.payload = "opaque", .attributes = "typed"},
                  /*keep_id=*/true);
    batch->PutState(kFaces, 1, "model state");
    batch->PutRequest({.scope = "faces", .request_id = "r"},
                      {.body_hash = 5, .time_unix_nanos = 6, .reply = "stored"});
    EXPECT_GT(batch->bytes(), 0u);
    ASSERT_TRUE(storage->Commit(std::move(batch), Sync::kDisk).ok());
  }
  std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
  const auto catalogue = storage->ReadCatalogue();
  ASSERT_TRUE(catalogue.ok()) << catalogue.status();
  ASSERT_EQ(catalogue->size(), 1u);
  EXPECT_EQ((*catalogue)[0].uid, kFaces);
  EXPECT_EQ((*catalogue)[0].entry, "spec of faces");
  const std::vector<LogRecord> records = AllRecords(*storage, kFaces);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].position, 1u);
  EXPECT_EQ(records[0].kind, RecordKind::kStore);
  EXPECT_EQ(records[0].row_count, 1u);
  EXPECT_EQ(records[0].removed_rows, (std::vector<uint64_t>{17, 4}));
  EXPECT_EQ(AllRows(*storage, kFaces), std::vector<TestRow>{row});
  const auto found = storage->FindIds(kFaces, std::vector<ItemId>{row.id, ItemId(uint64_t{3})});
  ASSERT_TRUE(found.ok());
  EXPECT_EQ((*found)[0], 0u);
  EXPECT_EQ((*found)[1], std::nullopt);
  const auto payloads = storage->ReadPayloads(kFaces, std::vector<uint64_t>{0, 1});
  ASSERT_TRUE(payloads.ok());
  EXPECT_EQ((*payloads)[0].payload, "opaque");
  EXPECT_EQ((*payloads)[0].attributes, "typed");
  EXPECT_EQ((*payloads)[1].payload, "");
  const auto state = storage->ReadState(kFaces);
  ASSERT_TRUE(state.ok() && state->has_value());
  EXPECT_EQ((*state)->position, 1u);
  EXPECT_EQ((*state)->blob, "model state");
  const auto outcome = storage->FindRequest({.scope = "faces", .request_id = "r"});
  ASSERT_TRUE(outcome.ok() && outcome->has_value());
  EXPECT_EQ((*outcome)->body_hash, 5u);
  EXPECT_EQ((*outcome)->time_unix_nanos, 6);
  EXPECT_EQ((*outcome)->reply, "stored");
}

TEST(RocksDbStorage, NothingOfABatchIsSeenBeforeItsCommit) {
  TempDirectory directory;
  std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
  std::unique_ptr<CommitBatch> batch = storage->NewBatch();
  for (MemoryUid uid : {kFaces, kNext, kLast}) {
    batch->PutMemory(uid, "spec");
    batch->PutRow(uid, NumberedRow(0).view(), {}, true);
    batch->AppendLog(uid, {.position = 1, .row_count = 1});
  }
  EXPECT_TRUE(storage->ReadCatalogue()->empty());
  EXPECT_TRUE(AllRows(*storage, kFaces).empty());
  ASSERT_TRUE(storage->Commit(std::move(batch), Sync::kDisk).ok());
  EXPECT_EQ(storage->ReadCatalogue()->size(), 3u);
  for (MemoryUid uid : {kFaces, kNext, kLast}) {
    EXPECT_EQ(AllRows(*storage, uid).size(), 1u);
    EXPECT_EQ(storage->LastPosition(uid).value(), 1u);
  }
  storage->NewBatch();  // dropped without a commit
  EXPECT_EQ(storage->counters().commits, 1u);
  EXPECT_EQ(storage->counters().syncs, 1u);
}

TEST(RocksDbStorage, ScansAreBoundedByRowAndMemory) {
  TempDirectory directory;
  std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
  for (MemoryUid uid : {kFaces, kNext}) ASSERT_TRUE(CommitStore(*storage, uid, 1, 0, 300).ok());
  const std::vector<TestRow> middle = AllRows(*storage, kFaces, 100, 110);
  ASSERT_EQ(middle.size(), 10u);
  EXPECT_EQ(middle.front(), NumberedRow(100));
  EXPECT_EQ(middle.back(), NumberedRow(109));
  EXPECT_EQ(AllRows(*storage, kFaces).size(), 300u);
  EXPECT_TRUE(AllRows(*storage, kFaces, 10, 10).empty());
  EXPECT_TRUE(AllRows(*storage, kFaces - 1).empty());
  int seen = 0;
  const absl::Status stopped = storage->ScanRows(kFaces, 0, 300, [&](const RowView&) {
    return ++seen == 3 ? absl::CancelledError("enough") : absl::OkStatus();
  });
  EXPECT_EQ(stopped.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(seen, 3);
}

TEST(RocksDbStorage, ReadRowFindsOneOrSaysThereIsNone) {
  TempDirectory directory;
  std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
  ASSERT_TRUE(CommitStore(*storage, kFaces, 1, 0, 3).ok());
  TestRow read;
  ASSERT_TRUE(storage
                  ->ReadRow(kFaces, 2,
                            [&](const RowView& row) {
                              read = TestRow::Of(row);
                              return absl::OkStatus();
                            })
                  .ok());
  EXPECT_EQ(read, NumberedRow(2));
  EXPECT_EQ(storage->ReadRow(kFaces, 3, [](const RowView&) { return absl::OkStatus(); }).code(),
            absl::StatusCode::kNotFound);
}

TEST(RocksDbStorage, CountersOutliveTheRowsAndRecords) {
  TempDirectory directory;
  {
    std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
    ASSERT_TRUE(CommitStore(*storage, kFaces, 1, 0, 5).ok());
    ASSERT_TRUE(CommitStore(*storage, kFaces, 2, 5, 5).ok());
    std::unique_ptr<CommitBatch> batch = storage->NewBatch();
    for (uint64_t row = 0; row < 10; ++row) batch->EraseRow(kFaces, row, nullptr);
    batch->TrimLog(kFaces, 2);
    ASSERT_TRUE(storage->Commit(std::move(batch), Sync::kOs).ok());
  }
  std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
  EXPECT_TRUE(AllRows(*storage, kFaces).empty());
  EXPECT_TRUE(AllRecords(*storage, kFaces).empty());
  EXPECT_EQ(storage->NextRow(kFaces).value(), 10u);
  EXPECT_EQ(storage->LastPosition(kFaces).value(), 2u);
  EXPECT_EQ(storage->NextRow(kNext).value(), 0u);
  EXPECT_EQ(storage->LastPosition(kNext).value(), 0u);
  ASSERT_TRUE(CommitStore(*storage, kFaces, 3, 10, 1).ok());
  EXPECT_EQ(AllRecords(*storage, kFaces).at(0).position, 3u);
}

TEST(RocksDbStorage, LogIsReadFromAPositionAndAfterATrim) {
  TempDirectory directory;
  std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
  for (uint64_t p = 1; p <= 6; ++p) ASSERT_TRUE(CommitStore(*storage, kFaces, p, p - 1, 1).ok());
  EXPECT_EQ(AllRecords(*storage, kFaces, 4).size(), 2u);
  EXPECT_TRUE(AllRecords(*storage, kFaces, 6).empty());
  std::unique_ptr<CommitBatch> batch = storage->NewBatch();
  batch->TrimLog(kFaces, 3);
  ASSERT_TRUE(storage->Commit(std::move(batch), Sync::kOs).ok());
  const std::vector<LogRecord> left = AllRecords(*storage, kFaces);
  ASSERT_EQ(left.size(), 3u);
  EXPECT_EQ(left[0].position, 4u);
}

TEST(RocksDbStorage, APositionThatDoesNotFollowIsRefusedAndNothingWritten) {
  TempDirectory directory;
  std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
  ASSERT_TRUE(CommitStore(*storage, kFaces, 1, 0, 1).ok());
  for (uint64_t position : {uint64_t{0}, uint64_t{1}, uint64_t{3}}) {
    EXPECT_EQ(CommitStore(*storage, kFaces, position, 1, 1).code(), absl::StatusCode::kInternal)
        << position;
  }
  std::unique_ptr<CommitBatch> batch = storage->NewBatch();
  batch->AppendLog(kFaces, {.position = 2});
  batch->AppendLog(kFaces, {.position = 4});
  EXPECT_EQ(storage->Commit(std::move(batch), Sync::kOs).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(storage->LastPosition(kFaces).value(), 1u);
  EXPECT_EQ(AllRows(*storage, kFaces).size(), 1u);
  EXPECT_TRUE(CommitStore(*storage, kFaces, 2, 1, 1).ok());
}

TEST(RocksDbStorage, AMarkedRowKeepsItsVectorsAndLosesIdAndPayload) {
  TempDirectory directory;
  std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
  const TestRow row = NumberedRow(0);
  std::unique_ptr<CommitBatch> batch = storage->NewBatch();
  batch->PutRow(kFaces, row.view(), {.payload = "p"}, true);
  ASSERT_TRUE(storage->Commit(std::move(batch), Sync::kOs).ok());
  batch = storage->NewBatch();
  batch->MarkRowRemoved(kFaces, row.view());
  ASSERT_TRUE(storage->Commit(std::move(batch), Sync::kOs).ok());
  TestRow expected = row;
  expected.flags = kRowRemoved;
  EXPECT_EQ(AllRows(*storage, kFaces), std::vector<TestRow>{expected});
  EXPECT_EQ(storage->FindIds(kFaces, std::vector<ItemId>{row.id})->at(0), std::nullopt);
  EXPECT_EQ(storage->ReadPayloads(kFaces, std::vector<uint64_t>{0})->at(0).payload, "");
}

TEST(RocksDbStorage, ReplacingARowInOneBatchLeavesTheIdOnTheNewOne) {
  TempDirectory directory;
  std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
  TestRow row = NumberedRow(0);
  std::unique_ptr<CommitBatch> batch = storage->NewBatch();
  batch->PutRow(kFaces, row.view(), {.payload = "old"}, true);
  ASSERT_TRUE(storage->Commit(std::move(batch), Sync::kOs).ok());
  batch = storage->NewBatch();
  batch->EraseRow(kFaces, 0, &row.id);
  row.row = 1;
  batch->PutRow(kFaces, row.view(), {.payload = "new"}, true);
  ASSERT_TRUE(storage->Commit(std::move(batch), Sync::kOs).ok());
  EXPECT_EQ(storage->FindIds(kFaces, std::vector<ItemId>{row.id})->at(0), 1u);
  EXPECT_EQ(AllRows(*storage, kFaces), std::vector<TestRow>{row});
  EXPECT_EQ(storage->ReadPayloads(kFaces, std::vector<uint64_t>{0, 1})->at(1).payload, "new");
}

TEST(RocksDbStorage, ManyIdsAreFoundInTheOrderAsked) {
  TempDirectory directory;
  std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
  ASSERT_TRUE(CommitStore(*storage, kFaces, 1, 0, 1000).ok());
  std::vector<ItemId> ids;
  for (uint64_t i = 0; i < 1500; ++i) ids.emplace_back(1000 + (i * 7) % 1500);
  const auto found = storage->FindIds(kFaces, ids);
  ASSERT_TRUE(found.ok());
  for (uint64_t i = 0; i < ids.size(); ++i) {
    const uint64_t row = (i * 7) % 1500;
    EXPECT_EQ((*found)[i], row < 1000 ? std::optional<uint64_t>(row) : std::nullopt);
  }
}

TEST(RocksDbStorage, DroppingAMemoryLeavesNothingOfItAndAllOfItsNeighbours) {
  TempDirectory directory;
  std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
  const std::vector<MemoryUid> all = {kFaces - 1, kFaces, kNext, kLast};
  for (MemoryUid uid : all) {
    ASSERT_TRUE(CommitStore(*storage, uid, 1, 0, 10).ok());
    std::unique_ptr<CommitBatch> batch = storage->NewBatch();
    batch->PutMemory(uid, "spec");
    batch->PutRow(uid, NumberedRow(0).view(), {.payload = "p"}, true);
    batch->PutState(uid, 1, "s");
    ASSERT_TRUE(storage->Commit(std::move(batch), Sync::kOs).ok());
  }
  for (MemoryUid dropped : {kFaces, kLast}) {
    std::unique_ptr<CommitBatch> batch = storage->NewBatch();
    batch->DropMemory(dropped);
    ASSERT_TRUE(storage->Commit(std::move(batch), Sync::kOs).ok());
    EXPECT_TRUE(AllRows(*storage, dropped).empty());
    EXPECT_TRUE(AllRecords(*storage, dropped).empty());
    EXPECT_EQ(storage->FindIds(dropped, std::vector<ItemId>{NumberedRow(0).id})->at(0),
              std::nullopt);
    EXPECT_EQ(storage->ReadPayloads(dropped, std::vector<uint64_t>{0})->at(0).payload, "");
    EXPECT_FALSE(storage->ReadState(dropped)->has_value());
    EXPECT_EQ(storage->NextRow(dropped).value(), 0u);
  }
  EXPECT_EQ(storage->ReadCatalogue()->size(), 2u);
  for (MemoryUid kept : {kFaces - 1, kNext}) {
    EXPECT_EQ(AllRows(*storage, kept).size(), 10u);
    EXPECT_TRUE(storage->ReadState(kept)->has_value());
    EXPECT_EQ(storage->ReadPayloads(kept, std::vector<uint64_t>{0})->at(0).payload, "p");
  }
}

TEST(RocksDbStorage, TheUidOfADroppedMemoryStaysUsedAndThatOfACopyNobodySawDoesNot) {
  TempDirectory directory;
  {
    std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
    EXPECT_FALSE(storage->IsUsed(kFaces).value());
    std::unique_ptr<CommitBatch> batch = storage->NewBatch();
    batch->PutMemory(kFaces, "spec");
    ASSERT_TRUE(storage->Commit(std::move(batch), Sync::kOs).ok());
    ASSERT_TRUE(CommitStore(*storage, kNext, 1, 0, 10).ok());  // in no catalogue: an orphan
    EXPECT_TRUE(storage->IsUsed(kFaces).value());
    EXPECT_TRUE(storage->IsUsed(kNext).value());
    batch = storage->NewBatch();
    batch->DropMemory(kFaces);
    batch->DropMemory(kNext);
    ASSERT_TRUE(storage->Commit(std::move(batch), Sync::kDisk).ok());
  }
  const std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
  EXPECT_TRUE(storage->ReadCatalogue()->empty());
  EXPECT_TRUE(storage->FindOrphans()->empty());
  EXPECT_TRUE(storage->IsUsed(kFaces).value());
  EXPECT_FALSE(storage->IsUsed(kNext).value());
  EXPECT_FALSE(storage->IsUsed(kLast).value());
  const absl::Status verified = storage->Verify(
      [](const Damage& damage) { ADD_FAILURE() << damage.what << ": " << damage.how; }, nullptr);
  EXPECT_TRUE(verified.ok()) << verified;
}

TEST(RocksDbStorage, AfterFlushTablesNothingLiesInTheLogAlone) {
  TempDirectory directory;
  for (uint64_t n = 1; n <= 3; ++n) {  // with nothing new in some families, too
    {
      std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
      ASSERT_TRUE(CommitStore(*storage, kFaces, n, (n - 1) * 10, 10, Sync::kDisk).ok());
      std::unique_ptr<CommitBatch> batch = storage->NewBatch();
      batch->PutAlias({.alias = std::to_string(n), .memory = "faces"});
      ASSERT_TRUE(storage->Commit(std::move(batch), Sync::kOs).ok());
      const absl::Status flushed = storage->FlushTables();
      ASSERT_TRUE(flushed.ok()) << flushed;
    }
    for (const auto& entry : std::filesystem::directory_iterator(directory.path() + "/db")) {
      if (entry.path().extension() == ".log") std::filesystem::remove(entry.path());
    }
    const std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
    EXPECT_EQ(AllRows(*storage, kFaces).size(), n * 10);
    EXPECT_EQ(AllRecords(*storage, kFaces).size(), n);
    EXPECT_EQ(storage->ReadAliases()->size(), n);
  }
}

TEST(RocksDbStorage, ALargeStateComesBackInOnePieceAndASmallerOneReplacesIt) {
  TempDirectory directory;
  std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
  Random random(7);
  std::string blob(9u << 20, '\0');
  for (char& c : blob) c = static_cast<char>(random.Next());
  for (const std::string& expected :
       {blob, blob.substr(0, 8u << 20), std::string("small"), std::string()}) {
    std::unique_ptr<CommitBatch> batch = storage->NewBatch();
    batch->PutState(kFaces, 3, expected);
    ASSERT_TRUE(storage->Commit(std::move(batch), Sync::kOs).ok());
    const auto state = storage->ReadState(kFaces);
    ASSERT_TRUE(state.ok()) << state.status();
    ASSERT_TRUE(state->has_value());
    EXPECT_EQ((*state)->position, 3u);
    EXPECT_TRUE((*state)->blob == expected) << expected.size();
  }
  EXPECT_FALSE(storage->ReadState(kNext)->has_value());
}

TEST(RocksDbStorage, RequestsExpireByAgeInOrderAndByCount) {
  TempDirectory directory;
  std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
  const auto key = [](int i) {
    return RequestKey{.scope = "faces", .request_id = std::to_string(i)};
  };
  std::unique_ptr<CommitBatch> batch = storage->NewBatch();
  for (int i = 0; i < 10; ++i) batch->PutRequest(key(i), {.time_unix_nanos = 100 - i});
  ASSERT_TRUE(storage->Commit(std::move(batch), Sync::kOs).ok());
  EXPECT_EQ(storage->ExpireRequests(91, 100).value(), 0u);  // the oldest is of 91
  EXPECT_EQ(storage->ExpireRequests(96, 2).value(), 2u);
  EXPECT_FALSE(storage->FindRequest(key(9))->has_value());
  EXPECT_FALSE(storage->FindRequest(key(8))->has_value());
  EXPECT_TRUE(storage->FindRequest(key(7))->has_value());
  EXPECT_EQ(storage->ExpireRequests(96, 100).value(), 3u);
  EXPECT_FALSE(storage->FindRequest(key(5))->has_value());
  EXPECT_TRUE(storage->FindRequest(key(4))->has_value());
}

TEST(RocksDbStorage, AnOutcomePutAnewExpiresByItsNewTime) {
  TempDirectory directory;
  std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
  const RequestKey renewed{.request_id = "renewed"};
  const RequestKey erased{.request_id = "erased"};
  std::unique_ptr<CommitBatch> batch = storage->NewBatch();
  batch->PutRequest(renewed, {.time_unix_nanos = 10, .reply = "first"});
  batch->PutRequest(erased, {.time_unix_nanos = 10});
  batch->PutRequest(renewed, {.time_unix_nanos = 20, .reply = "second"});
  batch->EraseRequest(erased);
  ASSERT_TRUE(storage->Commit(std::move(batch), Sync::kOs).ok());
  EXPECT_FALSE(storage->FindRequest(erased)->has_value());
  EXPECT_EQ(storage->ExpireRequests(15, 100).value(), 0u);
  EXPECT_EQ(storage->FindRequest(renewed)->value().reply, "second");
  EXPECT_EQ(storage->ExpireRequests(25, 100).value(), 1u);
  EXPECT_FALSE(storage->FindRequest(renewed)->has_value());
}

TEST(RocksDbStorage, ASecondOpenInTheSameProcessIsRefused) {
  TempDirectory directory;
  std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
  const auto second = OpenRocksDbStorage(SmallOptions(directory.path()));
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Reason(second.status()), "LOCKED");
  storage.reset();
  EXPECT_NE(OpenOrDie(directory.path()), nullptr);
}

// Locks the file as another process would, says so by one byte, and holds it until the pipe closes.
// Only calls that are allowed between fork and exit.
[[noreturn]] void HoldLock(const char* path, int tell, int until) {
  const int file = ::open(path, O_RDWR | O_CREAT, 0644);
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  char byte = ::fcntl(file, F_SETLK, &lock) == 0 ? 1 : 0;
  if (::write(tell, &byte, 1) == 1) (void)!::read(until, &byte, 1);
  ::_exit(0);
}

// Whether another process would get RocksDB's lock.
bool AnotherProcessGets(const std::string& lock_file) {
  const pid_t child = ::fork();
  if (child == 0) {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    const int file = ::open(lock_file.c_str(), O_RDWR);
    ::_exit(::fcntl(file, F_SETLK, &lock) == 0 ? 1 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WEXITSTATUS(status) == 1;
}

TEST(RocksDbStorage, CountingTheFilesKeepsTheLocks) {
  TempDirectory directory;
  const std::unique_ptr<Storage> storage = OpenOrDie(directory.path());
  const std::string lock_file = directory.path() + "/db/LOCK";
  EXPECT_FALSE(AnotherProcessGets(lock_file));
  EXPECT_GT(storage->disk_bytes(), 0u);
  EXPECT_FALSE(AnotherProcessGets(lock_file));
  // Ours is held even where that one is lost: whoever closes the file gives it up.
  ::close(::open(lock_file.c_str(), O_RDONLY));
  EXPECT_TRUE(AnotherProcessGets(lock_file));
  EXPECT_EQ(Reason(DirectoryLock::Take(directory.path()).status()), "LOCKED");
}

TEST(RocksDbStorage, ADirectoryOpenInAnotherProcessIsRefused) {
  TempDirectory directory;
  OpenOrDie(directory.path());
  const std::string lock_file = directory.path() + "/db/LOCK";
  int told[2];
  int until[2];
  ASSERT_EQ(::pipe(told), 0);
  ASSERT_EQ(::pipe(until), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::close(until[1]);
    HoldLock(lock_file.c_str(), told[1], until[0]);
  }
  ::close(told[1]);
  ::close(until[0]);
  char locked = 0;
  ASSERT_EQ(::read(told[0], &locked, 1), 1);
  ASSERT_EQ(locked, 1);
  const auto storage = OpenRocksDbStorage(SmallOptions(directory.path()));
  EXPECT_EQ(storage.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Reason(storage.status()), "LOCKED") << storage.status();
  ::close(until[1]);
  ::close(told[0]);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_NE(OpenOrDie(directory.path()), nullptr);
}

// RocksDB starts to flush at half the limit and writers go on meanwhile, so the test leaves room;
// without the limit nothing is flushed before the 64 MB of write buffers are full.
TEST(RocksDbStorage, TheWriteAheadLogIsFlushedAwayBeforeWriteBuffersAreFull) {
  TempDirectory directory;
  absl::StatusOr<std::unique_ptr<Storage>> storage = OpenRocksDbStorage(
      {.directory = directory.path(), .memory_bytes_max = 256u << 20, .log_bytes_max = 16u << 20});
  ASSERT_TRUE(storage.ok());
  const auto log_bytes = [&] {
    uint64_t sum = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory.path() + "/db")) {
      std::error_code gone;
      const uintmax_t size = entry.path().extension() == ".log" ? entry.file_size(gone) : 0;
      if (!gone) sum += size;
    }
    return sum;
  };
  uint64_t most = 0;
  for (uint64_t i = 0; i < 160; ++i) {
    ASSERT_TRUE(CommitStore(**storage, kFaces, i + 1, i * 1000, 1000, Sync::kOs, 128).ok());
    most = std::max(most, log_bytes());
  }
  EXPECT_LE(most, 48u << 20);
}

}  // namespace
}  // namespace mneme::storage
