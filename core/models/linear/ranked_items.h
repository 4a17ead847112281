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

// Where a live item with this row number lies; nullopt when there is none. O(P log rows).
std::optional<ItemPlace> FindItem(const LinearSnapshot& snapshot, uint64_t row_number);

// The score of an item for a recall of its partition: the bits that CodebookScorer compares.
float ScoreOf(const LinearSnapshot& snapshot, const ItemPlace& place,
              std::span<const float> recall);

class RankedItems {
 public:
  // As the spec says: candidate_responses, candidate_rows or all. InvalidArgument (ZERO_VECTOR): a
  // candidate response without a direction. The snapshot must outlive it.
  static absl::StatusOr<RankedItems> Make(const LinearSnapshot& snapshot, const QuerySpec& spec);

  // Entries of `into` for a cue: one, or one a partition (`separate`; not of given responses).
  enum class Lists { kOne, kOnePerPartition };

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

  explicit RankedItems(const LinearSnapshot& snapshot) : snapshot_(&snapshot) {}
  void Choose(const std::vector<uint64_t>& row_numbers);
  absl::Status TakeResponses(MatrixView responses);
  TileView ResponseTile(size_t part) const;

  const LinearSnapshot* snapshot_;
  enum class Kind { kAll, kChosen, kResponses } kind_ = Kind::kAll;
  std::vector<ChosenRows> chosen_;
  Matrix responses_;  // of unit length
  std::vector<IdCell> ids_;
  std::vector<uint64_t> numbers_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_RANKED_ITEMS_H_
