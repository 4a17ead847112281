// What readers hold of a dense memory, and a batch of cues being answered from it.
#ifndef MNEME_CORE_MODELS_DENSE_DENSE_VIEW_H_
#define MNEME_CORE_MODELS_DENSE_DENSE_VIEW_H_

#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/models/dense/auto_beta.h"
#include "core/models/dense/dense_index.h"
#include "core/models/dense/dense_partial.h"
#include "core/models/dense/dense_run.h"
#include "core/models/model.h"
#include "core/models/spec.h"
#include "core/models/store/explicit_store.h"

namespace mneme::models {

// Immutable; thread-safe.
class DenseView final : public View {
 public:
  // `index`: of a memory that has one, of these very rows; else null. `shadowed`: where supports
  // end.
  DenseView(const MemorySpec& spec, StoreView store, const BetaEstimate& beta,
            std::shared_ptr<const IndexSnapshot> index = nullptr,
            std::optional<ShadowCount> shadowed = std::nullopt,
            std::shared_ptr<const LinearEncoder> encoder = nullptr,
            std::optional<EncoderStats> encoder_stats = std::nullopt);

  const ModelStats& stats() const override { return stats_; }
  // Cost, a pass: 2·B·N·(key_dim + answer_dim) flop, the second half for a Retrieve only and only
  // for rows that weigh something. A Retrieve takes a pass a step, and usually one more to see that
  // it has converged; a list is one pass, also over given candidates: their share is of the mass of
  // all items. Rows that spec.rows leaves out are as if they were not stored (but beta stays).
  // Lists of a memory with an index are answered from it where they can be (Answer::index says).
  // A recall of one row (argmax, a support of one) is that row, or its response, verbatim.
  absl::StatusOr<std::unique_ptr<Query>> Begin(const CueBatch& cues,
                                               const QuerySpec& spec) const override;

 private:
  absl::Status Check(const QuerySpec& spec) const;
  DenseTask TaskOf(const QuerySpec& spec) const;
  // kRead, or why codes are not read whatever the cues are.
  CodesUse ChooseCodes(const StoreView& store, const QuerySpec& spec) const;

  MemorySpec spec_;
  StoreView store_;
  double beta_;
  std::shared_ptr<const IndexSnapshot> index_;
  std::shared_ptr<const LinearEncoder> encoder_;
  ModelStats stats_;
};

// A stage is a pass over the tiles.
class DenseQuery final : public TypedQuery<DensePartial> {
 public:
  // `candidates`: where the only rows that may be listed lie, ascending. `index`: why an index was
  // not used; none where there is none. `codes`: as the view chose; the task says the same.
  // `encoder`: the task's, kept while this lives.
  DenseQuery(const DenseTask& task, const StoreView& store, const CueBatch& cues,
             std::vector<RowPosition> candidates, std::optional<IndexUse> index, CodesUse codes,
             std::shared_ptr<const LinearEncoder> encoder);

  // The number of cues that can be answered.
  size_t active() const { return run_.active(); }
  const absl::Status& FirstError() const;

  size_t parts() const override { return store_.live_rows() == 0 ? 0 : store_.tiles(); }
  double part_flops() const override;
  double part_bytes() const override;
  // Codes, or keys; what is read besides of the rows that count is not in it.
  double stage_bytes() const override;
  Answer TakeAnswer() override;

 protected:
  DensePartial MakeEmpty() const override { return run_.Empty(); }
  void ProbeParts(size_t first, size_t last, DensePartial& into) const override;
  void MergeParts(DensePartial& into, const DensePartial& from) const override { into.Merge(from); }
  absl::StatusOr<bool> SettleStage(DensePartial& merged) override { return run_.Settle(merged); }

 private:
  void CopyRow(uint64_t row_number, std::span<float> recall) const;

  bool listed_only_;
  size_t output_dim_;
  StoreView store_;
  std::vector<RowPosition> candidates_;
  std::vector<uint32_t> candidate_rows_;  // their rows within their tiles
  std::optional<IndexUse> index_;
  CodesUse codes_;
  std::shared_ptr<const LinearEncoder> encoder_;  // that the run looks at
  DenseRun<float> run_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_DENSE_VIEW_H_
