#include "core/engine/engine.h"

#include <cmath>
#include <utility>

#include "core/base/fail_point.h"
#include "core/engine/index_job.h"
#include "core/engine/ops.h"
#include "core/engine/timeline.h"
#include "core/engine/validate.h"

namespace mneme::engine {
namespace {

// Of the seed: the committer's numbers come from stream 0.
constexpr uint64_t kJobStream = 1;

// A memory that is being read is neither changed nor dropped: its recovery writes to it.
absl::Status CheckNotStarting(const Memory& memory) {
  const absl::Status status = memory.CheckServing();
  return absl::IsUnavailable(status) ? status : absl::OkStatus();
}

bool TakesLongToMake(const models::MemorySpec& spec) {
  return std::holds_alternative<models::FeatureSpec>(spec.model);
}

}  // namespace

Engine::Engine(std::unique_ptr<storage::Storage> storage, const Clock& clock, EngineOptions options)
    : storage_(std::move(storage)),
      clock_(clock),
      options_(std::move(options)),
      random_(options_.seed),
      item_ids_(clock),
      budget_(options_.memory_bytes_max, options_.memory_bytes_reserved),
      catalogue_(&budget_),
      startup_(std::make_shared<StartupProgress>(clock, options_.recovery_mode)),
      job_random_(options_.seed, kJobStream) {}

Engine::~Engine() { Close().IgnoreError(); }

absl::Status Engine::Close() {
  if (closed_.exchange(true)) return absl::OkStatus();
  StopRecovery();
  {
    MutexLock lock(&recovery_mutex_);
    while (recovering_) recovery_ended_.Wait(&recovery_mutex_);
  }
  if (committer_ == nullptr) return absl::OkStatus();  // Begin failed half-way
  if (sweeper_ != nullptr) sweeper_->Stop();
  jobs_->Stop();
  committer_->Stop();
  read_pool_->Stop();
  forecast_pool_->Stop();
  scan_pool_->Stop();
  MNEME_PASS_FAIL_POINT("close.begin");
  // A log in doubt is left as it is: recovery reads what the disk really holds.
  if (absl::Status fatal = committer_->fatal(); !fatal.ok()) return fatal;
  absl::Status status;
  for (const std::shared_ptr<Memory>& memory : catalogue_.List("", catalogue_.size())) {
    if (!memory->CheckServing().ok()) continue;
    if (memory->law() == models::Law::kAnswersAdd || memory->rows_since_checkpoint == 0) continue;
    const absl::Status saved = WriteCheckpoint(*storage_, *memory, Sync::kOs);
    // Without room for it the next start replays the log.
    if (!absl::IsResourceExhausted(saved)) status.Update(saved);
  }
  MNEME_PASS_FAIL_POINT("close.before_flush");
  const absl::Status flushed = storage_->FlushTables();
  // Without room for tables it stays in the log, durable.
  if (!absl::IsResourceExhausted(flushed)) status.Update(flushed);
  return status;
}

void Engine::CreateMemory(CreateCommand command, Done<MemoryInfo> done) {
  absl::Status status = CheckLoaded();
  if (status.ok()) status = ValidateCreate(command, options_.limits);
  if (!status.ok()) return done(status);
  // Frequencies are long to draw: neither for the thread that received the call nor the committer.
  // A name that is taken is refused, or is that of a retry: nothing to draw.
  if (TakesLongToMake(command.spec) && !catalogue_.Find(command.name).ok()) {
    const absl::Status queued =
        forecast_pool_->Submit([this, command = std::move(command), done]() mutable {
          absl::StatusOr<NewModel> made = MakeNewModel(budget_, command);
          if (!made.ok()) return done(made.status());
          SubmitCreate(std::move(command), *std::move(made), std::move(done));
        });
    if (!queued.ok()) done(queued);
    return;
  }
  SubmitCreate(std::move(command), {}, std::move(done));
}

void Engine::SubmitCreate(CreateCommand command, NewModel made, Done<MemoryInfo> done) {
  committer_->Submit(MakeCreateOp(catalogue_, random_, options_.limits.memories_max, budget_,
                                  std::move(command), std::move(made), std::move(done)));
}

void Engine::UpdateMemory(UpdateCommand command, Done<MemoryInfo> done) {
  Labels labels;
  if (command.description.has_value()) labels.description = *command.description;
  if (command.labels.has_value()) labels.labels = *command.labels;
  absl::Status status = CheckLoaded();
  if (status.ok()) status = ValidateLabels(labels);
  if (!status.ok()) return done(status);
  const absl::StatusOr<std::shared_ptr<Memory>> memory = catalogue_.Find(command.name);
  if (!memory.ok()) return done(memory.status());
  if (status = CheckNotStarting(**memory); !status.ok()) return done(status);
  command.name = (*memory)->name();  // which an alias of now may have stood for
  committer_->Submit(MakeUpdateOp(catalogue_, std::move(command), std::move(done)));
}

void Engine::DropMemory(DropCommand command, Done<bool> done) {
  const absl::StatusOr<std::shared_ptr<Memory>> memory = catalogue_.Find(command.name);
  if (!memory.ok()) return done(memory.status());
  if (absl::Status status = CheckNotStarting(**memory); !status.ok()) return done(status);
  command.name = (*memory)->name();
  committer_->Submit(MakeDropOp(catalogue_, std::move(command), std::move(done)));
}

absl::StatusOr<MemoryInfo> Engine::GetMemory(std::string_view name) const {
  MNEME_ASSIGN_OR_RETURN(const std::shared_ptr<Memory> memory, catalogue_.Find(name));
  return memory->info();
}

std::vector<MemoryInfo> Engine::ListMemories(std::string_view after, size_t most) const {
  std::vector<MemoryInfo> out;
  for (const std::shared_ptr<Memory>& memory : catalogue_.List(after, most))
    out.push_back(memory->info());
  return out;
}

void Engine::Store(StoreCommand command, Done<WriteReply> done) {
  absl::StatusOr<std::shared_ptr<Memory>> memory = catalogue_.Find(command.memory);
  if (!memory.ok()) return done(memory.status());
  command.memory = (*memory)->name();  // outcomes of requests are kept under it
  absl::Status status = (*memory)->CheckServing();
  if (status.ok()) status = ValidateStore(command, **memory, options_.limits);
  if (!status.ok()) return done(status);
  if (command.timeline != nullptr) command.timeline->Pass("check");
  committer_->Submit(
      MakeStoreOp(*std::move(memory), std::move(command), item_ids_, budget_, std::move(done)));
}

void Engine::DeleteItems(DeleteCommand command, Done<WriteReply> done) {
  absl::StatusOr<std::shared_ptr<Memory>> memory = catalogue_.Find(command.memory);
  if (!memory.ok()) return done(memory.status());
  command.memory = (*memory)->name();  // outcomes of requests are kept under it
  absl::Status status = (*memory)->CheckServing();
  if (status.ok()) status = ValidateDelete(command, **memory, options_.limits);
  if (!status.ok()) return done(status);
  if (command.timeline != nullptr) command.timeline->Pass("check");
  if (!command.filter.empty())
    return DeleteMatching(*std::move(memory), std::move(command), std::move(done));
  committer_->Submit(MakeDeleteOp(*std::move(memory), std::move(command), std::move(done)));
}

Resources Engine::resources() const {
  return {.memory_bytes_max = budget_.limit(),
          .memory_bytes_used = budget_.used(),
          .disk_bytes_free = storage_->FreeDiskBytes().value_or(0),
          .disk_bytes_reserve = options_.disk_bytes_reserve,
          .disk_bytes_used = storage_->disk_bytes()};
}

EngineCounters Engine::counters() const {
  EngineCounters out = committer_->counters();
  const ScanPool::Counters scan = scan_pool_->counters();
  out.cues_inline = cues_inline_.load(std::memory_order_relaxed);
  out.cues_batched = scan.cues;
  out.batches = scan.batches;
  out.cues_waiting = scan_pool_->cues_in_flight();
  return out;
}

}  // namespace mneme::engine
