// Cross entropy over the codebook, and least squares: the losses that are not about lists.
//
// Both are means over the cues of a batch, of W [d_v, d_k] and a codebook whose row target(i) is
// the response of cue i. They do not look at Batch::competitors.
//
// Threads  run `threads` of their own; the same number gives the same bits, others agree to 1e-5.
#ifndef MNEME_CORE_LEARNING_LOSSES_H_
#define MNEME_CORE_LEARNING_LOSSES_H_

#include <vector>

#include "core/learning/batch_loss.h"
#include "core/math/matrix.h"

namespace mneme::learning {

// -log softmax(S / temperature)[target], S = U W q in the frame of the rows as they are.
//
// Units    temperature > 0, in units of a score. 1 / sqrt(d_k d_v) with unit rows is a temperature
//          of 1 in the theory frame.
// Cost     2 B d_k d_v + 2 B n d_v flop and B n exponentials; the gradient as much again.
// Source   dL/dW = (P U)^T Q / (B temperature), P the softmax less one at the target.
class CrossEntropyLoss final : public BatchLoss {
 public:
  CrossEntropyLoss(MatrixView codebook, double temperature, int threads);
  ~CrossEntropyLoss() override;
  absl::StatusOr<double> Evaluate(MatrixView w, const Batch& batch, Matrix* gradient) override;

 private:
  struct Worker;
  void RunBlock(MatrixView w, const Batch& batch, size_t first, size_t count, bool gradient,
                Worker& worker);

  MatrixView codebook_;
  double temperature_;
  int threads_;
  std::vector<double> losses_;  // of each cue
  std::vector<Worker> workers_;
};

// 1/2 |u - W q|^2.
//
// Cost     2 B d_k d_v flop, the gradient as much again.
// Source   dL/dW = (W Q^T - U^T) Q / B, U the targets' rows.
class LeastSquaresLoss final : public BatchLoss {
 public:
  LeastSquaresLoss(MatrixView codebook, int threads);
  ~LeastSquaresLoss() override;
  absl::StatusOr<double> Evaluate(MatrixView w, const Batch& batch, Matrix* gradient) override;

 private:
  struct Worker;

  MatrixView codebook_;
  int threads_;
  std::vector<double> losses_;
  std::vector<Worker> workers_;
};

}  // namespace mneme::learning

#endif  // MNEME_CORE_LEARNING_LOSSES_H_
