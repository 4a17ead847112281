// What a query of a linear memory ranks: all its items, some of them, or responses that came with
// the query; in parts of at most a tile.
//
// Immutable after it was made. Thread-safe, with a scorer a thread.
#ifndef MNEME_CORE_MODELS_LINEAR_RANKED_ITEMS_H_
#define MNEME_CORE_MODELS_LINEAR_RANKED_ITEMS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "core/math/matrix.h"
#include "core/models/linear/codebook_scores.h"
#include "core/models/linear/linear_view.h"
#include "core/models/model.h"

namespace mneme::models {

// An item of a snapshot: its partition, and its place in the codebook there.
struct ItemPlace {
  size_t partition = 0;
  RowPosition at;
};

// Does an answer need the scores of items (or of responses that came along)? Else the recall is
// all.
bool WantsScores(const LinearSnapshot& snapshot, const QuerySpec& spec);

class RankedItems {
 public:
  // As the spec says: candidate_responses, candidate_rows or all; of items only those that pass its
  // rows. InvalidArgument (ZERO_VECTOR): a candidate response without a direction. The snapshot
  // must outlive it.
  static absl::StatusOr<RankedItems> Make(const LinearSnapshot& snapshot, const QuerySpec& spec);

  // Entries of `into` for a cue: one, or one a partition (`separate`; not of given responses).
  enum class Lists { kOne, kOnePerPartition };

  // Where the live item with this row number lies; nullopt when there is none, or it does not pass.
  // O(P log rows).
  std::optional<ItemPlace> Find(uint64_t row_number) const;
  // The score of an item for a recall of its partition: the bits that CodebookScorer compares.
  float ScoreOf(const ItemPlace& place, std::span<const float> recall) const;

  // The spec's rows leave no item.
  bool nothing_passes() const;
  size_t parts() const;
  // Rows of the codebook, or of the responses, that part `part` multiplies with each recall.
  double row_products() const;
  // A candidate response belongs to no partition: its score is the largest over all of them.
  //
  // Shapes   recalls [P B, d_v], partition after partition; into [B], or [P B] likewise.
  void Score(size_t part, MatrixView recalls, Lists lists, CodebookScorer& scorer,
             std::span<CueScores> into) const;

 private:
  // Candidates that lie in one tile.
  struct ChosenRows {
    size_t partition = 0;
    size_t tile = 0;
    std::vector<uint32_t> rows;
  };

  RankedItems(const LinearSnapshot& snapshot, const RowSet* rows);
  const StoreView& codebook(size_t partition) const {
    return passing_.empty() ? snapshot_->partitions[partition]->codebook : passing_[partition];
  }
  const std::vector<size_t>& tiles_before() const {
    return passing_.empty() ? snapshot_->first_tiles : first_tiles_;
  }
  void Choose(const std::vector<uint64_t>& row_numbers);
  absl::Status TakeResponses(MatrixView responses);
  TileView ResponseTile(size_t part) const;

  const LinearSnapshot* snapshot_;
  std::vector<StoreView> passing_;   // the codebooks' rows that pass; empty: all pass
  std::vector<size_t> first_tiles_;  // as the snapshot's, of `passing_`
  enum class Kind { kAll, kChosen, kResponses } kind_ = Kind::kAll;
  std::vector<ChosenRows> chosen_;
  Matrix responses_;  // of unit length
  std::vector<IdCell> ids_;
  std::vector<uint64_t> numbers_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_RANKED_ITEMS_H_
