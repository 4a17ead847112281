// Linear memory: correlation matrix or ridge regression, in P independent partitions. Law: states
// add.
//
// The learned state is (A, C, n) of each partition (linear_sums.h) and nothing else: the served
// matrices, and lambda, are functions of it. Beside it stands the codebook, which lists and scores
// need: the unit-norm responses of the items, in an explicit store a partition. A memory that
// retains statistics only has none, and its size does not depend on the number of items.
//
// Threads: as Model says; Check looks at the spec only.
//
// Invariants
//   1. Any order and batching of the same Absorbs and Forgets gives the same sums to rounding, and
//   so
//      the same answers.
//   2. A row goes to the same partition when it is forgotten as when it was absorbed.
#ifndef MNEME_CORE_MODELS_LINEAR_LINEAR_MODEL_H_
#define MNEME_CORE_MODELS_LINEAR_LINEAR_MODEL_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "core/models/linear/linear_partition.h"
#include "core/models/linear/linear_rows.h"
#include "core/models/linear/linear_view.h"
#include "core/models/model.h"
#include "core/models/spec.h"
#include "core/models/store/explicit_store.h"

namespace mneme::models {

class LinearModel final : public Model {
 public:
  // Of a valid spec whose model is a LinearSpec.
  explicit LinearModel(const MemorySpec& spec);

  Law law() const override { return Law::kStatesAdd; }
  // InvalidArgument (ZERO_VECTOR): a key or response without a direction, where the spec wants unit
  // lengths.
  absl::Status Check(const RowBlock& rows) const override;
  absl::Status Absorb(const RowBlock& rows) override;
  absl::Status Forget(const RowBlock& rows) override;
  // Needs responses, ids and row numbers; does nothing where no codebook is kept.
  absl::Status Restore(const RowBlock& rows) override;
  // The state needs no upkeep: false.
  bool Maintain() override { return false; }
  // Computes the matrices that are due anew: O(d_k^3 / 3 + 2 d_v d_k^2) for a ridge partition,
  // O(d_v d_k) for a correlation matrix, else O(P).
  std::shared_ptr<const View> Publish() override;
  // The format is in linear_codec.h.
  std::string Save() const override;
  absl::Status Load(std::string_view blob) override;

  // The sums of one partition, for measurements.
  const LinearSums& sums(size_t partition) const { return partitions_[partition].matrix.sums(); }

 private:
  struct Partition {
    Partition(const LinearShape& shape, size_t response_dim)
        : matrix(shape), codebook(response_dim, 0) {}

    LinearPartition matrix;
    ExplicitStore codebook;
    std::shared_ptr<const PartitionView> published;  // null: changed since
  };

  PartitionBy partition_by() const;
  bool has_codebook() const { return spec_.retain != Retain::kStatistics; }
  void Learn(const RowBlock& rows, const PartitionRows& group, Sign sign);
  absl::Status AppendToCodebook(const RowBlock& rows, const PartitionRows& group);
  absl::Status RemoveFromCodebook(const RowBlock& rows, const PartitionRows& group);

  MemorySpec spec_;
  LinearSpec linear_;
  std::vector<Partition> partitions_;
};

std::unique_ptr<Model> MakeLinearModel(const MemorySpec& spec);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_LINEAR_MODEL_H_
