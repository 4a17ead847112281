// Noise that turns bits and recall that repairs them, over the memory's own patterns.
#include "core/dynamics/sedam.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/analysis/parts.h"
#include "core/analysis/patterns.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "core/dynamics/checks.h"
#include "core/dynamics/temporal_complexity.h"

namespace mneme::analysis {
namespace {

constexpr size_t kStepsPerLookMax = 64;
constexpr double kTailFrom = 5;         // the least time and size that exponents count
constexpr double kSimulated = 0.9;      // of the work
constexpr uint64_t kSeriesCopies = 16;  // numbers a step, with those of its analysis

dynamics::SedamOptions OptionsOf(const SedamSpec& spec) {
  return {.rule = {.beta = spec.beta}, .flip = spec.flip, .seed = spec.seed};
}

absl::StatusOr<dynamics::SedamSeries> Simulate(const SedamSpec& spec, dynamics::Sedam& sedam,
                                               size_t steps_per_look, Host& host) {
  dynamics::SedamSeries series;
  Observer observer(host, spec.steps);
  while (series.overlap.size() < spec.steps) {
    const size_t done = series.overlap.size();
    MNEME_RETURN_IF_ERROR(host.Progress(
        "simulating", kSimulated * static_cast<double>(done) / static_cast<double>(spec.steps)));
    sedam.Step(std::min(steps_per_look, spec.steps - done), [&](const dynamics::SedamStep& step) {
      const double values[] = {step.activity, step.overlap, static_cast<double>(step.changed),
                               static_cast<double>(step.winner)};
      observer.Note(series.overlap.size(), values);
      series.Add(step);
      return true;
    });
  }
  return series;
}

Table TraceOf(const dynamics::SedamSeries& series) {
  Table table{.name = "trace",
              .columns = {{"step", {}}, {"a", {}}, {"q", {}}, {"f", {}}, {"w", {}}}};
  for (size_t t = 0; t < series.overlap.size(); ++t) {
    table.columns[0].values.push_back(static_cast<double>(t));
    table.columns[1].values.push_back(series.activity[t]);
    table.columns[2].values.push_back(series.overlap[t]);
    table.columns[3].values.push_back(series.changed[t]);
    table.columns[4].values.push_back(static_cast<double>(series.winner[t]));
  }
  return Thinned(std::move(table));
}

// The share of values that are at least as large.
Table SurvivalTable(std::string name, std::span<const double> values) {
  dynamics::Survival survival = dynamics::SurvivalOf(values);
  return Thinned({.name = std::move(name),
                  .columns = {{"at_least", std::move(survival.times)},
                              {"share", std::move(survival.shares)}}});
}

Table ScalingTable(std::string name, const dynamics::Scaling& scaling) {
  return {.name = std::move(name),
          .columns = {{"window", scaling.windows}, {"value", scaling.values}}};
}

void AddFigures(const dynamics::TemporalComplexity& found, Report& report) {
  report.Add("q", found.mean_overlap, "mean overlap with the start");
  report.Add("switch_rate", found.switch_rate, "share of steps with another nearest pattern");
  report.Add("changes", found.changes, "neurons that turned, over all steps");
  report.Add("h", found.signal.exponent, "fluctuation exponent of the activity; 1/2 is noise");
  report.Add("avalanches", static_cast<double>(found.avalanches.size()),
             "runs of steps in which neurons turn");
  report.Add("mu", found.waiting.mu, "exponent of the waiting times between avalanches");
  report.Add("h_event", found.event_fluctuation.exponent, "fluctuation exponent of their births");
  report.Add("delta", found.event_entropy.exponent, "diffusion entropy of their births");
  report.Add("cv", found.cv, "variation of the waiting times; 1 is Poisson");
  report.Add("avalanche_size", found.size.mu, "exponent of their sizes");
  report.Add("avalanche_duration", found.duration.mu, "exponent of their durations");
  report.Add("mu_coincidence", found.coincidence_waiting.mu,
             "mu of steps in which many turn at once");
  report.Add("cv_coincidence", found.coincidence_cv, "cv of these");
  report.Add("power_law_gain", found.waiting.log_likelihood_ratio,
             "above 0: a power law fits the waiting times better than an exponential");
}

}  // namespace

absl::Status CheckSpec(const SedamSpec& spec, const models::MemorySpec& memory) {
  MNEME_RETURN_IF_ERROR(CheckSource(spec.patterns, memory));
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("flip", spec.flip, 0, 0.5));
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("steps", static_cast<double>(spec.steps), 1,
                                             static_cast<double>(kSimulationStepsMax)));
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("burn_in", static_cast<double>(spec.burn_in), 0,
                                             static_cast<double>(spec.steps) - 1));
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("coincidence", spec.coincidence, 0, 1));
  return dynamics::CheckBinaryRule(OptionsOf(spec).rule);
}

absl::StatusOr<Report> Run(const SedamSpec& spec, Subject& subject, Host& host) {
  const size_t dim = subject.spec().key_dim;
  MNEME_RETURN_IF_ERROR(subject.Reserve(kSeriesCopies * spec.steps * sizeof(double)));
  MNEME_ASSIGN_OR_RETURN(Patterns patterns, LoadPatterns(subject, spec.patterns,
                                                         {.copies = 1, .seed = spec.seed}, host));
  const size_t count = patterns.rows.rows();
  MNEME_ASSIGN_OR_RETURN(dynamics::Sedam sedam,
                         dynamics::Sedam::Create(std::move(patterns.rows), OptionsOf(spec)));
  MNEME_ASSIGN_OR_RETURN(const dynamics::SedamSeries series,
                         Simulate(spec, sedam, StepsPerLook(count * dim, kStepsPerLookMax), host));
  MNEME_RETURN_IF_ERROR(host.Progress("analysing", kSimulated));
  MNEME_ASSIGN_OR_RETURN(
      const dynamics::TemporalComplexity found,
      dynamics::Analyse(series, {.burn_in = spec.burn_in,
                                 .coincidence = spec.coincidence * static_cast<double>(dim),
                                 .tail_from = kTailFrom}));
  Report report{.summary = absl::StrFormat("%d patterns of %d neurons, p = %g, %d steps from %s",
                                           count, dim, spec.flip, spec.steps, patterns.start)};
  AddFigures(found, report);
  std::vector<double> sizes, durations;
  for (const dynamics::Avalanche& avalanche : found.avalanches) {
    sizes.push_back(avalanche.size);
    durations.push_back(static_cast<double>(avalanche.duration));
  }
  report.tables = {TraceOf(series),
                   SurvivalTable("avalanche_sizes", sizes),
                   SurvivalTable("avalanche_durations", durations),
                   SurvivalTable("waiting_times", found.waiting_times),
                   ScalingTable("fluctuation", found.signal),
                   ScalingTable("event_entropy", found.event_entropy)};
  return report;
}

}  // namespace mneme::analysis
