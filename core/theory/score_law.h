// From signal and noise to hits: how often a recall y = gain v + e ranks its target first, or
// within a list, when scores are taken against the responses of all items.
//
// Pure functions of doubles. Thread-safe.
#ifndef MNEME_CORE_THEORY_SCORE_LAW_H_
#define MNEME_CORE_THEORY_SCORE_LAW_H_

#include "core/theory/snr.h"

namespace mneme::theory {

// n items in `partitions` matrices whose lists are merged by score; `recall` is that of the cue
// given from the target's own matrix.
struct ScoreShape {
  Recall recall;
  double d_v = 0;         // > 1
  double n = 0;           // >= 0
  double partitions = 1;  // >= 1
};

// The chance that the target is among the `list` >= 1 best of n.
//
// Source   Gaussian scores: the target's N(gain, noise / d_v), a competitor's of the same matrix
//          N(0, (gain^2 + noise) / d_v), of another one N(0, fresh / d_v). In standard deviations
//          of the former, z = sqrt(d_v / (1 + 1/SNR)) + sqrt((1/SNR) / (1 + 1/SNR)) G; where the
//          noise is large, z = sqrt(d_v SNR) + G. For least squares that is sqrt(d_k d_v / n) +
//          sqrt(1 - d_k/n) G. The other matrices are derived.
// Errors   at d = 64 against simulation: 0.02 on top-1 for ridge, 0.03 for the ordered rules, whose
//          newest items win a little more often than this says. A competitor's leak of its own key
//          is left out.
// Cost     200 error functions; twice that with partitions.
double ScoreHit(const ScoreShape& shape, double list);

// The mean share of competitors that beat the target.
double ScoreMeanPercentile(const ScoreShape& shape);

// Rules that write in order: a hit is a mean over ages, the items' writes since.
struct OrderedShape {
  double d_k = 0;         // >= 2
  double d_v = 0;         // > 1
  double n = 0;           // >= 0
  double partitions = 1;  // >= 1; each takes n / partitions of the writes
  double cue_cosine = 1;  // in (0, 1]
  bool delta = true;      // the (gated) delta rule; false: the decayed sum
  double beta = 1;        // delta only
  double gamma = 1;       // < 1 where not delta

  double writes() const { return n / partitions; }
};

// Of an item of the age given, in later writes to its own matrix.
Recall OrderedRecall(const OrderedShape& shape, double age);
double OrderedHitAtAge(const OrderedShape& shape, double age, double list);

// Means over all items.
//
// Errors   1e-4 of the mean over ages.
// Cost     at most 48 of ScoreHit (about 0.5 ms).
double OrderedHit(const OrderedShape& shape, double list);
double OrderedMeanPercentile(const OrderedShape& shape);

}  // namespace mneme::theory

#endif  // MNEME_CORE_THEORY_SCORE_LAW_H_
