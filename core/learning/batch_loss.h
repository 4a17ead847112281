// What a loss over pairs (cue, response) is to the optimisers: a number and its gradient for a
// matrix and a batch.
#ifndef MNEME_CORE_LEARNING_BATCH_LOSS_H_
#define MNEME_CORE_LEARNING_BATCH_LOSS_H_

#include <cstdint>
#include <span>
#include <utility>

#include "absl/status/statusor.h"
#include "core/learning/progress.h"
#include "core/math/matrix.h"

namespace mneme::learning {

// The cues to learn from. Row i should lead to row targets[i] of the codebook; without targets, to
// row i.
struct Batch {
  MatrixView queries;
  std::span<const uint32_t> targets = {};
  std::span<const uint32_t> competitors = {};  // rows of the codebook to compare with, each at most
                                               // once; none: all. Losses may ignore it

  size_t target(size_t i) const { return targets.empty() ? i : targets[i]; }
};

// Not thread-safe: an instance has scratch of its own. Results do not depend on earlier calls.
class BatchLoss {
 public:
  virtual ~BatchLoss() = default;

  // The mean loss of the batch for W [d_v, d_k]; with `gradient`, dL/dW [d_v, d_k] is written
  // there.
  //
  // Errors   Cancelled when keep_going said no; `gradient` is then unspecified.
  virtual absl::StatusOr<double> Evaluate(MatrixView w, const Batch& batch, Matrix* gradient) = 0;

  void set_keep_going(KeepGoingFn keep_going) { keep_going_ = std::move(keep_going); }

 protected:
  bool KeepGoing() const { return !keep_going_ || keep_going_(); }

 private:
  KeepGoingFn keep_going_;
};

}  // namespace mneme::learning

#endif  // MNEME_CORE_LEARNING_BATCH_LOSS_H_
