// The dense memory as a model: law "answers add", its rows are its state.
//
// Keys are kept as they came, or as unit vectors with their length beside them under cosine. The
// only constant is beta (or the radius of supports, which stands for one), given by the spec or
// estimated from the rows (dense_choices.h); it is captured by each view, so that an answer has one
// beta from its first pass to its last. A memory whose spec has an index keeps it beside the rows
// (dense_index.h).
#ifndef MNEME_CORE_MODELS_DENSE_DENSE_MODEL_H_
#define MNEME_CORE_MODELS_DENSE_DENSE_MODEL_H_

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/models/dense/auto_beta.h"
#include "core/models/dense/dense_index.h"
#include "core/models/dense/shadow_count.h"
#include "core/models/features/linear_encoder.h"
#include "core/models/model.h"
#include "core/models/spec.h"
#include "core/models/store/explicit_store.h"

namespace mneme::models {

class DenseModel final : public Model {
 public:
  // Of a valid spec that holds a DenseSpec.
  explicit DenseModel(const MemorySpec& spec);

  Law law() const override { return Law::kAnswersAdd; }
  // InvalidArgument: a zero key under cosine (ZERO_VECTOR), numbers other than 1 and -1 for binary
  // states (NOT_BINARY), a key too long or too short for cosine or the index (KEY_LENGTH), a weight
  // that is not positive and finite (WEIGHT).
  absl::Status Check(const RowBlock& rows) const override;
  absl::Status Absorb(const RowBlock& rows) override;
  absl::Status Forget(const RowBlock& rows) override;
  absl::Status Restore(const RowBlock& rows) override;
  // Estimates beta anew when it is due (2·512·N·d flop, when N has doubled or halved), and counts
  // what the radius shadows (shadow_count.h); true when it estimated. Call it when all rows of a
  // start-up are there, not between them.
  bool Maintain() override;
  // Of a memory with an encoder; a training ends what the one before was to install.
  absl::StatusOr<std::unique_ptr<Training>> BeginTraining(const TrainSpec& spec) override;
  // Exchanges the encoder, and the store for that in which the training has encoded the rows; those
  // that came since are encoded now.
  absl::Status Install(Training& training, uint64_t position, std::string_view job) override;
  void AbandonTraining() override;
  absl::StatusOr<std::unique_ptr<IndexWork>> BeginIndexWork(bool now) override;
  absl::StatusOr<Installed> InstallIndexWork(IndexWork& work) override;
  void AbandonIndexWork(const absl::Status& why) override;
  std::shared_ptr<const View> Publish() override;
  std::string Save() const override;
  absl::Status Load(std::string_view blob) override;

 private:
  // Rows that came while a training ran, as they came, and all that went.
  struct Meanwhile {
    uint64_t serial = 0;
    std::vector<float> keys, responses, weights;
    std::vector<ItemId> ids;
    std::vector<uint64_t> row_numbers, gone;
  };

  const DenseSpec& dense() const { return std::get<DenseSpec>(spec_.model); }
  absl::Status CheckKey(size_t row, std::span<const float> key) const;
  absl::Status Append(const StoreRows& rows);
  absl::Status LoadEncoded(std::string_view blob);
  bool HasSupports() const;
  void Record(const RowBlock& rows);
  absl::Status CatchUp(const LinearEncoder& encoder, ExplicitStore& store) const;

  MemorySpec spec_;
  ExplicitStore store_;
  BetaEstimate beta_;
  double length_max_ = 0;  // of the keys absorbed; powers of dot only
  ShadowCounter shadows_;  // separations of finite support only
  std::optional<DenseIndex> index_;
  std::shared_ptr<const LinearEncoder> encoder_;  // null: the spec has none
  std::optional<EncoderStats> encoder_stats_;     // once trained
  uint64_t serial_ = 0;                           // of the last training begun
  std::optional<Meanwhile> meanwhile_;            // while one runs
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_DENSE_MODEL_H_
