#include "core/dynamics/waiting_times.h"

#include <algorithm>
#include <cmath>

#include "core/base/status.h"
#include "core/dynamics/checks.h"
#include "core/math/moments.h"

namespace mneme::dynamics {
namespace {

constexpr double kWaitingScale = 2;           // steps
constexpr double kMuMin = 1.01, kMuMax = 10;  // a steeper law has many events a step

}  // namespace

TailFit FitTail(std::span<const double> times, double least) {
  MNEME_CHECK(least >= 1);
  const double from = least - 0.5;
  double logs = 0, excess = 0;
  TailFit out{.mu = std::nan(""), .log_likelihood_ratio = std::nan("")};
  for (const double tau : times) {
    if (tau < least) continue;
    ++out.count;
    logs += std::log(tau / from);
    excess += tau - from;
  }
  if (out.count < kTimesMin) return out;
  const double n = static_cast<double>(out.count);
  const double mean_log = logs / n, mean_excess = excess / n;
  out.mu = 1 + 1 / mean_log;
  // Densities (mu - 1)/from (tau/from)^-mu and exp(-(tau - from)/mean)/mean, each at its best.
  const double power = -std::log(from * mean_log) - (1 + mean_log);
  const double exponential = -std::log(mean_excess) - 1;
  out.log_likelihood_ratio = power - exponential;
  return out;
}

double CoefficientOfVariation(std::span<const double> times) {
  math::Moments moments;
  for (const double tau : times) moments.Add(tau);
  return moments.count < 2 || moments.mean == 0 ? std::nan("") : moments.Std() / moments.mean;
}

Survival SurvivalOf(std::span<const double> times) {
  std::vector<double> sorted(times.begin(), times.end());
  std::sort(sorted.begin(), sorted.end());
  Survival out;
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (i > 0 && sorted[i] == sorted[i - 1]) continue;
    out.times.push_back(sorted[i]);
    out.shares.push_back(static_cast<double>(sorted.size() - i) /
                         static_cast<double>(sorted.size()));
  }
  return out;
}

RenewalLaw RenewalLawOf(double mu) {
  if (mu < 2) return {.h_event = mu / 2, .delta = mu - 1};
  if (mu < 3) return {.h_event = 2 - mu / 2, .delta = 1 / (mu - 1)};
  return {.h_event = 0.5, .delta = 0.5};
}

absl::StatusOr<std::vector<size_t>> RenewalTimes(double mu, size_t steps, Random& random) {
  MNEME_RETURN_IF_ERROR(CheckRange("mu", mu, kMuMin, kMuMax));
  std::vector<size_t> out;
  for (double time = 0;;) {
    const double u = 1 - random.Uniform();
    time += kWaitingScale * (std::pow(u, -1 / (mu - 1)) - 1);
    if (!(time < static_cast<double>(steps))) return out;
    out.push_back(static_cast<size_t>(time));
  }
}

}  // namespace mneme::dynamics
