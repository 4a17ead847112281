// Scores of recalls against a codebook: moments over all items, the K best, and how many reach a
// given score, a tile at a time, so that no list of N scores ever stands.
#ifndef MNEME_CORE_MODELS_LINEAR_CODEBOOK_SCORES_H_
#define MNEME_CORE_MODELS_LINEAR_CODEBOOK_SCORES_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "core/math/matrix.h"
#include "core/math/moments.h"
#include "core/math/topk.h"
#include "core/models/store/explicit_store.h"

namespace mneme::models {

// What some items say of one cue. A commutative monoid under Merge, for one limit of `top` and one
// `bar`.
struct CueScores {
  math::Moments moments;
  math::TopK<ScoredRow> top;
  // Items that score at least `bar` are counted; plus infinity counts none.
  float bar = std::numeric_limits<float>::infinity();
  uint64_t at_least = 0;

  void Merge(const CueScores& other) {
    moments.Merge(other.moments);
    top.Merge(other.top);
    at_least += other.at_least;
  }
};

// Scores tiles of unit-norm responses; keeps its scratch from tile to tile. Not thread-safe.
//
// Every score that enters a list or is compared with a bar is the same dot product, bit for bit,
// however many cues are scored at once: GEMM only says which rows to look at. So items with equal
// responses tie exactly, and the smaller id comes first.
class CodebookScorer {
 public:
  // Adds the items of a tile to `into`, one entry a row of `recalls` (finite).
  //
  // Shapes   recalls [B, d_v]; tile keys [rows, d_v].
  // Cost     2 B rows d_v flops (DotRows for one cue, GEMM for more), 1,024 B floats of scratch for
  // B
  //          up to 64.
  void Score(const TileView& tile, MatrixView recalls, std::span<CueScores> into);
  // The same over given live rows of the tile only, ascending. 2 B chosen d_v flops.
  void ScoreChosen(const TileView& tile, std::span<const uint32_t> chosen, MatrixView recalls,
                   std::span<CueScores> into);
  // The same where a row may be answered by any of P recalls of a cue: its score is the largest.
  //
  // Shapes   recalls [P B, d_v], partition after partition; `into` has B entries.
  // Cost     2 P B rows d_v flops (DotRows).
  void ScoreBestOf(const TileView& tile, MatrixView recalls, std::span<CueScores> into);

 private:
  struct Scored;
  void Reserve(size_t cues);
  void Take(const Scored& scored, CueScores& into);
  void TakeTop(const Scored& scored, CueScores& into);
  void Count(const Scored& scored, CueScores& into);
  float Bound(const Scored& scored, const CueScores& into);

  Matrix scores_;                 // [min(B, 64), kTileRows]
  std::vector<uint32_t> live_;    // rows that are not dead, where some are
  std::vector<uint32_t> index_;   // of scores that may enter a list
  std::vector<float> selection_;  // a copy to select the K-th score in
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_CODEBOOK_SCORES_H_
