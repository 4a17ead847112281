// The classical Hopfield memory: φ(ξ) = ξ ξᵀ is an exact feature map of the kernel (x·y)², so that
// d² numbers hold any number of patterns of +1 and -1. Cheaper than keeping them from d patterns
// on; it recalls about 0.14 d.
//
//   T = Σ ξ ξᵀ;   E(s) = -sᵀ T s = -Σ (ξ·s)²;   s_i <- sign Σ_{j≠i} T_ij s_j,  tie: +1
//
// Threads     one writer; const functions are safe beside each other.
// Invariants  1. Entries are whole numbers: Remove undoes Add exactly, and sums merge exactly.
//             2. A sweep never raises the energy.
#ifndef MNEME_CORE_MODELS_FEATURES_QUADRATIC_SUM_H_
#define MNEME_CORE_MODELS_FEATURES_QUADRATIC_SUM_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/random.h"
#include "core/math/matrix.h"
#include "core/models/dense/binary_sweep.h"

namespace mneme::models {

class QuadraticSum {
 public:
  explicit QuadraticSum(size_t neurons) : sum_(neurons, neurons) {}

  size_t neurons() const { return sum_.rows(); }
  int64_t count() const { return count_; }
  const MatrixD& sum() const { return sum_; }

  // Shapes   patterns [n, neurons] of +1 and -1.
  // Errors   InvalidArgument: SHAPE, NOT_BINARY. Nothing has changed then.
  // Cost     n·neurons² flop.
  absl::Status Add(MatrixViewD patterns) { return Change(patterns, 1); }
  absl::Status Remove(MatrixViewD patterns) { return Change(patterns, -1); }
  // FailedPrecondition: another number of neurons (FEATURES_DIFFER), or sums beyond what any
  // patterns make (FEATURE_RANGE). Nothing has changed then.
  absl::Status Merge(const QuadraticSum& other);

  // The lower triangle, with a version; DataLoss when it cannot be read, FailedPrecondition
  // (FEATURES_DIFFER) when it is of another number of neurons.
  std::string Save() const;
  absl::StatusOr<QuadraticSum> Read(std::string_view bytes) const;
  static bool IsSaved(std::string_view bytes);  // are they of such a sum, or of another kind?
  QuadraticSum Clone() const;

  // Moves `state` until a sweep turns nothing, or sweeps_max were taken.
  //
  // Shapes   state [neurons] of +1 and -1 (MNEME_CHECK).
  // Cost     2·neurons² flop, then neurons a sweep and 2·neurons a flip.
  // Source   Hopfield, "Neural networks and physical systems with emergent collective computational
  //          abilities", PNAS 1982.
  SweepOutcome Sweep(int sweeps_max, Random& order, std::span<int8_t> state) const;

 private:
  absl::Status Change(MatrixViewD patterns, double sign);

  MatrixD sum_;
  int64_t count_ = 0;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_FEATURES_QUADRATIC_SUM_H_
