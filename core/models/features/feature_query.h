// A batch of cues asked of a memory of random features: a descent on its energy, each step a pass
// over the frequencies; with responses, or for the energy alone, one pass.
//
// energy is -(1/beta) ln Z of the state that is returned: low where items lie, at most
// -(1/beta) ln 1e-5. z_best is Z in standard deviations of its noise over strangers,
// sqrt(items / 2 m): what stands at 5 is stored, what stands at 1 may be anything (random features
// of either trigonometric kind; 0 for positive ones).
//
// Threads  as Query says.
#ifndef MNEME_CORE_MODELS_FEATURES_FEATURE_QUERY_H_
#define MNEME_CORE_MODELS_FEATURES_FEATURE_QUERY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "core/models/features/feature_recall.h"
#include "core/models/features/feature_spec.h"
#include "core/models/features/feature_sum.h"
#include "core/models/features/sums_view.h"
#include "core/models/model.h"

namespace mneme::models {

using FeatureSnapshot = SumsSnapshot<FeatureSum>;
using FeatureView = SumsView<FeatureSum>;

struct FeatureQueryPartial final : Partial {
  explicit FeatureQueryPartial(FeaturePartial empty) : sums(std::move(empty)) {}
  FeaturePartial sums;
};

class FeatureQuery final : public TypedQuery<FeatureQueryPartial> {
 public:
  // steps_max 0: the spec's; 1: the energy of the cues as they are.
  FeatureQuery(std::shared_ptr<const FeatureSnapshot> snapshot, MatrixView cues, int steps_max);

  std::string_view stage() const override { return "descend"; }
  // Of frequencies; none where the memory is empty.
  size_t parts() const override;
  double part_flops() const override;
  double part_bytes() const override;
  Answer TakeAnswer() override;

 protected:
  FeatureQueryPartial MakeEmpty() const override { return FeatureQueryPartial(run_.Empty()); }
  void ProbeParts(size_t first, size_t last, FeatureQueryPartial& into) const override;
  void MergeParts(FeatureQueryPartial& into, const FeatureQueryPartial& from) const override {
    into.sums.Merge(from.sums);
  }
  absl::StatusOr<bool> SettleStage(FeatureQueryPartial& merged) override;

 private:
  bool empty() const { return snapshot_->items <= 0; }
  double NoiseOfStrangers() const;

  std::shared_ptr<const FeatureSnapshot> snapshot_;
  FeatureRecall run_;
  bool gradients_;
};

inline std::unique_ptr<Query> MakeQuery(std::shared_ptr<const FeatureSnapshot> snapshot,
                                        MatrixView cues, int steps_max) {
  return std::make_unique<FeatureQuery>(std::move(snapshot), cues, steps_max);
}

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_FEATURES_FEATURE_QUERY_H_
