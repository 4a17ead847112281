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

// The finite-size law: the chance that the target is among the `list` >= 1 best of n.
//
// Source   m = n / partitions. The target's score is s ~ N(gain, noise / d_v). A competitor's is
//          the product of its response with the rest of the recall, a random direction of square
//          length q = noise (1 - 1/(m-1)) (1 - 1/d_v) + s^2 in R^d_v, and with its own share of the
//          recall, of variance noise / (m-1): p(s) = P_{d_v}(s / sqrt(q + d_v noise / (m-1))). To
//          a competitor of another matrix the cue's key is fresh: P_{d_v}(s / sqrt(fresh (1 +
//          d_v / m))) (derived). For a plain sum these are the laws of cmm.h.
// Errors   of top-1 against simulation at d = 48 to 64: 0.03 for ridge, with 2 to 4 partitions and
//          for cues at cosine 0.8, 0.06 with few items a matrix; 0.02 for the ordered rules' means
//          over ages. Lists of 10 items and more: half of that.
// Cost     200 error functions and logarithms; twice that with partitions.
double ScoreHit(const ScoreShape& shape, double list);

// The mean share of competitors that beat the target.
double ScoreMeanPercentile(const ScoreShape& shape);

// The limit of large dimensions with one matrix: target z = sqrt(d_v / (1 + 1/SNR)) + sqrt((1/SNR)
// / (1 + 1/SNR)) G in standard deviations of a competitor's score, competitors N(0, 1). Where the
// noise is large, z = sqrt(d_v SNR) + G; for least squares, sqrt(d_k d_v / n) + sqrt(1 - d_k/n) G.
double GaussianScoreHit(double inverse_snr, double d_v, double n, double list);

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
