// Memory of random features: a density of what was stored, in sums of fixed size. Law: states add;
// ordered where items fade.
//
// With gamma < 1 the sums shrink by gamma before each item is added, so that an item weighs
// gamma^(items since).
//
// Threads: as Model says; Check looks at the spec only.
//
// Invariants
//   1. How rows were batched changes no sum, beyond float64 rounding.
//   2. Forget undoes Absorb, to float64 rounding (gamma = 1).
//   3. Merged sums are those of a memory that absorbed the rows of both.
#ifndef MNEME_CORE_MODELS_FEATURES_FEATURE_MODEL_H_
#define MNEME_CORE_MODELS_FEATURES_FEATURE_MODEL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/models/features/feature_query.h"
#include "core/models/features/feature_spec.h"
#include "core/models/features/feature_sum.h"
#include "core/models/model.h"
#include "core/models/spec.h"

namespace mneme::models {

class FeatureModel final : public Model {
 public:
  // Of a valid spec whose model is a FeatureSpec of a random kind.
  explicit FeatureModel(const MemorySpec& spec);

  Law law() const override { return spec_.gamma < 1 ? Law::kOrdered : Law::kStatesAdd; }
  // InvalidArgument (FEATURE_RANGE): a key so far from 0 that its positive features vanish.
  absl::Status Check(const RowBlock& rows) const override;
  // Cost     2·n·m·d flop and n·m sines and cosines; 4·n·m·d_v more with responses.
  absl::Status Absorb(const RowBlock& rows) override;
  absl::Status Forget(const RowBlock& rows) override;
  // The sums hold all there is.
  absl::Status Restore(const RowBlock&) override { return absl::OkStatus(); }
  bool Maintain() override { return false; }
  // Copies the sums: 16 m (1 + d_v) bytes.
  std::shared_ptr<const View> Publish() override;
  std::string Save() const override;
  // DataLoss (MODEL_STATE): not a state of this spec.
  absl::Status Load(std::string_view blob) override;
  absl::StatusOr<MergedState> Merged(std::string_view sketch) const override;

 private:
  absl::Status Change(const RowBlock& rows, bool add);
  ModelStats Stats() const;

  FeatureSpec spec_;
  FeatureSum sum_;
  int64_t items_ = 0;
  std::shared_ptr<const View> published_;  // null: changed since
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_FEATURES_FEATURE_MODEL_H_
