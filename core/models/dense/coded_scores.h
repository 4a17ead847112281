// Similarities from the codes of keys and cues, with bounds: what the scan reads in place of the
// keys, a quarter of their bytes, to learn which rows it must score.
#ifndef MNEME_CORE_MODELS_DENSE_CODED_SCORES_H_
#define MNEME_CORE_MODELS_DENSE_CODED_SCORES_H_

#include "core/models/dense/tile_pass.h"
#include "core/models/dense/tile_scores.h"

namespace mneme::models {

// Whether codes serve this similarity at all: an inner product can be bounded, |x|_1 not so well.
constexpr bool HasCodedScores(Similarity similarity) { return similarity != Similarity::kL1; }

// Products of the codes of a block of cues with those of a tile, into scratch.products
// [block.count, tile.rows].
//
// Shapes   block.codes is there and tile.coded_rows > 0; no mask.
// Cost     count·rows·key_dim byte products.
void MultiplyCodes(const CueBlock<float>& block, const BasicTileView<float>& tile,
                   TileScratch<float>& scratch);

// From these, for cue b: line b of scratch.scores, and scratch.upper [tile.rows]. RowScore of a row
// is at most its `upper`, and differs from its score by no more than what is returned. Rows that
// have no codes are scored by RowScore.
//
// Source   math/codes.h; for l2 -½‖x‖² + x·ξ - ½‖ξ‖². Rounding of RowScore and of this is in the
//          bound.
float ScoreByCodes(const DenseKernelSpec& spec, const CueBlock<float>& block, size_t b,
                   const BasicTileView<float>& tile, TileScratch<float>& scratch);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_CODED_SCORES_H_
