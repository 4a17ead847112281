// The learner of rule TAM: weights that a job trains, and what has come and gone since.
//
// Kept are A, the correlation matrix of all live rows; after a training W_epoch, what it proved,
// and A_delta, the correlation matrix of the rows stored since it began. Served is A until the
// first training is installed, then W_epoch + s A_delta. s is the mean true score that the training
// reached, so that a fresh item scores like a typical trained one. While a training runs,
// rows are gathered in a next A_delta as well: when it is installed, they are the delta.
//
// A row of the delta is forgotten by subtracting it. A trained row leaves A and the codebook, so
// that it is never returned again; its influence on W_epoch stays until the next training: it is
// suppressed.
//
// Not thread-safe; what Publish and sealed give is immutable.
//
// Invariants
//   1. W_epoch and what was proved of it change by Install only.
//   2. Until Install, a training changes nothing that is served or saved.
#ifndef MNEME_CORE_MODELS_LINEAR_TAM_LEARNER_H_
#define MNEME_CORE_MODELS_LINEAR_TAM_LEARNER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/models/linear/linear_sums.h"
#include "core/models/linear/linear_view.h"
#include "core/models/linear/partition_learner.h"
#include "core/models/linear/tam_sum.h"
#include "core/models/spec.h"

namespace mneme::models {

// The weights that a training made for one partition, and of which training they are.
struct TamEpoch {
  std::shared_ptr<const Matrix> weights;  // [d_v, d_k], not null
  SealedPartition sealed;
  double score_sigmas = 0;     // mean true score in standard deviations of the competitors'
  double partition_share = 1;  // 1 / partitions that were trained together
  double item_share = 1;       // of their items
  uint64_t position = 0;       // of the log
  std::string job;
  std::vector<uint64_t> rivals;  // rows that compete without having been trained, ascending
};

class TamLearner final : public PartitionLearner {
 public:
  explicit TamLearner(const MemorySpec& spec);

  void Add(const LearnerRows& rows) override;
  void Remove(const LearnerRows& rows) override;
  ServedWeights Publish() override;
  int64_t items() const override { return all_.sums().n; }
  // Those of a training.
  uint64_t CountSuppressed(const LearnerRows& rows) const override;
  void Describe(ModelStats& stats) const override;
  std::shared_ptr<const SealedPartition> sealed() const override;
  uint64_t delta_items() const override;

  // Little-endian: 8 n, signed; 8 d_v d_k A; 8 next row number; 8 scale of A where it is served;
  // 1 trained (0, 1). Trained:
  //   8 end_row, 8 list_size, 8 sigma, 8 score_mean, 8 loss, 8 weights_norm, 8 certified,
  //   8 radius_min, 1 delta_began, 8 score_sigmas, 8 partition_share, 8 item_share, 8 position,
  //   4 + job; 4 d_v d_k W_epoch, float32; 8 suppressed; 8 n of the delta, 8 d_v d_k A_delta where
  //   n is not 0; 8 trained rows, 8 number of each, 4 radius of each, float32.
  // A training that has not been installed is not saved.
  void Save(ByteWriter& out) const override;
  absl::Status Load(ByteReader& in) override;

  // Of the last training that was installed; null: none.
  const TamEpoch* epoch() const { return trained_ ? &trained_->epoch : nullptr; }

  // What a training must know of this partition.
  struct Start {
    uint64_t end_row = 0;                      // rows below it are there
    std::shared_ptr<const Matrix> warm_start;  // null: none
  };
  // From now on rows are gathered for the delta of the training to come; an earlier one is lost.
  Start BeginTraining();
  bool training() const { return next_.has_value(); }
  void AbandonTraining() { next_.reset(); }
  // Did the training see every row that was there when it began and still is? A certificate is
  // worth nothing against a competitor that it did not see.
  bool SawAllRows(const TamEpoch& epoch) const;
  // Needs a training that was begun and saw all rows: rows since then become the delta.
  void Install(TamEpoch epoch);
  // For a partition that was not trained beside another that may be: its items score as the rows
  // of the other's delta do.
  void ServeBeside(const TamLearner& trained);

 private:
  struct Trained {
    TamEpoch epoch;                                 // its delta_began becomes true with the first
    std::shared_ptr<const SealedPartition> sealed;  // row stored since; this is a copy for readers
    TamSum delta;
    uint64_t suppressed = 0;
  };
  // What comes and goes while a training runs.
  struct Next {
    LinearSums delta;
    bool delta_began = false;
    uint64_t end_row = 0;
    int64_t items = 0;              // when it began
    std::vector<uint64_t> removed;  // of these, since
  };

  LinearSums NoRows() const { return LinearSums(d_k_, d_v_, /*with_gram=*/false); }
  bool WasTrainedOn(uint64_t row_number) const;
  void SetTrained(TamEpoch epoch, LinearSums delta, uint64_t suppressed);
  void SaveTrained(ByteWriter& out) const;
  absl::Status LoadTrained(ByteReader& in);

  size_t d_k_;
  size_t d_v_;
  double scale_ = 1;  // of all_, where that is served
  TamSum all_;
  uint64_t next_row_ = 0;
  std::optional<Trained> trained_;
  std::optional<Next> next_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_TAM_LEARNER_H_
