// ExportSketch and MergeSketch: sums of features go from one memory to another.
#include <utility>

#include "core/engine/engine.h"
#include "core/engine/ops.h"
#include "core/engine/validate.h"

namespace mneme::engine {
namespace {

absl::StatusOr<SketchReply> SketchOf(const Memory& memory) {
  MNEME_RETURN_IF_ERROR(memory.CheckServing());
  const Memory::Published published = memory.published();
  SketchReply reply{
      .uid = memory.uid(), .position = published.position, .items = published.view->stats().items};
  MNEME_ASSIGN_OR_RETURN(reply.sketch, published.view->Sketch());
  return reply;
}

absl::Status CheckMergeable(const Memory& memory) {
  MNEME_RETURN_IF_ERROR(memory.CheckServing());
  if (!std::holds_alternative<models::FeatureSpec>(memory.spec().model)) {
    return memory.published().view->Sketch().status();
  }
  if (!memory.keeps_ids()) return absl::OkStatus();
  return FailedPrecondition(
      absl::StrFormat("memory '%s' keeps its items; a sketch brings sums without them",
                      memory.name()),
      {.reason = "ITEMS_KEPT",
       .given = "retain ALL",
       .expected = "a feature memory with retain STATISTICS",
       .next_step = "Merge into a memory with retain STATISTICS, or store the items."});
}

absl::Status SameMemory(const Memory& memory) {
  return InvalidArgument(absl::StrFormat("memory '%s' cannot be merged into itself", memory.name()),
                         {.reason = "SAME_MEMORY",
                          .given = memory.name(),
                          .expected = "two memories",
                          .next_step = "Name another memory to merge from."});
}

}  // namespace

absl::StatusOr<SketchReply> Engine::ExportSketch(std::string_view name) const {
  MNEME_ASSIGN_OR_RETURN(const std::shared_ptr<Memory> memory, catalogue_.Find(name));
  MNEME_ASSIGN_OR_RETURN(SketchReply reply, SketchOf(*memory));
  const uint64_t most = options_.limits.message_bytes_max;
  if (reply.sketch.size() <= most) return reply;
  return OverLimit("bytes of sketch", reply.sketch.size(), most,
                   "Merge on one server, which sends nothing, or use fewer features.");
}

void Engine::MergeSketch(MergeCommand command, Done<WriteReply> done) {
  absl::StatusOr<std::shared_ptr<Memory>> memory = catalogue_.Find(command.memory);
  if (!memory.ok()) return done(memory.status());
  command.memory = (*memory)->name();  // outcomes of requests are kept under it
  absl::Status status = ValidateRequestId(command.request_id);
  if (status.ok()) status = CheckMergeable(**memory);
  if (!status.ok()) return done(status);
  if (!command.from.empty()) {
    absl::StatusOr<std::shared_ptr<Memory>> from = catalogue_.Find(command.from);
    if (!from.ok()) return done(from.status());
    if ((*from)->uid() == (*memory)->uid()) return done(SameMemory(**memory));
    absl::StatusOr<SketchReply> sketch = SketchOf(**from);
    if (!sketch.ok()) return done(sketch.status());
    command.sketch = std::move(sketch->sketch);
  }
  committer_->Submit(MakeMergeOp(*std::move(memory), std::move(command), budget_, std::move(done)));
}

}  // namespace mneme::engine
