// A view of the rows that pass a RowSet. Row numbers ascend within a tile and from tile to tile, so
// a tile is merged with its stretch of the list, never searched for row by row.
#include <algorithm>
#include <span>
#include <utility>

#include "core/models/store/explicit_store.h"

namespace mneme::models {
namespace {

// Where so few of the rows live, copying them costs less than stepping over the others.
constexpr size_t kRowsPerCopied = 32;
constexpr uint64_t kCopiedBytesMax = 8u << 20;
// With so many numbers in the list to a row of the tile, each row is looked up in the list.
constexpr size_t kListedPerSearch = 16;

Tombstones AllDead(size_t rows) {
  Tombstones dead;
  for (size_t word = 0; word < rows / 64; ++word) dead.words[word] = ~uint64_t{0};
  if (rows % 64 != 0) dead.words[rows / 64] = (uint64_t{1} << (rows % 64)) - 1;
  dead.count = static_cast<uint32_t>(rows);
  return dead;
}

// Calls visit(row of the tile) for each listed row number that the tile holds.
template <typename Visit>
void VisitListed(const TileView& tile, std::span<const uint64_t> listed, const Visit& visit) {
  const uint64_t first = tile.row_numbers[0];
  if (tile.row_numbers[tile.rows - 1] - first == tile.rows - 1) {  // no gaps
    for (const uint64_t number : listed) visit(static_cast<size_t>(number - first));
    return;
  }
  if (listed.size() > kListedPerSearch * tile.rows) {  // a tile of one of many partitions
    auto from = listed.begin();
    for (size_t row = 0; row < tile.rows && from != listed.end(); ++row) {
      from = std::lower_bound(from, listed.end(), tile.row_numbers[row]);
      if (from != listed.end() && *from == tile.row_numbers[row]) visit(row);
    }
    return;
  }
  size_t row = 0;
  for (const uint64_t number : listed) {
    while (row < tile.rows && tile.row_numbers[row] < number) ++row;
    if (row == tile.rows) return;
    if (tile.row_numbers[row] == number) visit(row);
  }
}

// The rows of a tile that are dead, or do not pass.
Tombstones DeadUnder(const TileView& tile, std::span<const uint64_t> listed, bool listed_pass) {
  if (listed_pass) {
    Tombstones dead = AllDead(tile.rows);
    VisitListed(tile, listed, [&](size_t row) {
      if (!tile.IsDead(row)) dead.Clear(row);
    });
    return dead;
  }
  Tombstones dead = tile.dead == nullptr ? Tombstones{} : *tile.dead;
  VisitListed(tile, listed, [&](size_t row) {
    if (!dead.Test(row)) dead.Set(row);
  });
  return dead;
}

}  // namespace

StoreView StoreView::Only(const RowSet& rows) const {
  auto entries = std::make_shared<Entries>();
  StoreView only;
  std::span<const uint64_t> listed = rows.listed;
  for (size_t i = 0; i < tiles(); ++i) {
    const TileView view = tile(i);
    const auto from = std::lower_bound(listed.begin(), listed.end(), view.row_numbers[0]);
    const auto to = std::upper_bound(from, listed.end(), view.row_numbers[view.rows - 1]);
    const std::span<const uint64_t> here(from, to);
    listed = std::span<const uint64_t>(to, listed.end());
    const bool unchanged = here.empty() && !rows.listed_pass;
    if (view.dead_count() == view.rows || (here.empty() && rows.listed_pass)) continue;
    Entry entry = (*entries_)[i];
    if (!unchanged) {
      const Tombstones dead = DeadUnder(view, here, rows.listed_pass);
      if (dead.count == view.rows) continue;
      entry.dead = dead.count == 0 ? nullptr : std::make_shared<const Tombstones>(dead);
    }
    // Tiles that stay are full, all but the last: so are they in the new view.
    only.rows_ += view.rows;
    only.live_ += view.rows - (entry.dead == nullptr ? 0 : entry.dead->count);
    entries->push_back(std::move(entry));
  }
  // In proportion: the last tile may be growing while this is read.
  const uint64_t row_bytes = rows_ == 0 ? 0 : bytes_ / rows_;
  only.bytes_ = row_bytes * only.rows_;
  only.entries_ = std::move(entries);
  if (only.live_ * kRowsPerCopied <= only.rows_ && only.live_ * row_bytes <= kCopiedBytesMax) {
    return only.CopyLive();
  }
  return only;
}

StoreView StoreView::CopyLive() const {
  auto entries = std::make_shared<Entries>();
  StoreView copy;
  std::shared_ptr<Tile> last;
  for (size_t t = 0; t < tiles(); ++t) {
    const TileView view = tile(t);
    view.VisitLive([&](size_t row) {
      if (last == nullptr || last->rows() == kTileRows) {
        const size_t room = std::min(kTileRows, live_ - copy.rows_);
        last = std::make_shared<Tile>(room, view.key_dim, view.value_dim, /*codes=*/nullptr);
        entries->push_back({.tile = last});
      }
      last->AppendFrom(*(*entries_)[t].tile, row);
      ++copy.rows_;
    });
  }
  for (const Entry& entry : *entries) copy.bytes_ += entry.tile->bytes();
  copy.live_ = copy.rows_;
  copy.entries_ = std::move(entries);
  return copy;
}

}  // namespace mneme::models
