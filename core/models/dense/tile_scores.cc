#include "core/models/dense/tile_scores.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/math/blas.h"
#include "core/math/kernels.h"
#include "core/math/l1.h"

namespace mneme::models {
namespace {

// Below this many cues a matrix product costs more than going row by row.
constexpr size_t kCuesForProduct = 4;

// The cosine over the known coordinates; a row that has nothing there is evidence of nothing.
template <typename T>
T MaskedCosine(T dot, T squared_norm) {
  return squared_norm > 0 ? dot / std::sqrt(squared_norm) : T(0);
}

template <typename T>
T ScaleOf(const DenseKernelSpec& spec, const CueBlock<T>& block, size_t b) {
  return block.masks == nullptr || spec.similarity == Similarity::kCosine ? T(1) : block.scales[b];
}

// Scores of cue b with rows [first, first + count).
template <typename T>
void ScoreRows(const DenseKernelSpec& spec, const CueBlock<T>& block, size_t b,
               const BasicTileView<T>& tile, size_t first, size_t count, T* out) {
  const size_t d = tile.key_dim;
  const T* cue = block.cues + b * d;
  const T* keys = tile.keys + first * d;
  if (block.masks != nullptr) {
    for (size_t i = 0; i < count; ++i) out[i] = RowScore(spec, block, b, tile, first + i);
    return;
  }
  switch (spec.similarity) {
    case Similarity::kDot:
    case Similarity::kCosine:
      math::DotRows(keys, d, count, cue, d, out);
      return;
    case Similarity::kL2:
      math::SquaredDistanceRows(keys, d, count, cue, d, out);
      math::Scale(T(-0.5), out, count);
      return;
    case Similarity::kL1:
      math::L1DistanceRows(keys, d, count, cue, d, out);
      math::Scale(T(-1), out, count);
      return;
  }
}

// Several cues share the rows that lie in the first cache.
template <typename T>
void ScoreRowByRow(const DenseKernelSpec& spec, const CueBlock<T>& block,
                   const BasicTileView<T>& tile, T* scores) {
  constexpr size_t kBytes = 16 << 10;
  const size_t n = tile.rows;
  const size_t step =
      block.count == 1 ? n : std::max<size_t>(1, kBytes / (tile.key_dim * sizeof(T)));
  for (size_t first = 0; first < n; first += step) {
    const size_t count = std::min(step, n - first);
    for (size_t b = 0; b < block.count; ++b) {
      ScoreRows(spec, block, b, tile, first, count, scores + b * n + first);
    }
  }
}

// scratch.norms[b, i] = Σ_j mask[b, j] key[i, j]²
template <typename T>
void MaskedNorms(const CueBlock<T>& block, const BasicTileView<T>& tile, TileScratch<T>& scratch) {
  const size_t n = tile.rows, d = tile.key_dim;
  scratch.squares.resize(std::max(scratch.squares.size(), n * d));
  scratch.norms.resize(std::max(scratch.norms.size(), block.count * n));
  for (size_t i = 0; i < n * d; ++i) scratch.squares[i] = tile.keys[i] * tile.keys[i];
  math::Gemm(math::Transpose::kNo, math::Transpose::kYes, block.count, n, d, T(1), block.masks, d,
             scratch.squares.data(), d, T(0), scratch.norms.data(), n);
}

}  // namespace

template <typename T>
T RowScore(const DenseKernelSpec& spec, const CueBlock<T>& block, size_t b,
           const BasicTileView<T>& tile, size_t row) {
  const size_t d = tile.key_dim;
  const T* cue = block.cues + b * d;
  const T* key = tile.keys + row * d;
  const T* mask = block.masks == nullptr ? nullptr : block.masks + b * d;
  const T scale = ScaleOf(spec, block, b);
  switch (spec.similarity) {
    case Similarity::kDot:
      return scale * math::Dot(cue, key, d);
    case Similarity::kCosine: {
      const T dot = math::Dot(cue, key, d);
      return mask == nullptr ? dot : MaskedCosine(dot, math::MaskedSquaredNorm(key, mask, d));
    }
    case Similarity::kL2:
      return T(-0.5) * (mask == nullptr ? math::SquaredDistance(cue, key, d)
                                        : scale * math::MaskedSquaredDistance(cue, key, mask, d));
    case Similarity::kL1:
      return -(mask == nullptr ? math::L1Distance(cue, key, d)
                               : scale * math::MaskedL1Distance(cue, key, mask, d));
  }
  return 0;
}

// Far from the origin |x|² - 2<x,ξ> + |ξ|² cancels: what a product leaves of a small distance may
// be nothing. It is used where it cannot move an exponent by more than this (in nats).
constexpr double kExponentErrorMax = 1e-3;

template <typename T>
bool ProductIsExactEnough(const DenseKernelSpec& spec, const CueBlock<T>& block,
                          const BasicTileView<T>& tile) {
  if (spec.similarity != Similarity::kL2) return true;
  T largest = 0;
  for (size_t i = 0; i < tile.rows; ++i) largest = std::max(largest, tile.squared_norms[i]);
  for (size_t b = 0; b < block.count; ++b) {
    const double error = static_cast<double>(ScoreError(spec, block, b, largest));
    if (!(spec.beta * error <= kExponentErrorMax)) return false;
  }
  return true;
}

template <typename T>
bool ScoreTile(const DenseKernelSpec& spec, const CueBlock<T>& block, const BasicTileView<T>& tile,
               TileScratch<T>& scratch) {
  const size_t n = tile.rows, d = tile.key_dim;
  scratch.scores.resize(std::max(scratch.scores.size(), block.count * n));
  if (block.count < kCuesForProduct || spec.similarity == Similarity::kL1 ||
      !ProductIsExactEnough(spec, block, tile)) {
    ScoreRowByRow(spec, block, tile, scratch.scores.data());
    return false;
  }
  math::Gemm(math::Transpose::kNo, math::Transpose::kYes, block.count, n, d, T(1), block.cues, d,
             tile.keys, d, T(0), scratch.scores.data(), n);
  if (block.masks != nullptr && spec.similarity != Similarity::kDot) {
    MaskedNorms(block, tile, scratch);
  }
  for (size_t b = 0; b < block.count; ++b) {
    T* scores = scratch.scores.data() + b * n;
    if (spec.similarity == Similarity::kL2) {
      const T* norms = block.masks == nullptr ? tile.squared_norms : scratch.norms.data() + b * n;
      const T own = block.squared_norms[b];
      for (size_t i = 0; i < n; ++i) scores[i] -= T(0.5) * (norms[i] + own);
    } else if (spec.similarity == Similarity::kCosine && block.masks != nullptr) {
      const T* norms = scratch.norms.data() + b * n;
      for (size_t i = 0; i < n; ++i) scores[i] = MaskedCosine(scores[i], norms[i]);
    }
    if (const T scale = ScaleOf(spec, block, b); scale != 1) math::Scale(scale, scores, n);
  }
  return true;
}

// The rounding of a product of length d is a few units of ‖x‖‖ξ‖ in practice (blocked sums), far
// below the worst case d.
template <typename T>
T ScoreError(const DenseKernelSpec& spec, const CueBlock<T>& block, size_t b, T squared_norm_max) {
  const T units = 8 * std::numeric_limits<T>::epsilon() * ScaleOf(spec, block, b);
  const T own = block.squared_norms[b];
  if (spec.similarity == Similarity::kL2) return units * (own + squared_norm_max) / 2;
  const T dot_error = units * std::sqrt(own * squared_norm_max);
  return spec.similarity == Similarity::kCosine && block.masks != nullptr ? 8 * dot_error
                                                                          : dot_error;
}

template float RowScore(const DenseKernelSpec&, const CueBlock<float>&, size_t,
                        const BasicTileView<float>&, size_t);
template double RowScore(const DenseKernelSpec&, const CueBlock<double>&, size_t,
                         const BasicTileView<double>&, size_t);
template bool ScoreTile(const DenseKernelSpec&, const CueBlock<float>&, const BasicTileView<float>&,
                        TileScratch<float>&);
template bool ScoreTile(const DenseKernelSpec&, const CueBlock<double>&,
                        const BasicTileView<double>&, TileScratch<double>&);
template float ScoreError(const DenseKernelSpec&, const CueBlock<float>&, size_t, float);
template double ScoreError(const DenseKernelSpec&, const CueBlock<double>&, size_t, double);

}  // namespace mneme::models
