// A linear memory as readers hold it.
//
// Immutable. Thread-safe.
#ifndef MNEME_CORE_MODELS_LINEAR_LINEAR_VIEW_H_
#define MNEME_CORE_MODELS_LINEAR_LINEAR_VIEW_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/models/linear/linear_rows.h"
#include "core/models/linear/partition_router.h"
#include "core/models/linear/served_weights.h"
#include "core/models/model.h"
#include "core/models/spec.h"
#include "core/models/store/explicit_store.h"

namespace mneme::models {

// What a training proved of each item it was given, one entry a row, ascending row numbers.
// Immutable.
struct SealedItems {
  std::vector<uint64_t> rows;
  // Cues of unit length within this distance of the item's key have it in their list: > 0 exactly
  // where the item is certified.
  std::vector<float> radii;
};

// What a training proved of one partition's weights. Immutable.
struct SealedPartition {
  uint64_t end_row = 0;  // rows below it were there when the training began
  size_t list_size = 0;  // k: a certified item is within the k best of its partition at its own key
  double sigma = 0;      // competitors' standard deviation, service frame
  double score_mean = 0;  // mean true score, service frame
  double loss = 0;
  double weights_norm = 0;  // theory frame
  uint64_t certified = 0;
  double radius_min = 0;  // over certified items
  // A row was stored since. It competes with the items of the proof, and changes W; deleted again,
  // it leaves W as it was to rounding only. So the certificates are void for good. A trained row
  // that was deleted leaves them valid: W stays, and with fewer competitors no rank gets worse.
  bool delta_began = false;
  std::shared_ptr<const SealedItems> items;  // not null
};

// One partition: its matrix, and the codebook of the items that were hashed to it (unit-norm
// responses; empty where none is kept).
struct PartitionView {
  ServedWeights weights;
  StoreView codebook;
  std::shared_ptr<const SealedPartition> sealed;  // null: not trained
  uint64_t delta_items = 0;                       // in the codebook, and not in the sealed weights
};

// What a view shares with the queries begun on it, so that they outlive it.
struct LinearSnapshot {
  size_t key_dim = 0;
  size_t response_dim = 0;
  KeyFrame key_frame;  // into which cues come
  bool has_codebook = true;
  bool certifies = false;  // rule TAM: lists carry certificates, or say why not
  PartitionRouter router;  // which of the partitions an item belongs to
  std::vector<std::shared_ptr<const PartitionView>> partitions;
  // Tiles of all codebooks before those of partition p; one more entry holds their number.
  std::vector<size_t> first_tiles;
  ModelStats stats;
};

class LinearView final : public View {
 public:
  explicit LinearView(std::shared_ptr<const LinearSnapshot> snapshot)
      : snapshot_(std::move(snapshot)) {}

  const ModelStats& stats() const override { return snapshot_->stats; }

  // InvalidArgument: a mask (MASK_NOT_SUPPORTED), a beta (BETA_NOT_SUPPORTED), a filter on a recall
  // or on candidate responses (FILTER), only zero cues where cues are brought to unit length, or a
  // zero among the candidate responses (ZERO_VECTOR); two choices of what to rank (CANDIDATES).
  // FailedPrecondition: lists, scores or candidates where no codebook is kept (CODEBOOK_NOT_KEPT),
  // except for candidate responses.
  absl::StatusOr<std::unique_ptr<Query>> Begin(const CueBatch& cues,
                                               const QuerySpec& spec) const override;

 private:
  std::shared_ptr<const LinearSnapshot> snapshot_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_LINEAR_VIEW_H_
