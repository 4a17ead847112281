// MergeSketch: the sums of another memory are added to this one's.
//
// What a merge brings is as large as the memory itself, so there is no record of it to replay: the
// state after the merge is put as a checkpoint, in the commit of the merge, together with the
// outcome of the request. A crash leaves both or neither (docs/adr/0009).
#include <algorithm>
#include <utility>

#include "core/engine/catalogue_entry.h"
#include "core/engine/eviction.h"
#include "core/engine/item_policy.h"
#include "core/engine/memory_write_op.h"
#include "core/engine/ops.h"

namespace mneme::engine {
namespace {

class MergeOp final : public MemoryWriteOp {
 public:
  MergeOp(std::shared_ptr<Memory> written, MergeCommand command, MemoryBudget& budget,
          Done<WriteReply> done)
      : MemoryWriteOp(std::move(written),
                      {.request_id = command.request_id,
                       .body_hash = command.body_hash,
                       .sync = command.sync},
                      std::move(done)),
        command_(std::move(command)) {
    constexpr uint64_t kCopies = 3;  // its sums, the merged state, and that in the commit
    room_ = budget.Reserve("a merge", kCopies * command_.sketch.size(), 0);
  }

  size_t bytes() const override { return command_.sketch.size(); }
  bool grows() const override { return true; }

 private:
  absl::StatusOr<Prepared> PrepareRows(CommitGroup& group) override {
    MNEME_RETURN_IF_ERROR(room_.status());
    // The model must hold all that came before.
    const auto is_this = [this](const auto& other) { return other.get() == &memory(); };
    if (std::ranges::any_of(group.memories, is_this)) return Prepared::kNextGroup;
    MNEME_ASSIGN_OR_RETURN(models::MergedState merged, memory().model().Merged(command_.sketch));
    const uint64_t items = static_cast<uint64_t>(std::max<int64_t>(0, merged.items));
    const ItemPolicy policy = memory().item_policy();
    if (const Cap cap = CapOf(policy, memory().spec()); memory().item_count + items > cap.items) {
      return FullOfItems(memory(), policy, cap, memory().item_count + items);
    }
    reply_ = {};
    reply_.stored = items;
    state_ = std::move(merged.state);
    CloseRecord(group, {.kind = storage::RecordKind::kStore, .first_row = memory().next_row},
                items);
    if (items == 0) return Prepared::kReady;
    group.touched.insert(TouchName(memory().name()));  // what comes after waits for it
    const MemoryUid uid = memory().uid();
    group.batch.PutState(uid, reply_.position, EncodeCheckpoint(memory().next_row, state_));
    group.batch.TrimLog(uid, reply_.position);
    return Prepared::kReady;
  }

  Mutation mutation() const override { return {.state = &state_}; }
  void LetGo() override {
    if (room_.ok()) room_->Release();
  }

  const MergeCommand command_;
  absl::StatusOr<MemoryBudget::Reservation> room_;  // until it is applied
  std::string state_;                               // of the model, after the merge
};

}  // namespace

std::unique_ptr<WriteOp> MakeMergeOp(std::shared_ptr<Memory> memory, MergeCommand command,
                                     MemoryBudget& budget, Done<WriteReply> done) {
  return std::make_unique<MergeOp>(std::move(memory), std::move(command), budget, std::move(done));
}

}  // namespace mneme::engine
