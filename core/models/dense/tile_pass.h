// The one pass that touches stored rows: a block of cues against a tile, added to a partial.
#ifndef MNEME_CORE_MODELS_DENSE_TILE_PASS_H_
#define MNEME_CORE_MODELS_DENSE_TILE_PASS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/math/codes.h"
#include "core/models/dense/dense_partial.h"
#include "core/models/dense/kernel_spec.h"
#include "core/models/store/tile.h"

namespace mneme::models {

inline constexpr size_t kCuesPerBlock = 64;

// Cues as they are compared: encoded (a unit vector under cosine), unknown coordinates 0.
template <typename T>
struct CueBlock {
  size_t count = 0;                  // at most kCuesPerBlock
  size_t first = 0;                  // their place in the partial
  const T* cues = nullptr;           // [count, key_dim]
  const T* squared_norms = nullptr;  // [count]
  const T* masks = nullptr;          // [count, key_dim] of 0 and 1; null: all coordinates are known
  const T* scales = nullptr;         // with masks: [count], key_dim / number of known coordinates
  // [count]; null: tiles are scored by their keys. float, exp and arg max, and without masks only.
  const math::CodedCue* codes = nullptr;
  const uint8_t* weigh = nullptr;  // with codes: [count], 1 where sums must be those of the keys
};

struct TileNeeds {
  bool moments = false;  // of the similarities
  // Only these rows of the tile, ascending, enter the list and the moments; the sums take all rows.
  std::optional<std::span<const uint32_t>> listed;
  // States of +1 and -1: plain separations sum what BinaryDifference gives in place of value and
  // slope. (exp needs no other sums than ever.)
  bool binary = false;
};

// Adds the live rows of `tile` to the block's cues in `into`. Whether outputs are summed and how
// many rows are listed is the partial's shape.
//
// Shapes   as CueBlock; tile [rows, key_dim]; tile.rows is any number.
// Units    spec.beta in 1 / (unit of similarity).
// Errors   none. Exponents that overflow T give m = ±inf, which the caller must look at.
// Cost     2·count·rows·(key_dim + output_dim) flop; the second half is skipped for rows of no
// weight.
//          Scores stand for one tile only. Scratch: one per thread, of count·rows numbers (masked
//          cues in blocks: also rows·key_dim), kept for the next call.
// Threads  into is the caller's alone; all else is read only.
// Source   dense-memory notes 1.4; for exp: Milakov & Gimelshein, "Online normalizer calculation
// for
//          softmax", 2018. Sums in T inside a tile, in double across tiles.
//
// Exactness in float. Few cues are scored row by row, l2 by subtraction. From four cues on scores
// come from a matrix product, l2 as -½‖x‖² + x·ξ - ½‖ξ‖², which cancels when the norms are much
// larger than the distance. So (i) rows that may enter the list are scored again row by row: lists
// and their ties do not depend on how the scan was cut; (ii) where the cancellation could be felt
// in the weights, the heaviest rows of the tile are scored again by subtraction.
//
// By codes. Where cues and tile have codes these are read instead of the keys, and the keys of
// those rows only that the bounds do not rule out: for the list, whose upper bound reaches the last
// place; for the sums, whose weight may be above e^-32 of the heaviest. Lists and read-outs are
// those of a pass over the keys. The moments are those of the codes. The sums are those of the keys
// where `weigh` says so (it must for a read-out); else CueSums::loose bounds what s0 may be off by,
// and ScoredRow::coded_score is what a listed row put into it, as after a matrix product whose rows
// were not scored again by (ii). All of this is so however the rows were split.
template <typename T>
void PassTile(const DenseKernelSpec& spec, const CueBlock<T>& block, const BasicTileView<T>& tile,
              const TileNeeds& needs, DensePartial& into);

// Whether sums by codes would spare most of a tile's keys: whether no more than a quarter of its
// rows may weigh something for cue b. The tile has coded rows.
bool CodesSpareKeys(const DenseKernelSpec& spec, const CueBlock<float>& block, size_t b,
                    const BasicTileView<float>& tile);

extern template void PassTile(const DenseKernelSpec&, const CueBlock<float>&,
                              const BasicTileView<float>&, const TileNeeds&, DensePartial&);
extern template void PassTile(const DenseKernelSpec&, const CueBlock<double>&,
                              const BasicTileView<double>&, const TileNeeds&, DensePartial&);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_TILE_PASS_H_
