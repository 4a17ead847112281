#include "core/engine/memory_write_op.h"

#include <algorithm>
#include <utility>

#include "core/engine/catalogue_entry.h"
#include "core/engine/limits.h"
#include "core/engine/ops.h"

namespace mneme::engine {
namespace {

absl::Status WasDropped(const Memory& memory) {
  return NotFound(absl::StrFormat("memory '%s' was deleted", memory.name()),
                  {.reason = "MEMORY_NOT_FOUND",
                   .given = memory.name(),
                   .expected = "a memory that is there",
                   .next_step = "See ListMemories (mnemectl memory list) for what is there."});
}

}  // namespace

MemoryWriteOp::MemoryWriteOp(std::shared_ptr<Memory> memory, Request request, Done<WriteReply> done)
    : memory_(std::move(memory)),
      request_(std::move(request)),
      done_(std::move(done)),
      key_{.scope = memory_->name(), .request_id = request_.request_id},
      forgotten_(memory_->spec().key_dim, memory_->spec().response_dim, memory_->keeps_ids()) {}

absl::StatusOr<Prepared> MemoryWriteOp::Prepare(CommitGroup& group) {
  if (IsTouched(group, TouchName(memory_->name()))) return Prepared::kNextGroup;
  const bool named = !key_.request_id.empty();
  if (named && IsTouched(group, TouchRequest(key_))) return Prepared::kNextGroup;
  if (memory_->dropped()) return WasDropped(*memory_);
  MNEME_RETURN_IF_ERROR(memory_->CheckServing());
  MNEME_ASSIGN_OR_RETURN(const std::optional<WriteReply> earlier,
                         FindOutcome(group, key_, request_.body_hash, memory_->uid()));
  if (earlier.has_value()) {
    reply_ = *earlier;
    return Prepared::kReady;
  }
  if (refused_when_frozen()) MNEME_RETURN_IF_ERROR(CheckNotFrozen(*memory_));
  // A memory that owes a checkpoint does not show what is written to it.
  if (grows() || memory_->checkpoint_due) MNEME_RETURN_IF_ERROR(group.disk);
  group.given_out.try_emplace(memory_, memory_->given_out());
  absl::StatusOr<Prepared> prepared = PrepareRows(group);
  // What cannot be read back must not be served either.
  if (absl::IsDataLoss(prepared.status())) memory_->Degrade(prepared.status());
  if (!prepared.ok() || *prepared == Prepared::kNextGroup) return prepared;
  if (named) group.touched.insert(TouchRequest(key_));
  return prepared;
}

void MemoryWriteOp::Apply() {
  if (!changes_ || !memory_->CheckServing().ok()) return;
  Mutation mutation = this->mutation();
  mutation.position = reply_.position;
  mutation.forgotten = forgotten_.block();
  if (absl::Status status = memory_->Apply(mutation); !status.ok()) return memory_->Degrade(status);
  memory_->CountGone(expired_, reply_.evicted);
  memory_->removed_rows.insert(memory_->removed_rows.end(), marked_rows_.begin(),
                               marked_rows_.end());
}

void MemoryWriteOp::Finish(const absl::Status& status, Sync reached) {
  LetGo();
  if (!status.ok()) return done_(status);
  reply_.sync = std::max(reply_.sync, reached);  // of a retry: what either of the two reached
  done_(reply_);
}

bool MemoryWriteOp::IsTouchedId(const CommitGroup& group, const ItemId& id) const {
  return IsTouched(group, TouchId(memory_->uid(), id));
}

bool MemoryWriteOp::AnyTouched(const CommitGroup& group, std::span<const ItemId> ids) const {
  return std::any_of(ids.begin(), ids.end(),
                     [&](const ItemId& id) { return IsTouchedId(group, id); });
}

void MemoryWriteOp::TouchIds(CommitGroup& group, std::span<const ItemId> ids) const {
  for (const ItemId& id : ids) group.touched.insert(TouchId(memory_->uid(), id));
}

void MemoryWriteOp::TakeOut(const storage::RowView& row) {
  if (memory_->law() == models::Law::kAnswersAdd) {
    forgotten_.Append(row.row, row.id, row.weight, {}, {});  // its number says it all
  } else {
    forgotten_.Append(row);
  }
  taken_out_.insert(row.row);
}

void MemoryWriteOp::ClearTakenOut() {
  forgotten_.Clear();
  taken_out_.clear();
  expired_ = 0;
}

size_t MemoryWriteOp::RowsAtOnce(size_t most) const {
  if (memory_->law() == models::Law::kAnswersAdd) return most;
  const size_t row_bytes = (memory_->spec().key_dim + memory_->spec().response_dim) * sizeof(float);
  return std::clamp<size_t>(kGroupBytesMax / row_bytes, 1, most);
}

bool MemoryWriteOp::IsGoing(const CommitGroup& group, const storage::RowView& row) const {
  return taken_out_.contains(row.row) || IsTouchedId(group, row.id);
}

absl::Status MemoryWriteOp::TakeOutDue(CommitGroup& group, size_t most) {
  const auto take = [&](const storage::RowView& row) {
    if (IsGoing(group, row)) return absl::OkStatus();
    TakeOut(row);
    ++expired_;
    return absl::OkStatus();
  };
  for (const uint64_t number : memory_->expiry().Due(group.now_unix_nanos, RowsAtOnce(most))) {
    MNEME_RETURN_IF_ERROR(group.storage.ReadRow(memory_->uid(), number, take));
  }
  return absl::OkStatus();
}

void MemoryWriteOp::AddRemovals(CommitGroup& group, storage::LogRecord& record) {
  const models::RowBlock out = forgotten_.block();
  for (size_t i = 0; i < out.size(); ++i) {
    record.removed_rows.push_back(out.row_numbers[i]);
    if (memory_->law() == models::Law::kAnswersAdd) {
      group.batch.EraseRow(memory_->uid(), out.row_numbers[i], &out.ids[i]);
      continue;
    }
    group.batch.MarkRowRemoved(
        memory_->uid(),
        {.row = out.row_numbers[i],
         .id = out.ids[i],
         .weight = out.weights[i],
         .key = out.keys.row(i),
         .response = out.responses.empty() ? std::span<const float>() : out.responses.row(i)});
    marked_rows_.push_back(out.row_numbers[i]);
  }
}

void MemoryWriteOp::CloseRecord(CommitGroup& group, storage::LogRecord record, uint64_t stored) {
  changes_ = record.row_count > 0 || !record.removed_rows.empty() || stored > 0;
  if (changes_) {
    record.position = memory_->next_position++;
    group.batch.AppendLog(memory_->uid(), record);
    memory_->item_count += stored - forgotten_.size();
    group.memories.push_back(memory_);
  }
  reply_.uid = memory_->uid();
  reply_.position = memory_->next_position - 1;
  reply_.item_count = memory_->item_count;
  reply_.sync = request_.sync;
  if (key_.request_id.empty()) return;
  group.batch.PutRequest(key_, {.body_hash = request_.body_hash,
                                .time_unix_nanos = group.now_unix_nanos,
                                .reply = EncodeWriteReply(reply_)});
}

}  // namespace mneme::engine
