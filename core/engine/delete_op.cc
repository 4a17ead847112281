// DeleteItems: by id where the vectors are kept; by the pairs that were stored where they are not.
#include <algorithm>
#include <utility>

#include "core/engine/item_policy.h"
#include "core/engine/memory_write_op.h"
#include "core/engine/ops.h"

namespace mneme::engine {
namespace {

class DeleteOp final : public MemoryWriteOp {
 public:
  DeleteOp(std::shared_ptr<Memory> written, DeleteCommand command,
           std::optional<RowsToDelete> matching, Done<WriteReply> done)
      : MemoryWriteOp(std::move(written),
                      {.request_id = command.request_id,
                       .body_hash = command.body_hash,
                       .sync = command.sync,
                       .timeline = command.timeline},
                      std::move(done)),
        command_(std::move(command)),
        matching_(std::move(matching)) {}

  size_t bytes() const override {
    return command_.keys.rows * command_.keys.cols * sizeof(float) + 64 * command_.ids.size();
  }

 private:
  bool brings_pairs() const { return command_.keys.rows > 0; }

  absl::StatusOr<Prepared> PrepareRows(CommitGroup& group) override {
    if (AnyTouched(group, command_.ids)) return Prepared::kNextGroup;
    if (matching_.has_value()) {
      MNEME_RETURN_IF_ERROR(TakeMatching(group));
    } else if (memory().keeps_ids()) {
      MNEME_RETURN_IF_ERROR(FindRows(group));
    } else {
      MNEME_RETURN_IF_ERROR(TakePairs());
    }
    TouchIds(group, command_.ids);
    TouchIds(group, forgotten().block().ids);
    Write(group);
    return Prepared::kReady;
  }

  Mutation mutation() const override { return {}; }

  // RETAIN_STATISTICS: there is nothing to look up; the pairs say it all.
  absl::Status TakePairs() {
    const size_t n = command_.keys.rows;
    if (n > memory().item_count) {
      return FailedPrecondition(
          absl::StrFormat("%d pairs are to be forgotten, memory '%s' holds %d", n, memory().name(),
                          memory().item_count),
          {.reason = "MORE_THAN_HELD",
           .given = absl::StrCat(n),
           .expected = absl::StrCat("at most ", memory().item_count),
           .next_step = "Forget only pairs that were stored."});
    }
    pairs_.resize(n);
    for (size_t i = 0; i < n; ++i) pairs_[i] = i;
    return absl::OkStatus();
  }

  absl::Status TakeMatching(CommitGroup& group) {
    const auto take = [&](const storage::RowView& row) {
      const bool gone = (row.flags & storage::kRowRemoved) != 0 || IsGoing(group, row);
      if (!gone && !IsDue(row, group.now_unix_nanos)) TakeOut(row);
      return absl::OkStatus();
    };
    for (const uint64_t number : matching_->rows) {
      const absl::Status read = group.storage.ReadRow(memory().uid(), number, take);
      if (!read.ok() && !absl::IsNotFound(read)) return read;
    }
    reply_.more = matching_->more;
    return absl::OkStatus();
  }

  absl::Status FindRows(CommitGroup& group) {
    MNEME_ASSIGN_OR_RETURN(const std::vector<std::optional<uint64_t>> rows,
                           group.storage.FindIds(memory().uid(), command_.ids));
    for (size_t i = 0; i < rows.size(); ++i) {
      bool present = false;
      if (rows[i].has_value()) {
        const auto take = [&](const storage::RowView& row) {
          present = !IsDue(row, group.now_unix_nanos);  // the sweep's, if it is
          if (present) Take(i, row);
          return absl::OkStatus();
        };
        MNEME_RETURN_IF_ERROR(group.storage.ReadRow(memory().uid(), *rows[i], take));
      }
      if (!command_.etags.empty() && command_.etags[i].has_value()) {
        MNEME_RETURN_IF_ERROR(CheckItemEtag(memory(), command_.ids[i], *command_.etags[i],
                                            present ? rows[i] : std::nullopt));
      }
      if (!present) MNEME_RETURN_IF_ERROR(NoteMissing(command_.ids[i]));
    }
    return absl::OkStatus();
  }

  void Take(size_t i, const storage::RowView& row) {
    if (!brings_pairs()) return TakeOut(row);
    pairs_.push_back(i);
    rows_.push_back(row.row);
    kept_.push_back(
        {row.weight, {row.key.begin(), row.key.end()}, {row.response.begin(), row.response.end()}});
  }

  absl::Status NoteMissing(const ItemId& id) {
    if (!command_.allow_missing) {
      return NotFound(
          absl::StrFormat("item '%s' is not in memory '%s'", id.ToString(), memory().name()),
          {.reason = "ITEM_NOT_FOUND",
           .given = id.ToString(),
           .expected = "ids that are in the memory",
           .next_step =
               "Set allow_missing to skip unknown ids. Nothing of the batch was deleted."});
    }
    ++reply_.missing;
    return absl::OkStatus();
  }

  void Write(CommitGroup& group) {
    storage::LogRecord record{.kind = storage::RecordKind::kDelete, .first_row = memory().next_row};
    if (brings_pairs()) {
      WritePairs(group, record);
    } else {
      AddRemovals(group, record);
    }
    reply_.deleted = forgotten().size();
    reply_.suppressed = memory().model().CountSuppressed(forgotten().block());
    CloseRecord(group, std::move(record), 0);
  }

  // The pairs go to disk as negative rows: replay must be able to forget them too. What the disk
  // keeps of the rows that they forget stays, marked, until a checkpoint covers it: replay absorbs
  // a row before it forgets it.
  void WritePairs(CommitGroup& group, storage::LogRecord& record) {
    const MemoryUid uid = memory().uid();
    for (size_t j = 0; j < pairs_.size(); ++j) {
      const size_t i = pairs_[j];
      const float weight = command_.weights.empty() ? 1.0f : command_.weights[i];
      storage::RowView pair{.row = memory().next_row++,
                            .flags = storage::kRowRemoved | storage::kRowNegative,
                            .weight = weight,
                            .key = command_.keys.row(i),
                            .response = command_.responses.row(i)};
      if (memory().keeps_ids()) pair.id = command_.ids[i];
      group.batch.PutRow(uid, pair, {}, /*keep_id=*/false);
      marked_rows_.push_back(pair.row);
      forgotten().Append(rows_.empty() ? pair.row : rows_[j], pair.id, weight, pair.key,
                         pair.response);
    }
    record.row_count = pairs_.size();
    for (size_t j = 0; j < rows_.size(); ++j) {
      record.removed_rows.push_back(rows_[j]);
      group.batch.MarkRowRemoved(uid, {.row = rows_[j],
                                       .id = command_.ids[pairs_[j]],
                                       .weight = kept_[j].weight,
                                       .key = kept_[j].key,
                                       .response = kept_[j].response});
      marked_rows_.push_back(rows_[j]);
    }
  }

  struct KeptRow {
    float weight = 1;
    std::vector<float> key;  // empty once a checkpoint covers the row
    std::vector<float> response;
  };

  const DeleteCommand command_;
  const std::optional<RowsToDelete> matching_;  // by filter
  std::vector<size_t> pairs_;                   // indices into the command that are carried out
  std::vector<uint64_t> rows_;                  // rows of these; empty where no ids are kept
  std::vector<KeptRow> kept_;                   // what the disk keeps of them (RETAIN_RESPONSES)
};

}  // namespace

std::unique_ptr<WriteOp> MakeDeleteOp(std::shared_ptr<Memory> memory, DeleteCommand command,
                                      Done<WriteReply> done) {
  return std::make_unique<DeleteOp>(std::move(memory), std::move(command), std::nullopt,
                                    std::move(done));
}

std::unique_ptr<WriteOp> MakeDeleteRowsOp(std::shared_ptr<Memory> memory, DeleteCommand command,
                                          RowsToDelete rows, Done<WriteReply> done) {
  return std::make_unique<DeleteOp>(std::move(memory), std::move(command), std::move(rows),
                                    std::move(done));
}

}  // namespace mneme::engine
