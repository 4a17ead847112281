// The dense log-sum-exp memory as a model: law "answers add", its rows are its state.
//
// Keys are kept as they came, or as unit vectors with their length beside them under cosine. The
// only constant is beta, given by the spec or estimated from the rows (auto_beta.h); it is captured
// by each view, so that an answer has one beta from its first pass to its last. A memory whose spec
// has an index keeps it beside the rows (dense_index.h).
#ifndef MNEME_CORE_MODELS_DENSE_DENSE_MODEL_H_
#define MNEME_CORE_MODELS_DENSE_DENSE_MODEL_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/models/dense/auto_beta.h"
#include "core/models/dense/dense_index.h"
#include "core/models/model.h"
#include "core/models/spec.h"
#include "core/models/store/explicit_store.h"

namespace mneme::models {

class DenseModel final : public Model {
 public:
  // Of a valid spec that holds a DenseSpec.
  explicit DenseModel(const MemorySpec& spec);

  Law law() const override { return Law::kAnswersAdd; }
  // InvalidArgument: a zero key under cosine (ZERO_VECTOR), one too long for the index
  // (KEY_LENGTH), a weight that is not positive and finite.
  absl::Status Check(const RowBlock& rows) const override;
  absl::Status Absorb(const RowBlock& rows) override;
  absl::Status Forget(const RowBlock& rows) override;
  absl::Status Restore(const RowBlock& rows) override;
  // Estimates beta anew when it is due (2·512·N·d flop, when N has doubled or halved); true when it
  // did. Call it when all rows of a start-up are there, not between them.
  bool Maintain() override;
  absl::StatusOr<std::unique_ptr<IndexWork>> BeginIndexWork(bool now) override;
  absl::StatusOr<Installed> InstallIndexWork(IndexWork& work) override;
  void AbandonIndexWork(const absl::Status& why) override;
  std::shared_ptr<const View> Publish() override;
  std::string Save() const override;
  absl::Status Load(std::string_view blob) override;

 private:
  const DenseSpec& dense() const { return std::get<DenseSpec>(spec_.model); }
  absl::Status CheckKey(size_t row, double squared_length) const;
  absl::Status Append(const StoreRows& rows);

  MemorySpec spec_;
  ExplicitStore store_;
  BetaEstimate beta_;
  std::optional<DenseIndex> index_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_DENSE_MODEL_H_
