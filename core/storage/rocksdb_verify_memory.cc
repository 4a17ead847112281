#include "core/storage/rocksdb_verify_memory.h"

#include <memory>
#include <string>

#include "core/base/ids.h"
#include "core/base/status.h"
#include "core/storage/keys.h"
#include "core/storage/rocksdb_scan.h"

namespace mneme::storage {
namespace {

constexpr uint8_t kKnownFlags = kRowRemoved | kRowNegative;

// A sum over pairs (id, row) that does not depend on their order: two sets of pairs that have the
// same sum are the same, but for a chance of 2^-64.
class PairSum {
 public:
  void Add(std::string_view encoded_id, uint64_t row) {
    std::string pair(encoded_id);
    pair.append(reinterpret_cast<const char*>(&row), sizeof(row));
    sum_ += StableHash(pair);
    ++count_;
  }
  uint64_t count() const { return count_; }
  friend bool operator==(const PairSum&, const PairSum&) = default;

 private:
  uint64_t sum_ = 0;
  uint64_t count_ = 0;
};

class MemoryVerifier {
 public:
  MemoryVerifier(const MemoryCheck& check, const std::function<void(const Damage&)>& report,
                 const std::function<absl::Status(uint64_t)>& advance)
      : check_(check), report_(report), advance_(advance) {}

  absl::Status Run() {
    MNEME_RETURN_IF_ERROR(CheckRowsAndPayloads());
    MNEME_RETURN_IF_ERROR(CheckIds());
    MNEME_RETURN_IF_ERROR(CheckLog());
    MNEME_RETURN_IF_ERROR(CheckState());
    return CheckExpiry();
  }

 private:
  absl::Status CheckRowsAndPayloads();
  void CheckRow(std::string_view key, std::string_view value);
  absl::Status CheckPayloadsBefore(rocksdb::Iterator& payloads, std::string_view row_key,
                                   bool row_is_there);
  absl::Status CheckIds();
  absl::Status FindWrongIds();
  absl::Status CheckLog();
  absl::Status CheckState();
  absl::Status CheckExpiry();

  // Walks the memory's keys in a family; damage of the database itself is reported.
  template <typename Visit>
  absl::Status Walk(Family family, const Visit& visit);
  std::unique_ptr<rocksdb::Iterator> NewIterator(Family family) const;
  void Report(Family family, std::string_view what, const absl::Status& status) {
    if (status.ok()) return;
    ++reported_;
    report_({.uid = check_.uid,
             .what = absl::StrCat(AbslView(what), " in '", FamilyName(family), "' of ",
                                  MemoryName(check_.uid)),
             .how = std::string(StdView(status.message()))});
  }
  void ReportKey(Family family, std::string_view key, const absl::Status& status) {
    Report(family, absl::StrCat("number ", NumberFromKey(key).value_or(0)), status);
  }

  const MemoryCheck& check_;
  const std::function<void(const Damage&)>& report_;
  const std::function<absl::Status(uint64_t)>& advance_;
  const std::string first_ = MemoryPrefix(check_.uid);
  const std::string end_ = PrefixEnd(first_);
  const rocksdb::Slice bound_ = ToSlice(end_);
  RowDecoder decoder_;
  PairSum pairs_of_rows_;
  uint64_t reported_ = 0;
};

template <typename Visit>
absl::Status MemoryVerifier::Walk(Family family, const Visit& visit) {
  absl::Status stopped;
  const absl::Status scanned =
      ScanRange(check_.database, family, first_, end_, ScanOptions(check_.snapshot),
                FamilyName(family), [&](std::string_view key, std::string_view value) {
                  visit(key, value);
                  stopped = advance_(key.size() + value.size());
                  return stopped;
                });
  if (stopped.ok()) Report(family, "the rest", scanned);
  return stopped;
}

std::unique_ptr<rocksdb::Iterator> MemoryVerifier::NewIterator(Family family) const {
  rocksdb::ReadOptions read = ScanOptions(check_.snapshot);
  read.iterate_upper_bound = &bound_;
  return std::unique_ptr<rocksdb::Iterator>(
      check_.database.db().NewIterator(read, check_.database[family]));
}

// Both are in the order of rows: one walk over the two.
absl::Status MemoryVerifier::CheckRowsAndPayloads() {
  const std::unique_ptr<rocksdb::Iterator> payloads = NewIterator(Family::kPayload);
  payloads->Seek(first_);
  absl::Status stopped;
  uint64_t reported_rows = reported_;
  MNEME_RETURN_IF_ERROR(Walk(Family::kRows, [&](std::string_view key, std::string_view value) {
    CheckRow(key, value);
    if (stopped.ok()) stopped = CheckPayloadsBefore(*payloads, key, true);
  }));
  MNEME_RETURN_IF_ERROR(stopped);
  // Where the walk over rows broke off, the payloads behind it tell nothing.
  const bool rows_whole = reported_ == reported_rows;
  MNEME_RETURN_IF_ERROR(CheckPayloadsBefore(*payloads, end_, !rows_whole));
  Report(Family::kPayload, "the rest", FromRocksDb(payloads->status(), "payload"));
  return absl::OkStatus();
}

void MemoryVerifier::CheckRow(std::string_view key, std::string_view value) {
  const absl::StatusOr<RowView> row = decoder_.Decode(key, value);
  if (!row.ok()) return ReportKey(Family::kRows, key, row.status());
  if ((row->flags & ~kKnownFlags) != 0) {
    ReportKey(Family::kRows, key, Corrupt("flags", absl::StrCat(row->flags, " are not known")));
  }
  if (check_.counters.has_value() && row->row >= check_.counters->next_row) {
    ReportKey(Family::kRows, key,
              Corrupt("row number", absl::StrCat("not below ", check_.counters->next_row)));
  }
  if (row->flags == 0) pairs_of_rows_.Add(row->id.Encode(), row->row);
}

// Payloads up to and including `row_key`; those before it have no row, unless rows are unknown.
absl::Status MemoryVerifier::CheckPayloadsBefore(rocksdb::Iterator& payloads,
                                                 std::string_view row_key, bool row_is_there) {
  for (; payloads.Valid() && ToView(payloads.key()) <= row_key; payloads.Next()) {
    const std::string_view key = ToView(payloads.key());
    const std::string_view value = ToView(payloads.value());
    ReportKey(Family::kPayload, key, DecodePayload(key, value).status());
    if (key != row_key && !(row_key == end_ && row_is_there)) {
      ReportKey(Family::kPayload, key, Corrupt("payload", "its row is missing"));
    }
    MNEME_RETURN_IF_ERROR(advance_(key.size() + value.size()));
  }
  return absl::OkStatus();
}

absl::Status MemoryVerifier::CheckIds() {
  PairSum pairs_of_ids;
  MNEME_RETURN_IF_ERROR(Walk(Family::kIds, [&](std::string_view key, std::string_view value) {
    const absl::StatusOr<uint64_t> row = DecodeIdRow(key, value);
    if (!row.ok()) return Report(Family::kIds, "an id", row.status());
    pairs_of_ids.Add(key.substr(first_.size()), *row);
  }));
  const bool keeps_ids = pairs_of_ids.count() > 0;
  return keeps_ids && pairs_of_ids != pairs_of_rows_ && check_.described ? FindWrongIds()
                                                                         : absl::OkStatus();
}

// Rows and ids disagree somewhere: looks each row up by its id.
absl::Status MemoryVerifier::FindWrongIds() {
  const uint64_t reported_before = reported_;
  rocksdb::ReadOptions read;
  read.snapshot = check_.snapshot;
  const auto lookup = [&](std::string_view key, std::string_view value) {
    const absl::StatusOr<RowView> row = decoder_.Decode(key, value);
    if (!row.ok() || row->flags != 0) return;
    const std::string id_key = IdKey(check_.uid, row->id);
    std::string found;
    const rocksdb::Status got =
        check_.database.db().Get(read, check_.database[Family::kIds], id_key, &found);
    if (got.ok() && DecodeIdRow(id_key, found).value_or(row->row) == row->row) return;
    const std::string what = absl::StrCat("id '", row->id.ToString(), "' of row ", row->row);
    Report(Family::kIds, what,
           Corrupt("id", got.ok() ? "it leads to another row" : got.ToString()));
  };
  MNEME_RETURN_IF_ERROR(Walk(Family::kRows, lookup));
  if (reported_ == reported_before) {
    Report(Family::kIds, "an id", Corrupt("id", "it leads to a row that is missing or removed"));
  }
  return absl::OkStatus();
}

absl::Status MemoryVerifier::CheckLog() {
  const MemoryCounters counters = check_.counters.value_or(MemoryCounters{});
  const uint64_t reported_before = reported_;
  uint64_t position = counters.trimmed_position;
  MNEME_RETURN_IF_ERROR(Walk(Family::kLog, [&](std::string_view key, std::string_view value) {
    const absl::StatusOr<LogRecord> record = DecodeLogRecord(key, value);
    ReportKey(Family::kLog, key, record.status());
    const uint64_t at = NumberFromKey(key).value_or(0);
    if (at != position + 1) {
      ReportKey(Family::kLog, key,
                Corrupt("log", absl::StrCat("record ", position + 1, " should stand here")));
    }
    position = at;
    if (record.ok() && record->first_row + record->row_count > counters.next_row) {
      ReportKey(Family::kLog, key, Corrupt("rows", "they lie beyond the memory's next row"));
    }
  }));
  if (check_.described && reported_ == reported_before && position != counters.last_position) {
    Report(Family::kLog, "the end",
           Corrupt("log", absl::StrCat("records ", position + 1, " to ", counters.last_position,
                                       " are missing")));
  }
  return absl::OkStatus();
}

absl::Status MemoryVerifier::CheckState() {
  const MemoryCounters counters = check_.counters.value_or(MemoryCounters{});
  uint32_t seen = 0;
  std::optional<uint32_t> expected;
  MNEME_RETURN_IF_ERROR(Walk(Family::kState, [&](std::string_view key, std::string_view value) {
    const absl::StatusOr<StateChunk> chunk = DecodeStateChunk(key, value);
    const std::string what = absl::StrCat("chunk ", seen);
    Report(Family::kState, what, chunk.status());
    if (key != StateChunkKey(check_.uid, counters.state_position, seen)) {
      Report(Family::kState, what, Corrupt("chunk", "missing, or another's in its place"));
    }
    if (chunk.ok() && expected.value_or(chunk->chunk_count) != chunk->chunk_count) {
      Report(Family::kState, what, Corrupt("chunk", "it is of another state"));
    }
    if (chunk.ok()) expected = chunk->chunk_count;
    ++seen;
  }));
  const bool missing = counters.has_state ? seen == 0 || expected.value_or(seen) != seen : seen > 0;
  if (check_.described && missing) {
    Report(Family::kState, "the state",
           Corrupt("state", absl::StrCat(seen, " chunks where the counters say ",
                                         counters.has_state ? "that there is a state" : "none")));
  }
  return absl::OkStatus();
}

absl::Status MemoryVerifier::CheckExpiry() {
  return Walk(Family::kExpiry, [&](std::string_view, std::string_view) {
    Report(Family::kExpiry, "a key", Corrupt("key", "nothing is kept in this family"));
  });
}

}  // namespace

absl::Status VerifyMemory(const MemoryCheck& check,
                          const std::function<void(const Damage&)>& report,
                          const std::function<absl::Status(uint64_t bytes)>& advance) {
  return MemoryVerifier(check, report, advance).Run();
}

}  // namespace mneme::storage
