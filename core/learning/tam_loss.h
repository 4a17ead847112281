// The tail-average margin: each item should score above the mean of the k best of its competitors.
//
// For cue q of item i, with theory-frame scores s_j = sqrt(d_k d_v) <u_j, W q> of unit rows:
//   TA_i = (1/k) sum of the k largest s_j, j != i          (empirical upper-tail CVaR)
//   m_i  = s_i - TA_i                                        (concave in W)
//   L(W) = mean of softplus(-m_i)                            (the ridge is objective.h's)
// W is one matrix in both frames; only its scores are scaled.
//
// Cost of one evaluation over B cues and m competitors, in flop: 2 B d_k d_v + 2 B m d_v forward,
// 2 B min(m, k) d_v + 2 B d_k d_v for the gradient; finding the k largest is some ten passes over
// scores that are in cache (upper_tail.h), less than the product that made them.
#ifndef MNEME_CORE_LEARNING_TAM_LOSS_H_
#define MNEME_CORE_LEARNING_TAM_LOSS_H_

#include <cstddef>
#include <span>
#include <vector>

#include "core/learning/batch_loss.h"
#include "core/math/matrix.h"

namespace mneme::learning {

struct TamOptions {
  size_t list_size = 0;  // k, against all the other rows of the codebook; 1 <= k <= rows - 1
  int threads = 1;
};

// Theory frame.
struct TailMargin {
  float score = 0;         // s_i
  float tail_average = 0;  // TA_i
  float margin() const { return score - tail_average; }
};

// With competitors in the batch, the list size shrinks with them to ceil(k m / (rows - 1)): the
// tail fraction stays. Such margins are estimates, biased low where the list is short; they serve
// gradients and never certificates.
//
// Threads  runs `threads` of its own; the same number gives the same bits, others agree to 1e-5.
class TamLoss final : public BatchLoss {
 public:
  // `codebook` [rows, d_v] of unit rows is the caller's and must outlive this.
  TamLoss(MatrixView codebook, const TamOptions& options);
  ~TamLoss() override;

  // Source   dL/dm_i = -sigmoid(-m_i) / B; dm_i/dW = (u_i - mean of the tail's u_j) q^T, ties any.
  //          A subgradient where scores tie at the tail's edge.
  absl::StatusOr<double> Evaluate(MatrixView w, const Batch& batch, Matrix* gradient) override;

  // Of the last evaluation's cues, in their order.
  std::span<const TailMargin> margins() const { return margins_; }

 private:
  struct Field;  // what one evaluation compares with
  struct Worker;

  Field MakeField(MatrixView w, const Batch& batch);
  void RunBlock(const Field& field, size_t first, size_t count, bool gradient, Worker& worker);
  void SelectTails(const Field& field, size_t first, size_t count, Worker& worker);
  void GatherTails(const Field& field, size_t count, Worker& worker);
  void MultiplyTails(const Field& field, size_t count, Worker& worker);

  MatrixView codebook_;
  TamOptions options_;
  Matrix chosen_;                 // the competitors' rows, where not all are
  std::vector<uint32_t> column_;  // of a codebook row among the competitors
  std::vector<TailMargin> margins_;
  std::vector<Worker> workers_;
};

}  // namespace mneme::learning

#endif  // MNEME_CORE_LEARNING_TAM_LOSS_H_
