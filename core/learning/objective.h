// What a minimiser sees: a function of a matrix.
#ifndef MNEME_CORE_LEARNING_OBJECTIVE_H_
#define MNEME_CORE_LEARNING_OBJECTIVE_H_

#include "absl/status/statusor.h"
#include "core/base/status.h"
#include "core/learning/batch_loss.h"
#include "core/math/kernels.h"
#include "core/math/matrix.h"

namespace mneme::learning {

class Objective {
 public:
  virtual ~Objective() = default;
  // The value at W; with `gradient`, a (sub)gradient of W's shape is written there.
  virtual absl::StatusOr<double> Evaluate(const Matrix& w, Matrix* gradient) = 0;
};

// |W|_F^2, added up in double.
inline double SquaredFrobenius(MatrixView w) {
  double sum = 0;
  for (size_t i = 0; i < w.rows; ++i) sum += math::SquaredNorm(w.row(i).data(), w.cols);
  return sum;
}

// A loss over one batch, and lambda/2 |W|_F^2.
class RidgeObjective final : public Objective {
 public:
  // Both are the caller's and must outlive this.
  RidgeObjective(BatchLoss& loss, const Batch& batch, double lambda)
      : loss_(loss), batch_(batch), lambda_(lambda) {}

  absl::StatusOr<double> Evaluate(const Matrix& w, Matrix* gradient) override {
    MNEME_ASSIGN_OR_RETURN(const double loss, loss_.Evaluate(w, batch_, gradient));
    if (gradient != nullptr) {
      math::AddScaled(static_cast<float>(lambda_), w.data(), gradient->data(), w.flat().size());
    }
    return loss + lambda_ / 2 * SquaredFrobenius(w);
  }

 private:
  BatchLoss& loss_;
  const Batch& batch_;
  double lambda_;
};

}  // namespace mneme::learning

#endif  // MNEME_CORE_LEARNING_OBJECTIVE_H_
