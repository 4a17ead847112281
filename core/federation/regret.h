// The best fixed memory in hindsight of a weighted stream of pairs, and the regret against it.
//
//   S = sum w k k^T,  P = sum w v k^T,  q = sum w |v|^2
//   U = P (S + 1e-9 I)^-1,  loss(U) = 1/2 (tr(U S U^T) - 2 tr(U P^T) + q)
//
// Least squares; U is not projected to the ball.
//
// Threads  not safe for concurrent use.
// Source   distributed online gradient descent notes, section 8.
#ifndef MNEME_CORE_FEDERATION_REGRET_H_
#define MNEME_CORE_FEDERATION_REGRET_H_

#include <cstddef>
#include <optional>
#include <span>

#include "core/math/matrix.h"

namespace mneme::federation {

inline constexpr double kRegretRidge = 1e-9;

// Loss of U for given sums; `lower` holds S in its lower triangle. Absent where they are not finite
// or cannot be solved.
//
// Shapes  lower [d_k, d_k], p [d_v, d_k].
// Cost    d_k^2 (d_k / 3 + d_v) multiply-adds, and a copy of both sums.
std::optional<double> BestFixedLoss(MatrixViewD lower, MatrixViewD p, double q, double ridge);

class Hindsight {
 public:
  Hindsight(size_t d_k, size_t d_v) : s_(d_k, d_k), p_(d_v, d_k) {}

  // Cost  d_k (d_k + d_v) multiply-adds.
  void Add(std::span<const double> key, std::span<const double> response, double weight);
  // Adds what another node or an earlier time has counted, times `weight`.
  void Add(const Hindsight& other, double weight);

  // BestFixedLoss of what was added.
  std::optional<double> BestLoss() const;

 private:
  MatrixD s_;  // lower triangle
  MatrixD p_;
  double q_ = 0;
};

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_REGRET_H_
