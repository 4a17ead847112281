// Renewal events with heavy-tailed waiting times: what the estimators of temporal complexity give
// where the truth is known.
#include <algorithm>
#include <vector>

#include "client/plot/figure.h"
#include "core/base/status.h"
#include "core/dynamics/diffusion_scaling.h"
#include "core/dynamics/events.h"
#include "core/dynamics/waiting_times.h"
#include "tests/lab/experiments.h"

namespace mneme::lab {
namespace {

struct Result {
  std::vector<double> waiting_times;
  dynamics::Scaling fluctuation;
  dynamics::Scaling entropy;
};

absl::StatusOr<Result> Simulate(const Parameters& parameters, Run& run) {
  const size_t steps = parameters.Count("steps");
  Random random = run.Stream(1);
  MNEME_ASSIGN_OR_RETURN(const std::vector<size_t> times,
                         dynamics::RenewalTimes(parameters.Real("mu"), steps, random));
  const std::vector<double> events = dynamics::EventSeries(times, steps);
  // From 100 steps (fewer of a short run) up to a twentieth and an eightieth of the run.
  const size_t least = std::clamp<size_t>(steps / 200, 4, 100);
  const auto windows = dynamics::LogSpacedWindows(least, steps / 20, 14);
  const auto entropy_windows = dynamics::LogSpacedWindows(least, steps / 80, 12);
  return Result{.waiting_times = dynamics::WaitingTimes(times),
                .fluctuation = dynamics::FluctuationScaling(events, windows),
                .entropy = dynamics::EntropyScaling(events, entropy_windows)};
}

absl::Status RunRenewal(const Parameters& parameters, Run& run) {
  MNEME_ASSIGN_OR_RETURN(const Result result, Simulate(parameters, run));
  const dynamics::TailFit tail = dynamics::FitTail(result.waiting_times, parameters.Real("tail"));
  run.Measure("h_event", result.fluctuation.exponent);
  run.Measure("delta", result.entropy.exponent);
  run.Measure("hill_mu", tail.mu);
  run.Measure("power_law_gain", tail.log_likelihood_ratio);
  run.Measure("cv", dynamics::CoefficientOfVariation(result.waiting_times));
  return absl::OkStatus();
}

void PredictRenewal(const Parameters& parameters, const Quantities&, Quantities& predicted) {
  const dynamics::RenewalLaw law = dynamics::RenewalLawOf(parameters.Real("mu"));
  predicted.Set("h_event", law.h_event);
  predicted.Set("delta", law.delta);
  predicted.Set("hill_mu", parameters.Real("mu"));
}

absl::StatusOr<plot::Figure> DrawRenewal(const Parameters& parameters, Run& run) {
  MNEME_ASSIGN_OR_RETURN(const Result result, Simulate(parameters, run));
  const dynamics::Survival survival = dynamics::SurvivalOf(result.waiting_times);
  const auto scaling = [](const char* title, const dynamics::Scaling& from) {
    return plot::Panel{
        .title = title,
        .x_label = "window (steps)",
        .series = {{.x = from.windows, .y = from.values, .look = plot::Look::kMeasured}}};
  };
  return plot::Figure{
      .title = "renewal",
      .caption = "one run; shares: of waiting times at least as long",
      .panels = {
          {.title = "waiting times",
           .x_label = "steps",
           .series = {{.x = survival.times, .y = survival.shares, .look = plot::Look::kPoints}}},
          scaling("fluctuation of the events", result.fluctuation),
          scaling("entropy of the walk", result.entropy)}};
}

}  // namespace

Experiment RenewalExperiment() {
  return {
      .name = "renewal",
      .summary = "renewal events of known law: what the estimators of their memory find",
      .source = "detrended fluctuation analysis, diffusion entropy, Hill estimate; renewal theory",
      .slope_of = "delta",
      .flags = {{.name = "mu",
                 .default_value = "2.5",
                 .help = "waiting times have a density that falls as tau^-mu",
                 .least = 1.01,
                 .most = 10},
                {.name = "steps",
                 .kind = FlagKind::kInteger,
                 .default_value = "400000",
                 .unit = "steps",
                 .help = "of the series",
                 .least = 1,
                 .most = 1e7},
                {.name = "tail",
                 .default_value = "20",
                 .unit = "steps",
                 .help = "least waiting time that hill_mu counts",
                 .least = 1,
                 .most = 1e6}},
      .run = RunRenewal,
      .predict = PredictRenewal,
      .draw = DrawRenewal,
  };
}

}  // namespace mneme::lab
