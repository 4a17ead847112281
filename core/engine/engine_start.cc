// The beginning of an engine: the catalogue first, so that all memories are there by name; then one
// memory after another, beside the committer, each serving as soon as it has been read.
#include <algorithm>
#include <utility>

#include "core/base/fail_point.h"
#include "core/engine/catalogue_entry.h"
#include "core/engine/engine.h"
#include "core/engine/index_job.h"
#include "core/engine/recovery.h"

namespace mneme::engine {
namespace {

// What a crash in the middle of a copy left.
absl::Status DropOrphans(storage::Storage& storage) {
  MNEME_ASSIGN_OR_RETURN(const std::vector<MemoryUid> orphans, storage.FindOrphans());
  if (orphans.empty()) return absl::OkStatus();
  std::unique_ptr<storage::CommitBatch> batch = storage.NewBatch();
  for (const MemoryUid uid : orphans) batch->DropMemory(uid);
  return storage.Commit(std::move(batch), Sync::kOs);
}

// Its name is not known any more: it gets one by which it can be dropped.
MemoryInfo Nameless(MemoryUid uid, const absl::Status& why) {
  MemoryInfo info{.name = absl::StrCat("damaged-", absl::Hex(uid, absl::kZeroPad16)), .uid = uid};
  info.health = Health::kDegraded;
  info.health_reason = std::string(why.message());
  return info;
}

// The log has stopped, or we were told to: nothing that only this memory suffers from.
bool EndsRecovery(const absl::Status& status) {
  if (absl::IsCancelled(status)) return true;
  const std::optional<ErrorDetail> detail = GetErrorDetail(status);
  return detail.has_value() && detail->reason == "LOG_IN_DOUBT";
}

CommitterOptions CommitterOptionsOf(const EngineOptions& options, ScanPool& scans) {
  CommitterOptions out{.disk_bytes_reserve = options.disk_bytes_reserve,
                       .give_way = [&scans] { scans.WaitIdle(kGiveWayMax); },
                       .on_fatal = options.on_fatal};
  if (options.memory_bytes_max > 0) {
    out.pending_bytes_max =
        std::min<uint64_t>(kPendingWriteBytesMax, options.memory_bytes_max / kPendingWriteShare);
  }
  return out;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> Engine::Begin(std::unique_ptr<storage::Storage> storage,
                                                      const Clock& clock, EngineOptions options) {
  std::unique_ptr<Engine> engine(new Engine(std::move(storage), clock, std::move(options)));
  MNEME_RETURN_IF_ERROR(engine->ReadCatalogue());
  engine->read_pool_ = std::make_unique<ReadPool>(engine->options_.read_threads);
  engine->forecast_pool_ = std::make_unique<ReadPool>(1);
  engine->scan_pool_ =
      std::make_unique<ScanPool>(engine->options_.scan_threads, engine->options_.scan_nice);
  engine->committer_ = std::make_unique<Committer>(
      *engine->storage_, clock, CommitterOptionsOf(engine->options_, *engine->scan_pool_));
  engine->jobs_ = std::make_unique<JobRunner>(clock, engine->options_.train_nice);
  engine->index_keeper_ = std::make_unique<IndexKeeper>(
      *engine->jobs_, IndexContext{.committer = *engine->committer_, .clock = clock});
  engine->StartSweeping();
  return engine;
}

absl::StatusOr<std::unique_ptr<Engine>> Engine::Open(std::unique_ptr<storage::Storage> storage,
                                                     const Clock& clock, EngineOptions options) {
  MNEME_ASSIGN_OR_RETURN(std::unique_ptr<Engine> engine,
                         Begin(std::move(storage), clock, std::move(options)));
  MNEME_RETURN_IF_ERROR(engine->Recover());
  return engine;
}

absl::Status Engine::ReadCatalogue() {
  // Orphans cost room and nothing else; where they cannot be told, or a full disk takes nothing,
  // they stay.
  if (!options_.recovery_mode) {
    const absl::Status status = DropOrphans(*storage_);
    if (!status.ok() && !absl::IsDataLoss(status) && !absl::IsResourceExhausted(status))
      return status;
  }
  MNEME_ASSIGN_OR_RETURN(const std::vector<storage::Storage::CatalogueEntry> entries,
                         storage_->ReadCatalogue());
  uint64_t rows = 0;
  for (const storage::Storage::CatalogueEntry& entry : entries) {
    absl::StatusOr<MemoryInfo> info = DecodeCatalogueEntry(entry.entry);
    if (!info.ok()) {
      if (!absl::IsDataLoss(info.status())) return info.status();
      catalogue_.Insert(std::make_shared<Memory>(Nameless(entry.uid, info.status()), nullptr));
      continue;
    }
    info->health = options_.recovery_mode ? Health::kUnloaded : Health::kStarting;
    rows += storage_->NextRow(entry.uid).value_or(0);
    catalogue_.Insert(std::make_shared<Memory>(*std::move(info), nullptr, startup_));
  }
  startup_->SetTotals(static_cast<uint32_t>(entries.size()), rows);
  MNEME_ASSIGN_OR_RETURN(const std::vector<storage::AliasEntry> aliases, storage_->ReadAliases());
  for (const storage::AliasEntry& alias : aliases)
    catalogue_.SetAlias({alias.alias, alias.memory, alias.update_unix_nanos});
  return absl::OkStatus();
}

absl::Status Engine::Recover() {
  {
    MutexLock lock(&recovery_mutex_);
    recovering_ = true;
  }
  const absl::Status status = options_.recovery_mode ? absl::OkStatus() : RecoverAll();
  if (status.ok()) startup_->Finish();
  MutexLock lock(&recovery_mutex_);
  recovering_ = false;
  recovery_ended_.NotifyAll();
  return status;
}

absl::Status Engine::RecoverAll() {
  // Smallest first: most memories serve early. A count that cannot be read is found again, and told
  // of, where the memory is read.
  std::vector<std::pair<uint64_t, std::shared_ptr<Memory>>> order;
  for (std::shared_ptr<Memory>& memory : catalogue_.List("", catalogue_.size())) {
    const uint64_t rows = storage_->NextRow(memory->uid()).value_or(0);
    order.emplace_back(rows, std::move(memory));
  }
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first, a.second->uid()) < std::pair(b.first, b.second->uid());
  });
  size_t done = 0;
  for (auto& [rows, memory] : order) {
    options_.on_recovery(done++, order.size(), memory->name());
    if (memory->info().health == Health::kStarting) MNEME_RETURN_IF_ERROR(RecoverOne(*memory));
    memory.reset();
    startup_->FinishMemory(rows);
    MNEME_PASS_FAIL_POINT("recovery.after_memory");
  }
  return absl::OkStatus();
}

absl::Status Engine::RecoverOne(Memory& memory) {
  const auto progress = [&](uint64_t rows) {
    startup_->Report(memory.name(), rows);
    return !recovery_stopped_.load(std::memory_order_acquire);
  };
  if (!progress(0)) {
    return Cancelled("start-up was stopped",
                     {.reason = "STOPPING", .next_step = "Start the server again."});
  }
  const absl::Status status = RecoverMemory(*storage_, memory, item_ids_, {.progress = progress});
  if (EndsRecovery(status)) return Annotate(status, memory.name());
  if (status.ok()) {
    memory.Serve();
    return absl::OkStatus();
  }
  // In its place comes one without a model: what was read so far is given back.
  MemoryInfo info = memory.info();
  info.health = Health::kDegraded;
  info.health_reason = std::string(status.message());
  catalogue_.Insert(std::make_shared<Memory>(std::move(info), nullptr));
  return absl::OkStatus();
}

Startup Engine::startup() const { return startup_->Get(); }

absl::Status Engine::CheckLoaded() const {
  return options_.recovery_mode ? RefusedInRecoveryMode() : absl::OkStatus();
}

}  // namespace mneme::engine
