#include "core/models/index/code_store.h"

#include <algorithm>
#include <utility>

#include "core/base/status.h"

namespace mneme::models {
namespace {

using math::kHammingGroup;

constexpr size_t kDeadShare = 4;  // compact beyond one in so many
constexpr size_t kLargePagesFrom = size_t{4} << 20;

}  // namespace

CodeBlockView CodeView::block(size_t i) const {
  const Entry& entry = (*entries_)[first_block_ + i];
  CodeBlockView out = {.full = entry.codes,
                       .rows = std::min(kTileRows, rows_ - i * kTileRows),
                       .row_numbers = entry.row_numbers,
                       .dead = entry.dead.get()};
  out.full_groups = out.rows / kHammingGroup;
  if (out.rows % kHammingGroup != 0) out.rest = rest_->data();
  return out;
}

CodeView CodeView::Part(size_t first, size_t count) const {
  CodeView out = *this;
  const size_t begin = std::min(first, blocks()), end = std::min(begin + count, blocks());
  out.first_block_ = first_block_ + begin;
  out.rows_ = std::min(rows_, end * kTileRows) - std::min(rows_, begin * kTileRows);
  out.live_ = out.rows_;
  for (size_t i = 0; i < end - begin; ++i) {
    const CodeBlockView block = out.block(i);
    if (block.dead != nullptr) out.live_ -= block.dead->count;
  }
  return out;
}

uint64_t CodeView::bytes() const {
  if (entries_ == nullptr) return 0;
  uint64_t bytes = (rest_ == nullptr ? 0 : rest_->bytes()) + blocks() * sizeof(Entry);
  for (size_t i = first_block_; i < first_block_ + blocks(); ++i) {
    const Entry& entry = (*entries_)[i];
    bytes += CodeBlockBytes(words_) + kTileRows * sizeof(uint64_t);
    if (entry.dead != nullptr) bytes += sizeof(Tombstones);
  }
  return bytes;
}

void CodeStore::AppendOne(const uint64_t* code, size_t stride, uint64_t row_number) {
  const size_t row = rows_ % kTileRows;
  if (row == 0) {
    const size_t bytes = CodeBlockBytes(words_);
    const bool large = slots_.size() * bytes >= kLargePagesFrom;
    slots_.push_back({.block = std::make_shared<CodeBlock>(slab_.Take(bytes, large))});
    published_ = nullptr;
  }
  CodeBlock& block = *slots_.back().block;
  uint64_t* const group = block.codes + row / kHammingGroup * words_ * kHammingGroup;
  if (row % kHammingGroup == 0) std::fill_n(group, words_ * kHammingGroup, 0);
  for (size_t w = 0; w < words_; ++w) {
    group[w * kHammingGroup + row % kHammingGroup] = code[w * stride];
  }
  block.row_numbers[row] = row_number;
  last_row_ = row_number;
  ++rows_;
}

absl::Status CodeStore::Append(std::span<const uint64_t> codes,
                               std::span<const uint64_t> row_numbers) {
  if (codes.size() != row_numbers.size() * words_) {
    return Internal("index: codes have another number of rows");
  }
  for (size_t i = 0; i < row_numbers.size(); ++i) {
    const bool ascends =
        i == 0 ? !last_row_ || *last_row_ < row_numbers[0] : row_numbers[i - 1] < row_numbers[i];
    if (!ascends) return Internal("index: row numbers do not ascend");
  }
  for (size_t i = 0; i < row_numbers.size(); ++i) {
    AppendOne(codes.data() + i * words_, 1, row_numbers[i]);
  }
  return absl::OkStatus();
}

std::optional<size_t> CodeStore::Find(uint64_t row_number) const {
  size_t low = 0, high = rows_;  // the first position whose number is not below
  const auto number = [this](size_t position) {
    return slots_[position / kTileRows].block->row_numbers[position % kTileRows];
  };
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (number(middle) < row_number) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == rows_ || number(low) != row_number) return std::nullopt;
  const Tombstones* const dead = slots_[low / kTileRows].dead.get();
  if (dead != nullptr && dead->Test(low % kTileRows)) return std::nullopt;
  return low;
}

void CodeStore::Bury(size_t position) {
  Slot& slot = slots_[position / kTileRows];
  if (slot.dead == nullptr) {
    slot.dead = std::make_shared<Tombstones>();
  } else if (slot.dead_is_shared) {
    slot.dead = std::make_shared<Tombstones>(*slot.dead);
  }
  slot.dead_is_shared = false;
  slot.dead->Set(position % kTileRows);
  published_ = nullptr;
  ++dead_;
}

absl::Status CodeStore::Remove(std::span<const uint64_t> row_numbers) {
  std::vector<size_t> positions;
  for (const uint64_t row_number : row_numbers) {
    const std::optional<size_t> position = Find(row_number);
    if (!position) return Internal("index: a row to remove is not there");
    positions.push_back(*position);
  }
  std::sort(positions.begin(), positions.end());
  if (std::adjacent_find(positions.begin(), positions.end()) != positions.end()) {
    return Internal("index: a row to remove is named twice");
  }
  for (const size_t position : positions) Bury(position);
  if (dead_ * kDeadShare > rows_) Compact();
  return absl::OkStatus();
}

void CodeStore::Compact() {
  const std::vector<Slot> old = std::exchange(slots_, {});
  const size_t old_rows = std::exchange(rows_, 0);
  const std::optional<uint64_t> last = last_row_;
  published_ = nullptr;
  dead_ = 0;
  for (size_t position = 0; position < old_rows; ++position) {
    const Slot& slot = old[position / kTileRows];
    const size_t row = position % kTileRows;
    if (slot.dead != nullptr && slot.dead->Test(row)) continue;
    const uint64_t* const group = slot.block->codes + row / kHammingGroup * words_ * kHammingGroup;
    AppendOne(group + row % kHammingGroup, kHammingGroup, slot.block->row_numbers[row]);
  }
  last_row_ = last;
}

CodeView CodeStore::Publish() {
  if (published_ == nullptr) {
    auto entries = std::make_shared<CodeView::Entries>();
    for (Slot& slot : slots_) {
      slot.dead_is_shared = slot.dead != nullptr;
      entries->push_back({.block = slot.block,
                          .dead = slot.dead,
                          .codes = slot.block->codes,
                          .row_numbers = slot.block->row_numbers.data()});
    }
    published_ = std::move(entries);
  }
  CodeView view;
  view.entries_ = published_;
  view.words_ = words_;
  view.rows_ = rows_;
  view.live_ = rows_ - dead_;
  if (rows_ % kHammingGroup != 0) {
    const size_t group = rows_ % kTileRows / kHammingGroup;
    auto rest = std::make_shared<BasicMatrix<uint64_t>>(words_, kHammingGroup);
    std::copy_n(slots_.back().block->codes + group * words_ * kHammingGroup, rest->flat().size(),
                rest->data());
    view.rest_ = std::move(rest);
  }
  return view;
}

}  // namespace mneme::models
