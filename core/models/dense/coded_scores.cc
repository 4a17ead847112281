#include "core/models/dense/coded_scores.h"

#include <algorithm>
#include <array>
#include <limits>

#include "core/math/codes.h"

namespace mneme::models {
namespace {

// A float32 sum of n products, taken in at least four lanes, is off by at most this times |x||y|;
// the rest is for the few operations around it.
float RoundingUnits(size_t n) {
  return static_cast<float>(n / 4 + 32) * std::numeric_limits<float>::epsilon() / 2;
}

math::CodeScoreTerms TermsOf(const DenseKernelSpec& spec, const math::CodeBounds& cue,
                             float squared_norm, size_t dim) {
  constexpr float kAbove = 1 + 1e-5f;  // the bound's own rounding
  const float units = RoundingUnits(dim);
  math::CodeScoreTerms terms = {.dot = cue.scale,
                                .norm_error = (cue.error + units * cue.norm) * kAbove,
                                .code_error = (cue.norm + cue.error) * kAbove};
  if (spec.similarity == Similarity::kL2) {
    terms.squared_norm = -0.5f;
    terms.constant = -0.5f * squared_norm;
    terms.squared_norm_error = 3 * units;
    terms.constant_error = 3 * units * squared_norm;
  }
  return terms;
}

}  // namespace

void MultiplyCodes(const CueBlock<float>& block, const BasicTileView<float>& tile,
                   TileScratch<float>& scratch) {
  const size_t n = tile.rows;
  scratch.scores.resize(std::max(scratch.scores.size(), block.count * n));
  scratch.products.resize(std::max(scratch.products.size(), block.count * n));
  scratch.upper.resize(std::max(scratch.upper.size(), n));
  std::array<const uint8_t*, kCuesPerBlock> cues;
  for (size_t b = 0; b < block.count; ++b) cues[b] = block.codes[b].codes.data();
  math::CodeDots(tile.codes, tile.coded_rows / math::kCodeGroup, tile.key_dim, tile.code_offsets,
                 cues.data(), block.count, scratch.products.data(), n);
}

float ScoreByCodes(const DenseKernelSpec& spec, const CueBlock<float>& block, size_t b,
                   const BasicTileView<float>& tile, TileScratch<float>& scratch) {
  const math::CodedRows rows = {.scales = tile.code_scales,
                                .errors = tile.code_errors,
                                .norms = tile.code_norms,
                                .squared_norms = tile.squared_norms};
  float* const scores = scratch.scores.data() + b * tile.rows;
  const float error = math::CodeScores(
      TermsOf(spec, block.codes[b].bounds, block.squared_norms[b], tile.key_dim), rows,
      scratch.products.data() + b * tile.rows, tile.coded_rows, scores, scratch.upper.data());
  for (size_t i = tile.coded_rows; i < tile.rows; ++i) {
    scores[i] = scratch.upper[i] = RowScore(spec, block, b, tile, i);
  }
  return error;
}

}  // namespace mneme::models
