#include "core/engine/recovery.h"

#include <utility>

#include "core/base/fail_point.h"
#include "core/engine/catalogue_entry.h"
#include "core/engine/committer.h"
#include "core/engine/limits.h"

namespace mneme::engine {
namespace {

using storage::RowView;

class MemoryRecovery {
 public:
  MemoryRecovery(storage::Storage& storage, Memory& memory, ItemIdGenerator& ids,
                 const RecoveryOptions& options)
      : storage_(storage),
        memory_(memory),
        ids_(ids),
        options_(options),
        rows_(memory.spec().key_dim, memory.spec().response_dim, memory.keeps_ids()),
        forgotten_(memory.spec().key_dim, memory.spec().response_dim, memory.keeps_ids()) {}

  absl::Status Run() {
    MNEME_ASSIGN_OR_RETURN(memory_.next_row, storage_.NextRow(memory_.uid()));
    MNEME_ASSIGN_OR_RETURN(const uint64_t last, storage_.LastPosition(memory_.uid()));
    memory_.next_position = last + 1;
    MNEME_ASSIGN_OR_RETURN(const std::optional<storage::StateBlob> state,
                           storage_.ReadState(memory_.uid()));
    if (state.has_value()) {
      MNEME_ASSIGN_OR_RETURN(const Checkpoint checkpoint, DecodeCheckpoint(state->blob));
      MNEME_RETURN_IF_ERROR(memory_.model().Load(checkpoint.model_blob));
      memory_.checkpoint_position = state->position;
      memory_.checkpoint_next_row = checkpoint.next_row;
    }
    if (memory_.law() == models::Law::kAnswersAdd) {
      MNEME_RETURN_IF_ERROR(LoadRows());
      memory_.applied_position = last;
    } else {
      MNEME_RETURN_IF_ERROR(RestoreCheckpointedRows());
      memory_.applied_position = memory_.checkpoint_position;
      MNEME_RETURN_IF_ERROR(Replay());
      if (memory_.applied_position != last) {
        return DataLoss(absl::StrFormat("the log ends at position %d, its counter says %d",
                                        memory_.applied_position, last),
                        {.reason = "CORRUPT", .next_step = "Restore the memory from a backup."});
      }
    }
    MNEME_RETURN_IF_ERROR(LoadAttributes());
    const bool due = memory_.Maintain();
    memory_.applied_next_row = memory_.next_row;
    if (options_.write && (due || memory_.rows_since_checkpoint >= kReplayRowsLong))
      MNEME_RETURN_IF_ERROR(WriteCheckpoint(storage_, memory_, Sync::kOs));
    memory_.Publish();
    memory_.item_count = memory_.published().view->stats().items;
    return absl::OkStatus();
  }

 private:
  using Sink = absl::Status (models::Model::*)(const models::RowBlock&);

  absl::Status Drain(Sink sink) {
    if (rows_.size() == 0) return absl::OkStatus();
    absl::Status status = (memory_.model().*sink)(rows_.block());
    rows_.Clear();
    return status;
  }

  absl::Status Collect(const RowView& row, Sink sink) {
    if (memory_.keeps_ids() && !row.id.is_text()) ids_.Observe(row.id.number());
    rows_.Append(row);
    memory_.expiry().Add(row.row, row.expire_unix_nanos);
    if (rows_.size() < kRecoveryRows) return absl::OkStatus();
    MNEME_RETURN_IF_ERROR(Drain(sink));
    return Report(row.row + 1);
  }

  absl::Status Report(uint64_t rows) {
    reported_ = std::max(reported_, rows);
    if (options_.progress == nullptr || options_.progress(reported_)) return absl::OkStatus();
    return absl::CancelledError("recovery was stopped");
  }

  // Scan models: their rows are their state.
  absl::Status LoadRows() {
    MNEME_RETURN_IF_ERROR(storage_.ScanRows(
        memory_.uid(), 0, memory_.next_row,
        [this](const RowView& row) { return Collect(row, &models::Model::Absorb); }));
    return Drain(&models::Model::Absorb);
  }

  // Rows that went out took theirs along.
  absl::Status LoadAttributes() {
    if (!memory_.keeps_ids()) return absl::OkStatus();
    return storage_.ScanAttributes(memory_.uid(),
                                   [this](uint64_t row, std::string_view attributes) {
                                     return memory_.AddAttributes(row, attributes);
                                   });
  }

  // State models: the sums of these rows are in the checkpoint; only the codebook is to be filled.
  // Rows that went out after the checkpoint are still there, marked: replay takes them out again.
  absl::Status RestoreCheckpointedRows() {
    if (!memory_.keeps_ids()) return absl::OkStatus();
    MNEME_RETURN_IF_ERROR(storage_.ScanRows(memory_.uid(), 0, memory_.checkpoint_next_row,
                                            [this](const RowView& row) -> absl::Status {
                                              if (row.flags & storage::kRowNegative)
                                                return absl::OkStatus();
                                              return Collect(row, &models::Model::Restore);
                                            }));
    return Drain(&models::Model::Restore);
  }

  absl::Status Replay() {
    return storage_.ReadLog(
        memory_.uid(), memory_.checkpoint_position,
        [this](const storage::LogRecord& record) -> absl::Status {
          rows_.Clear();
          forgotten_.Clear();
          MNEME_PASS_FAIL_POINT("recovery.replay");
          expire_.clear();
          MNEME_RETURN_IF_ERROR(Report(record.first_row));
          OwnedRows& brought = record.kind == storage::RecordKind::kDelete ? forgotten_ : rows_;
          size_t next_removed = 0;
          MNEME_RETURN_IF_ERROR(storage_.ScanRows(
              memory_.uid(), record.first_row, record.first_row + record.row_count,
              [&](const RowView& row) -> absl::Status {
                const bool negative = (row.flags & storage::kRowNegative) != 0;
                if (negative && next_removed < record.removed_rows.size()) {
                  // A pair brought along to forget the row of that number in the codebook.
                  brought.Append(record.removed_rows[next_removed++], row.id, row.weight, row.key,
                                 row.response);
                } else {
                  brought.Append(row);
                  if (!negative) expire_.push_back(row.expire_unix_nanos);
                }
                if (!negative && memory_.keeps_ids() && !row.id.is_text())
                  ids_.Observe(row.id.number());
                if (row.flags & storage::kRowRemoved) memory_.removed_rows.push_back(row.row);
                return absl::OkStatus();
              }));
          if (record.row_count != brought.size() ||
              (record.row_count > 0 && brought.block().keys.empty()))
            return Missing(record);
          const bool pairs = next_removed > 0;
          for (uint64_t removed : record.removed_rows) {
            memory_.removed_rows.push_back(removed);
            if (pairs) continue;
            MNEME_RETURN_IF_ERROR(storage_.ReadRow(memory_.uid(), removed, [&](const RowView& row) {
              forgotten_.Append(row);
              return absl::OkStatus();
            }));
          }
          return memory_.Apply({.position = record.position,
                                .forgotten = forgotten_.block(),
                                .stored = rows_.block(),
                                .expire_unix_nanos = expire_});
        });
  }

  static absl::Status Missing(const storage::LogRecord& record) {
    return DataLoss(absl::StrFormat("log record %d names %d rows that are not all there",
                                    record.position, record.row_count),
                    {.reason = "CORRUPT", .next_step = "Restore the memory from a backup."});
  }

  storage::Storage& storage_;
  Memory& memory_;
  ItemIdGenerator& ids_;
  const RecoveryOptions& options_;
  OwnedRows rows_;
  OwnedRows forgotten_;
  std::vector<int64_t> expire_;  // of rows_, in a replayed record
  uint64_t reported_ = 0;
};

}  // namespace

absl::Status RecoverMemory(storage::Storage& storage, Memory& memory, ItemIdGenerator& ids,
                           const RecoveryOptions& options) {
  MNEME_ASSIGN_OR_RETURN(std::unique_ptr<models::Model> model, models::MakeModel(memory.spec()));
  memory.Equip(std::move(model));
  return MemoryRecovery(storage, memory, ids, options).Run();
}

}  // namespace mneme::engine
