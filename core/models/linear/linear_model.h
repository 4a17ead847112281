// Linear memory: matrices that learn by the rule of the spec, in partitions. Law: the rule's.
//
// The learned state is that of one learner a partition (partition_learner.h), and where generations
// of partitions begin (partition_router.h). Beside it stands the codebook, which lists and scores
// need: the unit-norm responses of the items, in an explicit store a partition. A memory that
// retains statistics only has none, and its size does not depend on the number of items.
//
// Threads: as Model says; Check looks at the spec only.
//
// Invariants
//   1. A row goes to the same partition when it is forgotten as when it was absorbed.
//   2. How rows were batched changes no state, beyond rounding.
#ifndef MNEME_CORE_MODELS_LINEAR_LINEAR_MODEL_H_
#define MNEME_CORE_MODELS_LINEAR_LINEAR_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/models/linear/linear_rows.h"
#include "core/models/linear/linear_view.h"
#include "core/models/linear/partition_learner.h"
#include "core/models/linear/partition_router.h"
#include "core/models/model.h"
#include "core/models/spec.h"
#include "core/models/store/explicit_store.h"

namespace mneme::models {

class TamLearner;

class LinearModel final : public Model {
 public:
  // Of a valid spec whose model is a LinearSpec.
  explicit LinearModel(const MemorySpec& spec);

  Law law() const override { return LawOf(linear_.rule); }
  // InvalidArgument (ZERO_VECTOR): a key or response without a direction, where the spec wants unit
  // lengths.
  absl::Status Check(const RowBlock& rows) const override;
  absl::Status Absorb(const RowBlock& rows) override;
  absl::Status Forget(const RowBlock& rows) override;
  uint64_t CountSuppressed(const RowBlock& rows) const override;
  // Needs responses, ids and row numbers; does nothing where no codebook is kept.
  absl::Status Restore(const RowBlock& rows) override;
  // Rule TAM (tam_model.cc). The Training is a TamTraining; what it trained replaces the weights
  // of all partitions that were there when it began.
  absl::StatusOr<std::unique_ptr<Training>> BeginTraining(const TrainSpec& spec) override;
  // FailedPrecondition also where the training did not see all items (VECTORS_NEEDED).
  absl::Status Install(Training& training, uint64_t position, std::string_view job) override;
  void AbandonTraining() override;
  // InvalidArgument (SHAPE): weights of another shape.
  absl::StatusOr<FederatedRows> Exchange(const FederatedExchange& exchange) override;
  // The state needs no upkeep: false.
  bool Maintain() override { return false; }
  // Computes the matrices that are due anew: O(d_k^3 / 3 + 2 d_v d_k^2) for a ridge partition,
  // O(d_v d_k) for the others, else O(P).
  std::shared_ptr<const View> Publish() override;
  // The format is in linear_codec.h.
  std::string Save() const override;
  absl::Status Load(std::string_view blob) override;

  const PartitionRouter& router() const { return router_; }
  const PartitionLearner& learner(size_t partition) const {
    return *partitions_[partition].learner;
  }

 private:
  struct Partition {
    std::unique_ptr<PartitionLearner> learner;
    ExplicitStore codebook;
    std::shared_ptr<const PartitionView> published;  // null: changed since
  };

  bool has_codebook() const { return spec_.retain != Retain::kStatistics; }
  PartitionRouter MakeRouter() const;
  Partition MakePartition() const;
  // As many as the router has.
  void AddPartitions();
  TamLearner& tam_learner(size_t partition);
  // Of rule TAM, a partition that no training has seen: its items score as the trained ones do.
  void ServeBesideTrained(size_t partition);
  // Begins the generations that these rows need.
  void Grow(const RowBlock& rows);
  ModelStats Stats() const;
  // Calls `visit` with at most LearnerRows::kRowsMax rows of a group at a time, in order.
  template <typename Visit>
  void ForBlocks(const RowBlock& rows, const PartitionRows& group, Visit visit) const;
  absl::Status AppendToCodebook(const RowBlock& rows, const PartitionRows& group);
  absl::Status RemoveFromCodebook(const RowBlock& rows, const PartitionRows& group);

  MemorySpec spec_;
  LinearSpec linear_;
  KeyFrame key_frame_;
  PartitionRouter router_;
  std::vector<Partition> partitions_;  // router_.partitions() of them
  uint64_t training_serial_ = 0;       // of the training that began last
};

std::unique_ptr<Model> MakeLinearModel(const MemorySpec& spec);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_LINEAR_MODEL_H_
