// Stochastic exponential memory: where it stays, and the temporal complexity of how it leaves.
#include "core/dynamics/sedam.h"

#include <cmath>
#include <vector>

#include "client/plot/figure.h"
#include "core/base/status.h"
#include "core/dynamics/pattern_generator.h"
#include "core/dynamics/temporal_complexity.h"
#include "tests/lab/experiments.h"
#include "tests/lab/pattern_flags.h"

namespace mneme::lab {
namespace {

constexpr size_t kStepsShown = 2000;

std::vector<size_t> Branches(const Parameters& parameters) {
  std::vector<size_t> out;
  const MatrixD numbers = parameters.Numbers("branches");
  for (const double children : numbers.flat()) out.push_back(static_cast<size_t>(children));
  return out;
}

double LeavesOf(const Parameters& parameters) {
  double leaves = 1;
  for (const size_t children : Branches(parameters)) leaves *= static_cast<double>(children);
  return leaves;
}

absl::Status Check(const Parameters& parameters) {
  const MatrixD branches = parameters.Numbers("branches");
  for (const double children : branches.flat()) {
    if (children == std::floor(children)) continue;
    return BadFlag("branches", parameters.Text("branches"), "whole numbers");
  }
  if (branches.rows() > 1 || LeavesOf(parameters) > 1e4) {
    return BadFlag("branches", parameters.Text("branches"), "one row, of at most 10000 leaves");
  }
  if (parameters.Count("burn_in") >= parameters.Count("steps")) {
    return BadFlag("burn_in", parameters.Text("burn_in"), "fewer than steps");
  }
  return CheckStored(parameters, "patterns", parameters.Real("patterns"));
}

absl::StatusOr<MatrixD> DrawPatterns(const Parameters& parameters, Run& run) {
  Random random = run.Stream(1);
  const size_t d = parameters.Count("d");
  if (parameters.Text("kind") == "random") {
    return dynamics::RandomPatterns(parameters.Count("patterns"), d, random);
  }
  run.Used("patterns", LeavesOf(parameters));
  return dynamics::TreePatterns(Branches(parameters), parameters.Real("branch_flip"), d, random);
}

struct Result {
  dynamics::SedamSeries series;
  dynamics::TemporalComplexity complexity;
};

absl::StatusOr<Result> Simulate(const Parameters& parameters, Run& run) {
  MNEME_ASSIGN_OR_RETURN(MatrixD patterns, DrawPatterns(parameters, run));
  MNEME_ASSIGN_OR_RETURN(
      dynamics::Sedam sedam,
      dynamics::Sedam::Create(std::move(patterns), {.rule = {.beta = parameters.Real("beta")},
                                                    .flip = parameters.Real("p"),
                                                    .seed = run.Stream(2).Next()}));
  Result out;
  MNEME_ASSIGN_OR_RETURN(out.series,
                         dynamics::RunSedam(sedam, parameters.Count("steps"), [&](double share) {
                           run.Progress(share);
                           return true;
                         }));
  MNEME_ASSIGN_OR_RETURN(
      out.complexity, dynamics::Analyse(out.series, {.burn_in = parameters.Count("burn_in"),
                                                     .threshold = parameters.Real("threshold"),
                                                     .coincidence = parameters.Real("coincidence") *
                                                                    parameters.Real("d"),
                                                     .tail_from = parameters.Real("tail")}));
  return out;
}

absl::Status RunSedam(const Parameters& parameters, Run& run) {
  MNEME_ASSIGN_OR_RETURN(const Result result, Simulate(parameters, run));
  const dynamics::TemporalComplexity& found = result.complexity;
  run.Measure("q", found.mean_overlap);
  run.Measure("h", found.signal.exponent);
  run.Measure("switch_rate", found.switch_rate);
  run.Measure("mu", found.waiting.mu);
  run.Measure("avalanche_size", found.size.mu);
  run.Measure("avalanche_duration", found.duration.mu);
  run.Measure("h_event", found.event_fluctuation.exponent);
  run.Measure("delta", found.event_entropy.exponent);
  run.Measure("cv", found.cv);
  run.Measure("mu_coincidence", found.coincidence_waiting.mu);
  run.Measure("cv_coincidence", found.coincidence_cv);
  run.Measure("power_law_gain", found.waiting.log_likelihood_ratio);
  run.Measure("changes", found.changes);
  run.Measure("avalanches", static_cast<double>(found.avalanches.size()));
  return absl::OkStatus();
}

plot::Panel SurvivalPanel(std::string title, std::string x_label, std::span<const double> values) {
  dynamics::Survival survival = dynamics::SurvivalOf(values);
  return {.title = std::move(title),
          .x_label = std::move(x_label),
          .series = {{.x = std::move(survival.times),
                      .y = std::move(survival.shares),
                      .look = plot::Look::kPoints}}};
}

plot::Panel TracePanel(std::string title, const std::vector<double>& values) {
  plot::Series series;
  for (size_t t = 0; t < std::min(values.size(), kStepsShown); ++t) {
    series.x.push_back(static_cast<double>(t));
    series.y.push_back(values[t]);
  }
  return {.title = std::move(title), .x_label = "step", .series = {std::move(series)}};
}

plot::Panel ScalingPanel(std::string title, const dynamics::Scaling& scaling) {
  return {.title = std::move(title),
          .x_label = "window (steps)",
          .series = {{.x = scaling.windows, .y = scaling.values, .look = plot::Look::kMeasured}}};
}

absl::StatusOr<plot::Figure> DrawSedam(const Parameters& parameters, Run& run) {
  MNEME_ASSIGN_OR_RETURN(const Result result, Simulate(parameters, run));
  std::vector<double> sizes, durations;
  for (const dynamics::Avalanche& avalanche : result.complexity.avalanches) {
    sizes.push_back(avalanche.size);
    durations.push_back(static_cast<double>(avalanche.duration));
  }
  return plot::Figure{
      .title = "sedam",
      .caption = absl::StrCat("one run; traces: its first ", kStepsShown,
                              " steps; shares: of avalanches at least as large, as long"),
      .panels = {TracePanel("overlap with the start", result.series.overlap),
                 TracePanel("activity", result.series.activity),
                 SurvivalPanel("avalanche sizes", "neurons changed, summed", sizes),
                 SurvivalPanel("avalanche durations", "steps", durations),
                 SurvivalPanel("waiting times", "steps", result.complexity.waiting_times),
                 ScalingPanel("fluctuation of the activity", result.complexity.signal)}};
}

}  // namespace

Experiment SedamExperiment() {
  return {
      .name = "sedam",
      .summary =
          "stochastic exponential memory: order, avalanches, diffusion scaling, waiting times",
      .source = "stochastic exponential dense associative memory and its temporal complexity",
      .slope_of = "switch_rate",
      .flags = {NeuronsFlag("100", "neurons"),
                PatternsFlag("100"),
                {.name = "p",
                 .default_value = "0.25",
                 .help = "chance that noise turns a neuron, each step",
                 .least = 0,
                 .most = 0.5},
                {.name = "steps",
                 .kind = FlagKind::kInteger,
                 .default_value = "20000",
                 .unit = "steps",
                 .help = "of noise and recall; exponents depend on it",
                 .least = 1,
                 .most = 1e7},
                {.name = "kind",
                 .kind = FlagKind::kChoice,
                 .default_value = "random",
                 .help = "patterns: independent, or the leaves of a tree",
                 .choices = {"random", "tree"}},
                {.name = "branches",
                 .kind = FlagKind::kNumbers,
                 .default_value = "4,5,3",
                 .help = "of tree: roots, children of each, and so on",
                 .least = 1,
                 .most = 1e5},
                {.name = "branch_flip",
                 .default_value = "0.1",
                 .help = "of tree: share of bits in which a child differs",
                 .least = 0,
                 .most = 0.5},
                {.name = "beta",
                 .default_value = "1",
                 .unit = "1/overlap",
                 .help = "inverse temperature of recall",
                 .least = 1e-6,
                 .most = dynamics::kBinaryBetaMax},
                {.name = "burn_in",
                 .kind = FlagKind::kInteger,
                 .default_value = "0",
                 .unit = "steps",
                 .help = "left out at the start",
                 .least = 0,
                 .most = 1e7},
                {.name = "threshold",
                 .default_value = "0",
                 .unit = "neurons",
                 .help = "an avalanche is a run of steps in which more change",
                 .least = 0},
                {.name = "coincidence",
                 .default_value = "0.05",
                 .help = "share of neurons that change in a coincidence (mu_, cv_coincidence)",
                 .least = 0,
                 .most = 1},
                {.name = "tail",
                 .default_value = "5",
                 .help = "least time, size and duration that mu and avalanche_ count",
                 .least = 1,
                 .most = 1e6}},
      .check = Check,
      .run = RunSedam,
      .draw = DrawSedam,
  };
}

}  // namespace mneme::lab
