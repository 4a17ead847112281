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

// How far two float32 sums of the dot product of a unit row with this recall may be apart, in any
// order of summation: twice gamma(d_v) |recall|, and some for the rounding of what is compared.
//
// Source   Higham, "Accuracy and Stability of Numerical Algorithms", lemma 3.1, u = 2^-24.
float SumSlack(std::span<const float> recall) {
  double squared = 0;
  for (const float y : recall) squared += static_cast<double>(y) * y;
  const double terms = static_cast<double>(recall.size()) + 8;
  return static_cast<float>(std::sqrt(squared) * terms * 0x1p-23);
}

}  // namespace

// The scores of one cue over some rows of a tile.
struct CodebookScorer::Scored {
  const TileView& tile;
  std::span<const float> scores;
  std::span<const uint32_t> rows;  // scores[i] is of row rows[i]; empty: of row i
  std::span<const float> recall;
  float slack = 0;  // how far `scores` may be from Score(i); 0: they are the same bits

  size_t row(size_t i) const { return rows.empty() ? i : rows[i]; }
  float Score(size_t i) const {
    if (slack == 0) return scores[i];
    return math::Dot(tile.keys + row(i) * tile.key_dim, recall.data(), tile.key_dim);
  }
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
  return static_cast<float>(bound) - scored.slack;
}

void CodebookScorer::Take(const Scored& scored, CueScores& into) {
  if (scored.scores.empty()) return;
  into.moments.Merge(math::MomentsOf(scored.scores.data(), scored.scores.size()));
  if (into.top.limit() > 0) TakeTop(scored, into);
  if (into.bar < std::numeric_limits<float>::infinity()) Count(scored, into);
}

void CodebookScorer::TakeTop(const Scored& scored, CueScores& into) {
  const TileView& tile = scored.tile;
  const size_t count = math::CollectAtLeast(scored.scores.data(), scored.scores.size(),
                                            Bound(scored, into), index_.data());
  for (size_t j = 0; j < count; ++j) {
    const size_t i = index_[j];
    const size_t row = scored.row(i);
    into.top.Push(
        {.score = scored.Score(i), .id = &tile.ids[row], .row_number = tile.row_numbers[row]});
  }
}

void CodebookScorer::Count(const Scored& scored, CueScores& into) {
  const size_t size = scored.scores.size();
  if (scored.slack == 0) {
    into.at_least += math::CountAtLeast(scored.scores.data(), size, into.bar);
    return;
  }
  const float sure = into.bar + scored.slack;
  const size_t count =
      math::CollectAtLeast(scored.scores.data(), size, into.bar - scored.slack, index_.data());
  for (size_t j = 0; j < count; ++j) {
    const size_t i = index_[j];
    into.at_least += scored.scores[i] >= sure || scored.Score(i) >= into.bar;
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
      const float slack = one ? 0 : SumSlack(block.row(b));
      Take({.tile = tile, .scores = scores, .rows = live_, .recall = block.row(b), .slack = slack},
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

void CodebookScorer::ScoreBestOf(const TileView& tile, MatrixView recalls,
                                 std::span<CueScores> into) {
  Reserve(2);
  const std::span<float> best = scores_.row(0).first(tile.rows);
  const std::span<float> scores = scores_.row(1).first(tile.rows);
  for (size_t b = 0; b < into.size(); ++b) {
    for (size_t row = b; row < recalls.rows; row += into.size()) {
      const bool first = row == b;
      math::DotRows(tile.keys, tile.key_dim, tile.rows, recalls.row(row).data(), tile.key_dim,
                    first ? best.data() : scores.data());
      if (first) continue;
      for (size_t i = 0; i < tile.rows; ++i) best[i] = std::max(best[i], scores[i]);
    }
    Take({.tile = tile, .scores = best}, into[b]);
  }
}

}  // namespace mneme::models
