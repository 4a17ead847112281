// Dense memory of random unit vectors: does a noisy cue come back, how far, in how many steps?
#include <algorithm>
#include <cmath>
#include <numeric>

#include "client/plot/bars.h"
#include "client/plot/figure.h"
#include "core/analysis/report.h"
#include "core/base/status.h"
#include "core/models/dense/dense_driver.h"
#include "tests/lab/experiments.h"
#include "tests/lab/memory_session.h"

namespace mneme::lab {
namespace {

// In a picture.
constexpr size_t kTracesShown = 8;
constexpr size_t kMarginsShown = 1000;

models::Separation ParseSeparation(std::string_view name) {
  if (name == "power") return models::Separation::kPower;
  if (name == "rectified") return models::Separation::kRectifiedPower;
  return models::Separation::kExp;
}

absl::Status Check(const Parameters& parameters) {
  const bool exponential = parameters.Text("separation") == "exp";
  if (!exponential && parameters.Text("similarity") == "l2") {
    return BadFlag("similarity", "l2", "dot or cosine for the power separations");
  }
  if (!exponential && parameters.IsAuto("beta")) {
    return BadFlag("beta", "auto",
                   "a number for the power separations (their recall does not depend on it)");
  }
  if (parameters.Count("local_k") > 0 && !exponential) {
    return BadFlag("local_k", parameters.Text("local_k"), "0 for the power separations");
  }
  if (parameters.Count("local_k") > 0 && parameters.Count("shards") < 2) {
    return BadFlag("shards", parameters.Text("shards"), "at least 2 with local_k");
  }
  if (parameters.Count("shards") > parameters.Count("n")) {
    return BadFlag("shards", parameters.Text("shards"), "at most n");
  }
  return absl::OkStatus();
}

double Distance(std::span<const double> a, std::span<const double> b) {
  double square = 0;
  for (size_t i = 0; i < a.size(); ++i) square += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(square);
}

double LargestDifference(std::span<const double> a, std::span<const double> b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

// The memory's own rule for beta, asked of a memory that holds these keys.
absl::StatusOr<double> AutomaticBeta(MatrixViewD keys, models::Similarity similarity) {
  Matrix rows(keys.rows, keys.cols);
  std::copy(keys.flat().begin(), keys.flat().end(), rows.flat().begin());
  MNEME_ASSIGN_OR_RETURN(
      const MemorySession memory,
      MemorySession::Store(
          {.key_dim = keys.cols, .model = models::DenseSpec{.similarity = similarity}}, rows, {}));
  return memory.stats().beta;
}

struct Task {
  MatrixD keys;
  MatrixD cues;
  std::vector<size_t> targets;
};

Task DrawTask(const Parameters& parameters, Run& run) {
  const size_t n = parameters.Count("n"), d = parameters.Count("d");
  const size_t queries = parameters.Count("queries");
  Random keys_random = run.Stream(1), cues_random = run.Stream(2);
  Task task{.keys = MatrixD(n, d), .cues = MatrixD(queries, d)};
  for (size_t i = 0; i < n; ++i) keys_random.FillUnit(task.keys.row(i));
  const double scale = parameters.Real("noise") / std::sqrt(static_cast<double>(d));
  for (size_t q = 0; q < queries; ++q) {
    task.targets.push_back(cues_random.Below(n));
    for (size_t j = 0; j < d; ++j) {
      task.cues.at(q, j) = task.keys.at(task.targets[q], j) + scale * cues_random.Gaussian();
    }
  }
  return task;
}

void MeasureRecall(const Task& task, const models::DenseResult<double>& result, Run& run) {
  const double queries = static_cast<double>(task.targets.size());
  double right = 0, steps_sum = 0, steps_most = 0, rise = 0;
  std::vector<double> errors, moves;
  for (size_t q = 0; q < task.targets.size(); ++q) {
    const models::DenseCueResult& cue = result.cues[q];
    right += cue.top.at(0).row == task.targets[q];
    steps_sum += cue.steps;
    steps_most = std::max(steps_most, static_cast<double>(cue.steps));
    errors.push_back(Distance(result.recalls.row(q), task.keys.row(task.targets[q])));
    moves.push_back(Distance(result.recalls.row(q), task.cues.row(q)));
    for (size_t t = 1; t < cue.energies.size(); ++t) {
      rise = std::max(rise, cue.energies[t] - cue.energies[t - 1]);
    }
  }
  run.Measure("top1", right / queries);
  run.Measure("median_error", Median(errors));
  run.Measure("iterations", steps_most);  // what the batch took
  run.Measure("iterations_mean", steps_sum / queries);
  run.Measure("displacement", Median(moves));
  run.Measure("energy_rise", rise);
}

void MeasureShards(const models::DenseResult<double>& whole,
                   const models::DenseResult<double>& sharded, bool truncated, Run& run) {
  if (!truncated) {
    run.Measure("shard_difference",
                LargestDifference(whole.recalls.flat(), sharded.recalls.flat()));
    return;
  }
  std::vector<double> bounds, errors;
  for (size_t q = 0; q < sharded.cues.size(); ++q) {
    bounds.push_back(sharded.cues[q].truncation_bound);
    errors.push_back(LargestDifference(whole.recalls.row(q), sharded.recalls.row(q)));
  }
  run.Measure("truncation_bound", Median(bounds));
  run.Measure("truncation_error", Median(errors));
}

absl::StatusOr<models::DenseKernelSpec> KernelOf(const Parameters& parameters, MatrixViewD keys,
                                                 Run& run) {
  models::DenseKernelSpec kernel = {.similarity = ParseSimilarity(parameters.Text("similarity")),
                                    .separation = ParseSeparation(parameters.Text("separation")),
                                    .power = static_cast<int>(parameters.Count("power")),
                                    .beta = parameters.Real("beta")};
  if (parameters.IsAuto("beta")) {
    MNEME_ASSIGN_OR_RETURN(kernel.beta, AutomaticBeta(keys, kernel.similarity));
    run.Used("beta", kernel.beta);
  }
  return kernel;
}

models::DynamicsSpec DynamicsOf(const Parameters& parameters) {
  return {.steps_max = static_cast<int>(parameters.Count("steps")),
          .tolerance = parameters.Real("tolerance"),
          .state = parameters.Text("state") == "sphere" ? models::StateSpace::kSphere
                                                        : models::StateSpace::kFree};
}

absl::Status RunLse(const Parameters& parameters, Run& run) {
  const Task task = DrawTask(parameters, run);
  MNEME_ASSIGN_OR_RETURN(const models::DenseKernelSpec kernel,
                         KernelOf(parameters, task.keys, run));
  const models::DenseInput<double> input = {.keys = task.keys, .cues = task.cues};
  const models::DynamicsSpec dynamics = DynamicsOf(parameters);
  MNEME_ASSIGN_OR_RETURN(const auto whole, models::RunDense(kernel, input, dynamics));
  for (const models::DenseCueResult& cue : whole.cues) MNEME_RETURN_IF_ERROR(cue.error);
  MeasureRecall(task, whole, run);
  if (parameters.Count("shards") == 1) return absl::OkStatus();
  run.Progress(0.5);
  const size_t local = parameters.Count("local_k");
  MNEME_ASSIGN_OR_RETURN(const auto sharded, models::RunDense(kernel, input, dynamics,
                                                              {.shards = parameters.Count("shards"),
                                                               .shuffle_seed = run.Stream(3).Next(),
                                                               .local_top = local}));
  MeasureShards(whole, sharded, local > 0, run);
  return absl::OkStatus();
}

// The energies of the first recalls, a line each.
plot::Panel EnergyPanel(const models::DenseResult<double>& result) {
  plot::Panel panel{.title = "energy of the state before each step", .x_label = "step"};
  for (size_t q = 0; q < std::min(kTracesShown, result.cues.size()); ++q) {
    plot::Series line{.look = plot::Look::kMeasured, .color = q};
    for (size_t t = 0; t < result.cues[q].energies.size(); ++t) {
      line.x.push_back(static_cast<double>(t + 1));
      line.y.push_back(result.cues[q].energies[t]);
    }
    panel.series.push_back(std::move(line));
  }
  return panel;
}

// How far each pattern's exponent is above its best rival's, at its own place.
absl::StatusOr<plot::Panel> MarginPanel(const models::DenseKernelSpec& kernel, MatrixViewD keys) {
  const MatrixViewD cues = keys.slice(0, std::min(kMarginsShown, keys.rows));
  MNEME_ASSIGN_OR_RETURN(const auto result,
                         models::RunDense<double>(kernel, {.keys = keys, .cues = cues},
                                                  {.steps_max = 1}, {}, /*top=*/2));
  std::vector<double> margins;
  for (size_t i = 0; i < result.cues.size(); ++i) {
    const std::vector<models::DenseTopRow>& top = result.cues[i].top;
    if (top.size() < 2) continue;
    const double lead = kernel.beta * (top[0].score - top[1].score);
    margins.push_back(top[0].row == i ? lead : -lead);
  }
  const analysis::Table bins = analysis::Histogram("margin", margins);
  return plot::Panel{.title = "patterns by their lead over the best rival",
                     .x_label = "difference of exponents at the own place",
                     .series = {plot::Bars(bins.columns[0].values, bins.columns[1].values,
                                           bins.columns[2].values)}};
}

absl::StatusOr<plot::Figure> DrawLse(const Parameters& parameters, Run& run) {
  const Task task = DrawTask(parameters, run);
  MNEME_ASSIGN_OR_RETURN(const models::DenseKernelSpec kernel,
                         KernelOf(parameters, task.keys, run));
  const MatrixViewD cues = task.cues.view().slice(0, std::min(kTracesShown, task.cues.rows()));
  MNEME_ASSIGN_OR_RETURN(
      const auto result,
      models::RunDense<double>(kernel, {.keys = task.keys, .cues = cues}, DynamicsOf(parameters)));
  MNEME_ASSIGN_OR_RETURN(plot::Panel margins, MarginPanel(kernel, task.keys));
  return plot::Figure{
      .title = "lse",
      .caption = absl::StrFormat("beta %g; energies of %d recalls", kernel.beta, cues.rows),
      .panels = {EnergyPanel(result), std::move(margins)}};
}

}  // namespace

Experiment LseExperiment() {
  return {
      .name = "lse",
      .summary = "dense memory of random unit vectors: recall of noisy cues, steps, energy, shards",
      .source =
          "Ramsauer et al., Hopfield Networks is All You Need, ICLR 2021; Krotov, Hopfield 2016",
      .slope_of = "median_error",
      .flags = {{.name = "n",
                 .kind = FlagKind::kInteger,
                 .default_value = "10000",
                 .unit = "items",
                 .help = "patterns stored",
                 .least = 2,
                 .most = 1e7},
                {.name = "d",
                 .kind = FlagKind::kInteger,
                 .default_value = "64",
                 .unit = "numbers",
                 .help = "dimension",
                 .least = 2,
                 .most = 65536},
                {.name = "noise",
                 .kind = FlagKind::kReal,
                 .default_value = "0.5",
                 .unit = "length",
                 .help = "typical length of the Gaussian added to a stored pattern",
                 .least = 0},
                {.name = "beta",
                 .kind = FlagKind::kReal,
                 .default_value = "32",
                 .unit = "1/similarity",
                 .help = "inverse temperature; auto: the memory's own rule",
                 .least = 0,
                 .above_least = true,
                 .may_be_auto = true},
                {.name = "steps",
                 .kind = FlagKind::kInteger,
                 .default_value = "30",
                 .unit = "steps",
                 .help = "at most",
                 .least = 1,
                 .most = 10000},
                {.name = "similarity",
                 .kind = FlagKind::kChoice,
                 .default_value = "l2",
                 .help = "how alike a state and a pattern are",
                 .choices = {"dot", "cosine", "l2"}},
                {.name = "separation",
                 .kind = FlagKind::kChoice,
                 .default_value = "exp",
                 .help = "how the best pattern is favoured",
                 .choices = {"exp", "power", "rectified"}},
                {.name = "power",
                 .kind = FlagKind::kInteger,
                 .default_value = "3",
                 .help = "of the power separations",
                 .least = 2,
                 .most = 16},
                {.name = "state",
                 .kind = FlagKind::kChoice,
                 .default_value = "free",
                 .help = "where the state lives",
                 .choices = {"free", "sphere"}},
                {.name = "shards",
                 .kind = FlagKind::kInteger,
                 .default_value = "1",
                 .unit = "shards",
                 .help = "above 1: repeats the run cut up, and compares",
                 .least = 1,
                 .most = 4096},
                {.name = "local_k",
                 .kind = FlagKind::kInteger,
                 .default_value = "0",
                 .unit = "items",
                 .help = "above 0: shards send their best ones once, instead of sums each step",
                 .least = 0,
                 .most = 1e6},
                {.name = "queries",
                 .kind = FlagKind::kInteger,
                 .default_value = "200",
                 .unit = "cues",
                 .help = "of random stored patterns",
                 .least = 1,
                 .most = 1e6},
                {.name = "tolerance",
                 .kind = FlagKind::kReal,
                 .default_value = "1e-7",
                 .help = "a step that moves less has converged",
                 .least = 0}},
      .check = Check,
      .run = RunLse,
      .draw = DrawLse,
  };
}

}  // namespace mneme::lab
