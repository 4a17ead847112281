#include "core/dynamics/temporal_complexity.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/base/status.h"
#include "core/dynamics/checks.h"

namespace mneme::dynamics {
namespace {

void AnalyseEvents(size_t steps, double tail_from, TemporalComplexity* out) {
  const std::vector<size_t> births = Births(out->avalanches);
  out->waiting_times = WaitingTimes(births);
  out->waiting = FitTail(out->waiting_times, tail_from);
  const bool enough = births.size() >= kTimesMin;
  out->cv = enough ? CoefficientOfVariation(out->waiting_times) : std::nan("");
  const std::vector<double> events = EventSeries(births, steps);
  out->event_fluctuation = FluctuationScaling(events, FluctuationWindows(steps));
  out->event_entropy = EntropyScaling(events, EntropyWindows(steps));
  if (!enough) {
    out->event_fluctuation.exponent = std::nan("");
    out->event_entropy.exponent = std::nan("");
  }
}

}  // namespace

absl::StatusOr<TemporalComplexity> Analyse(const SedamSeries& series,
                                           const ComplexityOptions& options) {
  constexpr double kUnbounded = std::numeric_limits<double>::infinity();
  const double steps = static_cast<double>(series.overlap.size());
  MNEME_RETURN_IF_ERROR(
      CheckRange("burn-in", static_cast<double>(options.burn_in), 0, std::max(steps - 1, 0.0)));
  MNEME_RETURN_IF_ERROR(CheckRange("number of steps", steps, 1, kUnbounded));
  MNEME_RETURN_IF_ERROR(CheckRange("threshold", options.threshold, 0, kUnbounded));
  MNEME_RETURN_IF_ERROR(CheckRange("coincidence", options.coincidence, 0, kUnbounded));
  MNEME_RETURN_IF_ERROR(CheckRange("tail_from", options.tail_from, 1, kUnbounded));
  const SedamSeries seen = series.After(options.burn_in);

  TemporalComplexity out{.mean_overlap = seen.MeanOverlap(), .switch_rate = seen.SwitchRate()};
  out.changes = std::accumulate(seen.changed.begin(), seen.changed.end(), 0.0);
  out.signal = FluctuationScaling(seen.activity, FluctuationWindows(seen.activity.size()));
  if (out.changes < kChangesMin) out.signal.exponent = std::nan("");
  out.avalanches = Avalanches(seen.changed, options.threshold);
  AnalyseEvents(seen.changed.size(), options.tail_from, &out);

  std::vector<double> sizes, durations;
  for (const Avalanche& avalanche : out.avalanches) {
    sizes.push_back(avalanche.size);
    durations.push_back(static_cast<double>(avalanche.duration));
  }
  const std::vector<size_t> coincidences = Coincidences(seen.changed, options.coincidence);
  const std::vector<double> between = WaitingTimes(coincidences);
  out.coincidence_waiting = FitTail(between, options.tail_from);
  out.coincidence_cv =
      coincidences.size() >= kTimesMin ? CoefficientOfVariation(between) : std::nan("");
  out.size = FitTail(sizes, options.tail_from);
  out.duration = FitTail(durations, options.tail_from);
  return out;
}

}  // namespace mneme::dynamics
