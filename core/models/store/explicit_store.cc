#include "core/models/store/explicit_store.h"

#include <algorithm>
#include <utility>

#include "core/base/status.h"

namespace mneme::models {
namespace {

constexpr size_t kRoomStep = 16;   // tiles have room for a multiple of so many rows
constexpr size_t kRoomShare = 16;  // and for one in so many, of all rows, that may yet come
static_assert(kRoomStep % math::kCodeGroup == 0 && kTileRows % kRoomStep == 0);

// The least room that is enough for `rows` in the last tile, with so many rows in tiles before it.
// Rooms are steps of one ladder, whether rows come one by one or all at once.
size_t TileRoom(size_t before, size_t rows) {
  size_t room = 0;
  while (room < rows) {
    room += std::max(kRoomStep, (before + room) / kRoomShare / kRoomStep * kRoomStep);
  }
  return std::min(room, kTileRows);
}

// Finds `row_number` in ascending order: `tile_count` tiles, `number(tile, row)`, `rows(tile)`.
template <typename RowsOf, typename NumberOf>
std::optional<RowPosition> FindRow(size_t tile_count, RowsOf rows, NumberOf number,
                                   uint64_t row_number) {
  size_t low = 0, high = tile_count;  // the first tile that starts above row_number
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (number(middle, 0) <= row_number) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return std::nullopt;
  const size_t tile = low - 1;
  size_t first = 0, last = rows(tile);
  while (first < last) {
    const size_t middle = (first + last) / 2;
    if (number(tile, middle) < row_number) {
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  if (first == rows(tile) || number(tile, first) != row_number) return std::nullopt;
  return RowPosition{static_cast<uint32_t>(tile), static_cast<uint32_t>(first)};
}

}  // namespace

uint64_t StoreRoom(uint64_t rows) {
  const uint64_t before = rows / kTileRows * kTileRows;
  return before + TileRoom(before, rows - before);
}

TileView StoreView::tile(size_t i) const {
  const Entry& entry = (*entries_)[i];
  return entry.tile->View(RowsOf(i), entry.dead.get());
}

// Row numbers mostly have no gaps: a row then lies where counting from the first says, and its
// tile's first and last numbers tell that it does.
std::optional<RowPosition> StoreView::FindWithoutGaps(uint64_t row_number) const {
  if (rows_ == 0) return std::nullopt;
  const uint64_t first = (*entries_)[0].tile->row_number(0);
  if (row_number < first || row_number - first >= rows_) return std::nullopt;
  const size_t i = (row_number - first) / kTileRows, row = (row_number - first) % kTileRows;
  const Tile& tile = *(*entries_)[i].tile;
  const uint64_t begin = first + i * kTileRows, last = RowsOf(i) - 1;
  if (tile.row_number(0) != begin || tile.row_number(last) != begin + last) return std::nullopt;
  return RowPosition{.tile = static_cast<uint32_t>(i), .row = static_cast<uint32_t>(row)};
}

std::optional<RowPosition> StoreView::Find(uint64_t row_number) const {
  std::optional<RowPosition> found = FindWithoutGaps(row_number);
  if (!found) {
    found = FindRow(
        tiles(), [this](size_t i) { return RowsOf(i); },
        [this](size_t i, size_t row) { return (*entries_)[i].tile->row_number(row); }, row_number);
  }
  if (!found || IsDead(*found)) return std::nullopt;
  return found;
}

ExplicitStore::ExplicitStore(size_t key_dim, size_t value_dim, bool codes)
    : key_dim_(key_dim), value_dim_(value_dim), has_codes_(codes && HasCodes(key_dim)) {}

absl::Status ExplicitStore::CheckShapes(const StoreRows& rows) const {
  const size_t count = rows.row_numbers.size();
  const auto fits = [count](size_t size) { return size == 0 || size == count; };
  if (count > 0 && (rows.keys.rows != count || rows.keys.cols != key_dim_)) {
    return Internal("store: keys have another shape than the store");
  }
  if (count > 0 && value_dim_ > 0 &&
      (rows.values.rows != count || rows.values.cols != value_dim_)) {
    return Internal("store: values have another shape than the store");
  }
  if (!fits(rows.log_weights.size()) || !fits(rows.extra.size()) || !fits(rows.ids.size())) {
    return Internal("store: a column has another number of rows");
  }
  for (size_t i = 1; i < count; ++i) {
    if (rows.row_numbers[i] <= rows.row_numbers[i - 1]) {
      return Internal("store: row numbers do not ascend");
    }
  }
  if (count > 0 && rows_ > 0) {
    const Tile& last = *slots_.back().tile;
    if (rows.row_numbers[0] <= last.row_number(last.rows() - 1)) {
      return Internal("store: a row number is not above those before it");
    }
  }
  return absl::OkStatus();
}

std::shared_ptr<int8_t> ExplicitStore::RoomForCodes(size_t rows) {
  constexpr size_t kLargeBytes = size_t{64} << 20;  // where a slab left over is nothing
  if (!has_codes_) return nullptr;
  const size_t row_bytes = (key_dim_ + value_dim_) * sizeof(float) + CodedRowBytes(key_dim_);
  const bool large = rows == kTileRows && rows_ * row_bytes >= kLargeBytes;
  return code_slab_.Take(math::CodeGroupBytes(rows, key_dim_), large);
}

Tile& ExplicitStore::RoomFor(size_t more) {
  const size_t before = rows_ / kTileRows * kTileRows, in_last = rows_ - before;
  if (in_last == 0 || slots_.back().tile->rows() == slots_.back().tile->capacity()) {
    const size_t room = TileRoom(before, std::min(kTileRows, in_last + more));
    if (in_last == 0) {
      slots_.push_back(
          {.tile = std::make_shared<Tile>(room, key_dim_, value_dim_, RoomForCodes(room))});
    } else {
      slots_.back().tile = std::make_shared<Tile>(room, *slots_.back().tile, RoomForCodes(room));
    }
    published_ = nullptr;
  }
  return *slots_.back().tile;
}

absl::Status ExplicitStore::Append(const StoreRows& rows) {
  MNEME_RETURN_IF_ERROR(CheckShapes(rows));
  for (size_t i = 0; i < rows.row_numbers.size(); ++i) {
    RoomFor(rows.row_numbers.size() - i)
        .Append({.key = rows.keys.row(i).data(),
                 .value = value_dim_ == 0 ? nullptr : rows.values.row(i).data(),
                 .log_weight = rows.log_weights.empty() ? 0.0f : rows.log_weights[i],
                 .extra = rows.extra.empty() ? 0.0f : rows.extra[i],
                 .row_number = rows.row_numbers[i]},
                rows.ids.empty() ? ItemId(rows.row_numbers[i]) : rows.ids[i]);
    ++rows_;
  }
  return absl::OkStatus();
}

std::optional<RowPosition> ExplicitStore::Find(uint64_t row_number) const {
  const auto found = FindRow(
      slots_.size(), [this](size_t i) { return slots_[i].tile->rows(); },
      [this](size_t i, size_t row) { return slots_[i].tile->row_number(row); }, row_number);
  if (!found) return std::nullopt;
  const Slot& slot = slots_[found->tile];
  if (slot.dead != nullptr && slot.dead->Test(found->row)) return std::nullopt;
  return found;
}

void ExplicitStore::Bury(RowPosition at) {
  Slot& slot = slots_[at.tile];
  if (slot.dead == nullptr) {
    slot.dead = std::make_shared<Tombstones>();
  } else if (slot.dead_is_shared) {
    slot.dead = std::make_shared<Tombstones>(*slot.dead);
  }
  slot.dead_is_shared = false;
  slot.dead->Set(at.row);
  ++dead_;
  published_ = nullptr;
}

absl::Status ExplicitStore::Remove(std::span<const uint64_t> row_numbers) {
  std::vector<RowPosition> positions;
  positions.reserve(row_numbers.size());
  for (const uint64_t number : row_numbers) {
    const auto position = Find(number);
    if (!position) return Internal("store: a row to remove is not there");
    positions.push_back(*position);
  }
  std::sort(positions.begin(), positions.end());
  if (std::adjacent_find(positions.begin(), positions.end()) != positions.end()) {
    return Internal("store: a row to remove is named twice");
  }
  for (const RowPosition& position : positions) Bury(position);
  if (dead_ * 4 > rows_) Compact();
  return absl::OkStatus();
}

void ExplicitStore::Compact() {
  const std::vector<Slot> old = std::exchange(slots_, {});
  const size_t live = live_rows();
  rows_ = 0;
  dead_ = 0;
  published_ = nullptr;
  for (const Slot& slot : old) {
    for (size_t row = 0; row < slot.tile->rows(); ++row) {
      if (slot.dead != nullptr && slot.dead->Test(row)) continue;
      RoomFor(live - rows_).AppendFrom(*slot.tile, row);
      ++rows_;
    }
  }
}

StoreView ExplicitStore::Publish() {
  if (published_ == nullptr) {
    auto entries = std::make_shared<StoreView::Entries>();
    entries->reserve(slots_.size());
    closed_bytes_ = 0;
    for (Slot& slot : slots_) {
      entries->push_back({.tile = slot.tile, .dead = slot.dead});
      slot.dead_is_shared = true;
      if (slot.dead != nullptr) closed_bytes_ += sizeof(Tombstones);
      if (&slot != &slots_.back()) closed_bytes_ += slot.tile->bytes();
    }
    published_ = std::move(entries);
  }
  StoreView view;
  view.entries_ = published_;
  view.rows_ = rows_;
  view.live_ = live_rows();
  view.bytes_ = closed_bytes_ + (slots_.empty() ? 0 : slots_.back().tile->bytes());
  return view;
}

}  // namespace mneme::models
