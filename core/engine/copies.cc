#include "core/engine/copies.h"

#include <algorithm>
#include <utility>

#include "core/base/fail_point.h"
#include "core/engine/alias_ops.h"
#include "core/engine/blocking.h"
#include "core/engine/recovery.h"

namespace mneme::engine {
namespace {

// What is copied lies in a table file and in the one that a compaction makes of it, which may write
// the neighbours' anew too; and the last of it is in the log. Measured: up to 3.7 times its bytes.
constexpr uint64_t kTableCopies = 3;
constexpr uint64_t kLogBytesMax = uint64_t{1} << 30;

uint64_t DiskBytesOnTheWay(uint64_t bytes) {
  return kTableCopies * bytes + std::min(bytes, kLogBytesMax);
}

absl::Status DiskFull(uint64_t free, uint64_t asked) {
  return ResourceExhausted(
      absl::StrFormat("the copy takes up to %d bytes of disk on its way, %d are to spare", asked,
                      free),
      {.reason = "FULL",
       .given = absl::StrCat(asked),
       .expected = absl::StrCat("at most ", free),
       .next_step = "Make room on the disk of the data directory (data.disk_bytes_reserve of it "
                    "is never to spare). Nothing was changed."});
}

}  // namespace

uint64_t MemoryBytes(const models::ModelStats& stats) {
  return stats.fixed_bytes + stats.row_bytes;
}

bool JobPhase::Report(uint64_t done, uint64_t total) const {
  const double share =
      total == 0 ? 0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  return report_({.phase = std::string(phase_), .share = from_ + (to_ - from_) * share});
}

Copies::~Copies() {
  if (uids_.empty()) return;
  std::unique_ptr<storage::CommitBatch> batch = context_.storage.NewBatch();
  for (const MemoryUid uid : uids_) batch->DropMemory(uid);
  // Where the log has stopped, the next start finds them as orphans.
  context_.storage.Commit(std::move(batch), Sync::kOs).IgnoreError();
}

absl::StatusOr<MemoryUid> Copies::ChooseUid(std::optional<MemoryUid> wanted) {
  MemoryUid uid = wanted.value_or(0);
  for (bool used = true; used;) {
    if (!wanted.has_value()) {
      uid = Random(context_.random.Next(), static_cast<uint64_t>(context_.clock.NowUnixNanos()))
                .Next();
    }
    MNEME_ASSIGN_OR_RETURN(used, context_.storage.IsUsed(uid));
    wanted.reset();
  }
  return uid;
}

absl::Status Copies::CheckDisk(uint64_t bytes) const {
  MNEME_ASSIGN_OR_RETURN(const uint64_t free, context_.storage.FreeDiskBytes());
  const uint64_t spare =
      free > context_.disk_bytes_reserve ? free - context_.disk_bytes_reserve : 0;
  const uint64_t needed = DiskBytesOnTheWay(bytes);
  return needed < spare ? absl::OkStatus() : DiskFull(spare, needed);
}

absl::StatusOr<MemoryUid> Copies::Copy(const storage::Storage& source, MemoryUid source_uid,
                                       std::optional<MemoryUid> wanted, std::string_view scope,
                                       const storage::ProgressFn& progress) {
  uint64_t bytes = 0;
  for (const storage::DiskBytes& part : source.MemoryDiskBytes(source_uid)) bytes += part.bytes;
  MNEME_RETURN_IF_ERROR(CheckDisk(bytes));
  MNEME_ASSIGN_OR_RETURN(const MemoryUid uid, ChooseUid(wanted));
  uids_.push_back(uid);
  absl::Status full;  // others fill the disk meanwhile
  const absl::Status copied = context_.storage.CopyMemory(
      source, source_uid, uid, uid == wanted ? scope : "", [&](uint64_t done, uint64_t total) {
        MNEME_PASS_FAIL_POINT("copy.rows");
        full = CheckDisk(total - done);
        return full.ok() && progress(done, total);
      });
  if (!full.ok()) return full;
  if (!copied.ok()) return copied;
  return uid;
}

absl::StatusOr<std::shared_ptr<Memory>> Copies::Recover(MemoryInfo info, uint64_t memory_bytes,
                                                        const storage::ProgressFn& progress) {
  info.health = Health::kServing;
  MNEME_ASSIGN_OR_RETURN(
      MemoryBudget::Reservation room,
      context_.budget.Reserve(absl::StrCat("memory '", info.name, "'"), memory_bytes, 0));
  room_.push_back(std::move(room));
  MNEME_ASSIGN_OR_RETURN(const uint64_t total, context_.storage.NextRow(info.uid));
  auto memory = std::make_shared<Memory>(std::move(info), nullptr);
  MNEME_RETURN_IF_ERROR(
      RecoverMemory(context_.storage, *memory, context_.item_ids,
                    {.progress = [&](uint64_t rows) { return progress(rows, total); }}));
  memories_.push_back(memory);
  return memory;
}

absl::Status Copies::Install(std::vector<AliasInfo> aliases) {
  MNEME_RETURN_IF_ERROR(MNEME_FAIL_POINT("copy.before_install"));
  Blocking<bool> blocking;
  context_.committer.Submit(MakeInstallOp(context_.catalogue, context_.limits.memories_max,
                                          memories_, std::move(aliases), blocking.callback()));
  absl::Status installed = blocking.Wait().status();
  // Of unknown outcome: they may be in the catalogue already, and then they stay.
  const std::optional<ErrorDetail> detail = GetErrorDetail(installed);
  if (installed.ok() || (detail.has_value() && detail->reason == "OUTCOME_UNKNOWN")) uids_.clear();
  return installed;
}

}  // namespace mneme::engine
