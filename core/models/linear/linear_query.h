// A batch of cues asked of a linear memory.
//
// Stage 0: y = W_p q for every partition p, one part. It is the answer where no scores are wanted
// and there is one partition. Stage 1: scores <u_j, y_p(j)> of what is ranked (ranked_items.h), a
// part a tile. The recall of a partitioned memory is the y of the partition whose item scored best;
// without a codebook it is the sum of all y.
//
// z_best and z_gap measure the best score, and its lead over the second, in standard deviations of
// the scores of all items that were scored, the best one included.
//
// The certified list of a trained memory is the union of the k best of each partition: no more is
// proved of an item than its rank in its own partition. Where there is no training yet, it is the
// `top` best.
//
// The rank of a target compares its score with the others' as the same dot product, bit for bit, so
// that it is exact for the scores that lists are ordered by.
#ifndef MNEME_CORE_MODELS_LINEAR_LINEAR_QUERY_H_
#define MNEME_CORE_MODELS_LINEAR_LINEAR_QUERY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/models/linear/codebook_scores.h"
#include "core/models/linear/linear_view.h"
#include "core/models/linear/ranked_items.h"
#include "core/models/model.h"

namespace mneme::models {

struct LinearPartial final : Partial {
  Matrix recalls;                 // stage 0: [P * B, d_v], partition after partition; else empty
  std::vector<CueScores> scores;  // stage 1: B, or P * B for a certified list; else empty
  CodebookScorer scorer;          // scratch, not part of the value
};

class LinearQuery final : public TypedQuery<LinearPartial> {
 public:
  // Of a spec that fits the snapshot, with what it ranks.
  LinearQuery(std::shared_ptr<const LinearSnapshot> snapshot, MatrixView cues,
              const QuerySpec& spec, RankedItems ranked);

  size_t usable_cues() const { return usable_; }
  const absl::Status& cue_error(size_t cue) const { return answer_.cues[cue].error; }

  std::string_view stage() const override { return stage_ == 0 ? "product" : "rank"; }
  size_t parts() const override;
  double part_flops() const override;
  double part_bytes() const override;
  double stage_bytes() const override;
  Answer TakeAnswer() override;

 protected:
  LinearPartial MakeEmpty() const override;
  void ProbeParts(size_t first, size_t last, LinearPartial& into) const override;
  void MergeParts(LinearPartial& into, const LinearPartial& from) const override;
  absl::StatusOr<bool> SettleStage(LinearPartial& merged) override;

 private:
  // What all partitions say of one cue.
  struct Ranking {
    math::Moments moments;
    uint64_t at_least = 0;
    std::vector<ScoredRow> best;  // best first
    std::vector<double> leaders;  // scores, best first; at least the two best of all
    double tail_average = 0;
  };

  size_t cue_count() const { return cues_.rows; }
  size_t partition_count() const { return snapshot_->partitions.size(); }
  bool one_list_per_partition() const { return !list_sizes_.empty(); }
  double TilesToScore() const;  // of the second stage
  void BringCuesIntoFrame();
  void PrepareCertificates(const QuerySpec& spec);
  MatrixView RecallsOf(size_t partition) const;
  bool SettleRecalls(LinearPartial& merged);
  void FindTargets();
  void RefuseCue(size_t cue, absl::Status error);
  Ranking TakeRanking(std::vector<CueScores>& scores, size_t cue) const;
  Ranking JoinPartitions(std::vector<CueScores>& scores, size_t cue) const;
  void FinishScores(std::vector<CueScores>& scores);
  void FinishCue(const Ranking& ranking, size_t index);
  static void FinishZScores(const Ranking& ranking, CueAnswer& cue);
  ScoredItem MakeItem(const ScoredRow& row) const;
  void FinishRecalls(const std::vector<size_t>& best_partition);

  std::shared_ptr<const LinearSnapshot> snapshot_;
  RankedItems ranked_;
  MatrixView cues_;  // in the frame of the memory's keys
  Matrix framed_cues_;
  QueryKind kind_;
  size_t top_;
  bool wants_scores_;
  std::vector<uint64_t> target_rows_;
  std::vector<size_t> list_sizes_;  // of each partition, for a certified list; else empty
  size_t tail_size_ = 0;            // entries of one list that make a tail average; 0: no

  QueryPath path_;
  int stage_ = 0;
  Matrix recalls_;           // [P * B, d_v], after stage 0
  std::vector<float> bars_;  // of each cue: the target's score; empty: no targets
  size_t usable_ = 0;
  Answer answer_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_LINEAR_QUERY_H_
