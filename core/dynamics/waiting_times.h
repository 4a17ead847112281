// The law of the times between events: its tail, how regular it is, and what renewal theory makes
// of it.
//
// Threads     pure functions.
// Invariants  what too few times (kTimesMin) do not define is NaN, never 0.
#ifndef MNEME_CORE_DYNAMICS_WAITING_TIMES_H_
#define MNEME_CORE_DYNAMICS_WAITING_TIMES_H_

#include <cstddef>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/random.h"

namespace mneme::dynamics {

// Fewer define no exponent.
inline constexpr size_t kTimesMin = 50;

// Of the times of at least `least`, whole numbers.
struct TailFit {
  size_t count = 0;  // how many they are
  // mu of a density that falls as tau^-mu: 1 + n / sum ln(tau / (least - 1/2)).
  double mu = 0;
  // ln L(power law) - ln L(exponential), over n; above 0 the power law is the better of the two.
  double log_likelihood_ratio = 0;
};

// Shapes   least >= 1.
// Source   Hill 1975, with the correction for whole numbers of Clauset, Shalizi, Newman 2009,
//          eq. (3.7); the densities compared begin at least - 1/2.
TailFit FitTail(std::span<const double> times, double least);

// Standard deviation over mean: 1 for a Poisson process. NaN with fewer than two times.
double CoefficientOfVariation(std::span<const double> times);

// P(tau >= x) at each different time.
struct Survival {
  std::vector<double> times;
  std::vector<double> shares;
};
Survival SurvivalOf(std::span<const double> times);

// What a renewal process with waiting times of density tau^-mu should show, mu > 1.
//
// Source   renewal theory: h_event = mu/2, delta = mu - 1 for mu < 2; 2 - mu/2, 1/(mu - 1) up to
//          3; 1/2 beyond.
struct RenewalLaw {
  double h_event = 0;
  double delta = 0;
};
RenewalLaw RenewalLawOf(double mu);

// Event times below `steps` of a renewal process: waiting times 2 (u^(-1/(mu-1)) - 1), u uniform in
// (0, 1], summed and rounded down.
//
// Errors   InvalidArgument: mu outside [1.01, 10].
absl::StatusOr<std::vector<size_t>> RenewalTimes(double mu, size_t steps, Random& random);

}  // namespace mneme::dynamics

#endif  // MNEME_CORE_DYNAMICS_WAITING_TIMES_H_
