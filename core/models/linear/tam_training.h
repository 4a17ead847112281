// The job that trains a memory of rule TAM: gathers rows, trains each partition, certifies its
// items.
//
// It holds copies of all it reads, so that it runs on any thread while the model takes writes; it
// changes nothing of the model. TamLearner::Install takes over what Run made.
//
// Memory   4 (d_k + d_v) + 8 bytes a row from Take to the end of Run, and the scratch of
//          learning::Train and learning::Certify for one partition at a time.
// Threads  one at a time; Run starts TrainSpec::threads of its own.
#ifndef MNEME_CORE_MODELS_LINEAR_TAM_TRAINING_H_
#define MNEME_CORE_MODELS_LINEAR_TAM_TRAINING_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/learning/train.h"
#include "core/math/matrix.h"
#include "core/models/linear/linear_rows.h"
#include "core/models/linear/partition_router.h"
#include "core/models/linear/tam_learner.h"
#include "core/models/model.h"
#include "core/models/spec.h"

namespace mneme::models {

// What a training is told of a memory when it begins.
struct TamTrainingStart {
  MemorySpec memory;
  PartitionRouter router;
  std::vector<TamLearner::Start> partitions;  // as many as the router has
  uint64_t serial = 0;                        // tells this training from others of the memory
};

class TamTraining final : public Training {
 public:
  // InvalidArgument (TRAIN_SPEC): a field outside its range, by its name.
  static absl::Status CheckSpec(const TrainSpec& spec);
  // Of a spec that was checked.
  TamTraining(const TrainSpec& spec, TamTrainingStart start);

  // Rows that were stored after the training began are left out. FailedPrecondition
  // (VECTORS_NEEDED): rows without their keys or responses.
  absl::Status Take(const RowBlock& rows) override;

  // Partition by partition. In an item's frame of unit lengths, weights count for nothing. An item
  // whose key or response is zero is not trained; its response competes.
  //
  // Errors   FailedPrecondition: no partition has two items (TRAINING_SET_EMPTY); the load of one
  //          is past the collapse load of its tail fraction, where W = 0 minimises the loss
  //          (LOAD_PAST_COLLAPSE, loss kTam). Cancelled: `progress` said so.
  // Cost     that of learning::Train and learning::Certify.
  absl::Status Run(const TrainProgressFn& progress) override;

  uint64_t serial() const { return start_.serial; }
  // After Run succeeded, once: an epoch a partition; position and job are to be filled in.
  std::vector<TamEpoch> TakeEpochs() { return std::move(epochs_); }

 private:
  // Rows of one partition, in order of their numbers.
  struct Gathered {
    std::vector<float> keys;       // unit length, [rows, d_k]
    std::vector<float> responses;  // likewise [rows, d_v]
    std::vector<uint64_t> rows;
    // Of items that cannot be trained: their responses compete all the same.
    std::vector<float> rival_responses;
    std::vector<uint64_t> rivals;
  };
  class Pace;  // from the progress of partitions to that of the whole

  void Gather(const RowBlock& block, size_t row, Gathered& into) const;
  absl::Status CheckSizes() const;
  absl::Status CheckLoad(const Gathered& gathered) const;
  size_t ListSize(size_t items) const;
  learning::TrainOptions Options(size_t partition) const;
  absl::Status RunPartitions(Pace& pace);
  absl::Status TrainPartition(size_t partition, Pace& pace);
  absl::Status FillPartition(size_t partition, double score, Pace& pace);
  absl::Status Certify(const Gathered& gathered, Pace& pace, TamEpoch& epoch) const;
  void ShareOut();

  size_t d_k() const { return start_.memory.key_dim; }
  size_t d_v() const { return start_.memory.response_dim; }
  MatrixView Keys(const Gathered& gathered) const;
  MatrixView Responses(const Gathered& gathered) const;
  const LinearSpec& linear() const;

  TrainSpec spec_;
  TamTrainingStart start_;
  KeyFrame unit_frame_;  // of the keys, always to unit length
  std::vector<Gathered> gathered_;
  std::vector<TamEpoch> epochs_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_TAM_TRAINING_H_
