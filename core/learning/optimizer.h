// Optimisers as plain values: each keeps its own buffers and moves a matrix against a gradient.
//
// Threads  not thread-safe; instances are independent.
#ifndef MNEME_CORE_LEARNING_OPTIMIZER_H_
#define MNEME_CORE_LEARNING_OPTIMIZER_H_

#include <cstdint>

#include "core/math/matrix.h"

namespace mneme::learning {

// Shapes   the gradient and W are of one shape, the same for all steps of one instance.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  // One step of `learning_rate` > 0.
  virtual void Step(double learning_rate, const Matrix& gradient, Matrix& w) = 0;
};

// Online gradient descent with momentum: m = momentum m + G; W -= lr m.
class Ogd final : public Optimizer {
 public:
  explicit Ogd(double momentum = 0.9) : momentum_(momentum) {}
  void Step(double learning_rate, const Matrix& gradient, Matrix& w) override;

 private:
  double momentum_;
  Matrix mean_;
};

// Adam with bias correction; beta1 0.9, beta2 0.999, epsilon 1e-8.
//
// Source   Kingma and Ba 2015, algorithm 1.
class Adam final : public Optimizer {
 public:
  void Step(double learning_rate, const Matrix& gradient, Matrix& w) override;

 private:
  Matrix mean_, square_;
  int64_t steps_ = 0;
};

struct MuonOptions {
  double momentum = 0.95;
  double weight_decay = 0;
  // Cubic steps after the quintic ones. Two take away the imbalance between directions that the
  // latter leave, which memories of rare items feel; training of deep networks does not need them.
  int polish = 2;
};

// Momentum whose singular values are made equal: every direction moves by the same length, rare
// ones too. M = momentum M + G; B = G + momentum M; O = Orthogonalise(B);
// W = (1 - lr wd) W - lr sqrt(max(1, d_v / d_k)) O. So lr is the spectral norm of the step.
//
// Cost     that of Orthogonalise.
// Source   Jordan et al. 2024.
class Muon final : public Optimizer {
 public:
  explicit Muon(const MuonOptions& options = {}) : options_(options) {}
  void Step(double learning_rate, const Matrix& gradient, Matrix& w) override;

 private:
  MuonOptions options_;
  Matrix mean_;
};

}  // namespace mneme::learning

#endif  // MNEME_CORE_LEARNING_OPTIMIZER_H_
