#include "core/engine/engine.h"

#include <cmath>
#include <utility>

#include "core/base/fail_point.h"
#include "core/engine/ops.h"
#include "core/engine/validate.h"

namespace mneme::engine {

Engine::Engine(std::unique_ptr<storage::Storage> storage, const Clock& clock, EngineOptions options)
    : storage_(std::move(storage)),
      clock_(clock),
      options_(std::move(options)),
      random_(options_.seed),
      item_ids_(clock) {}

absl::StatusOr<std::unique_ptr<Engine>> Engine::Open(std::unique_ptr<storage::Storage> storage,
                                                     const Clock& clock, EngineOptions options) {
  std::unique_ptr<Engine> engine(new Engine(std::move(storage), clock, std::move(options)));
  MNEME_RETURN_IF_ERROR(engine->Recover());
  engine->read_pool_ = std::make_unique<ReadPool>(engine->options_.read_threads);
  engine->forecast_pool_ = std::make_unique<ReadPool>(1);
  engine->scan_pool_ =
      std::make_unique<ScanPool>(engine->options_.scan_threads, engine->options_.scan_nice);
  engine->committer_ =
      std::make_unique<Committer>(*engine->storage_, clock, engine->options_.on_fatal);
  engine->jobs_ = std::make_unique<JobRunner>(clock, engine->options_.train_nice);
  return engine;
}

Engine::~Engine() { Close().IgnoreError(); }

absl::Status Engine::Close() {
  if (closed_.exchange(true)) return absl::OkStatus();
  if (committer_ == nullptr) return absl::OkStatus();  // Open failed half-way
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
    if (memory->law() == models::Law::kAnswersAdd || memory->rows_since_checkpoint == 0) continue;
    if (!memory->CheckServing().ok()) continue;
    status.Update(WriteCheckpoint(*storage_, *memory, Sync::kOs));
  }
  MNEME_PASS_FAIL_POINT("close.before_flush");
  status.Update(storage_->Flush());
  return status;
}

void Engine::CreateMemory(CreateCommand command, Done<MemoryInfo> done) {
  if (absl::Status status = ValidateCreate(command, options_.limits); !status.ok())
    return done(status);
  committer_->Submit(MakeCreateOp(catalogue_, random_, options_.limits.memories_max,
                                  std::move(command), std::move(done)));
}

void Engine::UpdateMemory(UpdateCommand command, Done<MemoryInfo> done) {
  Labels labels;
  if (command.description.has_value()) labels.description = *command.description;
  if (command.labels.has_value()) labels.labels = *command.labels;
  if (absl::Status status = ValidateLabels(labels); !status.ok()) return done(status);
  committer_->Submit(MakeUpdateOp(catalogue_, std::move(command), std::move(done)));
}

void Engine::DropMemory(DropCommand command, Done<bool> done) {
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
  absl::Status status = (*memory)->CheckServing();
  if (status.ok()) status = ValidateStore(command, **memory, options_.limits);
  if (!status.ok()) return done(status);
  committer_->Submit(
      MakeStoreOp(*std::move(memory), std::move(command), item_ids_, std::move(done)));
}

void Engine::DeleteItems(DeleteCommand command, Done<WriteReply> done) {
  absl::StatusOr<std::shared_ptr<Memory>> memory = catalogue_.Find(command.memory);
  if (!memory.ok()) return done(memory.status());
  absl::Status status = (*memory)->CheckServing();
  if (status.ok()) status = ValidateDelete(command, **memory, options_.limits);
  if (!status.ok()) return done(status);
  committer_->Submit(MakeDeleteOp(*std::move(memory), std::move(command), std::move(done)));
}

EngineCounters Engine::counters() const {
  EngineCounters out = committer_->counters();
  const ScanPool::Counters scan = scan_pool_->counters();
  out.cues_inline = cues_inline_.load(std::memory_order_relaxed);
  out.cues_batched = scan.cues;
  out.batches = scan.batches;
  return out;
}

}  // namespace mneme::engine
