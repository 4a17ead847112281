#include "core/storage/rocksdb_storage.h"

#include <atomic>
#include <string>
#include <utility>

#include "core/base/fail_point.h"
#include "core/base/mutex.h"
#include "core/base/status.h"
#include "core/storage/disk_room.h"
#include "core/storage/keys.h"
#include "core/storage/rocksdb_batch.h"
#include "core/storage/rocksdb_catalogue.h"
#include "core/storage/rocksdb_copy.h"
#include "core/storage/rocksdb_database.h"
#include "core/storage/rocksdb_disk.h"
#include "core/storage/rocksdb_reader.h"
#include "core/storage/rocksdb_status.h"
#include "core/storage/rocksdb_verify.h"
#include "core/storage/values.h"
#include "core/storage/write_ahead_log.h"

namespace mneme::storage {
namespace {

absl::Status InDoubt(const absl::Status& cause) {
  return Unavailable(absl::StrCat("the outcome of a write is unknown, so nothing more is written: ",
                                  cause.message()),
                     {.reason = "LOG_IN_DOUBT",
                      .given = std::string(StdView(cause.message())),
                      .expected = "a disk that takes what is written",
                      .next_step = "Restart the server once the disk is well: opening the data "
                                   "directory reads what it holds."});
}

absl::Status ReadOnly() {
  return FailedPrecondition("the storage is open for reading only",
                            {.reason = "READ_ONLY",
                             .given = "a change",
                             .expected = "a storage that is open for writing",
                             .next_step = "Open the data directory for writing."});
}

// What is written stands in the log and then in a table file, until the log goes.
constexpr uint64_t kWriteCopies = 2;
// Notes in the log, the manifest, and the blocks that files do not fill.
constexpr uint64_t kSmallThings = 256u << 10;
// Less in write buffers is not flushed for the sake of its room.
constexpr uint64_t kFlushBytesMin = 1u << 20;

// `write_mutex_` is held over writes (RocksDB lets one writer through at a time anyway): counters
// are read and written under it, it keeps ExpireRequests from taking away an outcome that a commit
// puts anew, and makes sure that nothing is written after a failed write. Reads take no lock.
class RocksDbStorage final : public Storage {
 public:
  explicit RocksDbStorage(std::unique_ptr<Database> database) : database_(std::move(database)) {}

  std::unique_ptr<CommitBatch> NewBatch() const override {
    return std::make_unique<RocksDbBatch>(*database_);
  }
  absl::Status Commit(std::unique_ptr<CommitBatch> batch, Sync sync) override;
  absl::Status Flush() override;
  absl::Status FlushTables() override;

  absl::StatusOr<std::vector<CatalogueEntry>> ReadCatalogue() const override {
    return storage::ReadCatalogue(*database_);
  }
  absl::StatusOr<std::vector<AliasEntry>> ReadAliases() const override {
    return storage::ReadAliases(*database_);
  }
  absl::StatusOr<std::vector<MemoryUid>> FindOrphans() const override {
    return storage::FindOrphans(*database_);
  }
  absl::StatusOr<bool> IsUsed(MemoryUid uid) const override {
    return storage::IsUsed(*database_, uid);
  }
  absl::Status ReadLog(MemoryUid uid, uint64_t after_position,
                       const std::function<absl::Status(const LogRecord&)>& visit) const override {
    return reader_.ReadLog(uid, after_position, visit);
  }
  absl::StatusOr<uint64_t> LastPosition(MemoryUid uid) const override;
  absl::Status ScanRows(MemoryUid uid, uint64_t first, uint64_t last,
                        const std::function<absl::Status(const RowView&)>& visit) const override {
    return reader_.ScanRows(uid, first, last, visit);
  }
  absl::StatusOr<uint64_t> NextRow(MemoryUid uid) const override;
  absl::StatusOr<std::vector<std::optional<uint64_t>>> FindIds(
      MemoryUid uid, std::span<const ItemId> ids) const override {
    return reader_.FindIds(uid, ids);
  }
  absl::Status ReadRow(MemoryUid uid, uint64_t row,
                       const std::function<absl::Status(const RowView&)>& visit) const override {
    return reader_.ReadRow(uid, row, visit);
  }
  absl::StatusOr<std::vector<OwnedPayload>> ReadPayloads(
      MemoryUid uid, std::span<const uint64_t> rows) const override {
    return reader_.ReadPayloads(uid, rows);
  }
  absl::Status ScanAttributes(
      MemoryUid uid,
      const std::function<absl::Status(uint64_t, std::string_view)>& visit) const override {
    return reader_.ScanAttributes(uid, visit);
  }
  absl::StatusOr<std::optional<StateBlob>> ReadState(MemoryUid uid) const override {
    return reader_.ReadState(uid);
  }
  absl::StatusOr<std::optional<RequestOutcome>> FindRequest(const RequestKey& key) const override {
    return reader_.FindRequest(key);
  }
  absl::StatusOr<uint64_t> ExpireRequests(int64_t before_unix_nanos, uint64_t most) override;

  absl::Status CopyMemory(const Storage& source, MemoryUid source_uid, MemoryUid uid,
                          std::string_view scope, const ProgressFn& progress) override;
  std::vector<DiskBytes> MemoryDiskBytes(MemoryUid uid) const override {
    return ApproximateMemoryBytes(*database_, uid);
  }
  uint64_t disk_bytes() const override {
    return FileBytesBelow(*database_->db().GetFileSystem(), database_->db().GetName());
  }
  absl::StatusOr<uint64_t> FreeDiskBytes() const override {
    MNEME_ASSIGN_OR_RETURN(const uint64_t free, FreeBytesAt(*database_->db().GetFileSystem(),
                                                            database_->db().GetName()));
    const uint64_t kept = database_->read_only() ? 0 : database_->room().kept();
    const uint64_t owed = OwedBytes(*database_);
    return free + kept > owed ? free + kept - owed : 0;
  }
  absl::Status Verify(const std::function<void(const Damage&)>& report,
                      const ProgressFn& progress) const override {
    return VerifyDatabase(*database_, report, progress);
  }
  StorageCounters counters() const override {
    return {.commits = commits_.load(), .syncs = syncs_.load()};
  }
  const Database& database() const { return *database_; }

 private:
  // Merges the batch's changes of counters with the stored ones and adds the result to it; and the
  // uids of those memories that it drops from the catalogue.
  absl::Status MergeCounters(RocksDbBatch& batch) const;
  absl::Status DeleteDropped(const RocksDbBatch& batch, Sync sync)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status Write(rocksdb::WriteBatch& writes, Sync sync)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status AddNote(rocksdb::WriteBatch& writes, bool synced) const;
  void Synced() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status FlushLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status Doubt(const absl::Status& cause) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);

  // Adds to `writes` what drops the outcome that an entry of the time index stands for, and the
  // entry itself. False when that outcome is gone or was put anew since: then only the entry goes.
  absl::StatusOr<bool> DropExpired(std::string_view time_key, rocksdb::WriteBatch& writes) const;

  // Whether it may be written at all.
  absl::Status Writable() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) {
    return database_->read_only() ? ReadOnly() : doubt_;
  }
  // Whether there is room for so many bytes more: FULL while there is not. `grows` as a batch's.
  absl::Status AskForRoom(uint64_t bytes, bool grows) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);

  const std::unique_ptr<Database> database_;
  const RocksDbReader reader_{*database_};
  Mutex write_mutex_;
  absl::Status doubt_ ABSL_GUARDED_BY(write_mutex_);  // not OK after a write failed
  std::atomic<uint64_t> commits_{0};
  std::atomic<uint64_t> syncs_{0};
};

absl::Status RocksDbStorage::Commit(std::unique_ptr<CommitBatch> batch, Sync sync) {
  auto& mine = static_cast<RocksDbBatch&>(*batch);
  MutexLock lock(&write_mutex_);
  MNEME_RETURN_IF_ERROR(Writable());
  MNEME_RETURN_IF_ERROR(mine.status());
  if (!mine.empty()) MNEME_RETURN_IF_ERROR(AskForRoom(mine.bytes(), mine.grows()));
  MNEME_RETURN_IF_ERROR(MergeCounters(mine));
  MNEME_RETURN_IF_ERROR(MNEME_FAIL_POINT("commit.before_write"));
  MNEME_RETURN_IF_ERROR(Write(mine.writes(), sync));
  MNEME_PASS_FAIL_POINT("commit.after_write");
  commits_.fetch_add(1, std::memory_order_relaxed);
  return DeleteDropped(mine, sync);
}

// Once in the log it must find its way into table files, too.
absl::Status RocksDbStorage::AskForRoom(uint64_t bytes, bool grows) {
  const bool waits = database_->waits_for_space();
  uint64_t needed = kWriteCopies * bytes + kSmallThings;
  const bool owes = grows || waits;
  DiskRoom& room = database_->room();
  absl::Status asked =
      room.Ask(needed + (owes ? BufferBytes(*database_) + kLogRoomBytes : 0), /*last=*/!grows);
  if (!asked.ok() && owes) {
    const uint64_t owed = OwedBytes(*database_);  // no more than that, at a price
    asked = room.Ask(needed + owed + kLogRoomBytes, /*last=*/!grows);
    if (!asked.ok() && !waits && owed > kFlushBytesMin &&
        room.Ask(owed + kLogRoomBytes, /*last=*/false).ok()) {
      database_->StartFlush();
    }
  }
  if (!asked.ok()) return asked;
  return waits ? database_->GoOn() : absl::OkStatus();
}

// Their files may go once nothing can bring the dropped memories back; and as a file that goes may
// hold the very tombstone of the drop (a flush and a compaction came between), that is put again.
absl::Status RocksDbStorage::DeleteDropped(const RocksDbBatch& batch, Sync sync) {
  rocksdb::WriteBatch tombstones;
  for (const auto& [uid, change] : batch.counters_changes()) {
    if (change.lives || !change.dropped) continue;
    if (sync != Sync::kDisk && tombstones.Count() == 0) MNEME_RETURN_IF_ERROR(FlushLocked());
    // Else its room is freed by compaction, later.
    static_cast<void>(database_->DeleteMemoryFiles(uid));
    MNEME_RETURN_IF_ERROR(AddTombstones(*database_, uid, tombstones));
  }
  const absl::Status again = Write(tombstones, Sync::kOs);
  // The drop itself stands: no error may say that nothing was written.
  return absl::IsResourceExhausted(again) ? Doubt(again) : again;
}

absl::Status RocksDbStorage::MergeCounters(RocksDbBatch& batch) const {
  for (const auto& [uid, change] : batch.counters_changes()) {
    if (!change.lives) {
      // A copy that nobody saw leaves nothing: it may come again under its uid.
      MNEME_ASSIGN_OR_RETURN(const bool seen, IsDescribed(*database_, uid));
      if (seen) batch.PutUsed(uid);
      continue;
    }
    MNEME_ASSIGN_OR_RETURN(const MemoryCounters stored,
                           ReadCounters(*database_, rocksdb::ReadOptions(), uid));
    MNEME_ASSIGN_OR_RETURN(const MemoryCounters merged, change.Apply(uid, stored));
    batch.PutCounters(uid, merged);
  }
  return batch.status();
}

absl::Status RocksDbStorage::Write(rocksdb::WriteBatch& writes, Sync sync) {
  rocksdb::WriteOptions options;
  options.sync = sync == Sync::kDisk;
  if (writes.Count() == 0) return options.sync ? FlushLocked() : absl::OkStatus();
  MNEME_RETURN_IF_ERROR(AddNote(writes, /*synced=*/false));
  if (absl::Status status = FromRocksDb(database_->db().Write(options, &writes), "a commit");
      !status.ok()) {
    // Refused before the log was touched: nothing of it is there.
    return database_->waits_for_space() ? DiskFull(std::string(status.message())) : Doubt(status);
  }
  if (absl::Status log = database_->log_failure(); !log.ok()) return Doubt(log);
  if (options.sync) Synced();
  return absl::OkStatus();
}

// Whoever reads the log later sees that all before this note was durable. If that fails this commit
// stands, and no other can follow it. Without room for it, it is left to a later sync.
void RocksDbStorage::Synced() {
  syncs_.fetch_add(1, std::memory_order_relaxed);
  if (database_->waits_for_space() || !database_->room().Ask(kSmallThings / 2, false).ok()) return;
  rocksdb::WriteBatch note;
  absl::Status status = AddNote(note, /*synced=*/true);
  if (status.ok()) {
    status =
        FromRocksDb(database_->db().Write(rocksdb::WriteOptions(), &note), "a note in the log");
  }
  if (!status.ok() && !database_->waits_for_space()) static_cast<void>(Doubt(status));
}

absl::Status RocksDbStorage::AddNote(rocksdb::WriteBatch& writes, bool synced) const {
  LogNote note{.synced = synced};
  database_->db().GetIntProperty(rocksdb::DB::Properties::kMinLogNumberToKeep, &note.oldest_file);
  return FromRocksDb(writes.PutLogData(EncodeLogNote(note)), "a note in the log");
}

absl::Status RocksDbStorage::Flush() {
  MutexLock lock(&write_mutex_);
  MNEME_RETURN_IF_ERROR(Writable());
  return FlushLocked();
}

absl::Status RocksDbStorage::FlushTables() {
  MutexLock lock(&write_mutex_);
  MNEME_RETURN_IF_ERROR(Writable());
  MNEME_RETURN_IF_ERROR(FlushLocked());
  MNEME_RETURN_IF_ERROR(
      database_->room().Ask(OwedBytes(*database_) + kLogRoomBytes, /*last=*/false));
  if (database_->waits_for_space()) MNEME_RETURN_IF_ERROR(database_->GoOn());
  return database_->FlushTables();
}

absl::Status RocksDbStorage::FlushLocked() {
  if (absl::Status status = FromRocksDb(database_->db().FlushWAL(/*sync=*/true), "a flush");
      !status.ok()) {
    return Doubt(status);
  }
  if (absl::Status log = database_->log_failure(); !log.ok()) return Doubt(log);
  Synced();
  return absl::OkStatus();
}

// After this RocksDB must not be asked to write again: its assertions, which Debian's build keeps
// on, end the process when a file that failed is written to.
absl::Status RocksDbStorage::Doubt(const absl::Status& cause) {
  doubt_ = InDoubt(cause);
  return doubt_;
}

absl::StatusOr<uint64_t> RocksDbStorage::LastPosition(MemoryUid uid) const {
  MNEME_ASSIGN_OR_RETURN(const MemoryCounters counters,
                         ReadCounters(*database_, rocksdb::ReadOptions(), uid));
  return counters.last_position;
}

absl::StatusOr<uint64_t> RocksDbStorage::NextRow(MemoryUid uid) const {
  MNEME_ASSIGN_OR_RETURN(const MemoryCounters counters,
                         ReadCounters(*database_, rocksdb::ReadOptions(), uid));
  return counters.next_row;
}

absl::Status RocksDbStorage::CopyMemory(const Storage& source, MemoryUid source_uid, MemoryUid uid,
                                        std::string_view scope, const ProgressFn& progress) {
  const Database* const from = DatabaseOf(source);
  if (from == nullptr) return Internal("only a storage over RocksDB can be copied from");
  const auto write = [this](rocksdb::WriteBatch& writes) {
    MutexLock lock(&write_mutex_);
    MNEME_RETURN_IF_ERROR(Writable());
    MNEME_RETURN_IF_ERROR(AskForRoom(writes.GetDataSize(), /*grows=*/true));
    return Write(writes, Sync::kOs);
  };
  MNEME_RETURN_IF_ERROR(CopyMemoryRecords(
      {.source = *from, .source_uid = source_uid, .target = *database_, .uid = uid, .scope = scope},
      write, progress));
  return Flush();
}

absl::StatusOr<uint64_t> RocksDbStorage::ExpireRequests(int64_t before_unix_nanos, uint64_t most) {
  MutexLock lock(&write_mutex_);
  MNEME_RETURN_IF_ERROR(Writable());
  MNEME_ASSIGN_OR_RETURN(const std::vector<std::string> time_keys,
                         reader_.FindExpiredRequests(before_unix_nanos, most));
  rocksdb::WriteBatch writes;
  uint64_t dropped = 0;
  for (const std::string& time_key : time_keys) {
    MNEME_ASSIGN_OR_RETURN(const bool had_outcome, DropExpired(time_key, writes));
    dropped += had_outcome ? 1 : 0;
  }
  if (writes.Count() == 0) return dropped;
  // What is kept for those who take away is not for this.
  MNEME_RETURN_IF_ERROR(AskForRoom(writes.GetDataSize(), /*grows=*/true));
  MNEME_RETURN_IF_ERROR(Write(writes, Sync::kOs));
  return dropped;
}

absl::StatusOr<bool> RocksDbStorage::DropExpired(std::string_view time_key,
                                                 rocksdb::WriteBatch& writes) const {
  constexpr std::string_view kDoing = "expiring a request";
  rocksdb::ColumnFamilyHandle* const requests = (*database_)[Family::kRequests];
  MNEME_ASSIGN_OR_RETURN(const OutcomeTime due, OutcomeTimeFromKey(time_key));
  MNEME_ASSIGN_OR_RETURN(const std::optional<RequestOutcome> outcome,
                         reader_.FindOutcome(due.outcome_key));
  MNEME_RETURN_IF_ERROR(FromRocksDb(writes.Delete(requests, ToSlice(time_key)), kDoing));
  if (!outcome.has_value() || outcome->time_unix_nanos != due.time_unix_nanos) return false;
  MNEME_RETURN_IF_ERROR(FromRocksDb(writes.Delete(requests, due.outcome_key), kDoing));
  return true;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Storage>> OpenRocksDbStorage(const StorageOptions& options,
                                                            rocksdb::Env* env) {
  MNEME_ASSIGN_OR_RETURN(std::unique_ptr<Database> database, Database::Open(options, env));
  return MakeStorage(std::move(database));
}

std::unique_ptr<Storage> MakeStorage(std::unique_ptr<Database> database) {
  return std::make_unique<RocksDbStorage>(std::move(database));
}

const Database* DatabaseOf(const Storage& storage) {
  const auto* const mine = dynamic_cast<const RocksDbStorage*>(&storage);
  return mine == nullptr ? nullptr : &mine->database();
}

absl::StatusOr<std::unique_ptr<Storage>> OpenRocksDbStorage(const StorageOptions& options) {
  return OpenRocksDbStorage(options, rocksdb::Env::Default());
}

}  // namespace mneme::storage
