// The job that gives a dense memory its encoder: gathers the rows, learns where they are compared,
// and stores them anew as they will be compared, beside serving. DenseModel::Install takes both
// over at once.
//
// Memory   the rows twice from Take to the end of Run, besides what EncoderTraining needs.
// Threads  one at a time.
#ifndef MNEME_CORE_MODELS_DENSE_DENSE_TRAINING_H_
#define MNEME_CORE_MODELS_DENSE_DENSE_TRAINING_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "core/models/features/linear_encoder.h"
#include "core/models/model.h"
#include "core/models/spec.h"
#include "core/models/store/explicit_store.h"

namespace mneme::models {

// The rows as an encoder has them compared, float32.
//
// Shapes   rows [n, d]; result [n, d].
Matrix EncodeRows(const LinearEncoder& encoder, MatrixView rows);

// Rows on their way into the store of a memory with an encoder: compared as encoded, read out as
// their responses, or as they came.
absl::Status AppendEncoded(const LinearEncoder& encoder, const RowBlock& rows,
                           ExplicitStore& store);

class DenseTraining final : public Training {
 public:
  // InvalidArgument (TRAIN_SPEC): a field outside its range, by its name.
  static absl::Status CheckSpec(const TrainSpec& spec, size_t key_dim);
  // Of specs that were checked. `serial` tells this training from others of the memory.
  DenseTraining(const MemorySpec& memory, const TrainSpec& spec, uint64_t serial);

  absl::Status Take(const RowBlock& rows) override;
  // Phases "training", then "encoding".
  //
  // Errors   FailedPrecondition (TRAINING_SET_EMPTY): fewer than two different keys. Cancelled.
  // Cost     that of EncoderTraining::Run (centre and whiten: n·d² flop), then 2·n·d² flop.
  absl::Status Run(const TrainProgressFn& progress) override;

  uint64_t serial() const { return serial_; }
  // After Run succeeded, once: what was learned, and the rows as it has them compared.
  std::shared_ptr<const LinearEncoder> encoder() const { return encoder_; }
  const EncoderStats& stats() const { return stats_; }
  std::unique_ptr<ExplicitStore> TakeStore() { return std::move(store_); }

 private:
  absl::Status CheckKeys() const;
  absl::Status LearnClosedForm();
  absl::Status LearnBySteps(const TrainProgressFn& progress);
  absl::Status EncodeAll(const TrainProgressFn& progress);
  // Rows [first, first + count) of what was taken.
  RowBlock Slice(size_t first, size_t count) const;

  MemorySpec memory_;
  TrainSpec spec_;
  uint64_t serial_;
  std::vector<float> keys_;
  std::vector<float> responses_;
  std::vector<float> weights_;
  std::vector<ItemId> ids_;
  std::vector<uint64_t> row_numbers_;
  int steps_ = 0;  // taken so far
  std::shared_ptr<const LinearEncoder> encoder_;
  EncoderStats stats_;
  std::unique_ptr<ExplicitStore> store_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_DENSE_TRAINING_H_
