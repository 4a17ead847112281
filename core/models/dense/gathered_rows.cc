#include "core/models/dense/gathered_rows.h"

#include <algorithm>

namespace mneme::models {
namespace {

constexpr size_t kRowsAhead = 8;
constexpr size_t kFloatsPerLine = 16;

}  // namespace

GatheredRows::GatheredRows(const StoreView& store, size_t rows_max, const RowSet* only)
    : store_(store), only_(only) {
  if (store.tiles() == 0) return;
  const TileView tile = store.tile(0);
  if (tile.rows > 0) first_row_ = tile.row_numbers[0];
  keys_ = Matrix(rows_max, tile.key_dim);
  norms_ = Matrix(rows_max, 1);
  log_weights_ = Matrix(rows_max, 1);
  row_numbers_.resize(rows_max);
  ids_.resize(rows_max);
  places_.reserve(rows_max);
}

std::optional<RowPosition> GatheredRows::Find(uint64_t row_number) const {
  if (row_number < first_row_) return std::nullopt;
  const uint64_t guess = row_number - first_row_;
  if (guess < store_.rows()) {
    const TileView tile = store_.tile(guess / kTileRows);
    const size_t row = guess % kTileRows;
    if (row < tile.rows && tile.row_numbers[row] == row_number) {
      if (tile.IsDead(row)) return std::nullopt;
      return RowPosition{.tile = static_cast<uint32_t>(guess / kTileRows),
                         .row = static_cast<uint32_t>(row)};
    }
  }
  return store_.Find(row_number);
}

void GatheredRows::Copy(RowPosition at, size_t to) {
  const TileView tile = store_.tile(at.tile);
  std::copy_n(tile.keys + at.row * tile.key_dim, tile.key_dim, keys_.row(to).data());
  norms_.at(to, 0) = tile.squared_norms[at.row];
  log_weights_.at(to, 0) = tile.log_weights == nullptr ? 0.0f : tile.log_weights[at.row];
  row_numbers_[to] = tile.row_numbers[at.row];
  ids_[to] = tile.ids[at.row];
}

TileView GatheredRows::Gather(const CandidateList& candidates) {
  places_.clear();
  for (const Candidate& candidate : candidates) {
    if (places_.size() == keys_.rows()) break;
    if (only_ != nullptr && !only_->Passes(candidate.row_number)) continue;
    if (const std::optional<RowPosition> at = Find(candidate.row_number)) places_.push_back(*at);
  }
  for (size_t i = 0; i < places_.size(); ++i) {
    if (i + kRowsAhead < places_.size()) {
      const RowPosition next = places_[i + kRowsAhead];
      const TileView tile = store_.tile(next.tile);
      const float* const key = tile.keys + next.row * tile.key_dim;
      for (size_t j = 0; j < tile.key_dim; j += kFloatsPerLine) __builtin_prefetch(key + j);
    }
    Copy(places_[i], i);
  }
  return {.rows = places_.size(),
          .key_dim = keys_.cols(),
          .keys = keys_.data(),
          .squared_norms = norms_.data(),
          .log_weights = log_weights_.data(),
          .row_numbers = row_numbers_.data(),
          .ids = ids_.data()};
}

}  // namespace mneme::models
