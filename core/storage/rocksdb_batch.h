// One commit in the making: a RocksDB WriteBatch, and what it does to each memory's counters.
//
// Invariants
// 1. Nothing is read while a batch is built; the counters are merged with the stored ones at
// Commit.
// 2. The order of calls is the order of effects: a mapping put after a row was erased stands.
// Not thread-safe. Must not outlive its storage.
#ifndef MNEME_CORE_STORAGE_ROCKSDB_BATCH_H_
#define MNEME_CORE_STORAGE_ROCKSDB_BATCH_H_

#include <map>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/storage/rocksdb_database.h"
#include "core/storage/storage.h"
#include "core/storage/values.h"
#include "rocksdb/write_batch.h"

namespace mneme::storage {

// What a batch does to the counters of one memory.
struct CountersChange {
  bool dropped = false;  // what was stored before no longer counts
  bool lives = true;     // there is a memory after the batch
  uint64_t rows_end = 0;
  uint64_t first_position = 0;  // of the records in this batch; 0: none
  uint64_t last_position = 0;
  bool contiguous = true;  // those records follow one another
  uint64_t trimmed_position = 0;
  std::optional<uint64_t> state_position;

  void AppendRecord(uint64_t position);
  // `stored` after the batch. Internal when the records do not follow the stored ones: a position
  // was skipped or used twice, which would be a hole in the log.
  absl::StatusOr<MemoryCounters> Apply(MemoryUid uid, const MemoryCounters& stored) const;
};

// Deletes all of a memory but its catalogue entry and counters.
absl::Status AddTombstones(const Database& database, MemoryUid uid, rocksdb::WriteBatch& writes);

class RocksDbBatch final : public CommitBatch {
 public:
  explicit RocksDbBatch(const Database& database) : database_(database) {}

  void PutMemory(MemoryUid uid, std::string_view catalogue_entry) override;
  void DropMemory(MemoryUid uid) override;
  void AppendLog(MemoryUid uid, const LogRecord& record) override;
  void PutRow(MemoryUid uid, const RowView& row, const Payload& payload, bool keep_id) override;
  void EraseRow(MemoryUid uid, uint64_t row, const ItemId* id) override;
  void MarkRowRemoved(MemoryUid uid, const RowView& row) override;
  void PutState(MemoryUid uid, uint64_t position, std::string_view blob) override;
  void TrimLog(MemoryUid uid, uint64_t position) override;
  void PutAlias(const AliasEntry& alias) override;
  void EraseAlias(std::string_view alias) override;
  void PutRequest(const RequestKey& key, const RequestOutcome& outcome) override;
  void EraseRequest(const RequestKey& key) override;
  size_t bytes() const override { return writes_.GetDataSize(); }

  // For Commit, after the counters were merged.
  void PutCounters(MemoryUid uid, const MemoryCounters& counters);
  void PutUsed(MemoryUid uid);
  const std::map<MemoryUid, CountersChange>& counters_changes() const { return changes_; }
  rocksdb::WriteBatch& writes() { return writes_; }
  bool empty() const { return writes_.Count() == 0; }
  // Items or states come in: the storage holds more after it.
  bool grows() const { return grows_; }
  // OK unless RocksDB refused a call above (a value over 4 GiB).
  const absl::Status& status() const { return status_; }

 private:
  CountersChange& Change(MemoryUid uid);
  void Put(Family family, std::string_view key, std::string_view value);
  void Delete(Family family, std::string_view key);
  void DeleteRange(Family family, std::string_view first, std::string_view end);
  void Keep(const rocksdb::Status& status);

  const Database& database_;
  rocksdb::WriteBatch writes_;
  std::map<MemoryUid, CountersChange> changes_;
  bool grows_ = false;
  absl::Status status_;
};

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_ROCKSDB_BATCH_H_
