// Lists of a dense memory through its index: for each cue the index names some rows, and these are
// scored as the scan scores all of them. What a list says of its items is exact; whether a better
// one was left out is what the calibration measured.
//
// Two stages: find the candidates, score them. A part of the first is a group of cues against a
// piece of the index, of the second a group of cues: a binary index reads its codes once for all
// cues of a group, and several threads share the scan even for one cue; a graph is one piece.
#ifndef MNEME_CORE_MODELS_DENSE_INDEXED_QUERY_H_
#define MNEME_CORE_MODELS_DENSE_INDEXED_QUERY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/models/dense/dense_index.h"
#include "core/models/dense/dense_run.h"
#include "core/models/index/candidate_index.h"
#include "core/models/model.h"
#include "core/models/store/explicit_store.h"

namespace mneme::models {

// What some parts found or answered, by the numbers of the cues.
struct IndexedPartial final : public Partial {
  std::vector<std::pair<uint32_t, CandidateList>> found;
  std::vector<std::pair<uint32_t, CueAnswer>> answers;
  uint64_t rows_scored = 0;  // for one cue, at most
  absl::Status error;        // of the index: none of the batch is answered
};

// Rows to name for a list of `top`: what the calibration found for its own lists, and as many a
// listed item for longer ones.
size_t DepthFor(const Calibration& calibration, size_t top);

// Why these cues are answered by the scan of `live_rows` rows all the same; kNone where they need
// not be.
IndexFallback WhyNotIndexed(const IndexSnapshot& index, const CueBatch& cues, const QuerySpec& spec,
                            uint64_t live_rows);

class IndexedQuery final : public TypedQuery<IndexedPartial> {
 public:
  // Of cues and a spec for which WhyNotIndexed says kNone.
  IndexedQuery(const DenseTask& task, const StoreView& store,
               std::shared_ptr<const IndexSnapshot> index, const CueBatch& cues,
               const QuerySpec& spec);

  std::string_view stage() const override { return scoring_ ? "rescore" : "candidates"; }
  size_t parts() const override { return groups() * (scoring_ ? 1 : pieces_.size()); }
  double part_flops() const override;
  double part_bytes() const override;
  Answer TakeAnswer() override { return std::move(answer_); }

 protected:
  IndexedPartial MakeEmpty() const override { return {}; }
  void ProbeParts(size_t first, size_t last, IndexedPartial& into) const override;
  void MergeParts(IndexedPartial& into, const IndexedPartial& from) const override;
  absl::StatusOr<bool> SettleStage(IndexedPartial& merged) override;

 private:
  size_t groups() const { return (cues_.rows + group_ - 1) / group_; }
  // What the calibration measured at the nearest depth below.
  const DepthResult& measured() const;
  void CutIntoPieces();
  absl::Status Find(size_t first, size_t count, const CandidateView& piece,
                    IndexedPartial& into) const;
  absl::Status Score(size_t first, size_t count, IndexedPartial& into) const;
  void TakeCandidates(IndexedPartial& merged);

  DenseTask task_;
  StoreView store_;
  std::shared_ptr<const IndexSnapshot> index_;
  MatrixView cues_;
  std::shared_ptr<const RowSet> only_;  // null: all rows
  size_t depth_;
  std::vector<std::shared_ptr<const CandidateView>> pieces_;  // of the index, by rows
  size_t group_ = 1;                                          // cues of a part
  bool scoring_ = false;                                      // the second stage
  std::vector<CandidateList> candidates_;                     // of each cue, then
  QueryPath path_ = QueryPath::kGraphIndex;
  Answer answer_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_INDEXED_QUERY_H_
