#include "core/models/linear/codebook_scores.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "core/math/blas.h"
#include "core/math/kernels.h"

namespace mneme::models {
namespace {

constexpr size_t kCueBlock = 64;
constexpr size_t kCollectSlack = 32;  // CollectAtLeast writes whole vectors

// How far a GEMM's float32 sum may be from the dot product of a unit row with this recall. Rounding
// adds up to about 6e-8 sqrt(d_v) of the recall's norm: this is enough for 16,000 dimensions.
float GemmSlack(std::span<const float> recall) {
  return 1e-5f * std::sqrt(math::SquaredNorm(recall.data(), recall.size()));
}

}  // namespace

// The scores of one cue over some rows of a tile.
struct CodebookScorer::Scored {
  const TileView& tile;
  std::span<const float> scores;
  std::span<const uint32_t> rows;  // scores[i] is of row rows[i]; empty: of row i
  std::span<const float> recall;
  bool exact = true;  // else within GemmSlack

  size_t row(size_t i) const { return rows.empty() ? i : rows[i]; }
};

void CodebookScorer::Reserve(size_t cues) {
  const size_t block = std::min(cues, kCueBlock);
  if (scores_.rows() < block) scores_ = Matrix(block, kTileRows);
  if (index_.empty()) {
    index_.resize(kTileRows + kCollectSlack);
    selection_.reserve(kTileRows);
  }
}

// The score below which a row cannot enter the list.
float CodebookScorer::Bound(const Scored& scored, const CueScores& into) {
  double bound = into.top.threshold();
  const size_t limit = into.top.limit();
  if (!into.top.full() && scored.scores.size() > limit) {
    selection_.assign(scored.scores.begin(), scored.scores.end());
    std::nth_element(selection_.begin(), selection_.begin() + (limit - 1), selection_.end(),
                     std::greater<>());
    bound = selection_[limit - 1];
  }
  return static_cast<float>(bound) - (scored.exact ? 0 : GemmSlack(scored.recall));
}

void CodebookScorer::Take(const Scored& scored, CueScores& into) {
  if (scored.scores.empty()) return;
  into.moments.Merge(math::MomentsOf(scored.scores.data(), scored.scores.size()));
  if (into.top.limit() == 0) return;
  const TileView& tile = scored.tile;
  const size_t count = math::CollectAtLeast(scored.scores.data(), scored.scores.size(),
                                            Bound(scored, into), index_.data());
  for (size_t j = 0; j < count; ++j) {
    const size_t i = index_[j];
    const size_t row = scored.row(i);
    const float score = scored.exact ? scored.scores[i]
                                     : math::Dot(tile.keys + row * tile.key_dim,
                                                 scored.recall.data(), tile.key_dim);
    into.top.Push({.score = score, .id = &tile.ids[row], .row_number = tile.row_numbers[row]});
  }
}

void CodebookScorer::Score(const TileView& tile, MatrixView recalls, std::span<CueScores> into) {
  Reserve(recalls.rows);
  live_.clear();
  if (tile.dead_count() > 0) {
    for (size_t row = 0; row < tile.rows; ++row) {
      if (!tile.IsDead(row)) live_.push_back(static_cast<uint32_t>(row));
    }
  }
  const bool one = recalls.rows == 1;
  for (size_t first = 0; first < recalls.rows; first += kCueBlock) {
    const MatrixView block = recalls.slice(first, std::min(kCueBlock, recalls.rows - first));
    if (one) {
      math::DotRows(tile.keys, tile.key_dim, tile.rows, block.data, tile.key_dim, scores_.data());
    } else {
      math::Gemm(math::Transpose::kNo, math::Transpose::kYes, block.rows, tile.rows, tile.key_dim,
                 1.0f, block.data, tile.key_dim, tile.keys, tile.key_dim, 0.0f, scores_.data(),
                 kTileRows);
    }
    for (size_t b = 0; b < block.rows; ++b) {
      std::span<float> scores = scores_.row(b).first(tile.rows);
      if (tile.dead_count() > 0) {
        for (size_t i = 0; i < live_.size(); ++i) scores[i] = scores[live_[i]];
        scores = scores.first(live_.size());
      }
      Take({.tile = tile, .scores = scores, .rows = live_, .recall = block.row(b), .exact = one},
           into[first + b]);
    }
  }
}

void CodebookScorer::ScoreChosen(const TileView& tile, std::span<const uint32_t> chosen,
                                 MatrixView recalls, std::span<CueScores> into) {
  Reserve(1);
  const std::span<float> scores = scores_.row(0).first(chosen.size());
  for (size_t b = 0; b < recalls.rows; ++b) {
    for (size_t i = 0; i < chosen.size(); ++i) {
      scores[i] =
          math::Dot(tile.keys + chosen[i] * tile.key_dim, recalls.row(b).data(), tile.key_dim);
    }
    Take({.tile = tile, .scores = scores, .rows = chosen, .recall = recalls.row(b)}, into[b]);
  }
}

}  // namespace mneme::models
