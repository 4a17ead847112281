// Recall from a random-feature memory: descent on its energy, for a batch of cues at once.
//
// As DenseRun: passes over parts (of the frequencies) into partials that merge, then a step by the
// coordinator. x <- x - α ∇E, α halved for a cue whose energy rises (the step is taken back).
//
// Threads  Add is const and may run in several threads, each with a partial of its own; Settle is
//          the coordinator's. The memory and the cues must outlive this.
// Source   Hoover et al., "Dense Associative Memory Through the Lens of Random Features",
//          NeurIPS 2024. Differs: α is halved where the energy rises.
#ifndef MNEME_CORE_MODELS_FEATURES_FEATURE_RECALL_H_
#define MNEME_CORE_MODELS_FEATURES_FEATURE_RECALL_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "core/math/matrix.h"
#include "core/models/features/feature_sum.h"
#include "core/models/model.h"

namespace mneme::models {

struct DescentSpec {
  double rate = 0.1;        // α > 0. At 1, and with an exact energy, a step is that of log-sum-exp
  int steps_max = 100;      // 1: the energy and one step
  double tolerance = 1e-3;  // converged when ‖∇E‖ is at most this
  bool energy_only = false;  // of the cues as they are: one pass without gradients
};

struct FeatureOutcome {
  absl::Status error;
  AnswerStatus status = AnswerStatus::kUnset;
  int steps = 0;
  // Of the state scored last that was kept.
  double density = 0;  // in patterns
  double energy = 0;
};

class FeatureRecall {
 public:
  FeatureRecall(const FeatureSum& memory, MatrixViewD cues, const DescentSpec& descent);

  size_t parts() const { return memory_.parts(); }
  size_t active() const { return order_.size(); }
  FeaturePartial Empty() const;
  void Add(size_t part, FeaturePartial& into) const;
  // True when every cue is done.
  bool Settle(const FeaturePartial& merged);

  // After Settle returned true. The state, or with values φ(x)·U / Z at the cue (one pass); a row
  // of zeros where a value has no support.
  MatrixD& recalls() { return recalls_; }
  std::vector<FeatureOutcome>& outcomes() { return outcomes_; }

 private:
  bool SettleCue(const FeaturePartial& merged, size_t place);

  const FeatureSum& memory_;
  DescentSpec descent_;
  bool hetero_;
  std::vector<uint32_t> order_;  // cues that go on
  MatrixD states_;               // [active, dim]
  // By place: where the last kept step came from.
  MatrixD kept_;
  MatrixD kept_gradients_;
  std::vector<double> rates_;
  int step_ = 0;
  MatrixD recalls_;
  std::vector<FeatureOutcome> outcomes_;
};

// All passes, in one thread.
struct FeatureAnswer {
  MatrixD recalls;
  std::vector<FeatureOutcome> outcomes;
};
FeatureAnswer Recall(const FeatureSum& memory, MatrixViewD cues, const DescentSpec& descent = {});

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_FEATURES_FEATURE_RECALL_H_
