// Similarities of a block of cues to the rows of a tile: the first half of a pass.
//
// Under a mask they are estimated from the known coordinates: sums over these (all but the cosine)
// are scaled up by key_dim / known, so that beta means the same as without a mask; the cosine is
// taken over them.
#ifndef MNEME_CORE_MODELS_DENSE_TILE_SCORES_H_
#define MNEME_CORE_MODELS_DENSE_TILE_SCORES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/math/aligned.h"
#include "core/models/dense/tile_pass.h"

namespace mneme::models {

// Buffers of one thread, grown as needed and never given back while it lives.
template <typename T>
struct TileScratch {
  math::AlignedVector<T> scores;  // [count, rows]: similarities, then exponents, then weights
  math::AlignedVector<T> upper;   // [rows]: of one cue at a coded tile, bounds of the similarities
  math::AlignedVector<int32_t> products;  // [count, rows]: likewise, of codes
  std::vector<T> norms;         // [count, rows]: squared norms of the rows under each cue's mask
  std::vector<T> squares;       // [rows, key_dim]
  std::vector<T> outputs;       // [count, output_dim]
  std::vector<T> weights;       // [rows]
  std::vector<T> sorted;        // [rows]: some of a line
  std::vector<uint32_t> index;  // [rows + a vector]
};

// The similarity of cue b to one row, by the row functions of core/math: the value that lists hold.
template <typename T>
T RowScore(const DenseKernelSpec& spec, const CueBlock<T>& block, size_t b,
           const BasicTileView<T>& tile, size_t row);

// Fills scratch.scores [block.count, tile.rows]. True when they come from a matrix product, so that
// they differ from RowScore by up to ScoreError.
template <typename T>
bool ScoreTile(const DenseKernelSpec& spec, const CueBlock<T>& block, const BasicTileView<T>& tile,
               TileScratch<T>& scratch);

// A bound on that difference for cue b, with `squared_norm_max` over the rows of the tile.
template <typename T>
T ScoreError(const DenseKernelSpec& spec, const CueBlock<T>& block, size_t b, T squared_norm_max);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_TILE_SCORES_H_
