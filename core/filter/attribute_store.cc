#include "core/filter/attribute_store.h"

#include <algorithm>
#include <utility>

#include "core/base/status.h"

namespace mneme::filter {
namespace {

constexpr size_t kFirstChunkRows = 16;
constexpr size_t kFirstChunkGrowth = 4;

absl::Status Stopped() {
  return Cancelled("the filter was stopped before it had seen all items",
                   {.reason = "CANCELLED", .next_step = "Ask again when the answer is wanted."});
}

absl::Status Check(std::string_view attribute_bytes) {
  AttributeReader reader(attribute_bytes);
  while (reader.Next()) continue;
  return reader.status();
}

}  // namespace

ChunkAnswer AttributeView::Ask(const Filter& filter, const AttributeChunk& chunk,
                               size_t rows) const {
  if (rows < kChunkRows) return chunk.Ask(filter, rows);
  if (const auto known = cache_->Get(filter.text(), chunk.number())) return *known;
  const ChunkAnswer answer = chunk.Ask(filter, rows);
  cache_->Put(filter.text(), chunk.number(), answer);
  return answer;
}

absl::StatusOr<RowSet> AttributeView::Select(const Filter& filter,
                                             const std::function<bool()>& cancelled) const {
  MNEME_ASSIGN_OR_RETURN(const bool others_pass, filter.Matches({}));
  RowSet out{.listed = {}, .listed_pass = !others_pass};
  for (size_t i = 0; i * kChunkRows < rows_; ++i) {
    if (cancelled && cancelled()) return Stopped();
    const Entry& entry = (*entries_)[i];
    const AttributeChunk& chunk = *entry.chunk;
    const size_t rows = std::min(kChunkRows, rows_ - i * kChunkRows);
    const ChunkAnswer answer = Ask(filter, chunk, rows);
    RowBits here = RowBits::FirstRows(rows);
    if (entry.removed != nullptr) here = here & ~*entry.removed;
    absl::Status error;
    (answer.fails & here).ForEach([&](size_t at) {
      error = Annotate(filter.Matches(chunk.attributes(at)).status(),
                       absl::StrCat("row ", chunk.row(at)));
      return false;
    });
    MNEME_RETURN_IF_ERROR(error);
    ((others_pass ? ~answer.passes : answer.passes) & here).ForEach([&](size_t at) {
      out.listed.push_back(chunk.row(at));
      return true;
    });
  }
  return out;
}

AttributeStore::AttributeStore(std::shared_ptr<FilterCache> cache) : cache_(std::move(cache)) {}

uint64_t AttributeStore::bytes() const {
  const size_t last = slots_.empty() ? 0 : slots_.back().chunk->bytes();
  return full_bytes_ + last + removed_bytes_ + slots_.capacity() * sizeof(Slot);
}

AttributeChunk& AttributeStore::RoomForOne() {
  const auto number = [this] { return cache_->NewChunkNumber(); };
  if (slots_.empty()) {
    slots_.push_back({.chunk = std::make_shared<AttributeChunk>(kFirstChunkRows, number())});
    published_ = nullptr;
  } else if (AttributeChunk& last = *slots_.back().chunk; last.rows() == last.capacity()) {
    if (last.capacity() < kChunkRows) {
      const size_t larger = std::min(kChunkRows, last.capacity() * kFirstChunkGrowth);
      slots_.back().chunk = std::make_shared<AttributeChunk>(larger, number(), last);
    } else {
      full_bytes_ += last.bytes();
      slots_.push_back({.chunk = std::make_shared<AttributeChunk>(kChunkRows, number())});
    }
    published_ = nullptr;
  }
  return *slots_.back().chunk;
}

void AttributeStore::Keep(uint64_t row, std::string_view attribute_bytes) {
  RoomForOne().Append(row, attribute_bytes);
  ++rows_;
}

absl::Status AttributeStore::Append(uint64_t row, std::string_view attribute_bytes) {
  if (last_row_.has_value() && row <= *last_row_) {
    return Internal("attributes: a row is not above those before it");
  }
  MNEME_RETURN_IF_ERROR(Check(attribute_bytes));
  last_row_ = row;
  if (!attribute_bytes.empty()) Keep(row, attribute_bytes);
  return absl::OkStatus();
}

std::optional<AttributeStore::Place> AttributeStore::Find(uint64_t row) {
  const auto after = std::partition_point(
      slots_.begin(), slots_.end(), [row](const Slot& slot) { return slot.chunk->row(0) <= row; });
  if (after == slots_.begin()) return std::nullopt;
  Slot& slot = *std::prev(after);
  size_t first = 0, last = slot.chunk->rows();
  while (first < last) {
    const size_t middle = (first + last) / 2;
    if (slot.chunk->row(middle) < row) {
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  if (first == slot.chunk->rows() || slot.chunk->row(first) != row) return std::nullopt;
  if (slot.removed != nullptr && slot.removed->Test(first)) return std::nullopt;
  return Place{.slot = &slot, .at = first};
}

void AttributeStore::Remove(uint64_t row) {
  const std::optional<Place> place = Find(row);
  if (!place.has_value()) return;
  Slot& slot = *place->slot;
  if (slot.removed == nullptr) {
    slot.removed = std::make_shared<RowBits>();
    removed_bytes_ += sizeof(RowBits);
  } else if (slot.removed_is_shared) {
    slot.removed = std::make_shared<RowBits>(*slot.removed);
  }
  slot.removed_is_shared = false;
  slot.removed->Set(place->at);
  ++removed_;
  published_ = nullptr;
  if (removed_ * 4 > rows_) Compact();
}

void AttributeStore::Compact() {
  const std::vector<Slot> old = std::exchange(slots_, {});
  rows_ = 0;
  removed_ = 0;
  full_bytes_ = 0;
  removed_bytes_ = 0;
  published_ = nullptr;
  for (const Slot& slot : old) {
    for (size_t at = 0; at < slot.chunk->rows(); ++at) {
      if (slot.removed != nullptr && slot.removed->Test(at)) continue;
      Keep(slot.chunk->row(at), slot.chunk->attributes(at));
    }
  }
}

AttributeView AttributeStore::Publish() {
  if (published_ == nullptr) {
    auto entries = std::make_shared<AttributeView::Entries>();
    entries->reserve(slots_.size());
    for (Slot& slot : slots_) {
      entries->push_back({.chunk = slot.chunk, .removed = slot.removed});
      slot.removed_is_shared = true;
    }
    published_ = std::move(entries);
  }
  AttributeView view;
  view.cache_ = cache_;
  view.entries_ = published_;
  view.rows_ = rows_;
  view.removed_ = removed_;
  view.bytes_ = bytes();
  return view;
}

}  // namespace mneme::filter
