#include "core/engine/backup_job.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/base/fail_point.h"
#include "core/base/status.h"
#include "core/engine/catalogue_entry.h"
#include "core/engine/recovery.h"

namespace mneme::engine {
namespace {

// Shares of the whole: the files are copied, then the memories are read.
constexpr double kCopied = 0.4;
// Of a memory: reading its rows, then its model; the rest is sampling.
constexpr double kDigested = 0.4;
constexpr double kLoaded = 0.9;

bool IsDamage(const absl::Status& status) {
  return absl::IsDataLoss(status) || absl::IsInternal(status);
}

// Reads the memories of a backup, one after another.
class BackupReader {
 public:
  BackupReader(const JobContext& context, storage::Storage& backup, const JobRunner::Report& report)
      : context_(context), backup_(backup), report_(report) {}

  absl::Status ReadInto(Manifest& manifest) {
    MNEME_ASSIGN_OR_RETURN(const std::vector<storage::Storage::CatalogueEntry> entries,
                           backup_.ReadCatalogue());
    for (const storage::Storage::CatalogueEntry& entry : entries) {
      absl::StatusOr<MemoryInfo> info = DecodeCatalogueEntry(entry.entry);
      // Without its entry a memory has no name to be restored by.
      if (!info.ok()) continue;
      rows_.push_back(backup_.NextRow(info->uid).value_or(0));
      manifest.memories.push_back({.info = *std::move(info)});
    }
    rows_total_ = std::accumulate(rows_.begin(), rows_.end(), uint64_t{0});
    for (size_t i = 0; i < manifest.memories.size(); ++i) {
      ManifestMemory& memory = manifest.memories[i];
      memory.seed = context_.random.Next();
      const absl::Status status = ReadMemory(i, memory);
      rows_done_ += rows_[i];
      if (!status.ok() && !IsDamage(status)) return Annotate(status, memory.info.name);
      if (!status.ok()) NoteDamage(memory, status.message());
    }
    std::sort(manifest.memories.begin(), manifest.memories.end(),
              [](const auto& a, const auto& b) { return a.info.name < b.info.name; });
    return ReadAliases(manifest);
  }

 private:
  // In the share of the job that this memory has by its rows.
  JobPhase Phase(std::string_view name, size_t i, double from, double to) const {
    const double total = static_cast<double>(std::max<uint64_t>(1, rows_total_));
    const double first = static_cast<double>(rows_done_) / total;
    const double share = static_cast<double>(rows_[i]) / total;
    const auto at = [&](double part) { return kCopied + (1 - kCopied) * (first + share * part); };
    return JobPhase(report_, name, at(from), at(to));
  }

  absl::Status ReadMemory(size_t i, ManifestMemory& out) {
    const auto live = context_.catalogue.Find(out.info.name);
    if (live.ok() && (*live)->info().health == Health::kDegraded) {
      NoteDamage(out, (*live)->info().health_reason);
      return absl::OkStatus();
    }
    const bool keeps_ids = out.info.spec.retain != models::Retain::kStatistics;
    const bool keeps_keys = out.info.spec.retain == models::Retain::kAll;
    const size_t quota = SampleQuota(rows_[i], rows_total_, rows_.size());
    RowReservoir reservoir(quota, out.seed);
    uint64_t live_rows = 0;
    const JobPhase digesting = Phase("loading", i, 0, kDigested);
    MNEME_ASSIGN_OR_RETURN(out.digest, DigestMemory(
                                           backup_, out.info.uid, keeps_ids,
                                           [&](const storage::RowView& row) {
                                             ++live_rows;
                                             reservoir.Show(row.row);
                                           },
                                           digesting.progress()));
    out.items = live_rows;
    // A memory that fills more than half of what there is cannot be there twice: its data is
    // backed up and compared all the same, its answers are not.
    out.memory_bytes = live.ok() ? MemoryBytes((*live)->info().stats) : 0;
    const auto room = context_.budget.Reserve("a backup", out.memory_bytes, 0);
    if (!room.ok()) return absl::OkStatus();
    const JobPhase loading = Phase("loading", i, kDigested, kLoaded);
    Memory memory(out.info, nullptr);
    MNEME_RETURN_IF_ERROR(RecoverMemory(backup_, memory, context_.item_ids,
                                        {.write = false, .progress = [&](uint64_t rows) {
                                           return loading.Report(rows, rows_[i]);
                                         }}));
    out.loaded = true;
    const models::ModelStats stats = memory.published().view->stats();
    out.items = stats.items;
    out.memory_bytes = MemoryBytes(stats);
    std::vector<uint64_t> numbers;
    if (keeps_keys) {
      numbers = reservoir.Take();
    } else if (out.items > 0) {
      numbers.resize(quota);
      std::iota(numbers.begin(), numbers.end(), uint64_t{0});
    }
    const JobPhase sampling = Phase("sampling", i, kLoaded, 1);
    MNEME_ASSIGN_OR_RETURN(out.samples, TakeSamples(backup_, memory, numbers, out.seed,
                                                    [&] { return !sampling.Report(0, 1); }));
    return absl::OkStatus();
  }

  static void NoteDamage(ManifestMemory& memory, absl::string_view reason) {
    memory.degraded_reason = reason.empty() ? "damaged" : std::string(reason);
    memory.digest = {};
    memory.items = 0;
    memory.loaded = false;
    memory.samples.clear();
  }

  absl::Status ReadAliases(Manifest& manifest) {
    MNEME_ASSIGN_OR_RETURN(const std::vector<storage::AliasEntry> aliases, backup_.ReadAliases());
    for (const storage::AliasEntry& alias : aliases)
      manifest.aliases.push_back({alias.alias, alias.memory, alias.update_unix_nanos});
    return absl::OkStatus();
  }

  const JobContext& context_;
  storage::Storage& backup_;
  const JobRunner::Report& report_;
  std::vector<uint64_t> rows_;  // of each memory
  uint64_t rows_total_ = 0;
  uint64_t rows_done_ = 0;
};

absl::Status MakeManifest(const JobContext& context, storage::BackupStore& store, uint32_t id,
                          const BackupRequest& request, const JobRunner::Report& report) {
  Manifest manifest{.server_version = request.server_version,
                    .create_unix_nanos = context.clock.NowUnixNanos(),
                    .description = request.description};
  MNEME_RETURN_IF_ERROR(MNEME_FAIL_POINT("backup.copied"));
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<storage::Storage> backup, store.Open(id));
  MNEME_RETURN_IF_ERROR(BackupReader(context, *backup, report).ReadInto(manifest));
  MNEME_RETURN_IF_ERROR(MNEME_FAIL_POINT("backup.before_manifest"));
  return store.PutManifest(id, EncodeManifest(manifest));
}

}  // namespace

size_t SampleQuota(uint64_t rows, uint64_t rows_total, size_t memories) {
  const size_t least = std::min(
      kSamplesPerMemory, std::max<size_t>(1, kBackupSamples / std::max<size_t>(1, memories)));
  const double share =
      rows_total == 0 ? 0 : static_cast<double>(rows) / static_cast<double>(rows_total);
  // What the small ones are given is taken from the large ones.
  const size_t spare = kBackupSamples - std::min(kBackupSamples, least * memories);
  return least + static_cast<size_t>(share * static_cast<double>(spare));
}

absl::StatusOr<BackupInfo> BackUpNow(const JobContext& context, storage::BackupStore& store,
                                     const BackupRequest& request,
                                     const JobRunner::Report& report) {
  const JobPhase copying(report, "copying", 0, kCopied);
  MNEME_ASSIGN_OR_RETURN(const uint32_t id, store.Create(context.storage, copying.progress()));
  const absl::Status made = MakeManifest(context, store, id, request, report);
  if (!made.ok()) {
    store.Delete(id).IgnoreError();  // unfinished ones are cleared away at the next start too
    return made;
  }
  MNEME_ASSIGN_OR_RETURN(const storage::BackupEntry entry, store.Get(id));
  return DescribeBackup(entry);
}

}  // namespace mneme::engine
