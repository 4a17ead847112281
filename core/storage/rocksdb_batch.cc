#include "core/storage/rocksdb_batch.h"

#include <algorithm>
#include <limits>
#include <string>

#include "core/base/status.h"
#include "core/storage/keys.h"
#include "core/storage/rocksdb_status.h"

namespace mneme::storage {

void CountersChange::AppendRecord(uint64_t position) {
  if (first_position == 0) first_position = position;
  if (position == 0 || (last_position != 0 && position != last_position + 1)) contiguous = false;
  last_position = position;
  if (position != 0)
    trimmed_position = std::min(trimmed_position, position - 1);  // trimmed before it came
}

absl::StatusOr<MemoryCounters> CountersChange::Apply(MemoryUid uid,
                                                     const MemoryCounters& stored) const {
  MemoryCounters out = dropped ? MemoryCounters{} : stored;
  out.next_row = std::max(out.next_row, rows_end);
  if (last_position != 0 || !contiguous) {
    if (!contiguous || first_position != out.last_position + 1) {
      return Internal(absl::StrCat("log records ", first_position, " to ", last_position, " of ",
                                   MemoryName(uid), " do not follow record ", out.last_position));
    }
    out.last_position = last_position;
  }
  out.trimmed_position =
      std::max(out.trimmed_position, std::min(trimmed_position, out.last_position));
  if (state_position.has_value()) {
    out.state_position = *state_position;
    out.has_state = true;
  }
  return out;
}

absl::Status AddTombstones(const Database& database, MemoryUid uid, rocksdb::WriteBatch& writes) {
  const std::string first = MemoryPrefix(uid);
  const std::string end = PrefixEnd(first);
  for (Family family : kMemoryFamilies) {
    MNEME_RETURN_IF_ERROR(FromRocksDb(
        writes.DeleteRange(database[family], ToSlice(first), ToSlice(end)), "dropping a memory"));
  }
  return absl::OkStatus();
}

CountersChange& RocksDbBatch::Change(MemoryUid uid) {
  CountersChange& change = changes_[uid];
  change.lives = true;
  return change;
}

void RocksDbBatch::PutMemory(MemoryUid uid, std::string_view catalogue_entry) {
  Change(uid);  // a memory has counters from its first commit
  const std::string key = DescriptionKey(uid);
  Put(Family::kCatalogue, key, EncodeDescription(key, catalogue_entry));
}

void RocksDbBatch::DropMemory(MemoryUid uid) {
  changes_[uid] = CountersChange{.dropped = true, .lives = false};
  if (status_.ok()) status_ = AddTombstones(database_, uid, writes_);
  Delete(Family::kCatalogue, DescriptionKey(uid));
  Delete(Family::kCatalogue, CountersKey(uid));
}

void RocksDbBatch::AppendLog(MemoryUid uid, const LogRecord& record) {
  Change(uid).AppendRecord(record.position);
  const std::string key = NumberKey(uid, record.position);
  Put(Family::kLog, key, EncodeLogRecord(key, record));
}

void RocksDbBatch::PutRow(MemoryUid uid, const RowView& row, const Payload& payload, bool keep_id) {
  CountersChange& change = Change(uid);
  change.rows_end = std::max(change.rows_end, row.row + 1);
  grows_ = grows_ || (row.flags & kRowRemoved) == 0;
  const std::string key = NumberKey(uid, row.row);
  Put(Family::kRows, key, EncodeRow(key, row));
  if (!payload.empty()) Put(Family::kPayload, key, EncodePayload(key, payload));
  if (keep_id) {
    const std::string id_key = IdKey(uid, row.id);
    Put(Family::kIds, id_key, EncodeIdRow(id_key, row.row));
  }
}

void RocksDbBatch::EraseRow(MemoryUid uid, uint64_t row, const ItemId* id) {
  const std::string key = NumberKey(uid, row);
  Delete(Family::kRows, key);
  Delete(Family::kPayload, key);
  if (id != nullptr) Delete(Family::kIds, IdKey(uid, *id));
}

void RocksDbBatch::MarkRowRemoved(MemoryUid uid, const RowView& row) {
  RowView removed = row;
  removed.flags |= kRowRemoved;
  const std::string key = NumberKey(uid, row.row);
  Put(Family::kRows, key, EncodeRow(key, removed));
  Delete(Family::kPayload, key);
  Delete(Family::kIds, IdKey(uid, row.id));
}

void RocksDbBatch::PutState(MemoryUid uid, uint64_t position, std::string_view blob) {
  Change(uid).state_position = position;
  grows_ = true;
  const std::string prefix = MemoryPrefix(uid);
  DeleteRange(Family::kState, prefix, PrefixEnd(prefix));
  StateChunk chunk{.total_bytes = blob.size(), .chunk_count = StateChunkCount(blob.size())};
  for (uint32_t i = 0; i < chunk.chunk_count; ++i) {
    chunk.bytes = blob.substr(i * kStateChunkBytes, kStateChunkBytes);
    const std::string key = StateChunkKey(uid, position, i);
    Put(Family::kState, key, EncodeStateChunk(key, chunk));
  }
}

void RocksDbBatch::TrimLog(MemoryUid uid, uint64_t position) {
  CountersChange& change = Change(uid);
  change.trimmed_position = std::max(change.trimmed_position, position);
  const std::string first = MemoryPrefix(uid);
  const bool all = position == std::numeric_limits<uint64_t>::max();
  DeleteRange(Family::kLog, first, all ? PrefixEnd(first) : NumberKey(uid, position + 1));
}

void RocksDbBatch::PutAlias(const AliasEntry& alias) {
  const std::string key = AliasKey(alias.alias);
  Put(Family::kCatalogue, key, EncodeAlias(key, alias));
}

void RocksDbBatch::EraseAlias(std::string_view alias) {
  Delete(Family::kCatalogue, AliasKey(alias));
}

void RocksDbBatch::PutRequest(const RequestKey& key, const RequestOutcome& outcome) {
  const std::string outcome_key = OutcomeKey(key);
  Put(Family::kRequests, outcome_key, EncodeOutcome(outcome_key, outcome));
  const std::string time_key = OutcomeTimeKey(outcome.time_unix_nanos, outcome_key);
  Put(Family::kRequests, time_key, EncodeOutcomeTime(time_key));
}

void RocksDbBatch::EraseRequest(const RequestKey& key) {
  Delete(Family::kRequests, OutcomeKey(key));
}

void RocksDbBatch::PutCounters(MemoryUid uid, const MemoryCounters& counters) {
  const std::string key = CountersKey(uid);
  Put(Family::kCatalogue, key, EncodeCounters(key, counters));
}

// A description of nothing: that it is there is all it says.
void RocksDbBatch::PutUsed(MemoryUid uid) {
  const std::string key = UsedKey(uid);
  Put(Family::kCatalogue, key, EncodeDescription(key, ""));
}

void RocksDbBatch::Put(Family family, std::string_view key, std::string_view value) {
  Keep(writes_.Put(database_[family], ToSlice(key), ToSlice(value)));
}

void RocksDbBatch::Delete(Family family, std::string_view key) {
  Keep(writes_.Delete(database_[family], ToSlice(key)));
}

void RocksDbBatch::DeleteRange(Family family, std::string_view first, std::string_view end) {
  Keep(writes_.DeleteRange(database_[family], ToSlice(first), ToSlice(end)));
}

void RocksDbBatch::Keep(const rocksdb::Status& status) {
  if (status_.ok()) status_ = FromRocksDb(status, "adding to a commit");
}

}  // namespace mneme::storage
