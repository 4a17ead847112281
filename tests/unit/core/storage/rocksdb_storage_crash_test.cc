// Power cuts and failing disks: what was acknowledged as durable is there, a commit is there wholly
// or not at all, and after a failed sync nothing more is acknowledged.
#include <memory>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/storage/rocksdb_storage.h"
#include "gtest/gtest.h"
#include "rocksdb/env.h"
#include "tests/support/fault_file_system.h"
#include "tests/unit/core/storage/storage_test_util.h"

namespace mneme::storage {
namespace {

using test::DiskImage;
using test::FaultFileSystem;

constexpr MemoryUid kFirst = 1;
constexpr MemoryUid kSecond = 2;
constexpr uint64_t kRowsPerCommit = 40;
constexpr size_t kColumns = 64;

// One life of the machine: a storage on a disk that may fail.
class Machine {
 public:
  explicit Machine(const DiskImage& image = {})
      : files_(std::make_shared<FaultFileSystem>(image)), env_(rocksdb::NewCompositeEnv(files_)) {}

  absl::Status Start() {
    // Little memory, so that flushes, compactions and new logs happen within a test.
    absl::StatusOr<std::unique_ptr<Storage>> storage = OpenRocksDbStorage(
        {.directory = "/data", .memory_bytes_max = 512u << 10, .log_bytes_max = 512u << 10},
        env_.get());
    if (storage.ok()) storage_ = *std::move(storage);
    return storage.status();
  }
  // The power goes; the machine is gone, the disk holds what it held.
  DiskImage LosePower(Random& random) {
    DiskImage image = files_->CutPower(random);
    storage_.reset();
    return image;
  }
  void FailSyncs() { files_->Inject({.call = test::Call::kSync, .from_then_on = true}); }
  FaultFileSystem& files() { return *files_; }
  Storage& storage() { return *storage_; }

 private:
  const std::shared_ptr<FaultFileSystem> files_;
  const std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<Storage> storage_;
};

// The n-th commit, from 1: the same rows into two memories, which are equal after any number of
// whole commits.
absl::Status CommitNumber(Storage& storage, uint64_t n, Sync sync) {
  std::unique_ptr<CommitBatch> batch = storage.NewBatch();
  const uint64_t first = (n - 1) * kRowsPerCommit;
  for (MemoryUid uid : {kFirst, kSecond}) {
    batch->PutMemory(uid, std::to_string(n));
    batch->AppendLog(uid, {.position = n, .first_row = first, .row_count = kRowsPerCommit});
    for (uint64_t row = first; row < first + kRowsPerCommit; ++row) {
      batch->PutRow(uid, NumberedRow(row, kColumns).view(), {.payload = "p"}, true);
    }
    if (n % 8 == 0) {
      batch->PutState(uid, n, std::string(1000 * n, 's'));
      batch->TrimLog(uid, n);
    }
  }
  return storage.Commit(std::move(batch), sync);
}

// How many commits the disk holds, having checked that it holds each of them whole and nothing
// else.
uint64_t CheckWholeCommits(const Storage& storage) {
  const uint64_t commits = storage.LastPosition(kFirst).value();
  const std::vector<Storage::CatalogueEntry> catalogue = storage.ReadCatalogue().value();
  EXPECT_EQ(catalogue.size(), commits == 0 ? 0u : 2u);
  for (const Storage::CatalogueEntry& entry : catalogue)
    EXPECT_EQ(entry.entry, std::to_string(commits));
  for (MemoryUid uid : {kFirst, kSecond}) {
    EXPECT_EQ(storage.LastPosition(uid).value(), commits);
    EXPECT_EQ(storage.NextRow(uid).value(), commits * kRowsPerCommit);
    const std::vector<TestRow> rows = AllRows(storage, uid);
    EXPECT_EQ(rows.size(), commits * kRowsPerCommit);
    std::vector<ItemId> ids;
    for (size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(rows[i], NumberedRow(i, kColumns));
      ids.push_back(rows[i].id);
    }
    const auto found = storage.FindIds(uid, ids).value();
    for (size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i], i);
    const uint64_t checkpoint = commits / 8 * 8;
    EXPECT_EQ(AllRecords(storage, uid).size(), commits - checkpoint);
    const auto state = storage.ReadState(uid).value();
    EXPECT_EQ(state.has_value(), checkpoint > 0);
    if (state.has_value()) {
      EXPECT_EQ(state->position, checkpoint);
      EXPECT_EQ(state->blob.size(), 1000 * checkpoint);
    }
  }
  return commits;
}

TEST(RocksDbStorageCrash, SyncedCommitsSurviveAndUnsyncedOnesGoInOrder) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    Random random(seed);
    DiskImage disk;
    uint64_t durable = 0;
    {
      Machine machine;
      ASSERT_TRUE(machine.Start().ok());
      const uint64_t commits = 1 + random.Below(40);
      for (uint64_t n = 1; n <= commits; ++n) {
        const Sync sync = random.Below(3) == 0 ? Sync::kDisk : Sync::kOs;
        ASSERT_TRUE(CommitNumber(machine.storage(), n, sync).ok());
        if (sync == Sync::kDisk) durable = n;
        if (random.Below(10) == 0) {
          ASSERT_TRUE(machine.storage().Flush().ok());
          durable = n;
        }
      }
      disk = machine.LosePower(random);
    }
    Machine machine(disk);
    const absl::Status started = machine.Start();
    ASSERT_TRUE(started.ok()) << started;
    EXPECT_GE(CheckWholeCommits(machine.storage()), durable);
  }
}

// The power goes in the midst of anything: opening, reading, appending, syncing, flushing,
// compacting, renaming.
TEST(RocksDbStorageCrash, PowerCutAtAnyChangeLosesNoAcknowledgedCommit) {
  constexpr uint64_t kCommits = 20;
  uint64_t calls = 0;  // in a life without a cut
  {
    Machine machine;
    ASSERT_TRUE(machine.Start().ok());
    for (uint64_t n = 1; n <= kCommits; ++n)
      ASSERT_TRUE(CommitNumber(machine.storage(), n, Sync::kDisk).ok());
    calls = machine.files().calls();
  }
  for (uint64_t seed = 1; seed <= 32; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed << " of " << calls << " calls");
    Random random(seed);
    DiskImage disk;
    uint64_t acknowledged = 0;
    uint64_t tried = 0;
    {
      Machine machine;
      machine.files().Inject(
          {.kind = test::Fault::Kind::kPowerCut,
           .nth = 1 +
                  random.Below(seed % 4 == 0 ? 60 : calls)});  // the first 60: making the directory
      if (machine.Start().ok()) {
        while (tried < kCommits && CommitNumber(machine.storage(), tried + 1, Sync::kDisk).ok())
          acknowledged = ++tried;
        if (tried < kCommits) ++tried;
      }
      disk = machine.LosePower(random);
    }
    Machine machine(disk);
    const absl::Status started = machine.Start();
    ASSERT_TRUE(started.ok()) << started;
    const uint64_t held = CheckWholeCommits(machine.storage());
    EXPECT_GE(held, acknowledged);
    EXPECT_LE(held, tried);
    EXPECT_TRUE(CommitNumber(machine.storage(), held + 1, Sync::kDisk).ok());
  }
}

TEST(RocksDbStorageCrash, AfterAFailedSyncNothingMoreIsAcknowledgedOrSynced) {
  DiskImage disk;
  Random random(1);
  {
    Machine machine;
    ASSERT_TRUE(machine.Start().ok());
    ASSERT_TRUE(CommitNumber(machine.storage(), 1, Sync::kDisk).ok());
    machine.FailSyncs();
    const absl::Status failed = CommitNumber(machine.storage(), 2, Sync::kDisk);
    EXPECT_EQ(failed.code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(Reason(failed), "LOG_IN_DOUBT");
    machine.files().ClearFaults();  // the disk says that it is well again: not believed
    const uint64_t syncs = machine.files().calls(test::Call::kSync);
    for (Sync sync : {Sync::kMemory, Sync::kOs, Sync::kDisk}) {
      EXPECT_EQ(Reason(CommitNumber(machine.storage(), 3, sync)), "LOG_IN_DOUBT");
    }
    EXPECT_EQ(Reason(machine.storage().Flush()), "LOG_IN_DOUBT");
    EXPECT_EQ(Reason(machine.storage().ExpireRequests(1, 1).status()), "LOG_IN_DOUBT");
    EXPECT_EQ(machine.files().calls(test::Call::kSync), syncs);
    EXPECT_EQ(machine.storage().counters().commits, 1u);
    disk = machine.LosePower(random);
  }
  Machine machine(disk);
  ASSERT_TRUE(machine.Start().ok());
  const uint64_t held = CheckWholeCommits(machine.storage());
  EXPECT_TRUE(held == 1 || held == 2) << held;
  EXPECT_TRUE(CommitNumber(machine.storage(), held + 1, Sync::kDisk).ok());
}

TEST(RocksDbStorageCrash, AFailedFlushPutsTheLogInDoubt) {
  Machine machine;
  ASSERT_TRUE(machine.Start().ok());
  ASSERT_TRUE(CommitNumber(machine.storage(), 1, Sync::kOs).ok());
  machine.FailSyncs();
  EXPECT_EQ(Reason(machine.storage().Flush()), "LOG_IN_DOUBT");
  machine.files().ClearFaults();
  EXPECT_EQ(Reason(CommitNumber(machine.storage(), 2, Sync::kOs)), "LOG_IN_DOUBT");
  EXPECT_EQ(machine.storage().counters().syncs, 0u);
}

TEST(RocksDbStorageCrash, ARefusedCommitIsNoDoubt) {
  Machine machine;
  ASSERT_TRUE(machine.Start().ok());
  EXPECT_EQ(CommitNumber(machine.storage(), 5, Sync::kDisk).code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(CommitNumber(machine.storage(), 1, Sync::kDisk).ok());
}

}  // namespace
}  // namespace mneme::storage
