#include "core/storage/rocksdb_reader.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "core/base/status.h"
#include "core/storage/keys.h"
#include "core/storage/rocksdb_catalogue.h"
#include "core/storage/rocksdb_scan.h"
#include "core/storage/rocksdb_status.h"
#include "rocksdb/snapshot.h"

namespace mneme::storage {
namespace {

constexpr size_t kKeysPerMultiGet = 256;

std::string RowName(MemoryUid uid, uint64_t row) {
  return absl::StrCat("row ", row, " of ", MemoryName(uid));
}
std::string RecordName(MemoryUid uid, uint64_t position) {
  return absl::StrCat("log record ", position, " of ", MemoryName(uid));
}
std::string StateName(MemoryUid uid, uint64_t position) {
  return absl::StrCat("state of ", MemoryName(uid), " at position ", position);
}

}  // namespace

template <typename Take>
absl::Status RocksDbReader::MultiGet(Family family, const std::vector<std::string>& keys,
                                     const Take& take) const {
  std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
  for (size_t first = 0; first < keys.size(); first += kKeysPerMultiGet) {
    const size_t count = std::min(kKeysPerMultiGet, keys.size() - first);
    std::vector<rocksdb::PinnableSlice> values(count);
    std::vector<rocksdb::Status> statuses(count);
    database_.db().MultiGet(rocksdb::ReadOptions(), database_[family], count, &slices[first],
                            values.data(), statuses.data());
    for (size_t i = 0; i < count; ++i) {
      MNEME_RETURN_IF_ERROR(take(first + i, statuses[i], ToView(values[i])));
    }
  }
  return absl::OkStatus();
}

absl::Status RocksDbReader::ReadLog(
    MemoryUid uid, uint64_t after_position,
    const std::function<absl::Status(const LogRecord&)>& visit) const {
  rocksdb::ManagedSnapshot snapshot(&database_.db());
  const rocksdb::ReadOptions read = ScanOptions(snapshot.snapshot());
  MNEME_ASSIGN_OR_RETURN(const MemoryCounters counters, ReadCounters(database_, read, uid));
  uint64_t position = std::max(after_position, counters.trimmed_position);  // of the record before
  if (position >= counters.last_position) return absl::OkStatus();
  const absl::Status scanned =
      ScanRange(database_, Family::kLog, NumberKey(uid, position + 1), PrefixEnd(MemoryPrefix(uid)),
                BehindDeletions(read), absl::StrCat("log of ", MemoryName(uid)),
                [&](std::string_view key, std::string_view value) -> absl::Status {
                  ++position;
                  absl::StatusOr<LogRecord> record = DecodeLogRecord(key, value);
                  if (!record.ok()) return Annotate(record.status(), RecordName(uid, position));
                  if (record->position != position) {
                    return Corrupt(RecordName(uid, position), "missing");
                  }
                  return visit(*record);
                });
  MNEME_RETURN_IF_ERROR(scanned);
  if (position != counters.last_position) return Corrupt(RecordName(uid, position + 1), "missing");
  return absl::OkStatus();
}

// What a dropped memory had may still be there, behind its deleted range.
absl::StatusOr<bool> RocksDbReader::Lives(MemoryUid uid) const {
  MNEME_ASSIGN_OR_RETURN(const std::optional<MemoryCounters> counters,
                         FindCounters(database_, rocksdb::ReadOptions(), uid));
  return counters.has_value();
}

absl::Status RocksDbReader::ScanRows(
    MemoryUid uid, uint64_t first, uint64_t last,
    const std::function<absl::Status(const RowView&)>& visit) const {
  if (first >= last) return absl::OkStatus();
  MNEME_ASSIGN_OR_RETURN(const bool lives, Lives(uid));
  if (!lives) return absl::OkStatus();
  RowDecoder decoder;
  return ScanRange(database_, Family::kRows, NumberKey(uid, first), NumberKey(uid, last),
                   BehindDeletions(ScanOptions()), absl::StrCat("rows of ", MemoryName(uid)),
                   [&](std::string_view key, std::string_view value) -> absl::Status {
                     absl::StatusOr<RowView> row = decoder.Decode(key, value);
                     if (row.ok()) return visit(*row);
                     return Annotate(row.status(), RowName(uid, NumberFromKey(key).value_or(0)));
                   });
}

absl::Status RocksDbReader::ReadRow(
    MemoryUid uid, uint64_t row, const std::function<absl::Status(const RowView&)>& visit) const {
  const std::string key = NumberKey(uid, row);
  rocksdb::PinnableSlice value;
  const rocksdb::Status got =
      database_.db().Get(rocksdb::ReadOptions(), database_[Family::kRows], key, &value);
  if (got.IsNotFound()) {
    return NotFound(absl::StrCat("no ", RowName(uid, row)),
                    {.reason = "NOT_FOUND",
                     .given = absl::StrCat(row),
                     .expected = "a row that is stored",
                     .next_step = "Look the row up by its id."});
  }
  MNEME_RETURN_IF_ERROR(FromRocksDb(got, RowName(uid, row)));
  RowDecoder decoder;
  absl::StatusOr<RowView> view = decoder.Decode(key, ToView(value));
  if (!view.ok()) return Annotate(view.status(), RowName(uid, row));
  return visit(*view);
}

absl::StatusOr<std::vector<std::optional<uint64_t>>> RocksDbReader::FindIds(
    MemoryUid uid, std::span<const ItemId> ids) const {
  std::vector<std::string> keys;
  keys.reserve(ids.size());
  for (const ItemId& id : ids) keys.push_back(IdKey(uid, id));
  std::vector<std::optional<uint64_t>> out(ids.size());
  const absl::Status got_all = MultiGet(
      Family::kIds, keys,
      [&](size_t i, const rocksdb::Status& got, std::string_view value) -> absl::Status {
        if (got.IsNotFound()) return absl::OkStatus();
        const std::string name = absl::StrCat("id '", ids[i].ToString(), "' of ", MemoryName(uid));
        MNEME_RETURN_IF_ERROR(FromRocksDb(got, name));
        absl::StatusOr<uint64_t> row = DecodeIdRow(keys[i], value);
        if (!row.ok()) return Annotate(row.status(), name);
        out[i] = *row;
        return absl::OkStatus();
      });
  MNEME_RETURN_IF_ERROR(got_all);
  return out;
}

absl::StatusOr<std::vector<OwnedPayload>> RocksDbReader::ReadPayloads(
    MemoryUid uid, std::span<const uint64_t> rows) const {
  std::vector<std::string> keys;
  keys.reserve(rows.size());
  for (uint64_t row : rows) keys.push_back(NumberKey(uid, row));
  std::vector<OwnedPayload> out(rows.size());
  const absl::Status got_all =
      MultiGet(Family::kPayload, keys,
               [&](size_t i, const rocksdb::Status& got, std::string_view value) -> absl::Status {
                 if (got.IsNotFound()) return absl::OkStatus();
                 const std::string name = absl::StrCat("payload of ", RowName(uid, rows[i]));
                 MNEME_RETURN_IF_ERROR(FromRocksDb(got, name));
                 absl::StatusOr<Payload> payload = DecodePayload(keys[i], value);
                 if (!payload.ok()) return Annotate(payload.status(), name);
                 out[i] = {.payload = std::string(payload->payload),
                           .attributes = std::string(payload->attributes)};
                 return absl::OkStatus();
               });
  MNEME_RETURN_IF_ERROR(got_all);
  return out;
}

absl::Status RocksDbReader::ScanAttributes(
    MemoryUid uid,
    const std::function<absl::Status(uint64_t row, std::string_view attributes)>& visit) const {
  MNEME_ASSIGN_OR_RETURN(const bool lives, Lives(uid));
  if (!lives) return absl::OkStatus();
  const std::string first = MemoryPrefix(uid);
  return ScanRange(
      database_, Family::kPayload, first, PrefixEnd(first), BehindDeletions(ScanOptions()),
      absl::StrCat("attributes of ", MemoryName(uid)),
      [&](std::string_view key, std::string_view value) -> absl::Status {
        MNEME_ASSIGN_OR_RETURN(const uint64_t row, NumberFromKey(key));
        absl::StatusOr<Payload> payload = DecodePayload(key, value);
        if (!payload.ok()) {
          return Annotate(payload.status(), absl::StrCat("payload of ", RowName(uid, row)));
        }
        return payload->attributes.empty() ? absl::OkStatus() : visit(row, payload->attributes);
      });
}

absl::StatusOr<std::optional<StateBlob>> RocksDbReader::ReadState(MemoryUid uid) const {
  rocksdb::ManagedSnapshot snapshot(&database_.db());
  const rocksdb::ReadOptions read = ScanOptions(snapshot.snapshot());
  MNEME_ASSIGN_OR_RETURN(const MemoryCounters counters, ReadCounters(database_, read, uid));
  if (!counters.has_state) return std::nullopt;
  const std::string name = StateName(uid, counters.state_position);
  StateBlob out{.position = counters.state_position};
  uint32_t seen = 0;
  uint32_t count = 0;
  uint64_t total = 0;
  const absl::Status scanned =
      ScanRange(database_, Family::kState, NumberKey(uid, out.position),
                PrefixEnd(MemoryPrefix(uid)), BehindDeletions(read), name,
                [&](std::string_view key, std::string_view value) -> absl::Status {
                  if (seen > 0 && seen == count)
                    return absl::OkStatus();  // of a longer one before it
                  absl::StatusOr<StateChunk> chunk = DecodeStateChunk(key, value);
                  if (!chunk.ok())
                    return Annotate(chunk.status(), absl::StrCat(name, ", chunk ", seen));
                  if (seen == 0) {
                    count = chunk->chunk_count;
                    total = chunk->total_bytes;
                    if (count == StateChunkCount(total)) out.blob.reserve(total);
                  }
                  const bool same = chunk->chunk_count == count && chunk->total_bytes == total;
                  if (!same || key != StateChunkKey(uid, out.position, seen)) {
                    return Corrupt(absl::StrCat(name, ", chunk ", seen),
                                   "missing, or another's in its place");
                  }
                  out.blob += chunk->bytes;
                  ++seen;
                  return absl::OkStatus();
                });
  MNEME_RETURN_IF_ERROR(scanned);
  if (seen == 0 || seen != count || out.blob.size() != total) {
    return Corrupt(name, absl::StrCat("chunks missing: ", seen, " are there, with ",
                                      out.blob.size(), " bytes of ", total));
  }
  return out;
}

absl::StatusOr<std::optional<RequestOutcome>> RocksDbReader::FindRequest(
    const RequestKey& key) const {
  absl::StatusOr<std::optional<RequestOutcome>> outcome = FindOutcome(OutcomeKey(key));
  if (outcome.ok()) return outcome;
  return Annotate(outcome.status(),
                  absl::StrCat("request '", key.request_id, "' on '", key.scope, "'"));
}

absl::StatusOr<std::optional<RequestOutcome>> RocksDbReader::FindOutcome(
    std::string_view outcome_key) const {
  constexpr std::string_view kName = "outcome of a request";
  rocksdb::PinnableSlice value;
  const rocksdb::Status got = database_.db().Get(
      rocksdb::ReadOptions(), database_[Family::kRequests], ToSlice(outcome_key), &value);
  if (got.IsNotFound()) return std::nullopt;
  MNEME_RETURN_IF_ERROR(FromRocksDb(got, kName));
  absl::StatusOr<RequestOutcome> outcome = DecodeOutcome(outcome_key, ToView(value));
  if (!outcome.ok()) return Annotate(outcome.status(), kName);
  return *std::move(outcome);
}

absl::StatusOr<std::vector<std::string>> RocksDbReader::FindExpiredRequests(
    int64_t before_unix_nanos, uint64_t most) const {
  const std::string first = OutcomeTimePrefix();
  const std::string end = OutcomeTimeBound(before_unix_nanos);
  const rocksdb::Slice bound = ToSlice(end);
  rocksdb::ReadOptions read;
  read.iterate_upper_bound = &bound;
  const std::unique_ptr<rocksdb::Iterator> it(
      database_.db().NewIterator(read, database_[Family::kRequests]));
  std::vector<std::string> out;
  for (it->Seek(first); it->Valid() && out.size() < most; it->Next())
    out.push_back(it->key().ToString());
  MNEME_RETURN_IF_ERROR(FromRocksDb(it->status(), "the times of requests"));
  return out;
}

}  // namespace mneme::storage
