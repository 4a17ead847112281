// P = (C + lambda I)^-1 of a ridge memory, never formed: a Cholesky factor, and the rank-one
// changes that came after it.
//
// Not thread-safe.
#ifndef MNEME_CORE_MODELS_LINEAR_RIDGE_SOLVER_H_
#define MNEME_CORE_MODELS_LINEAR_RIDGE_SOLVER_H_

#include <cstddef>
#include <span>
#include <vector>

#include "core/math/matrix.h"
#include "core/models/linear/linear_sums.h"

namespace mneme::models {

class RidgeSolver {
 public:
  // Room for `changes_max` rank-one changes between two calls of Factor.
  RidgeSolver(size_t d_k, size_t changes_max) : d_k_(d_k), changes_max_(changes_max) {}

  // Factors C + lambda I. Where that is not positive definite in float64, lambda is raised tenfold
  // until it is. Gives the lambda that held.
  //
  // Errors   backward stable: relative 1e-16 times the condition, about |C| / lambda.
  // Cost     d_k^3 / 3 multiply-adds.
  double Factor(MatrixViewD c, double lambda);

  // W = A P for the C of the last Factor: `rows` [d_v, d_k] holds A, and W after. 2 d_v d_k^2.
  void SolveRows(MatrixD& rows) const;

  // p = P k, with all changes: 2 d_k^2 multiply-adds.
  void Direction(std::span<const double> k, std::span<double> p) const;

  // C += k k^T or C -= k k^T, given p = Direction(k): P -= p p^T / g, g = 1 + k^T p, or P += p p^T
  // / g, g = 1 - k^T p (Sherman and Morrison). Gives g; what is above kPivotMin was done, else
  // nothing. At most changes_max times.
  double Change(std::span<const double> k, std::span<const double> p, Sign sign);

  // A removal loses a factor of 1/g in accuracy, so that at 1e-4 it is still twelve digits less
  // those. (Below 1e-8 it would be noise.) Additions have g >= 1.
  static constexpr double kPivotMin = 1e-4;

  size_t changes() const { return scales_.size(); }
  size_t bytes() const { return factor_.bytes() + directions_.bytes(); }

 private:
  size_t d_k_;
  size_t changes_max_;
  MatrixD factor_;
  MatrixD directions_;          // [changes_max, d_k]: the p of each change
  std::vector<double> scales_;  // +1/g or -1/g: P = P_0 - sum of scale p p^T
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_RIDGE_SOLVER_H_
