#include "core/models/store/tile.h"

#include <algorithm>
#include <utility>

#include "core/base/status.h"
#include "core/math/codes.h"
#include "core/math/kernels.h"

namespace mneme::models {

std::string_view TextArena::Add(std::string_view text) {
  if (text.size() > left_) {
    left_ = std::max(kChunkBytes, text.size());
    chunks_.push_back(std::make_unique<char[]>(left_));
    bytes_ += left_;
    next_ = chunks_.back().get();
  }
  char* const begin = next_;
  std::memcpy(begin, text.data(), text.size());
  next_ += text.size();
  left_ -= text.size();
  return {begin, text.size()};
}

namespace {

template <typename T>
void CopyRows(BasicMatrix<T>& to, const BasicMatrix<T>& from) {
  std::copy(from.flat().begin(), from.flat().end(), to.data());
}

}  // namespace

Tile::Tile(size_t capacity, size_t key_dim, size_t value_dim, std::shared_ptr<int8_t> codes)
    : keys_(capacity, key_dim),
      values_(value_dim == 0 ? 0 : capacity, value_dim),
      squared_norms_(capacity, 1),
      log_weights_(capacity, 1),
      extra_(capacity, 1),
      codes_(std::move(codes)),
      code_offsets_(codes_ == nullptr ? 0 : capacity, 1),
      code_scales_(codes_ == nullptr ? 0 : capacity, 1),
      code_errors_(codes_ == nullptr ? 0 : capacity, 1),
      code_norms_(codes_ == nullptr ? 0 : capacity, 1),
      row_numbers_(capacity),
      ids_(capacity),
      texts_(std::make_shared<TextArena>()) {}

Tile::Tile(size_t capacity, const Tile& smaller, std::shared_ptr<int8_t> codes)
    : Tile(capacity, smaller.keys_.cols(), smaller.values_.cols(), std::move(codes)) {
  MNEME_CHECK(capacity >= smaller.rows_);
  CopyRows(keys_, smaller.keys_);
  CopyRows(values_, smaller.values_);
  CopyRows(squared_norms_, smaller.squared_norms_);
  CopyRows(log_weights_, smaller.log_weights_);
  CopyRows(extra_, smaller.extra_);
  if (smaller.codes_ != nullptr) {
    all_bounded_ = smaller.all_bounded_.load();
    std::copy_n(smaller.codes_.get(), math::CodeGroupBytes(smaller.capacity(), keys_.cols()),
                codes_.get());
  }
  CopyRows(code_offsets_, smaller.code_offsets_);
  CopyRows(code_scales_, smaller.code_scales_);
  CopyRows(code_errors_, smaller.code_errors_);
  CopyRows(code_norms_, smaller.code_norms_);
  std::copy_n(smaller.row_numbers_.begin(), smaller.rows_, row_numbers_.begin());
  std::copy_n(smaller.ids_.begin(), smaller.rows_, ids_.begin());
  texts_ = smaller.texts_;
  rows_ = smaller.rows_;
}

size_t Tile::bytes() const {
  return sizeof(Tile) + keys_.bytes() + values_.bytes() + squared_norms_.bytes() +
         log_weights_.bytes() + extra_.bytes() +
         (codes_ == nullptr ? 0 : math::CodeGroupBytes(capacity(), keys_.cols())) +
         code_offsets_.bytes() + code_scales_.bytes() + code_errors_.bytes() + code_norms_.bytes() +
         row_numbers_.size() * sizeof(uint64_t) + ids_.size() * sizeof(IdCell) + texts_->bytes();
}

size_t Tile::AppendColumns(const TileRow& row) {
  MNEME_CHECK(rows_ < capacity());
  const size_t at = rows_++;
  std::copy_n(row.key, keys_.cols(), keys_.row(at).data());
  if (!values_.empty()) std::copy_n(row.value, values_.cols(), values_.row(at).data());
  squared_norms_.at(at, 0) = math::SquaredNorm(row.key, keys_.cols());
  log_weights_.at(at, 0) = row.log_weight;
  extra_.at(at, 0) = row.extra;
  if (codes_ != nullptr) AppendCodes(row.key, at);
  row_numbers_[at] = row.row_number;
  return at;
}

void Tile::AppendCodes(const float* key, size_t at) {
  const size_t group = at / math::kCodeGroup * math::kCodeGroup;
  const math::CodeBounds bounds = math::EncodeRow(
      key, keys_.cols(), at - group, codes_.get() + group * math::CodeBytes(keys_.cols()));
  if (!bounds.known()) all_bounded_.store(false, std::memory_order_relaxed);
  code_offsets_.at(at, 0) = bounds.offset;
  code_scales_.at(at, 0) = bounds.scale;
  code_errors_.at(at, 0) = bounds.error;
  code_norms_.at(at, 0) = bounds.norm;
}

void Tile::Append(const TileRow& row, const ItemId& id) {
  const size_t at = AppendColumns(row);
  ids_[at] = id.is_text() ? IdCell(texts_->Add(id.text())) : IdCell(id.number());
}

void Tile::AppendFrom(const Tile& other, size_t from) {
  const size_t at =
      AppendColumns({.key = other.keys_.row(from).data(),
                     .value = other.values_.empty() ? nullptr : other.values_.row(from).data(),
                     .log_weight = other.log_weights_.at(from, 0),
                     .extra = other.extra_.at(from, 0),
                     .row_number = other.row_numbers_[from]});
  const IdCell& id = other.ids_[from];
  ids_[at] = id.is_text() ? IdCell(texts_->Add(id.text())) : id;
}

TileView Tile::View(size_t rows, const Tombstones* dead) const {
  return {.rows = rows,
          .key_dim = keys_.cols(),
          .value_dim = values_.cols(),
          .keys = keys_.data(),
          .values = values_.data(),
          .squared_norms = squared_norms_.data(),
          .log_weights = log_weights_.data(),
          .extra = extra_.data(),
          // A group is written while it fills: it is read once it is full.
          .coded_rows = codes_ == nullptr || !all_bounded_.load(std::memory_order_relaxed)
                            ? 0
                            : rows / math::kCodeGroup * math::kCodeGroup,
          .codes = codes_.get(),
          .code_offsets = code_offsets_.data(),
          .code_scales = code_scales_.data(),
          .code_errors = code_errors_.data(),
          .code_norms = code_norms_.data(),
          .row_numbers = row_numbers_.data(),
          .ids = ids_.data(),
          .dead = dead};
}

}  // namespace mneme::models
