// Networks of layers with Lagrangians: do they descend their energy, and is its gradient theirs?
#include "core/dynamics/energy_graph.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "client/plot/figure.h"
#include "core/base/status.h"
#include "core/models/dense/dense_driver.h"
#include "tests/lab/experiments.h"

namespace mneme::lab {
namespace {

using dynamics::EnergyGraph;
using dynamics::GraphLayer;
using dynamics::Lagrangian;
using dynamics::LayerVectors;

constexpr size_t kLayerMax = 4096;
constexpr size_t kTensorMax = size_t{1} << 24;

absl::StatusOr<GraphLayer> ParseLayer(const Parameters& parameters, absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(text, ':');
  const std::optional<Lagrangian> lagrangian = dynamics::ParseLagrangian(StdView(parts.first));
  size_t size = 0;
  if (!lagrangian || !absl::SimpleAtoi(parts.second, &size) || size < 1 || size > kLayerMax) {
    return BadFlag("layers", parameters.Text("layers"),
                   "LAGRANGIAN:SIZE by commas, with identity, relu, tanh, softmax, layer-norm or "
                   "spherical, and sizes from 1 to 4096");
  }
  return GraphLayer{.lagrangian = *lagrangian, .size = size, .beta = parameters.Real("beta")};
}

absl::StatusOr<std::vector<GraphLayer>> ParseLayers(const Parameters& parameters) {
  std::vector<GraphLayer> layers;
  for (const absl::string_view text : absl::StrSplit(parameters.Text("layers"), ',')) {
    MNEME_ASSIGN_OR_RETURN(layers.emplace_back(), ParseLayer(parameters, text));
  }
  return layers;
}

// Whose activations grow with their states.
bool IsUnbounded(const GraphLayer& layer) {
  return layer.lagrangian == Lagrangian::kIdentity || layer.lagrangian == Lagrangian::kRelu;
}

// Of the layers that a tensor joins.
size_t Unbounded(std::span<const GraphLayer> layers) {
  return static_cast<size_t>(std::ranges::count_if(layers.first(3), IsUnbounded));
}

bool HasThirdOrder(const Parameters& parameters, std::span<const GraphLayer> layers) {
  if (!parameters.IsAuto("third_order")) return parameters.Text("third_order") == "true";
  return layers.size() >= 3 && Unbounded(layers) < 3;
}

absl::Status Check(const Parameters& parameters) {
  MNEME_ASSIGN_OR_RETURN(const std::vector<GraphLayer> layers, ParseLayers(parameters));
  if (layers.size() < 2 || layers.size() > 32) {
    return BadFlag("layers", parameters.Text("layers"), "2 to 32 layers");
  }
  if (!HasThirdOrder(parameters, layers)) return absl::OkStatus();
  if (layers.size() < 3) {
    return BadFlag("third_order", parameters.Text("third_order"), "false with two layers");
  }
  if (Unbounded(layers) == 3) {
    return BadFlag("third_order", parameters.Text("third_order"),
                   "false where the first three layers are identity or relu: the energy would have "
                   "no bottom");
  }
  if (layers[0].size * layers[1].size * layers[2].size > kTensorMax) {
    return BadFlag("third_order", parameters.Text("third_order"),
                   "false where the first three sizes multiply to more than 2^24");
  }
  return absl::OkStatus();
}

MatrixD GaussianMatrix(size_t rows, size_t cols, double scale, Random& random) {
  MatrixD out(rows, cols);
  for (double& x : out.flat()) x = scale * random.Gaussian();
  return out;
}

struct Task {
  EnergyGraph graph;
  LayerVectors start;
  MatrixD patterns;  // [second size, first size]: of two layers, the weights between them
};

MatrixD Transposed(MatrixViewD a) {
  MatrixD out(a.cols, a.rows);
  for (size_t i = 0; i < a.rows; ++i) {
    for (size_t j = 0; j < a.cols; ++j) out.at(j, i) = a.row(i)[j];
  }
  return out;
}

double RootOf(const GraphLayer& layer) { return std::sqrt(static_cast<double>(layer.size)); }

// Standard deviation of the weights between two layers: where both activations grow, so small that
// their pull stays below what the layers hold against (the largest singular value of such a matrix
// is about the sum of the roots).
double WeightScale(const GraphLayer& a, const GraphLayer& b) {
  return IsUnbounded(a) && IsUnbounded(b) ? 0.3 / (RootOf(a) + RootOf(b)) : 1 / RootOf(a);
}

// Of the tensor, likewise: a bounded layer's activation is no longer than its root.
double TensorScale(std::span<const GraphLayer> layers) {
  const double roots[] = {RootOf(layers[0]), RootOf(layers[1]), RootOf(layers[2])};
  if (Unbounded(layers) < 2) return 1 / (roots[0] * roots[1]);
  for (size_t i = 0; i < 3; ++i) {
    if (!IsUnbounded(layers[i])) {
      return 0.2 / (roots[i] * (roots[(i + 1) % 3] + roots[(i + 2) % 3]));
    }
  }
  return 0;
}

// Neighbouring layers are joined by random weights, the first three by a tensor as well.
absl::StatusOr<Task> BuildTask(const Parameters& parameters, Run& run) {
  Random random = run.Stream(1);
  MNEME_ASSIGN_OR_RETURN(const std::vector<GraphLayer> layers, ParseLayers(parameters));
  MNEME_ASSIGN_OR_RETURN(EnergyGraph graph, EnergyGraph::Create(layers));
  MatrixD patterns;
  for (size_t l = 0; l + 1 < layers.size(); ++l) {
    MatrixD rows = GaussianMatrix(layers[l + 1].size, layers[l].size,
                                  WeightScale(layers[l], layers[l + 1]), random);
    MNEME_RETURN_IF_ERROR(graph.AddBilinear(l, l + 1, Transposed(rows)));
    if (l == 0) patterns = std::move(rows);
  }
  if (HasThirdOrder(parameters, layers)) {
    MatrixD tensor = GaussianMatrix(layers[0].size * layers[1].size, layers[2].size,
                                    TensorScale(layers), random);
    MNEME_RETURN_IF_ERROR(graph.AddThirdOrder(0, 1, 2, std::move(tensor)));
  }
  LayerVectors start;
  for (const GraphLayer& layer : layers) {
    random.FillGaussian(start.emplace_back(layer.size));
  }
  return Task{std::move(graph), std::move(start), std::move(patterns)};
}

dynamics::RelaxOptions OptionsOf(const Parameters& parameters) {
  return {.steps_max = parameters.Count("steps"),
          .dt = parameters.IsAuto("dt") ? 0 : parameters.Real("dt")};
}

// How far the dense memory with the same patterns moves the state at which the graph came to rest.
absl::StatusOr<double> LseDifference(const Parameters& parameters, const Task& task,
                                     const std::vector<double>& settled) {
  const MatrixViewD at{settled.data(), 1, settled.size()};
  MNEME_ASSIGN_OR_RETURN(
      const auto result,
      models::RunDense<double>(
          {.similarity = models::Similarity::kDot, .beta = parameters.Real("beta")},
          {.keys = task.patterns, .cues = at}, {.steps_max = 1}));
  MNEME_RETURN_IF_ERROR(result.cues[0].error);
  double largest = 0;
  for (size_t i = 0; i < settled.size(); ++i) {
    largest = std::max(largest, std::abs(result.recalls.at(0, i) - settled[i]));
  }
  return largest;
}

bool IsDenseMemory(const EnergyGraph& graph) {
  return graph.layers().size() == 2 && graph.layers()[0].lagrangian == Lagrangian::kIdentity &&
         graph.layers()[1].lagrangian == Lagrangian::kSoftmax;
}

absl::Status RunEnergyGraph(const Parameters& parameters, Run& run) {
  MNEME_ASSIGN_OR_RETURN(const Task task, BuildTask(parameters, run));
  size_t steps = 0;
  MNEME_ASSIGN_OR_RETURN(const dynamics::Relaxation relaxed,
                         task.graph.Relax(task.start, OptionsOf(parameters), [&](double) {
                           run.Progress(static_cast<double>(++steps) / parameters.Real("steps"));
                           return true;
                         }));
  run.Measure("largest_energy_rise", relaxed.largest_rise);
  MNEME_ASSIGN_OR_RETURN(const double gradient, task.graph.GradientCheck(task.start));
  run.Measure("gradient_check", gradient);
  if (IsDenseMemory(task.graph)) {
    MNEME_ASSIGN_OR_RETURN(const double difference,
                           LseDifference(parameters, task, relaxed.states[0]));
    run.Measure("lse_difference", difference);
  }
  run.Measure("energy", relaxed.energies.back());
  run.Measure("energy_start", relaxed.energies.front());
  run.Measure("halvings", relaxed.halvings);
  return absl::OkStatus();
}

absl::StatusOr<plot::Figure> DrawEnergyGraph(const Parameters& parameters, Run& run) {
  MNEME_ASSIGN_OR_RETURN(const Task task, BuildTask(parameters, run));
  MNEME_ASSIGN_OR_RETURN(const dynamics::Relaxation relaxed,
                         task.graph.Relax(task.start, OptionsOf(parameters)));
  const double rest = *std::ranges::min_element(relaxed.energies);
  plot::Series energy, above;
  for (size_t step = 0; step < relaxed.energies.size(); ++step) {
    energy.x.push_back(static_cast<double>(step));
    energy.y.push_back(relaxed.energies[step]);
    const double rise = relaxed.energies[step] - rest;
    above.x.push_back(static_cast<double>(step));
    above.y.push_back(rise > 0 ? rise : std::nan(""));
  }
  return plot::Figure{
      .title = "energy-graph",
      .caption = absl::StrCat("relaxation of ", parameters.Text("layers")),
      .panels = {
          {.title = "energy", .x_label = "step", .series = {std::move(energy)}},
          {.title = "energy above the lowest", .x_label = "step", .series = {std::move(above)}}}};
}

}  // namespace

Experiment EnergyGraphExperiment() {
  return {
      .name = "energy-graph",
      .summary = "layers with Lagrangians: descent, gradients, the dense memory they contain",
      .source = "Krotov and Hopfield 2021; hierarchical associative memory of Lagrangian layers",
      .slope_of = "energy",
      .flags = {{.name = "layers",
                 .kind = FlagKind::kText,
                 .default_value = "identity:20,tanh:10,softmax:30",
                 .help = "LAGRANGIAN:SIZE, neighbours joined; identity:D,softmax:N is log-sum-exp"},
                {.name = "third_order",
                 .kind = FlagKind::kChoice,
                 .default_value = "auto",
                 .help = "a tensor among the first three layers; auto: where there are three, not "
                         "all unbounded",
                 .may_be_auto = true,
                 .choices = {"true", "false"}},
                {.name = "steps",
                 .kind = FlagKind::kInteger,
                 .default_value = "3000",
                 .unit = "steps",
                 .help = "of Euler's rule",
                 .least = 1,
                 .most = 1e6},
                {.name = "dt",
                 .default_value = "auto",
                 .unit = "time constants",
                 .help = "of a step, halved where the energy would rise; auto: 0.1",
                 .least = 0,
                 .most = 1e6,
                 .above_least = true,
                 .may_be_auto = true},
                {.name = "beta",
                 .default_value = "4",
                 .help = "of softmax layers",
                 .least = 1e-6,
                 .most = 1e6}},
      .check = Check,
      .run = RunEnergyGraph,
      .draw = DrawEnergyGraph,
  };
}

}  // namespace mneme::lab
