// DeleteItems: by id where the vectors are kept; by the pairs that were stored where they are not.
#include <algorithm>
#include <utility>

#include "core/engine/catalogue_entry.h"
#include "core/engine/ops.h"

namespace mneme::engine {
namespace {

class DeleteOp final : public WriteOp {
 public:
  DeleteOp(std::shared_ptr<Memory> memory, DeleteCommand command, Done<WriteReply> done)
      : memory_(std::move(memory)),
        command_(std::move(command)),
        done_(std::move(done)),
        key_{.scope = command_.memory, .request_id = command_.request_id},
        forgotten_(memory_->spec().key_dim, memory_->spec().response_dim, memory_->keeps_ids()) {}

  size_t bytes() const override {
    return command_.keys.rows * command_.keys.cols * sizeof(float) + 64 * command_.ids.size();
  }
  Sync sync() const override { return command_.sync; }

  absl::StatusOr<Prepared> Prepare(CommitGroup& group) override {
    const std::string request = TouchRequest(key_);
    if (IsTouched(group, TouchName(memory_->name()))) return Prepared::kNextGroup;
    if (!key_.request_id.empty() && IsTouched(group, request)) return Prepared::kNextGroup;
    if (memory_->dropped()) {
      return NotFound(absl::StrFormat("memory '%s' was deleted", memory_->name()),
                      {.reason = "MEMORY_NOT_FOUND",
                       .given = memory_->name(),
                       .next_step = "See ListMemories."});
    }
    MNEME_RETURN_IF_ERROR(memory_->CheckServing());
    MNEME_ASSIGN_OR_RETURN(const std::optional<WriteReply> earlier,
                           FindOutcome(group, key_, command_.body_hash, memory_->uid()));
    if (earlier.has_value()) {
      reply_ = *earlier;
      return Prepared::kReady;
    }
    std::vector<std::string> touch;
    for (const ItemId& id : command_.ids) touch.push_back(TouchId(memory_->uid(), id));
    for (const std::string& key : touch) {
      if (IsTouched(group, key)) return Prepared::kNextGroup;
    }
    if (memory_->keeps_ids()) {
      MNEME_RETURN_IF_ERROR(FindRows(group));
    } else {
      MNEME_RETURN_IF_ERROR(TakePairs());
    }
    group.touched.insert(touch.begin(), touch.end());
    if (!key_.request_id.empty()) group.touched.insert(request);
    Write(group);
    return Prepared::kReady;
  }

  void Apply() override {
    if (reply_.replayed || forgotten_.size() == 0 || !memory_->CheckServing().ok()) return;
    Mutation mutation{.position = reply_.position, .forgotten = forgotten_.block()};
    if (absl::Status status = memory_->Apply(mutation); !status.ok())
      return memory_->Degrade(status);
    memory_->removed_rows.insert(memory_->removed_rows.end(), marked_rows_.begin(),
                                 marked_rows_.end());
  }

  void Finish(const absl::Status& status, Sync reached) override {
    if (!status.ok()) return done_(status);
    reply_.sync = std::max(reply_.sync, reached);  // of a retry: what either of the two reached
    done_(reply_);
  }

 private:
  // RETAIN_STATISTICS: there is nothing to look up; the pairs say it all.
  absl::Status TakePairs() {
    const size_t n = command_.keys.rows;
    if (n > memory_->item_count) {
      return FailedPrecondition(
          absl::StrFormat("%d pairs are to be forgotten, memory '%s' holds %d", n, memory_->name(),
                          memory_->item_count),
          {.reason = "MORE_THAN_HELD",
           .given = absl::StrCat(n),
           .expected = absl::StrCat("at most ", memory_->item_count),
           .next_step = "Forget only pairs that were stored."});
    }
    pairs_.resize(n);
    for (size_t i = 0; i < n; ++i) pairs_[i] = i;
    return absl::OkStatus();
  }

  absl::Status FindRows(CommitGroup& group) {
    MNEME_ASSIGN_OR_RETURN(std::vector<std::optional<uint64_t>> rows,
                           group.storage.FindIds(memory_->uid(), command_.ids));
    for (size_t i = 0; i < rows.size(); ++i) {
      if (rows[i].has_value()) continue;
      if (!command_.allow_missing) {
        return NotFound(
            absl::StrFormat("item '%s' is not in memory '%s'", command_.ids[i].ToString(),
                            memory_->name()),
            {.reason = "ITEM_NOT_FOUND",
             .given = command_.ids[i].ToString(),
             .expected = "ids that are in the memory",
             .next_step =
                 "Set allow_missing to skip unknown ids. Nothing of the batch was deleted."});
      }
    }
    for (size_t i = 0; i < rows.size(); ++i) {
      if (!rows[i].has_value()) {
        ++reply_.missing;
        continue;
      }
      pairs_.push_back(i);
      rows_.push_back(*rows[i]);
      MNEME_RETURN_IF_ERROR(
          group.storage.ReadRow(memory_->uid(), *rows[i], [&](const storage::RowView& view) {
            if (brings_pairs()) {
              kept_.push_back({view.weight,
                               {view.key.begin(), view.key.end()},
                               {view.response.begin(), view.response.end()}});
            } else {
              forgotten_.Append(view);
            }
            return absl::OkStatus();
          }));
    }
    return absl::OkStatus();
  }

  bool brings_pairs() const { return command_.keys.rows > 0; }

  void Write(CommitGroup& group) {
    const MemoryUid uid = memory_->uid();
    storage::LogRecord record{.kind = storage::RecordKind::kDelete, .first_row = memory_->next_row};
    if (brings_pairs()) {
      // The pairs go to disk as negative rows: replay must be able to forget them too.
      for (size_t j = 0; j < pairs_.size(); ++j) {
        const size_t i = pairs_[j];
        const float weight = command_.weights.empty() ? 1.0f : command_.weights[i];
        storage::RowView row{.row = memory_->next_row++,
                             .flags = storage::kRowRemoved | storage::kRowNegative,
                             .weight = weight,
                             .key = command_.keys.row(i),
                             .response = command_.responses.row(i)};
        if (memory_->keeps_ids()) row.id = command_.ids[i];
        group.batch.PutRow(uid, row, {}, /*keep_id=*/false);
        marked_rows_.push_back(row.row);
        forgotten_.Append(rows_.empty() ? row.row : rows_[j], row.id, weight, row.key,
                          row.response);
      }
      record.row_count = pairs_.size();
    }
    const models::RowBlock out = forgotten_.block();
    for (size_t j = 0; j < rows_.size(); ++j) {
      record.removed_rows.push_back(rows_[j]);
      if (memory_->law() == models::Law::kAnswersAdd) {
        group.batch.EraseRow(uid, rows_[j], &out.ids[j]);
        continue;
      }
      storage::RowView row{.row = rows_[j], .id = out.ids[j], .weight = out.weights[j]};
      if (brings_pairs()) {
        row.weight = kept_[j].weight;
        row.key = kept_[j].key;
        row.response = kept_[j].response;
      } else {
        row.key = out.keys.row(j);
        row.response = out.responses.row(j);
      }
      group.batch.MarkRowRemoved(uid, row);
      marked_rows_.push_back(rows_[j]);
    }
    reply_.position = memory_->next_position - 1;
    if (forgotten_.size() > 0) {
      record.position = memory_->next_position++;
      reply_.position = record.position;
      group.batch.AppendLog(uid, record);
      memory_->item_count -= forgotten_.size();
      group.memories.push_back(memory_);
    }
    reply_.uid = uid;
    reply_.deleted = forgotten_.size();
    reply_.suppressed = memory_->model().CountSuppressed(forgotten_.block());
    reply_.item_count = memory_->item_count;
    reply_.sync = command_.sync;
    if (!key_.request_id.empty()) {
      group.batch.PutRequest(key_, {.body_hash = command_.body_hash,
                                    .time_unix_nanos = group.now_unix_nanos,
                                    .reply = EncodeWriteReply(reply_)});
    }
  }

  struct KeptRow {
    float weight = 1;
    std::vector<float>
        key;  // until a checkpoint covers it: replay absorbs the row before it forgets it
    std::vector<float> response;
  };

  const std::shared_ptr<Memory> memory_;
  DeleteCommand command_;
  const Done<WriteReply> done_;
  const storage::RequestKey key_;
  OwnedRows forgotten_;
  std::vector<size_t> pairs_;          // indices into the command that are carried out
  std::vector<uint64_t> rows_;         // rows of these; empty where no ids are kept
  std::vector<KeptRow> kept_;          // what the disk keeps of them (RETAIN_RESPONSES)
  std::vector<uint64_t> marked_rows_;  // to be erased by the next checkpoint
  WriteReply reply_;
};

}  // namespace

std::unique_ptr<WriteOp> MakeDeleteOp(std::shared_ptr<Memory> memory, DeleteCommand command,
                                      Done<WriteReply> done) {
  return std::make_unique<DeleteOp>(std::move(memory), std::move(command), std::move(done));
}

}  // namespace mneme::engine
