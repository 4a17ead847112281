#include "core/models/index/rescore.h"

#include <algorithm>
#include <optional>

#include "core/base/status.h"
#include "core/math/kernels.h"
#include "core/math/topk.h"

namespace mneme::models {
namespace {

constexpr size_t kRowsAhead = 8;
constexpr size_t kFloatsPerLine = 16;

float Score(Similarity similarity, const float* cue, const float* key, size_t d) {
  switch (similarity) {
    case Similarity::kDot:
    case Similarity::kCosine:
      return math::Dot(cue, key, d);
    case Similarity::kL2:
      return -0.5f * math::SquaredDistance(cue, key, d);
    case Similarity::kL1:
      return -math::L1Distance(cue, key, d);
  }
  return 0;
}

// Finds many rows of one view. Row numbers mostly have no gaps: a row then lies where counting from
// the first says, and nothing of its tile is touched to know it.
class RowTable {
 public:
  explicit RowTable(const StoreView& store) {
    for (size_t i = 0; i < store.tiles(); ++i) tiles_.push_back(store.tile(i));
    std::erase_if(tiles_, [](const TileView& tile) { return tile.rows == 0; });
  }

  struct Place {
    const TileView* tile = nullptr;
    size_t row = 0;
  };

  // The tile is null where there is no such live row.
  Place Find(uint64_t row_number) const {
    const TileView* const tile = TileOf(row_number);
    if (tile == nullptr) return {};
    const std::optional<size_t> row = RowIn(*tile, row_number);
    if (!row || tile->IsDead(*row)) return {};
    return {.tile = tile, .row = *row};
  }

 private:
  static uint64_t First(const TileView& tile) { return tile.row_numbers[0]; }
  static uint64_t Last(const TileView& tile) { return tile.row_numbers[tile.rows - 1]; }

  const TileView* TileOf(uint64_t row_number) const {
    if (tiles_.empty() || row_number < First(tiles_[0])) return nullptr;
    const uint64_t guess = (row_number - First(tiles_[0])) / kTileRows;
    if (guess < tiles_.size() && First(tiles_[guess]) <= row_number &&
        row_number <= Last(tiles_[guess])) {
      return &tiles_[guess];
    }
    const auto above = std::upper_bound(
        tiles_.begin(), tiles_.end(), row_number,
        [](uint64_t number, const TileView& tile) { return number < First(tile); });
    return &*std::prev(above);
  }

  static std::optional<size_t> RowIn(const TileView& tile, uint64_t row_number) {
    if (row_number > Last(tile)) return std::nullopt;
    if (Last(tile) - First(tile) == tile.rows - 1) return row_number - First(tile);
    const uint64_t* const end = tile.row_numbers + tile.rows;
    const uint64_t* const at = std::lower_bound(tile.row_numbers, end, row_number);
    if (at == end || *at != row_number) return std::nullopt;
    return static_cast<size_t>(at - tile.row_numbers);
  }

  std::vector<TileView> tiles_;
};

std::vector<RowTable::Place> FindAll(const RowTable& table, const CandidateList& candidates) {
  std::vector<RowTable::Place> places;
  places.reserve(candidates.size());
  for (const Candidate& candidate : candidates) {
    const RowTable::Place place = table.Find(candidate.row_number);
    if (place.tile != nullptr) places.push_back(place);
  }
  return places;
}

void Prefetch(const RowTable::Place& place) {
  const size_t d = place.tile->key_dim;
  const float* const key = place.tile->keys + place.row * d;
  for (size_t j = 0; j < d; j += kFloatsPerLine) __builtin_prefetch(key + j);
}

}  // namespace

std::vector<std::vector<ScoredRow>> RescoreTop(const StoreView& store, Similarity similarity,
                                               MatrixView cues,
                                               std::span<const CandidateList> candidates,
                                               size_t k) {
  MNEME_CHECK(candidates.size() == cues.rows);
  const RowTable table(store);
  std::vector<std::vector<ScoredRow>> out;
  for (size_t c = 0; c < cues.rows; ++c) {
    const std::vector<RowTable::Place> places = FindAll(table, candidates[c]);
    math::TopK<ScoredRow> top(k);
    for (size_t i = 0; i < places.size(); ++i) {
      if (i + kRowsAhead < places.size()) Prefetch(places[i + kRowsAhead]);
      const TileView& tile = *places[i].tile;
      const size_t row = places[i].row;
      const float score =
          Score(similarity, cues.row(c).data(), tile.keys + row * tile.key_dim, tile.key_dim);
      if (static_cast<double>(score) < top.threshold()) continue;
      top.Push({.score = static_cast<double>(score),
                .id = tile.ids + row,
                .row_number = tile.row_numbers[row],
                .log_weight = tile.log_weights == nullptr ? 0.0f : tile.log_weights[row]});
    }
    out.push_back(top.TakeSorted());
  }
  return out;
}

}  // namespace mneme::models
