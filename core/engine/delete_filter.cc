// DeleteItems by filter: the rows are found beside the writer, in a view; the writer takes out
// those that are still there.
#include <algorithm>
#include <utility>

#include "core/engine/engine.h"
#include "core/engine/item_policy.h"
#include "core/engine/ops.h"
#include "core/engine/passing_rows.h"

namespace mneme::engine {
namespace {

// Items without attributes pass: the rows are all but those listed, and the storage knows which
// there are.
absl::StatusOr<RowsToDelete> WalkRows(const storage::Storage& storage, Memory& memory,
                                      uint64_t end_row, const RowSet& passing, size_t most) {
  RowsToDelete out;
  const absl::Status enough = absl::CancelledError("enough");
  const absl::Status status =
      storage.ScanRows(memory.uid(), 0, end_row, [&](const storage::RowView& row) -> absl::Status {
        if ((row.flags & storage::kRowRemoved) != 0 || !passing.Passes(row.row))
          return absl::OkStatus();
        if (out.rows.size() == most) {
          out.more = true;
          return enough;
        }
        out.rows.push_back(row.row);
        return absl::OkStatus();
      });
  if (!status.ok() && status != enough) return memory.NoteRead(status);
  return out;
}

absl::StatusOr<RowsToDelete> FindRows(const storage::Storage& storage, Memory& memory,
                                      const filter::Filter& filter, int64_t now_unix_nanos,
                                      size_t most) {
  const PinnedView pinned = PinView(memory, now_unix_nanos);
  MNEME_ASSIGN_OR_RETURN(const std::shared_ptr<const RowSet> passing,
                         PassingRows(memory, pinned, filter, {}));
  const RowSet all{.listed = {}, .listed_pass = false};
  const RowSet& rows = passing != nullptr ? *passing : all;
  if (!rows.listed_pass) return WalkRows(storage, memory, pinned.published.next_row, rows, most);
  const size_t count = std::min(most, rows.listed.size());
  return RowsToDelete{
      .rows = {rows.listed.begin(), rows.listed.begin() + static_cast<int64_t>(count)},
      .more = rows.listed.size() > most};
}

}  // namespace

void Engine::DeleteMatching(std::shared_ptr<Memory> memory, DeleteCommand command,
                            Done<WriteReply> done) {
  absl::StatusOr<std::optional<filter::Filter>> filter = ParseOptionalFilter(command.filter);
  if (!filter.ok()) return done(filter.status());
  auto find = [this, memory = std::move(memory), filter = *std::move(filter),
               command = std::move(command), done] {
    absl::StatusOr<RowsToDelete> rows = FindRows(*storage_, *memory, *filter, clock_.NowUnixNanos(),
                                                 options_.limits.rows_per_store_max);
    if (!rows.ok()) return done(rows.status());
    committer_->Submit(MakeDeleteRowsOp(memory, command, *std::move(rows), done));
  };
  if (absl::Status queued = read_pool_->Submit(std::move(find)); !queued.ok()) done(queued);
}

}  // namespace mneme::engine
