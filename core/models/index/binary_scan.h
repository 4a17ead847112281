// The rows whose codes are nearest to a cue's: one pass over the codes with a bound taken from a
// sample, then a selection by counting. The result is exact whatever the sample was: if `depth`
// rows or more lie within the bound, every one of the `depth` nearest is among them; if fewer do,
// the bound is raised and the pass taken again.
#ifndef MNEME_CORE_MODELS_INDEX_BINARY_SCAN_H_
#define MNEME_CORE_MODELS_INDEX_BINARY_SCAN_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/math/hamming.h"
#include "core/models/index/code_store.h"

namespace mneme::models {

struct ScanOptions {
  math::HammingKernel kernel = math::BestHammingKernel();
  // Two-stage selection, as in hardware: of every tile_size rows (of those live) only the tile_keep
  // nearest come into question. Then what is selected depends on where rows lie. 0: no tiles.
  size_t tile_size = 0;
  size_t tile_keep = 0;
};

struct CodeHit {
  uint32_t position = 0;  // in the view
  uint32_t distance = 0;
};

struct Selection {
  std::vector<CodeHit> nearest;  // ascending by (distance, position)
  uint64_t survivors = 0;        // rows that came through the bound (or through the tiles)
};

// Shapes   cues [Q, words]; one selection a cue, of min(depth, live rows) rows; fewer where tiles
//          keep fewer.
// Cost     rows * bits / 8 bytes are read once for all cues, 32 KiB at a time, and at most a
//          sixteenth of it before, for the sample. At most 16 * depth survivors are held a cue.
// Threads  a pure function.
// Source   dense prefilter of two-stage top-k (CAMformer); the sampled bound is ours.
std::vector<Selection> SelectNearest(const CodeView& view, std::span<const uint64_t> cues,
                                     size_t depth, const ScanOptions& options);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_INDEX_BINARY_SCAN_H_
