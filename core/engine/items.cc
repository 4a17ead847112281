// GetItem and ListItems.
#include <utility>

#include "core/engine/engine.h"
#include "core/engine/item_policy.h"
#include "core/engine/passing_rows.h"
#include "core/engine/validate.h"

namespace mneme::engine {
namespace {

// Of an item's message, besides its vectors, payload and id.
constexpr uint64_t kItemBytes = 96;
// Rows that one page looks at: with a filter it may end without an item, and go on after it.
constexpr size_t kListScanRowsMax = 16'384;

absl::Status CheckKeepsItems(const Memory& memory) {
  if (memory.keeps_ids()) return absl::OkStatus();
  return FailedPrecondition(
      absl::StrFormat("memory '%s' keeps its statistics only, no items", memory.name()),
      {.reason = "ITEMS_NOT_KEPT",
       .given = "retain STATISTICS",
       .expected = "retain RESPONSES or ALL",
       .next_step = "Create a memory that keeps its items, or use Retrieve."});
}

ItemRecord CopyRow(const Memory& memory, const storage::RowView& row, bool vectors) {
  ItemRecord item{.uid = memory.uid(),
                  .id = row.id,
                  .row = row.row,
                  .weight = row.weight,
                  .expire_unix_nanos = row.expire_unix_nanos};
  if (!vectors) return item;
  // Keys leave the disk at the next checkpoint unless they are kept; until then they are not shown
  // either.
  if (memory.keeps_keys()) item.key.assign(row.key.begin(), row.key.end());
  item.response.assign(row.response.begin(), row.response.end());
  return item;
}

absl::Status NotThere(const Memory& memory, const ItemId& id) {
  return NotFound(
      absl::StrFormat("item '%s' is not in memory '%s'", id.ToString(), memory.name()),
      {.reason = "ITEM_NOT_FOUND",
       .given = id.ToString(),
       .expected = "the id of a stored item",
       .next_step =
           "See ListItems (mnemectl items list). The number 7 and the text '7' are two ids."});
}

// The rows that a page may show. A write that is not published yet may be on disk already: its
// rows are asked one by one.
class PageFilter {
 public:
  PageFilter(const storage::Storage& storage, const Memory& memory,
             const std::optional<filter::Filter>& filter, int64_t now_unix_nanos)
      : storage_(storage), memory_(memory), filter_(filter), now_unix_nanos_(now_unix_nanos) {}

  absl::Status Prepare(Memory& memory) {
    if (!filter_.has_value()) return absl::OkStatus();
    const PinnedView pinned = PinView(memory, now_unix_nanos_);
    next_row_ = pinned.published.next_row;
    MNEME_ASSIGN_OR_RETURN(passing_, PassingRows(memory, pinned, filter_, nullptr));
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Shows(const storage::RowView& row) const {
    if ((row.flags & storage::kRowRemoved) != 0 || IsDue(row, now_unix_nanos_)) return false;
    if (!filter_.has_value()) return true;
    if (row.row < next_row_) return passing_->Passes(row.row);
    MNEME_ASSIGN_OR_RETURN(const auto read, storage_.ReadPayloads(memory_.uid(), {&row.row, 1}));
    return filter_->Matches(read[0].attributes);
  }

 private:
  const storage::Storage& storage_;
  const Memory& memory_;
  const std::optional<filter::Filter>& filter_;
  const int64_t now_unix_nanos_;
  uint64_t next_row_ = 0;
  std::shared_ptr<const RowSet> passing_;
};

}  // namespace

void Engine::GetItem(std::string name, ItemId id, Done<ItemRecord> done) {
  absl::StatusOr<std::shared_ptr<Memory>> memory = catalogue_.Find(name);
  if (!memory.ok()) return done(memory.status());
  absl::Status status = (*memory)->CheckServing();
  if (status.ok()) status = CheckKeepsItems(**memory);
  if (!status.ok()) return done(status);
  absl::Status queued =
      read_pool_->Submit([this, memory = *std::move(memory), id = std::move(id), done] {
        absl::StatusOr<ItemRecord> item = ReadItem(*memory, id);
        if (!item.ok()) return done(memory->NoteRead(item.status()));
        memory->NoteUse({&item->row, 1});
        done(std::move(item));
      });
  if (!queued.ok()) done(queued);
}

absl::StatusOr<ItemRecord> Engine::ReadItem(const Memory& memory, const ItemId& id) const {
  const int64_t now = clock_.NowUnixNanos();
  // Id, row and payload are three reads; a write between them is seen by the id having another row
  // afterwards.
  for (int attempt = 0; attempt < kReadTries; ++attempt) {
    MNEME_ASSIGN_OR_RETURN(const auto before, storage_->FindIds(memory.uid(), {&id, 1}));
    if (!before[0].has_value()) break;
    ItemRecord item;
    bool due = false;
    absl::Status status =
        storage_->ReadRow(memory.uid(), *before[0], [&](const storage::RowView& row) {
          item = CopyRow(memory, row, true);
          due = IsDue(row, now);
          return absl::OkStatus();
        });
    if (!status.ok() && !absl::IsNotFound(status)) return status;
    if (status.ok() && !due) {
      MNEME_ASSIGN_OR_RETURN(auto payloads, storage_->ReadPayloads(memory.uid(), {&item.row, 1}));
      item.payload = std::move(payloads[0]);
    }
    MNEME_ASSIGN_OR_RETURN(const auto after, storage_->FindIds(memory.uid(), {&id, 1}));
    if (!status.ok() || after[0] != before[0]) continue;
    if (due) break;
    return item;
  }
  return NotThere(memory, id);
}

void Engine::ListItems(ListItemsCommand command, Done<ItemPage> done) {
  absl::StatusOr<std::shared_ptr<Memory>> memory = catalogue_.Find(command.memory);
  if (!memory.ok()) return done(memory.status());
  absl::Status status = (*memory)->CheckServing();
  if (status.ok()) status = CheckKeepsItems(**memory);
  if (!status.ok()) return done(status);
  if (command.uid.has_value() && *command.uid != (*memory)->uid()) {
    return done(InvalidArgument("the page token is of a memory that was deleted since",
                                {.reason = "PAGE_TOKEN",
                                 .given = "a token of another memory",
                                 .expected = "next_page_token of this memory",
                                 .next_step = "Start again without a page token."}));
  }
  absl::StatusOr<std::optional<filter::Filter>> filter = ParseOptionalFilter(command.filter);
  if (!filter.ok()) return done(filter.status());
  absl::Status queued =
      read_pool_->Submit([this, memory = *std::move(memory), command = std::move(command),
                          filter = *std::move(filter), done] {
        absl::StatusOr<ItemPage> page = ReadPage(*memory, command, filter);
        if (!page.ok()) return done(memory->NoteRead(page.status()));
        done(std::move(page));
      });
  if (!queued.ok()) done(queued);
}

absl::StatusOr<ItemPage> Engine::ReadPage(Memory& memory, const ListItemsCommand& command,
                                          const std::optional<filter::Filter>& filter) const {
  PageFilter shown(*storage_, memory, filter, clock_.NowUnixNanos());
  MNEME_RETURN_IF_ERROR(shown.Prepare(memory));
  ItemPage page{.uid = memory.uid()};
  uint64_t bytes = 0;
  size_t looked_at = 0;
  const absl::Status stop = absl::CancelledError("the page is full");
  const auto visit = [&](const storage::RowView& row) -> absl::Status {
    if (looked_at++ == kListScanRowsMax) {
      page.next_row = row.row;
      return stop;
    }
    MNEME_ASSIGN_OR_RETURN(const bool shows, shown.Shows(row));
    if (!shows) return absl::OkStatus();
    ItemRecord item = CopyRow(memory, row, command.vectors);
    uint64_t item_bytes = kItemBytes + row.id.text().size() +
                          (item.key.size() + item.response.size()) * sizeof(float);
    if (command.payloads) {
      MNEME_ASSIGN_OR_RETURN(auto payloads, storage_->ReadPayloads(memory.uid(), {&row.row, 1}));
      item.payload = std::move(payloads[0]);
      item_bytes += item.payload.payload.size() + item.payload.attributes.size();
    }
    const bool full =
        page.items.size() == command.page_size || bytes + item_bytes > command.page_bytes_max;
    if (full && !page.items.empty()) {
      page.next_row = row.row;
      return stop;
    }
    bytes += item_bytes;
    page.items.push_back(std::move(item));
    return absl::OkStatus();
  };
  const absl::Status status =
      storage_->ScanRows(memory.uid(), command.first_row, ~uint64_t{0}, visit);
  if (!status.ok() && status != stop) return status;
  return page;
}

}  // namespace mneme::engine
