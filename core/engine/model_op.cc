// A change of a model that is not a row of its log: the beginning and the end of a training.
#include <utility>

#include "core/engine/ops.h"

namespace mneme::engine {
namespace {

class ModelOp final : public WriteOp {
 public:
  ModelOp(std::shared_ptr<Memory> memory, std::function<absl::Status(Memory&)> change,
          bool checkpoint, Done<MemoryInfo> done)
      : memory_(std::move(memory)),
        change_(std::move(change)),
        checkpoint_(checkpoint),
        done_(std::move(done)) {}

  size_t bytes() const override { return 1'024; }
  Sync sync() const override { return Sync::kMemory; }
  bool grows() const override { return checkpoint_; }

  absl::StatusOr<Prepared> Prepare(CommitGroup& group) override {
    if (IsTouched(group, TouchName(memory_->name()))) return Prepared::kNextGroup;
    // Where the checkpoint finds the disk full, nothing of the group is shown: what others were
    // told is done must be in one before it.
    if (checkpoint_ && group.given_out.contains(memory_)) return Prepared::kNextGroup;
    if (memory_->dropped()) {
      return NotFound(absl::StrFormat("memory '%s' was deleted", memory_->name()),
                      {.reason = "MEMORY_NOT_FOUND",
                       .given = memory_->name(),
                       .next_step = "Create it again, or use another memory."});
    }
    MNEME_RETURN_IF_ERROR(memory_->CheckServing());
    if (grows() || memory_->checkpoint_due) MNEME_RETURN_IF_ERROR(group.disk);
    // Writes of the same group that come after this one must see what it changes.
    group.touched.insert(TouchName(memory_->name()));
    group.memories.push_back(memory_);
    return Prepared::kReady;
  }

  void Apply() override {
    changed_ = memory_->CheckServing();
    if (changed_.ok()) changed_ = change_(*memory_);
    if (changed_.ok() && checkpoint_) memory_->checkpoint_due = true;
  }

  void Finish(const absl::Status& status, Sync) override {
    if (!status.ok()) return done_(status);
    if (!changed_.ok()) return done_(changed_);
    if (checkpoint_ && memory_->checkpoint_due) {  // the committer takes it back once it is written
      return done_(Unavailable("it is not known whether what was learned is on disk",
                               {.reason = "OUTCOME_UNKNOWN",
                                .next_step = "Look at the memory once the server is back."}));
    }
    done_(memory_->info());
  }

 private:
  const std::shared_ptr<Memory> memory_;
  const std::function<absl::Status(Memory&)> change_;
  const bool checkpoint_;
  const Done<MemoryInfo> done_;
  absl::Status changed_;
};

}  // namespace

std::unique_ptr<WriteOp> MakeModelOp(std::shared_ptr<Memory> memory,
                                     std::function<absl::Status(Memory&)> change, bool checkpoint,
                                     Done<MemoryInfo> done) {
  return std::make_unique<ModelOp>(std::move(memory), std::move(change), checkpoint,
                                   std::move(done));
}

}  // namespace mneme::engine
