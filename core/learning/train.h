// The front door of training: from keys and responses to a matrix that recalls them.
//
// Frames. Keys and codebook rows are of unit length; W is one matrix, read as s = <u, W q> (service
// frame). The theory frame has rows of length sqrt(d_k) and sqrt(d_v): its score of the same W is
// sqrt(d_k d_v) times larger. Losses are stated below in the frame in which they are used; the
// weights that come back are served as they are, without any scaling.
//   kTam           (1/n) sum_i softplus(-m_i) + lambda/2 |W|_F^2, margins in the theory frame
//   kCrossEntropy  (1/n) sum_i -log softmax(S_i / temperature)_i + lambda/2 |W|_F^2, S in the
//                  service frame
//   kLeastSquares  (1/n) sum_i 1/2 |u_i - W k_i|^2 + lambda/2 |W|_F^2, unit rows
//
// Threads  Train runs `threads` threads of its own and joins them; `progress` is called from the
//          calling thread. BLAS itself should be single-threaded (core/math/blas.h).
// Invariants
//   1. The same data, options and number of threads give the same bits on one machine; another
//      number of threads agrees to 1e-5.
//   2. Nothing the caller owns is changed; a cancelled or refused run leaves nothing behind.
#ifndef MNEME_CORE_LEARNING_TRAIN_H_
#define MNEME_CORE_LEARNING_TRAIN_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "absl/status/statusor.h"
#include "core/learning/progress.h"
#include "core/math/matrix.h"

namespace mneme::learning {

// Row i of both is item i. Unit rows (1e-3), finite; the caller owns them.
struct TrainingData {
  MatrixView keys;      // [n, d_k]
  MatrixView codebook;  // [n, d_v]
};

enum class Loss { kTam, kCrossEntropy, kLeastSquares };
enum class OptimizerKind { kFista, kOgd, kAdam, kMuon };

struct TrainOptions {
  Loss loss = Loss::kTam;
  OptimizerKind optimizer = OptimizerKind::kFista;
  size_t list_size = 0;  // k of kTam, 1 <= k <= n - 1; ListSizeOf below makes it from r
  double lambda = 1e-3;  // > 0
  std::optional<double> temperature;  // of kCrossEntropy, > 0; absent: 1 / sqrt(d_k d_v)
  int steps_max = 150;                // accepted steps of kFista, batches of the others
  // The others than kFista. Size of a step; of kMuon its spectral norm.
  double learning_rate = 0.5;
  // Step t (from 1) is learning_rate / sqrt(t), and the mean of the last half of the iterates is
  // returned: for losses with a kink, kTam above all.
  bool anneal = false;
  size_t batch = 0;        // items a step, drawn without replacement; 0 or >= n: all
  size_t competitors = 0;  // of kTam, drawn anew each step; 0: all. >= 20 n / k is wise
  uint64_t seed = 1;       // of batches and competitors
  int threads = 1;
  std::optional<MatrixView> warm_start;  // [d_v, d_k]: a place to start from, taken if it is better
};

struct TrainReport {
  Matrix weights;           // [d_v, d_k], to be served as they are
  double loss = 0;          // of the trained matrix, over all items, with the ridge term
  double loss_at_zero = 0;  // of the empty matrix: log 2 for kTam
  double w_norm = 0;        // |W|_F of the trained matrix; = spread of its competitors' scores in
                            // the theory frame. About 0 past the collapse load
  int steps = 0;
  int evaluations = 0;     // of the loss or its gradient, over a batch or all
  bool converged = false;  // kFista: a stopping rule ended it, not steps_max
  // The trained matrix was no better than the empty one: `weights` is the correlation matrix
  // U^T K instead, while loss and w_norm still speak of the one that was rejected.
  bool fell_back = false;
};

// Errors   InvalidArgument with reason TRAINING_SET_EMPTY (n < 2), SHAPE, NOT_FINITE, NOT_UNIT,
//          LIST_SIZE, LAMBDA, TEMPERATURE, LEARNING_RATE, STEPS, THREADS, COMPETITORS; Cancelled
//          when `progress` says stop.
// Cost     kFista: 100 to 200 evaluations over all pairs (tam_loss.h); the others: one batch a
// step.
absl::StatusOr<TrainReport> Train(const TrainingData& data, const TrainOptions& options,
                                  const ProgressFn& progress);

// k = ceil(r (n - 1)), held to [1, n - 1]: the list size of the tail fraction r in (0, 1).
size_t ListSizeOf(double r, size_t n);

}  // namespace mneme::learning

#endif  // MNEME_CORE_LEARNING_TRAIN_H_
