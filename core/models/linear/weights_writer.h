// The writer's side of ServedWeights: a base, and the factors that are appended to it, until it is
// better to compute W from the learned state again.
//
// Invariant: unless stale(), base and factors are the W of the state, to float32 rounding of the
// largest W since the last Fold; and that is at most sqrt(2) of the W there is. So a heavy row that
// is removed leaves nothing of its rounding behind.
//
// Not thread-safe; what Served gives is.
#ifndef MNEME_CORE_MODELS_LINEAR_WEIGHTS_WRITER_H_
#define MNEME_CORE_MODELS_LINEAR_WEIGHTS_WRITER_H_

#include <cstddef>
#include <memory>
#include <span>

#include "core/math/matrix.h"
#include "core/models/linear/linear_sums.h"
#include "core/models/linear/served_weights.h"
#include "core/models/model.h"

namespace mneme::models {

class WeightsWriter {
 public:
  WeightsWriter(size_t d_k, size_t d_v) : d_k_(d_k), d_v_(d_v) {}

  // True at first, and when W must be computed anew: Fold before Served.
  bool stale() const { return stale_; }
  void MarkStale() { stale_ = true; }
  // Can this many rows be appended?
  bool HasRoom(size_t rows) const { return !stale_ && factors_ + rows <= kFactorsMax; }

  // W += factor left right^T, where there is room. `sign` says whether a row comes or goes.
  // Stale after that where too much of W went. Cost d_k + d_v.
  void Append(Sign sign, double factor, std::span<const double> left,
              std::span<const double> right);
  // W = w [d_v, d_k], or zero where it is empty. Cost d_k d_v.
  void Fold(MatrixViewD w);

  // Not stale.
  ServedWeights Served() const { return {.base = base_, .block = block_, .factors = factors_}; }
  void Describe(ModelStats& stats) const;

 private:
  size_t d_k_;
  size_t d_v_;
  std::shared_ptr<const Matrix> base_;
  std::shared_ptr<FactorBlock> block_;
  size_t factors_ = 0;
  bool stale_ = true;
  // |W|_F^2, as if factors were orthogonal to each other and to the base; now, and the largest
  // since the last Fold.
  double energy_ = 0;
  double energy_max_ = 0;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_WEIGHTS_WRITER_H_
