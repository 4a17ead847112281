// What readers hold of a feature memory: one view for each kind of sums.
//
// Threads: const; a snapshot is immutable and shared with the queries begun on it.
#ifndef MNEME_CORE_MODELS_FEATURES_SUMS_VIEW_H_
#define MNEME_CORE_MODELS_FEATURES_SUMS_VIEW_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "core/base/status.h"
#include "core/models/features/feature_state.h"
#include "core/models/model.h"
#include "core/models/spec.h"

namespace mneme::models {

template <typename Sum>
struct SumsSnapshot {
  FeatureSpec spec;
  size_t key_dim = 0;
  Sum sum;
  int64_t items = 0;
  ModelStats stats;
};

// `MakeQuery(snapshot, cues, steps_max)` stands beside the query of each kind.
template <typename Sum>
class SumsView final : public View {
 public:
  explicit SumsView(SumsSnapshot<Sum> snapshot)
      : snapshot_(std::make_shared<const SumsSnapshot<Sum>>(std::move(snapshot))) {}

  const ModelStats& stats() const override { return snapshot_->stats; }
  // Errors as CheckFeatureQuestion, and what a cue alone gets from the query of its kind.
  absl::StatusOr<std::unique_ptr<Query>> Begin(const CueBatch& cues,
                                               const QuerySpec& spec) const override {
    MNEME_RETURN_IF_ERROR(CheckFeatureQuestion(cues, spec));
    if (cues.cues.cols != snapshot_->key_dim) {
      return Internal("feature: cues of another dimension than the memory's keys");
    }
    return MakeQuery(snapshot_, cues.cues, spec.steps_max);
  }
  absl::StatusOr<std::string> Sketch() const override {
    return EncodeSketch(EncodeFeatureState(snapshot_->items, snapshot_->sum.Save()));
  }

 private:
  std::shared_ptr<const SumsSnapshot<Sum>> snapshot_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_FEATURES_SUMS_VIEW_H_
