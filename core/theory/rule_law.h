// One law for each rule of a forecast's question, behind one face: the share of hits.
//
// Immutable. Thread-safe.
#ifndef MNEME_CORE_THEORY_RULE_LAW_H_
#define MNEME_CORE_THEORY_RULE_LAW_H_

#include <optional>
#include <string>

#include "core/theory/cmm.h"
#include "core/theory/forecast.h"
#include "core/theory/score_law.h"
#include "core/theory/tam.h"

namespace mneme::theory {

// The question's memory with n items in place of the question's; the question is valid.
class RuleLaw {
 public:
  // `half_points` of tam.h; 48 are enough for hits.
  RuleLaw(const ForecastQuestion& question, double n, int half_points = 200);

  // Share of the items among the `list` best of n; mean over ages where the rule is ordered.
  double Hit(double list) const;
  double MeanPercentile() const;

  bool ordered() const { return ordered_.has_value(); }
  const OrderedShape& ordered_shape() const { return *ordered_; }
  // The recall of every item; only where the rule is not ordered and not trained.
  Recall recall() const;

  // Only where the memory is trained and not collapsed (it has at least two items).
  bool trained() const { return tam_.has_value(); }
  const TamLaw& tam() const { return *tam_; }
  // Only for kTam with at least two items.
  const TamSolution& solution() const { return solution_; }

  // The stem of formula ids, and the sentence that goes with it.
  std::string formula() const;
  std::string assumption() const;

 private:
  double n_;
  double cue_cosine_;
  double partitions_;
  Rule rule_;
  CmmShape cmm_;                         // kCmm, and what stands in for it
  std::optional<ScoreShape> score_;      // kRidge
  std::optional<OrderedShape> ordered_;  // kDecayed, kDelta, kGatedDelta
  TamSolution solution_;
  std::optional<TamLaw> tam_;
};

}  // namespace mneme::theory

#endif  // MNEME_CORE_THEORY_RULE_LAW_H_
