// The analysis of a SEDAM run: order parameters, memory of the signal, memory of the events, and
// the law of avalanches and waiting times, each with its exponent where the run defines one.
//
// If events renew the process, mu, h_event and delta agree by RenewalLawOf; their agreement is the
// evidence for it. A large h alone is not: windows shorter than a stay at one pattern see a walk.
//
// Threads     pure functions.
// Invariants  an exponent of a run in which neurons changed fewer than kChangesMin times, or of
//             fewer than kTimesMin events, is NaN: quiet phases otherwise give absurd slopes.
#ifndef MNEME_CORE_DYNAMICS_TEMPORAL_COMPLEXITY_H_
#define MNEME_CORE_DYNAMICS_TEMPORAL_COMPLEXITY_H_

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "core/dynamics/diffusion_scaling.h"
#include "core/dynamics/events.h"
#include "core/dynamics/sedam.h"
#include "core/dynamics/waiting_times.h"

namespace mneme::dynamics {

inline constexpr double kChangesMin = 50;

struct ComplexityOptions {
  size_t burn_in = 0;      // steps left out at the start
  double threshold = 0;    // neurons changed: an avalanche is a run of steps with more
  double coincidence = 5;  // neurons changed: a coincidence is a step with as many or more
  double tail_from = 5;    // the least time, size and duration that exponents of laws count, >= 1
};

struct TemporalComplexity {
  double mean_overlap = 0;  // Q
  double switch_rate = 0;
  double changes = 0;  // of neurons, summed over all steps
  Scaling signal;      // of the activity: H
  std::vector<Avalanche> avalanches;
  // Of the avalanches' births.
  Scaling event_fluctuation;  // H of the 0/1 series
  Scaling event_entropy;      // delta
  std::vector<double> waiting_times;
  TailFit waiting;  // mu
  double cv = 0;    // of the waiting times: 1 is Poisson
  TailFit size;
  TailFit duration;
  // Of the times between coincidences.
  TailFit coincidence_waiting;
  double coincidence_cv = 0;
};

// Errors   InvalidArgument: an option out of its range; no step left after the burn-in.
// Cost     about 30 passes over the series.
absl::StatusOr<TemporalComplexity> Analyse(const SedamSeries& series,
                                           const ComplexityOptions& options);

}  // namespace mneme::dynamics

#endif  // MNEME_CORE_DYNAMICS_TEMPORAL_COMPLEXITY_H_
