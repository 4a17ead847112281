// GetItem and ListItems.
#include <utility>

#include "core/engine/engine.h"
#include "core/engine/validate.h"

namespace mneme::engine {
namespace {

// Of an item's message, besides its vectors, payload and id.
constexpr uint64_t kItemBytes = 96;

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
  ItemRecord item{
      .uid = memory.uid(), .id = row.id, .row = row.row, .weight = row.weight};
  if (!vectors) return item;
  // Keys leave the disk at the next checkpoint unless they are kept; until then they are not shown
  // either.
  if (memory.keeps_keys()) item.key.assign(row.key.begin(), row.key.end());
  item.response.assign(row.response.begin(), row.response.end());
  return item;
}

}  // namespace

void Engine::GetItem(std::string name, ItemId id, Done<ItemRecord> done) {
  absl::StatusOr<std::shared_ptr<Memory>> memory = catalogue_.Find(name);
  if (!memory.ok()) return done(memory.status());
  if (absl::Status status = CheckKeepsItems(**memory); !status.ok()) return done(status);
  absl::Status queued = read_pool_->Submit([this, memory = *std::move(memory), id = std::move(id),
                                            done] { done(ReadItem(*memory, id)); });
  if (!queued.ok()) done(queued);
}

absl::StatusOr<ItemRecord> Engine::ReadItem(const Memory& memory, const ItemId& id) const {
  // Id, row and payload are three reads; a write between them is seen by the id having another row
  // afterwards.
  for (int attempt = 0; attempt < kReadTries; ++attempt) {
    MNEME_ASSIGN_OR_RETURN(const auto before, storage_->FindIds(memory.uid(), {&id, 1}));
    if (!before[0].has_value()) break;
    ItemRecord item;
    absl::Status status =
        storage_->ReadRow(memory.uid(), *before[0], [&](const storage::RowView& row) {
          item = CopyRow(memory, row, true);
          return absl::OkStatus();
        });
    if (!status.ok() && !absl::IsNotFound(status)) return status;
    if (status.ok()) {
      MNEME_ASSIGN_OR_RETURN(auto payloads, storage_->ReadPayloads(memory.uid(), {&item.row, 1}));
      item.payload = std::move(payloads[0]);
    }
    MNEME_ASSIGN_OR_RETURN(const auto after, storage_->FindIds(memory.uid(), {&id, 1}));
    if (status.ok() && after[0] == before[0]) return item;
  }
  return NotFound(
      absl::StrFormat("item '%s' is not in memory '%s'", id.ToString(), memory.name()),
      {.reason = "ITEM_NOT_FOUND",
       .given = id.ToString(),
       .expected = "the id of a stored item",
       .next_step =
           "See ListItems (mnemectl items list). The number 7 and the text '7' are two ids."});
}

void Engine::ListItems(ListItemsCommand command, Done<ItemPage> done) {
  absl::StatusOr<std::shared_ptr<Memory>> memory = catalogue_.Find(command.memory);
  if (!memory.ok()) return done(memory.status());
  if (absl::Status status = CheckKeepsItems(**memory); !status.ok()) return done(status);
  if (command.uid.has_value() && *command.uid != (*memory)->uid()) {
    return done(InvalidArgument("the page token is of a memory that was deleted since",
                                {.reason = "PAGE_TOKEN",
                                 .given = "a token of another memory",
                                 .expected = "next_page_token of this memory",
                                 .next_step = "Start again without a page token."}));
  }
  auto read = [this, memory = *memory, command]() -> absl::StatusOr<ItemPage> {
    ItemPage page{.uid = memory->uid()};
    uint64_t bytes = 0;
    const absl::Status stop = absl::CancelledError("the page is full");
    absl::Status status = storage_->ScanRows(
        memory->uid(), command.first_row, ~uint64_t{0},
        [&](const storage::RowView& row) -> absl::Status {
          if (row.flags & storage::kRowRemoved) return absl::OkStatus();
          ItemRecord item = CopyRow(*memory, row, command.vectors);
          uint64_t item_bytes = kItemBytes + row.id.text().size() +
                                (item.key.size() + item.response.size()) * sizeof(float);
          if (command.payloads) {
            MNEME_ASSIGN_OR_RETURN(auto payloads,
                                   storage_->ReadPayloads(memory->uid(), {&row.row, 1}));
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
        });
    if (!status.ok() && status != stop) return status;
    return page;
  };
  absl::Status queued = read_pool_->Submit([read = std::move(read), done] { done(read()); });
  if (!queued.ok()) done(queued);
}

}  // namespace mneme::engine
