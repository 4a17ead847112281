#include "core/storage/rocksdb_verify.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "core/storage/keys.h"
#include "core/storage/rocksdb_scan.h"
#include "core/storage/rocksdb_tables.h"
#include "core/storage/rocksdb_verify_memory.h"
#include "core/storage/values.h"
#include "rocksdb/snapshot.h"

namespace mneme::storage {
namespace {

class Verifier {
 public:
  Verifier(const Database& database, const std::function<void(const Damage&)>& report,
           const ProgressFn& progress)
      : database_(database), report_(report), progress_(progress), held_(&database.db()) {}

  absl::Status Run() {
    tables_ = LiveTables(database_.db());
    for (const Table& table : tables_) total_bytes_ += 2 * table.bytes;
    MNEME_RETURN_IF_ERROR(Advance(0));
    for (const Table& table : tables_) MNEME_RETURN_IF_ERROR(CheckTable(table));
    MNEME_RETURN_IF_ERROR(CheckCatalogue());
    MNEME_RETURN_IF_ERROR(CheckRequests());
    for (MemoryUid uid : Uids()) MNEME_RETURN_IF_ERROR(CheckMemory(uid));
    for (const auto& [table, status] : damaged_tables_) ReportTable(table, status);
    done_bytes_ = total_bytes_;
    return Advance(0);
  }

 private:
  // Stops (Cancelled) when the caller wants it.
  absl::Status Advance(uint64_t bytes) {
    done_bytes_ = std::min(done_bytes_ + bytes, total_bytes_);
    if (progress_ == nullptr || progress_(done_bytes_, total_bytes_)) return absl::OkStatus();
    return Cancelled("the check was stopped",
                     {.reason = "CANCELLED", .next_step = "Start it again when it is wanted."});
  }
  bool IsLive(const Table& table) const;
  absl::Status CheckTable(const Table& table);
  // A damaged file concerns those of its memories that were found damaged; all of them where none
  // was.
  void ReportTable(const Table& table, const absl::Status& status);
  absl::Status CheckCatalogue();
  absl::Status CheckCatalogueEntry(std::string_view key, std::string_view value);
  absl::Status CheckRequests();
  absl::Status CheckMemory(MemoryUid uid);
  // Those of the catalogue, of counters, and of whatever else keys begin with.
  std::set<MemoryUid> Uids() const;
  // Keys of a family, each given to `check`, which reports what is wrong with it by its status.
  template <typename Check>
  absl::Status CheckKeys(Family family, std::string_view what, const Check& check);
  void Report(MemoryUid uid, std::string_view what, const absl::Status& status) {
    damaged_.insert(uid);
    report_({.uid = uid, .what = std::string(what), .how = std::string(StdView(status.message()))});
  }

  const Database& database_;
  const std::function<void(const Damage&)>& report_;
  const ProgressFn& progress_;
  rocksdb::ManagedSnapshot held_;
  const rocksdb::Snapshot* const snapshot_ = held_.snapshot();
  std::vector<Table> tables_;
  std::set<MemoryUid> described_;
  std::map<MemoryUid, MemoryCounters> counters_;
  std::vector<std::pair<Table, absl::Status>> damaged_tables_;
  std::set<MemoryUid> damaged_;
  uint64_t done_bytes_ = 0;
  uint64_t total_bytes_ = 0;
};

bool Verifier::IsLive(const Table& table) const {
  const std::vector<Table> live = LiveTables(database_.db());
  return std::any_of(live.begin(), live.end(),
                     [&](const Table& each) { return each.name == table.name; });
}

absl::Status Verifier::CheckTable(const Table& table) {
  const absl::Status status = VerifyTable(database_.db(), table);
  if (!status.ok() && IsLive(table)) {  // else compaction replaced it meanwhile
    damaged_tables_.emplace_back(table, status);
  }
  return Advance(table.bytes);
}

void Verifier::ReportTable(const Table& table, const absl::Status& status) {
  std::vector<MemoryUid> uids;
  std::copy_if(table.uids.begin(), table.uids.end(), std::back_inserter(uids),
               [this](MemoryUid uid) { return damaged_.contains(uid); });
  if (uids.empty()) uids = table.uids;
  if (uids.empty()) uids.push_back(0);
  for (MemoryUid uid : uids) {
    report_({.uid = uid,
             .what = absl::StrCat("table file '", table.name, "' of '", table.family, "'"),
             .how = std::string(StdView(status.message()))});
  }
}

template <typename Check>
absl::Status Verifier::CheckKeys(Family family, std::string_view what, const Check& check) {
  absl::Status stopped;
  const std::string first(1, '\0');
  const std::string end(64, '\xff');
  const absl::Status scanned =
      ScanRange(database_, family, first, end, ScanOptions(snapshot_), what,
                [&](std::string_view key, std::string_view value) {
                  if (const absl::Status status = check(key, value); !status.ok()) {
                    Report(0, what, status);
                  }
                  stopped = Advance(key.size() + value.size());
                  return stopped;
                });
  if (stopped.ok() && !scanned.ok()) Report(0, what, scanned);
  return stopped;
}

absl::Status Verifier::CheckCatalogueEntry(std::string_view key, std::string_view value) {
  if (key == FormatKey()) return DecodeFormat(key, value).status();
  if (key.starts_with(AliasPrefix())) return DecodeAlias(key, value).status();
  MNEME_ASSIGN_OR_RETURN(const MemoryUid uid, UidFromCatalogueKey(key));
  if (key.starts_with(DescriptionPrefix())) {
    described_.insert(uid);
    return DecodeDescription(key, value).status();
  }
  if (key.starts_with(UsedPrefix())) return DecodeDescription(key, value).status();
  if (!key.starts_with(CountersPrefix())) return Corrupt("a key", "it is of no known kind");
  MNEME_ASSIGN_OR_RETURN(counters_[uid], DecodeCounters(key, value));
  return absl::OkStatus();
}

absl::Status Verifier::CheckCatalogue() {
  bool has_format = false;
  MNEME_RETURN_IF_ERROR(CheckKeys(Family::kCatalogue, "the catalogue",
                                  [&](std::string_view key, std::string_view value) {
                                    has_format |= key == FormatKey();
                                    return CheckCatalogueEntry(key, value);
                                  }));
  if (!has_format) Report(0, "the catalogue", Corrupt("the format version", "missing"));
  return absl::OkStatus();
}

absl::Status Verifier::CheckRequests() {
  return CheckKeys(Family::kRequests, "outcomes of requests",
                   [](std::string_view key, std::string_view value) {
                     return key.starts_with(OutcomePrefix()) ? DecodeOutcome(key, value).status()
                                                             : OutcomeTimeFromKey(key).status();
                   });
}

std::set<MemoryUid> Verifier::Uids() const {
  std::set<MemoryUid> uids = described_;
  for (const auto& [uid, counters] : counters_) uids.insert(uid);
  for (const Table& table : tables_) uids.insert(table.uids.begin(), table.uids.end());
  for (Family family : kMemoryFamilies) {
    const std::unique_ptr<rocksdb::Iterator> it(
        database_.db().NewIterator(ScanOptions(snapshot_), database_[family]));
    it->SeekToFirst();
    while (it->Valid()) {
      const MemoryUid uid = UidFromMemoryKey(ToView(it->key())).value_or(0);
      uids.insert(uid);
      it->Seek(PrefixEnd(MemoryPrefix(uid)));
    }
  }
  return uids;
}

absl::Status Verifier::CheckMemory(MemoryUid uid) {
  MemoryCheck check{.database = database_,
                    .snapshot = snapshot_,
                    .uid = uid,
                    .described = described_.contains(uid)};
  if (const auto found = counters_.find(uid); found != counters_.end()) {
    check.counters = found->second;
  }
  if (check.described && !check.counters.has_value()) {
    Report(uid, "counters", Corrupt(absl::StrCat("counters of ", MemoryName(uid)), "missing"));
  }
  const auto report = [this](const Damage& damage) {
    damaged_.insert(damage.uid);
    report_(damage);
  };
  return VerifyMemory(check, report, [&](uint64_t bytes) { return Advance(bytes); });
}

}  // namespace

absl::Status VerifyDatabase(const Database& database,
                            const std::function<void(const Damage&)>& report,
                            const ProgressFn& progress) {
  return Verifier(database, report, progress).Run();
}

}  // namespace mneme::storage
