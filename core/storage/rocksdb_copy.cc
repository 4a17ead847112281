#include "core/storage/rocksdb_copy.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "core/base/status.h"
#include "core/storage/keys.h"
#include "core/storage/rocksdb_catalogue.h"
#include "core/storage/rocksdb_disk.h"
#include "core/storage/rocksdb_scan.h"
#include "core/storage/values.h"
#include "rocksdb/snapshot.h"

namespace mneme::storage {
namespace {

constexpr size_t kBatchBytes = 4u << 20;

class Copier {
 public:
  Copier(const MemoryCopy& copy, const std::function<absl::Status(rocksdb::WriteBatch&)>& write,
         const ProgressFn& progress)
      : copy_(copy), write_(write), progress_(progress), held_(&copy.source.db()) {}

  absl::Status Run() {
    MNEME_RETURN_IF_ERROR(CheckUnused());
    OpenIterators();
    MNEME_RETURN_IF_ERROR(CopyCounters());
    total_bytes_ = TotalBytes();
    MNEME_RETURN_IF_ERROR(Report());
    for (size_t i = 0; i < kMemoryFamilies.size(); ++i) {
      MNEME_RETURN_IF_ERROR(CopyFamily(kMemoryFamilies[i], *iterators_[i]));
    }
    if (copy_.uid == copy_.source_uid && !copy_.scope.empty()) {
      MNEME_RETURN_IF_ERROR(DropOutcomes());
      MNEME_RETURN_IF_ERROR(CopyOutcomes());
    }
    MNEME_RETURN_IF_ERROR(WriteBatch());
    done_bytes_ = total_bytes_;
    return Report();
  }

 private:
  absl::Status CheckUnused() const;
  absl::Status ClearAway(Family family, std::string_view first, std::string_view end) const;
  void OpenIterators();
  absl::Status CopyCounters();
  absl::Status CopyFamily(Family family, rocksdb::Iterator& it);
  // The outcomes that the target has in this scope are of a memory that is gone.
  absl::Status DropOutcomes();
  absl::Status CopyOutcomes();
  // Calls `visit(key, value)` for each outcome of `database` in the scope.
  template <typename Visit>
  absl::Status VisitOutcomes(const Database& database, const rocksdb::Snapshot* snapshot,
                             const Visit& visit) const;
  uint64_t TotalBytes() const;

  absl::Status Put(Family family, std::string_view key, std::string_view value);
  absl::Status WriteIfFull() {
    return batch_.GetDataSize() < kBatchBytes ? absl::OkStatus() : WriteBatch();
  }
  absl::Status WriteBatch();
  absl::Status Report() const;

  const MemoryCopy& copy_;
  const std::function<absl::Status(rocksdb::WriteBatch&)>& write_;
  const ProgressFn& progress_;
  rocksdb::ManagedSnapshot held_;
  const rocksdb::Snapshot* const snapshot_ = held_.snapshot();
  const std::string first_ = MemoryPrefix(copy_.source_uid);
  const std::string end_ = PrefixEnd(first_);
  const rocksdb::Slice bound_ = ToSlice(end_);
  std::array<std::unique_ptr<rocksdb::Iterator>, kMemoryFamilies.size()> iterators_;
  rocksdb::WriteBatch batch_;
  uint64_t done_bytes_ = 0;
  uint64_t total_bytes_ = 0;
};

absl::Status Copier::CheckUnused() const {
  const absl::Status in_use = FailedPrecondition(
      absl::StrCat(MemoryName(copy_.uid), " is there already"),
      {.reason = "IN_USE",
       .given = MemoryName(copy_.uid),
       .expected = "a uid that nothing is stored under",
       .next_step = "Copy it under a new uid, or drop the memory that has this one."});
  MNEME_ASSIGN_OR_RETURN(const std::optional<MemoryCounters> counters,
                         FindCounters(copy_.target, rocksdb::ReadOptions(), copy_.uid));
  if (counters.has_value()) return in_use;
  const std::string first = MemoryPrefix(copy_.uid);
  const std::string end = PrefixEnd(first);
  for (Family family : kMemoryFamilies) {
    MNEME_RETURN_IF_ERROR(ScanRange(copy_.target, family, first, end, rocksdb::ReadOptions(),
                                    MemoryName(copy_.uid),
                                    [&](std::string_view, std::string_view) { return in_use; }));
    MNEME_RETURN_IF_ERROR(ClearAway(family, first, end));
  }
  return absl::OkStatus();
}

// What a memory that was dropped left behind its deleted range: readers of the new one do not heed
// that range.
absl::Status Copier::ClearAway(Family family, std::string_view first, std::string_view end) const {
  const std::string doing = absl::StrCat("clearing away what ", MemoryName(copy_.uid), " was");
  bool left = false;
  const auto look = [&] {
    left = false;
    const absl::Status looked =
        ScanRange(copy_.target, family, first, end, BehindDeletions(rocksdb::ReadOptions()), doing,
                  [&](std::string_view, std::string_view) {
                    left = true;
                    return absl::CancelledError("one is enough");
                  });
    return left ? absl::OkStatus() : looked;
  };
  MNEME_RETURN_IF_ERROR(look());
  if (!left) return absl::OkStatus();
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  const rocksdb::Slice from = ToSlice(first);
  const rocksdb::Slice to = ToSlice(end);
  MNEME_RETURN_IF_ERROR(FromRocksDb(
      copy_.target.db().CompactRange(options, copy_.target[family], &from, &to), doing));
  MNEME_RETURN_IF_ERROR(look());
  if (!left) return absl::OkStatus();
  return Unavailable(absl::StrCat(doing, ": another reader still holds it"),
                     {.reason = "IN_USE",
                      .given = MemoryName(copy_.uid),
                      .expected = "no copy or backup of it under way",
                      .next_step = "Try again once the other work has ended."});
}

// All at once: an iterator keeps the files it reads, which dropping the memory takes away.
void Copier::OpenIterators() {
  rocksdb::ReadOptions read = ScanOptions(snapshot_);
  read.iterate_upper_bound = &bound_;
  for (size_t i = 0; i < kMemoryFamilies.size(); ++i) {
    iterators_[i].reset(copy_.source.db().NewIterator(read, copy_.source[kMemoryFamilies[i]]));
  }
}

absl::Status Copier::CopyCounters() {
  // As they are now: had the memory been dropped before all iterators were there, they are gone.
  MNEME_ASSIGN_OR_RETURN(const std::optional<MemoryCounters> now,
                         FindCounters(copy_.source, rocksdb::ReadOptions(), copy_.source_uid));
  const rocksdb::ReadOptions then = ScanOptions(snapshot_);
  MNEME_ASSIGN_OR_RETURN(const std::optional<MemoryCounters> counters,
                         FindCounters(copy_.source, then, copy_.source_uid));
  if (!now.has_value() || !counters.has_value()) {
    return NotFound(absl::StrCat("no ", MemoryName(copy_.source_uid), " to copy"),
                    {.reason = "NOT_FOUND",
                     .given = MemoryName(copy_.source_uid),
                     .expected = "a memory that the source has",
                     .next_step = "Look the memory up anew: it may have been deleted."});
  }
  const std::string key = CountersKey(copy_.uid);
  MNEME_RETURN_IF_ERROR(Put(Family::kCatalogue, key, EncodeCounters(key, *counters)));
  return WriteBatch();
}

absl::Status Copier::CopyFamily(Family family, rocksdb::Iterator& it) {
  const std::string prefix = MemoryPrefix(copy_.uid);
  for (it.Seek(first_); it.Valid(); it.Next()) {
    const std::string_view key = ToView(it.key());
    const std::string_view value = ToView(it.value());
    const std::string new_key = prefix + std::string(key.substr(prefix.size()));
    const absl::StatusOr<std::string> copied = Rekey(key, value, new_key);
    if (!copied.ok()) {
      return Annotate(copied.status(), absl::StrCat("a record in '", FamilyName(family), "' of ",
                                                    MemoryName(copy_.source_uid)));
    }
    MNEME_RETURN_IF_ERROR(Put(family, new_key, *copied));
    done_bytes_ += key.size() + value.size();
    MNEME_RETURN_IF_ERROR(WriteIfFull());
  }
  return FromRocksDb(it.status(),
                     absl::StrCat(FamilyName(family), " of ", MemoryName(copy_.source_uid)));
}

template <typename Visit>
absl::Status Copier::VisitOutcomes(const Database& database, const rocksdb::Snapshot* snapshot,
                                   const Visit& visit) const {
  const std::string first = OutcomePrefix();
  return ScanRange(database, Family::kRequests, first, PrefixEnd(first), ScanOptions(snapshot),
                   "outcomes of requests",
                   [&](std::string_view key, std::string_view value) -> absl::Status {
                     MNEME_ASSIGN_OR_RETURN(const RequestKey request, RequestFromKey(key));
                     return request.scope == copy_.scope ? visit(key, value) : absl::OkStatus();
                   });
}

absl::Status Copier::DropOutcomes() {
  return VisitOutcomes(copy_.target, nullptr, [&](std::string_view key, std::string_view) {
    return FromRocksDb(batch_.Delete(copy_.target[Family::kRequests], ToSlice(key)),
                       "dropping an outcome");
  });
}

absl::Status Copier::CopyOutcomes() {
  return VisitOutcomes(
      copy_.source, snapshot_, [&](std::string_view key, std::string_view value) -> absl::Status {
        MNEME_ASSIGN_OR_RETURN(const RequestOutcome outcome, DecodeOutcome(key, value));
        const std::string time_key = OutcomeTimeKey(outcome.time_unix_nanos, key);
        MNEME_RETURN_IF_ERROR(Put(Family::kRequests, key, value));
        MNEME_RETURN_IF_ERROR(Put(Family::kRequests, time_key, EncodeOutcomeTime(time_key)));
        return WriteIfFull();
      });
}

uint64_t Copier::TotalBytes() const {
  uint64_t total = 0;
  for (const DiskBytes& part : ApproximateMemoryBytes(copy_.source, copy_.source_uid)) {
    total += part.bytes;
  }
  return total;
}

absl::Status Copier::Put(Family family, std::string_view key, std::string_view value) {
  return FromRocksDb(batch_.Put(copy_.target[family], ToSlice(key), ToSlice(value)),
                     "adding to a copy");
}

absl::Status Copier::WriteBatch() {
  MNEME_RETURN_IF_ERROR(write_(batch_));
  batch_.Clear();
  return Report();
}

absl::Status Copier::Report() const {
  if (progress_ == nullptr || progress_(std::min(done_bytes_, total_bytes_), total_bytes_)) {
    return absl::OkStatus();
  }
  return Cancelled(absl::StrCat("the copy of ", MemoryName(copy_.source_uid), " was stopped"),
                   {.reason = "CANCELLED", .next_step = "Start it again when it is wanted."});
}

}  // namespace

absl::Status CopyMemoryRecords(const MemoryCopy& copy,
                               const std::function<absl::Status(rocksdb::WriteBatch&)>& write,
                               const ProgressFn& progress) {
  return Copier(copy, write, progress).Run();
}

}  // namespace mneme::storage
