// A batch of cues asked of a linear memory.
//
// Stage 0: y = W_p q for every partition p, one part. It is the answer where no scores are wanted
// and there is one partition. Stage 1: scores <u_j, y_p(j)> of the items of the codebook, a part a
// tile. The recall of a partitioned memory is the y of the partition whose item scored best;
// without a codebook it is the sum of all y.
//
// z_best and z_gap measure the best score, and its lead over the second, in standard deviations of
// the scores of all items that were scored, the best one included.
#ifndef MNEME_CORE_MODELS_LINEAR_LINEAR_QUERY_H_
#define MNEME_CORE_MODELS_LINEAR_LINEAR_QUERY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/models/linear/codebook_scores.h"
#include "core/models/linear/linear_view.h"
#include "core/models/model.h"

namespace mneme::models {

struct LinearPartial final : Partial {
  Matrix recalls;                 // stage 0: [P * B, d_v], partition after partition; else empty
  std::vector<CueScores> scores;  // stage 1: B; else empty
  CodebookScorer scorer;          // scratch, not part of the value
};

class LinearQuery final : public TypedQuery<LinearPartial> {
 public:
  LinearQuery(std::shared_ptr<const LinearSnapshot> snapshot, MatrixView cues,
              const QuerySpec& spec);

  size_t usable_cues() const { return usable_; }
  const absl::Status& cue_error(size_t cue) const { return answer_.cues[cue].error; }

  size_t parts() const override;
  double part_flops() const override;
  double part_bytes() const override;
  Answer TakeAnswer() override;

 protected:
  LinearPartial MakeEmpty() const override;
  void ProbeParts(size_t first, size_t last, LinearPartial& into) const override;
  void MergeParts(LinearPartial& into, const LinearPartial& from) const override;
  absl::StatusOr<bool> SettleStage(LinearPartial& merged) override;

 private:
  double TilesToScore() const;  // tiles of the codebook that the second stage goes over

  // Candidates that lie in one tile.
  struct ChosenRows {
    size_t partition = 0;
    size_t tile = 0;
    std::vector<uint32_t> rows;
  };

  size_t cue_count() const { return cues_.rows; }
  void NormalizeCues();
  void ChooseRows(const std::vector<uint64_t>& row_numbers);
  MatrixView RecallsOf(size_t partition) const;
  bool SettleRecalls(LinearPartial& merged);
  void RefuseCue(size_t cue, absl::Status error);
  void FinishScores(std::vector<CueScores>& scores);
  void FinishRecalls(const std::vector<size_t>& best_partition);

  std::shared_ptr<const LinearSnapshot> snapshot_;
  MatrixView cues_;  // of unit length where the memory wants them so
  Matrix unit_cues_;
  QueryKind kind_;
  size_t top_;
  bool has_candidates_;
  bool wants_scores_;
  std::vector<ChosenRows> chosen_;

  int stage_ = 0;
  Matrix recalls_;  // [P * B, d_v], after stage 0
  size_t usable_ = 0;
  Answer answer_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_LINEAR_QUERY_H_
