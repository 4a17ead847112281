// Rows of a store, copied side by side: a tile of those that an index named for a cue.
//
// Threads     one. A tile lives until the next Gather.
#ifndef MNEME_CORE_MODELS_DENSE_GATHERED_ROWS_H_
#define MNEME_CORE_MODELS_DENSE_GATHERED_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/row_set.h"
#include "core/math/matrix.h"
#include "core/models/index/candidate_index.h"
#include "core/models/store/explicit_store.h"
#include "core/models/store/tile.h"

namespace mneme::models {

class GatheredRows {
 public:
  // For at most `rows_max` rows at a time of `store`, which must outlive this. `only`: rows that do
  // not pass are left out; null: none is.
  GatheredRows(const StoreView& store, size_t rows_max, const RowSet* only);

  // The live rows among these, in the order given, with all that ranks them: keys, norms, weights,
  // ids. No values.
  //
  // Cost     a row that lies where counting from the first row says, as rows do where none went
  //          out, is found at once; others by O(log rows). Keys are fetched eight ahead.
  TileView Gather(const CandidateList& candidates);

 private:
  std::optional<RowPosition> Find(uint64_t row_number) const;
  void Copy(RowPosition at, size_t to);

  const StoreView& store_;
  const RowSet* only_;
  uint64_t first_row_ = 0;  // of the store
  std::vector<RowPosition> places_;
  Matrix keys_;
  Matrix norms_;  // [rows, 1], as the next
  Matrix log_weights_;
  std::vector<uint64_t> row_numbers_;
  std::vector<IdCell> ids_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_GATHERED_ROWS_H_
