// Monotone FISTA with backtracking and function restart: the trainer for convex losses with kinks.
//
// The tail-average loss is not smooth where scores tie at the edge of a tail. Plain gradient
// descent with a fixed step stalls well above its minimum; here the step follows the curvature that
// is met, a step that does not fall is not taken, and momentum starts again when it overshoots.
#ifndef MNEME_CORE_LEARNING_FISTA_H_
#define MNEME_CORE_LEARNING_FISTA_H_

#include <optional>

#include "absl/status/statusor.h"
#include "core/learning/objective.h"
#include "core/learning/progress.h"
#include "core/math/matrix.h"

namespace mneme::learning {

struct FistaOptions {
  int steps_max = 150;                   // accepted steps, >= 1
  std::optional<MatrixView> warm_start;  // one more candidate of the scan
};

struct FistaResult {
  Matrix weights;
  double loss = 0;
  double loss_at_zero = 0;
  int steps = 0;  // accepted
  int evaluations = 0;
  bool converged = false;  // a rule below ended it, not steps_max
  // The empty matrix is as good or better: past the load at which the minimiser is W = 0. Use other
  // weights.
  bool no_better_than_zero() const { return !(loss < loss_at_zero); }
};

// Minimises `objective`.
//
// Start    the best of c * direction, c in {0.1, 0.3, 1, 3, 10}, and the warm start; if none is
// below
//          the loss at W = 0, then 0.03 * direction. `direction` is the correlation matrix scaled
//          to |W|_F about 1: CorrelationStart.
// Steps    with Y the extrapolated point, (f_Y, g) value and gradient there: W' = Y - g / Lip, Lip
//          doubled until f' <= f_Y - |g|^2 / (4 Lip) (to 1e7); f' above the last f: momentum starts
//          again. After an accepted step Lip *= 0.85.
// Ends     when f fell by less than 1e-4 of itself over 15 accepted steps; after six steps that
// even
//          without momentum did not fall; at steps_max.
// Errors   Cancelled when `progress` says stop; those of the objective.
// Cost     40 to 90 steps, 100 to 200 evaluations of a value, a third of them with the gradient.
// Source   Beck and Teboulle 2009; restart: O'Donoghue and Candes 2015.
absl::StatusOr<FistaResult> MinimiseFista(Objective& objective, const Matrix& direction,
                                          const FistaOptions& options, const ProgressFn& progress);

// U^T K / sqrt(n) of unit rows, row i of both item i: [d_v, d_k], |.|_F about 1.
Matrix CorrelationStart(MatrixView keys, MatrixView codebook);

}  // namespace mneme::learning

#endif  // MNEME_CORE_LEARNING_FISTA_H_
