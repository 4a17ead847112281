// A fixed matrix and a correlation matrix beside it, served as one: W = F + scale * A.
//
// A memory of rule TAM serves its correlation matrix until it is trained (F = 0, scale 1), and from
// then on the trained weights with the rows that came since. A few rows at a time become rank-one
// factors, so that a Store copies d_k + d_v numbers; more of them, and any removal, make the next
// Publish compute the sum again, which leaves no float32 rounding of rows that are gone.
//
// Not thread-safe; what Publish gives is immutable.
// Invariant: with no rows in A, what is served is F itself, bit for bit.
#ifndef MNEME_CORE_MODELS_LINEAR_TAM_SUM_H_
#define MNEME_CORE_MODELS_LINEAR_TAM_SUM_H_

#include <cstddef>
#include <memory>
#include <utility>

#include "core/math/matrix.h"
#include "core/models/linear/linear_sums.h"
#include "core/models/linear/served_weights.h"

namespace mneme::models {

class TamSum {
 public:
  // `fixed` [d_v, d_k]; null: 0. `sums` without C.
  TamSum(std::shared_ptr<const Matrix> fixed, double scale, LinearSums sums);

  void Add(const ScaledRows& rows);
  void Remove(const ScaledRows& rows);
  // Cost: O(1) after few rows were added, else O(d_v d_k).
  ServedWeights Publish();

  const LinearSums& sums() const { return sums_; }
  LinearSums TakeSums() && { return std::move(sums_); }
  const std::shared_ptr<const Matrix>& fixed() const { return fixed_; }
  size_t served_bytes() const;  // of the base that is served, where it is not the fixed matrix
  size_t factor_bytes() const { return block_ == nullptr ? 0 : block_->bytes(); }

 private:
  void Fold();

  std::shared_ptr<const Matrix> fixed_;
  double scale_;
  LinearSums sums_;
  std::shared_ptr<const Matrix> base_;
  std::shared_ptr<FactorBlock> block_;
  size_t factors_ = 0;
  bool stale_ = true;  // base and factors are not F + scale * A
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_TAM_SUM_H_
