// W as readers hold it: an immutable matrix, and the few rank-one factors that came since.
//
// W = scale (base + sum over j of left_j right_j^T), so that storing a row publishes d_k + d_v
// numbers, not d_k d_v, and forgetting gradually (a factor on all of W a row) publishes one. The
// factors lie in a block that only grows: a reader looks at the first `factors` of them, the writer
// writes beyond, and the hand-over of a view orders the two.
//
// Invariants
//   1. `base` and the first `factors` rows of the block never change once published.
//   2. No base means zero.
#ifndef MNEME_CORE_MODELS_LINEAR_SERVED_WEIGHTS_H_
#define MNEME_CORE_MODELS_LINEAR_SERVED_WEIGHTS_H_

#include <cstddef>
#include <memory>

#include "core/math/matrix.h"

namespace mneme::models {

// More would slow each read by more than a store gains: at 128 x 128 this many cost half a base.
inline constexpr size_t kFactorsMax = 32;

struct FactorBlock {
  FactorBlock(size_t d_k, size_t d_v) : left(kFactorsMax, d_v), right(kFactorsMax, d_k) {}
  size_t bytes() const { return left.bytes() + right.bytes(); }

  Matrix left;   // [kFactorsMax, d_v]
  Matrix right;  // [kFactorsMax, d_k]
};

struct ServedWeights {
  std::shared_ptr<const Matrix> base;  // [d_v, d_k]
  std::shared_ptr<const FactorBlock> block;
  size_t factors = 0;
  float scale = 1;

  // Y = X W^T: row b of `recalls` is W times row b of `cues`.
  //
  // Shapes   cues [B, d_k]; recalls B rows of d_v numbers, all written.
  // Cost     2 (d_k d_v + factors (d_k + d_v)) B flops; no allocation.
  // Threads  const; safe beside the writer.
  void Recall(MatrixView cues, size_t d_v, float* recalls) const;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_SERVED_WEIGHTS_H_
