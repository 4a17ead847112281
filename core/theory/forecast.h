// The forecast of a linear memory, existing or planned: its load, its phase, what share of the
// items it will rank first or within a list, and how many more it takes before an error target is
// missed. One front door to the laws of this folder; it knows no engine types.
//
// Thread-safe: pure functions. All laws are for unit-norm, isotropic, independent keys and
// responses and for a memory without duplicates.
//
// Laws        kCmm: the finite-size law (cmm.h). kRidge: the gain and noise of ridge.h through the
//             law of scores (score_law.h), derived for penalties above 0, lists, partitions and
//             turned cues. kDecayed, kDelta, kGatedDelta: the gain and noise at each age
//             (snr.h) through the same law; hits are means over ages, and of the newest, the
//             median-age and the oldest item. kTam: the two-parameter law (tam.h).
//
// Invariants  1. Every prediction names its formula and the assumption it stands on.
//             2. hit@K never falls with K. It falls with n, but for: a trained memory whose tail
//                fraction is generous for the list, which training equalises away and the collapse
//                gives back; turned cues of a ridge memory with a small penalty near n = d_k; and
//                one age of an ordered memory.
#ifndef MNEME_CORE_THEORY_FORECAST_H_
#define MNEME_CORE_THEORY_FORECAST_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/theory/phase.h"

namespace mneme::theory {

// How the matrix is written. Recursive ridge without forgetting is kRidge.
enum class Rule { kCmm, kRidge, kDecayed, kDelta, kGatedDelta, kTam };

struct ForecastQuestion {
  Rule rule = Rule::kCmm;
  double d_k = 0;         // > 1; the raw dimension or the effective one (effective_dimension.h)
  double d_v = 0;         // > 1; likewise
  double n = 0;           // >= 0; associations stored
  double partitions = 1;  // >= 1, whole; independent matrices, n / partitions items in each
  double lambda = 0;      // >= 0; kRidge: the penalty. kTam: weight of |W|^2 / 2 in the loss
  double r = 0.05;        // in (0, 1); kTam: tail fraction
  double gamma = 1;       // in (0, 1]; kDecayed, kGatedDelta
  double beta = 1;        // in (0, 1]; kDelta, kGatedDelta
  double cue_cosine = 1;  // in (0, 1]; of the cue with the stored key
  // Items, whole and each >= 1; empty is {1}. The first is the list that the error target speaks
  // of.
  std::vector<double> list_sizes = {};
  double error_target = 0.05;  // in (0, 1); share of the items that may miss the list
};

struct Prediction {
  // "top1", "hit@20" (share of items within the first 20), "all_top1", "certified",
  // "mean_percentile", "worst_percentile", "z_mean", "z_std" (target's score in standard deviations
  // of a competitor's), "inverse_snr", "gain", "loss". Of one item by age, in writes after it:
  // "top1@newest", "top1@median_age", "top1@oldest", and so for hit@K, gain and inverse_snr.
  std::string quantity;
  double value = 0;
  // Stable, for programs: a stem for the law, then the quantity. CMM_FINITE_SIZE, CMM_PARTITIONED,
  // RIDGE_SCORE, DECAYED_SCORE, DELTA_SCORE, GATED_DELTA_SCORE, TAM_VARIATIONAL; TOP1, LIST,
  // ALL_TOP1, MEAN_PERCENTILE, WORST_PERCENTILE, GAIN, INVERSE_SNR, CERTIFIED, Z_MEAN, Z_STD, LOSS.
  std::string formula;
  std::string assumption;  // one sentence, for people
};

struct Forecast {
  double load = 0;           // n / (partitions d_k d_v)
  double critical_load = 0;  // where the phase stops being satisfiable
  Phase phase = Phase::kSatisfiable;
  std::string phase_formula;            // "TAM_CRITICAL_LOAD", "EXPECTED_MISSES"
  std::string phase_assumption;         // one sentence
  std::vector<Prediction> predictions;  // top1, then hit@K in the order asked, then the others
  double n_at_target = 0;               // the largest n whose share of misses is within the target
  double items_left = 0;                // n_at_target - n; never below 0
};

// The value predicted for a quantity; nullptr when the rule does not predict it.
const Prediction* Find(const Forecast& forecast, const std::string& quantity);

// What the memory of the question will do.
//
// Phase    kTam: by the tail fraction r, satisfiable below the critical load alpha_c(r), collapsed
//          from alpha_0(r) = 1 / kappa_r^2 on (training is refused there, and the predictions are
//          those of the untrained memory). All other rules degrade without a threshold: satisfiable
//          while every item is more likely than not to be in the list of list_sizes[0], that is
//          while the expected number of misses n (1 - hit) is at most ln 2; never collapsed.
// Target   n_at_target is the last n before the share of misses first exceeds the target, to a
//          relative 1e-7 (kTam: 1e-5), and at most 1e12.
// Errors   InvalidArgument (reason FORECAST) for a value outside the ranges above, or not finite;
//          d_k and d_v below 2 for the delta rules; dimensions above 1e9, n above 1e12.
// Cost     up to 50 ms; a rule's cost does not grow with n.
absl::StatusOr<Forecast> Predict(const ForecastQuestion& question);

// Hits of the question's memory at other loads, for plots: `points` (2 to 10,000) loads from
// `load_from` to `load_to`, equally far apart. The question's n is not used. All lists cost little
// more than one where the rule is kTam (about 2 ms a point).
//
// Errors   as Predict, and for 0 < load_from < load_to or points not kept.
struct CurvePoint {
  double load = 0;
  double n = 0;
  double hit = 0;            // of list_sizes[0]
  std::vector<double> hits;  // of every list, in the order asked; of {1} where none was
};
absl::StatusOr<std::vector<CurvePoint>> HitCurve(const ForecastQuestion& question, double load_from,
                                                 double load_to, int points);

// The percentile profile at the question's n: the share of items within the fraction t of the list,
// P(percentile <= t), for each t in (0, 1] given.
struct ProfilePoint {
  double t = 0;
  double share = 0;
};
absl::StatusOr<std::vector<ProfilePoint>> PercentileProfile(const ForecastQuestion& question,
                                                            const std::vector<double>& fractions);

}  // namespace mneme::theory

#endif  // MNEME_CORE_THEORY_FORECAST_H_
