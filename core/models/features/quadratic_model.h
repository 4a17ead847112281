// The classical Hopfield memory: the sum of x xᵀ over patterns of +1 and -1. Law: states add,
// exactly. A recall turns neurons one by one, in an order that the spec's seed fixes, until none
// turns.
//
// energy is -sᵀ T s of the state that is returned: -(dim)² where it is the only pattern.
//
// Threads: as Model says; Check looks at its rows only.
//
// Invariants
//   1. Forget undoes Absorb to the last bit, and how rows were batched changes nothing.
#ifndef MNEME_CORE_MODELS_FEATURES_QUADRATIC_MODEL_H_
#define MNEME_CORE_MODELS_FEATURES_QUADRATIC_MODEL_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/models/features/feature_spec.h"
#include "core/models/features/quadratic_sum.h"
#include "core/models/features/sums_view.h"
#include "core/models/model.h"
#include "core/models/spec.h"

namespace mneme::models {

// A cue with a number other than +1 and -1 gets an error of its own (NOT_BINARY).
using QuadraticSnapshot = SumsSnapshot<QuadraticSum>;
using QuadraticView = SumsView<QuadraticSum>;
std::unique_ptr<Query> MakeQuery(std::shared_ptr<const QuadraticSnapshot> snapshot, MatrixView cues,
                                 int steps_max);

class QuadraticModel final : public Model {
 public:
  // Of a valid spec whose model is a FeatureSpec of kind kQuadratic.
  explicit QuadraticModel(const MemorySpec& spec);

  Law law() const override { return Law::kStatesAdd; }
  // InvalidArgument: NOT_BINARY, or a weight other than 1 (WEIGHT).
  absl::Status Check(const RowBlock& rows) const override;
  // Cost     n·dim² flop.
  absl::Status Absorb(const RowBlock& rows) override;
  absl::Status Forget(const RowBlock& rows) override;
  absl::Status Restore(const RowBlock&) override { return absl::OkStatus(); }
  bool Maintain() override { return false; }
  // Copies the sum: 8·dim² bytes.
  std::shared_ptr<const View> Publish() override;
  std::string Save() const override;
  // DataLoss (MODEL_STATE): not a state of this spec.
  absl::Status Load(std::string_view blob) override;
  absl::StatusOr<MergedState> Merged(std::string_view sketch) const override;

 private:
  absl::Status Change(const RowBlock& rows, bool add);

  FeatureSpec spec_;
  QuadraticSum sum_;
  std::shared_ptr<const View> published_;  // null: changed since
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_FEATURES_QUADRATIC_MODEL_H_
