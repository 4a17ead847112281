#include "core/theory/rule_law.h"

#include <algorithm>

#include "core/base/status.h"
#include "core/theory/ridge.h"

namespace mneme::theory {

RuleLaw::RuleLaw(const ForecastQuestion& question, double n, int half_points)
    : n_(n),
      cue_cosine_(question.cue_cosine),
      partitions_(question.partitions),
      rule_(question.rule),
      cmm_({.d_k = question.d_k,
            .d_v = question.d_v,
            .n = n,
            .partitions = question.partitions,
            .cue_cosine = question.cue_cosine}) {
  switch (rule_) {
    case Rule::kCmm:
      break;
    case Rule::kRidge: {
      const RidgeLaw ridge = PredictRidge({.d_k = question.d_k,
                                           .d_v = question.d_v,
                                           .n = std::max(1.0, n / question.partitions),
                                           .lambda = question.lambda});
      score_ = {.recall = AtCosine(ridge.recall(), question.cue_cosine),
                .d_v = question.d_v,
                .n = n,
                .partitions = question.partitions};
      break;
    }
    case Rule::kDecayed:
    case Rule::kDelta:
    case Rule::kGatedDelta:
      if (rule_ == Rule::kDecayed && question.gamma == 1) break;  // the plain sum
      ordered_ = {.d_k = question.d_k,
                  .d_v = question.d_v,
                  .n = n,
                  .partitions = question.partitions,
                  .cue_cosine = question.cue_cosine,
                  .delta = rule_ != Rule::kDecayed,
                  .beta = question.beta,
                  .gamma = rule_ == Rule::kDelta ? 1 : question.gamma};
      break;
    case Rule::kTam: {
      if (n < 2) break;
      const TamShape shape = {.load = cmm_.load(), .r = question.r, .lambda = question.lambda};
      solution_ = SolveTam(shape, half_points);
      if (solution_.phase != Phase::kCollapsed) tam_.emplace(shape, solution_, half_points);
      break;
    }
  }
}

double RuleLaw::Hit(double list) const {
  if (list >= n_) return 1;
  if (score_) return ScoreHit(*score_, list);
  if (ordered_) return OrderedHit(*ordered_, list);
  if (tam_) return tam_->HitOf(list, n_, cue_cosine_);
  return CmmHit(cmm_, list);
}

double RuleLaw::MeanPercentile() const {
  if (n_ <= 1) return 0;
  if (score_) return ScoreMeanPercentile(*score_);
  if (ordered_) return OrderedMeanPercentile(*ordered_);
  if (tam_) return tam_->MeanPercentile(cue_cosine_);
  return CmmMeanPercentile(cmm_);
}

Recall RuleLaw::recall() const {
  if (score_) return score_->recall;
  const double own = n_ / partitions_;
  return AtCosine({.gain = 1,
                   .noise = std::max(0.0, own - 1) / cmm_.d_k,
                   .fresh = std::max(0.0, own - 1) / cmm_.d_k},
                  cue_cosine_);
}

std::string RuleLaw::formula() const {
  if (score_) return "RIDGE_SCORE";
  if (tam_) return "TAM_VARIATIONAL";
  if (!ordered_) return partitions_ == 1 ? "CMM_FINITE_SIZE" : "CMM_PARTITIONED";
  return rule_ == Rule::kDecayed ? "DECAYED_SCORE"
         : rule_ == Rule::kDelta ? "DELTA_SCORE"
                                 : "GATED_DELTA_SCORE";
}

std::string RuleLaw::assumption() const {
  const std::string items = "Keys and responses are independent and fill their dimensions evenly";
  if (score_) {
    return absl::StrCat(items, "; ridge gain and noise are those of large dimensions",
                        partitions_ == 1 ? "." : ", and partitions are merged by raw score.");
  }
  if (ordered_) {
    return absl::StrCat(items, "; scores follow the rule's gain and noise at each age, ",
                        "and ages are spread evenly over the writes.");
  }
  if (tam_) {
    return absl::StrCat(items, "; training reached the minimum of its loss, and scores follow the ",
                        "limit of large dimensions, which is a lower estimate at small ones",
                        partitions_ == 1
                            ? "."
                            : "; partitions are merged by scores over their competitors' standard "
                              "deviation.");
  }
  return absl::StrCat(items, rule_ == Rule::kTam ? "; the memory is not trained at this load" : "",
                      partitions_ == 1 ? "." : ", and partitions hold equally many items.");
}

}  // namespace mneme::theory
