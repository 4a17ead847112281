// The memory's keys as a network of two layers that descends one energy: a visible one, and a
// hidden one with a neuron for each item. With the layers identity and softmax it comes to rest
// where the memory's recall does.
#include "core/dynamics/energy_graph.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/analysis/parts.h"
#include "core/analysis/patterns.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "core/dynamics/checks.h"
#include "core/math/kernels.h"

namespace mneme::analysis {
namespace {

using dynamics::Lagrangian;
using dynamics::LayerVectors;

// Layers by their place. The third holds the items' biases under l2.
constexpr size_t kVisible = 0, kHidden = 1, kBias = 2;
constexpr double kNoiseMax = 1e3;      // of the size of the start's numbers
constexpr double kBetaMax = 1e9;       // as EnergyGraph takes it
constexpr double kRateAtRest = 1e-10;  // of the size of the start's numbers
// A check of all gradients that costs more is left out.
constexpr double kCheckFlopMax = 1e10;

const models::DenseSpec& DenseOf(const models::MemorySpec& memory) {
  return std::get<models::DenseSpec>(memory.model);
}

absl::Status CheckKernel(const models::MemorySpec& memory) {
  const models::DenseSpec& dense = DenseOf(memory);
  const bool has_graph =
      dense.separation == models::Separation::kExp && dense.similarity != models::Similarity::kL1 &&
      dense.state == models::StateSpace::kFree && dense.encoder == models::Encoder::kNone;
  if (has_graph) return absl::OkStatus();
  return Unimplemented("the memory's energy is not that of a network of layers",
                       {.reason = "NOT_FOR_KERNEL",
                        .given = absl::StrCat("separation ", AbslView(Name(dense.separation)),
                                              ", similarity ", AbslView(Name(dense.similarity)),
                                              ", state ", AbslView(Name(dense.state)), ", encoder ",
                                              AbslView(Name(dense.encoder))),
                        .expected = "exp under dot, cosine or l2, free states, no encoder",
                        .next_step = "Ask for it of a memory of such a kernel."});
}

double RootMeanSquare(std::span<const double> x) {
  return std::sqrt(math::SquaredNorm(x.data(), x.size()) / static_cast<double>(x.size()));
}

double Distance(std::span<const double> a, std::span<const double> b) {
  return std::sqrt(math::SquaredDistance(a.data(), b.data(), a.size()));
}

// As cosine compares them; a row of zeros stays.
void Normalise(MatrixD& rows) {
  for (size_t i = 0; i < rows.rows(); ++i) {
    const double square = math::SquaredNorm(rows.row(i).data(), rows.cols());
    if (square > 0) math::Scale(1 / std::sqrt(square), rows.row(i).data(), rows.cols());
  }
}

// A graph, and where it begins.
struct Task {
  dynamics::EnergyGraph graph;
  std::vector<double> item;  // that it begins near
  LayerVectors start;
  dynamics::RelaxOptions options;
};

// exp(beta S) is softmax of the products, but for l2's -|key|²/2, which a neuron held at 1 adds.
absl::Status AddBiases(const MatrixD& keys, dynamics::EnergyGraph& graph) {
  MatrixD biases(1, keys.rows());
  for (size_t i = 0; i < keys.rows(); ++i) {
    biases.at(0, i) = -math::SquaredNorm(keys.row(i).data(), keys.cols()) / 2;
  }
  return graph.AddBilinear(kBias, kHidden, std::move(biases));
}

// The item with noise, but for the numbers that are held.
void Begin(const EnergyGraphSpec& spec, bool biased, Task& task) {
  Random random(spec.seed, 4);
  const size_t dim = task.item.size();
  std::vector<double> visible = task.item;
  std::vector<uint8_t> held(dim, 0);
  const auto holds = static_cast<size_t>(std::round(spec.hold * static_cast<double>(dim)));
  std::fill_n(held.begin(), holds, uint8_t{1});
  random.Shuffle(std::span(held));
  const double scale = spec.noise * RootMeanSquare(task.item);
  for (size_t j = 0; j < dim; ++j) {
    const double noise = scale * random.Gaussian();
    if (held[j] == 0) visible[j] += noise;
  }
  task.start = {std::move(visible), std::vector<double>(task.graph.layers()[kHidden].size)};
  task.options.clamped = {std::move(held), {}};
  if (!biased) return;
  task.start.push_back({1});
  task.options.clamped.push_back({1});
}

absl::StatusOr<Task> MakeTask(const EnergyGraphSpec& spec, const Subject& subject, MatrixD keys) {
  const models::Similarity similarity = DenseOf(subject.spec()).similarity;
  if (similarity == models::Similarity::kCosine) Normalise(keys);
  const bool biased = similarity == models::Similarity::kL2;
  const double beta = spec.beta.value_or(subject.beta());
  std::vector<dynamics::GraphLayer> layers = {
      {.lagrangian = spec.visible, .size = keys.cols(), .beta = beta},
      {.lagrangian = spec.hidden, .size = keys.rows(), .beta = beta, .tau = spec.tau_hidden}};
  if (biased) layers.push_back({.size = 1});
  MNEME_ASSIGN_OR_RETURN(dynamics::EnergyGraph graph, dynamics::EnergyGraph::Create(layers));
  if (biased) MNEME_RETURN_IF_ERROR(AddBiases(keys, graph));
  Task task{.graph = std::move(graph), .item = {keys.row(0).begin(), keys.row(0).end()}};
  MNEME_RETURN_IF_ERROR(task.graph.AddBilinear(kHidden, kVisible, std::move(keys)));
  Begin(spec, biased, task);
  task.options.steps_max = spec.steps;
  task.options.dt = spec.dt;
  task.options.tolerance = kRateAtRest * RootMeanSquare(task.item);
  return task;
}

std::vector<double> Visible(const Task& task, const LayerVectors& states) {
  const dynamics::GraphLayer& layer = task.graph.layers()[kVisible];
  std::vector<double> g = states[kVisible];
  dynamics::Activate(layer.lagrangian, layer.beta, states[kVisible], g);
  return g;
}

// Whether the graph and the memory have one energy: items of weight 1 are taken for granted.
bool IsMemory(const EnergyGraphSpec& spec, const models::MemorySpec& memory) {
  return spec.visible == Lagrangian::kIdentity && spec.hidden == Lagrangian::kSoftmax &&
         spec.patterns.generated == 0 && spec.hold == 0 && memory.response_dim == 0 &&
         DenseOf(memory).similarity != models::Similarity::kCosine;
}

// How far the memory moves the state at which the graph came to rest, relative to its length.
absl::StatusOr<double> MemoryDifference(std::span<const double> rest, double beta,
                                        Subject& subject) {
  Matrix cue(1, rest.size());
  std::ranges::transform(rest, cue.data(), [](double x) { return static_cast<float>(x); });
  MNEME_ASSIGN_OR_RETURN(const models::Answer answer,
                         subject.Ask({.cues = cue}, {.beta = beta, .steps_max = 1}));
  MNEME_RETURN_IF_ERROR(answer.cues[0].error);
  double square = 0;
  for (size_t j = 0; j < rest.size(); ++j) {
    const double off = static_cast<double>(answer.recalls.at(0, j)) - rest[j];
    square += off * off;
  }
  const double length = RootMeanSquare(rest) * std::sqrt(static_cast<double>(rest.size()));
  return std::sqrt(square) / std::max(length, std::numeric_limits<double>::min());
}

double CheckFlop(const Task& task) {
  const auto visible = static_cast<double>(task.item.size());
  const auto hidden = static_cast<double>(task.start[kHidden].size());
  return 16 * (visible + hidden) * visible * hidden;
}

absl::StatusOr<dynamics::Relaxation> Relax(const Task& task, Host& host) {
  absl::Status going = host.Progress("relaxing", 0);
  MNEME_RETURN_IF_ERROR(going);
  Observer observer(host, task.options.steps_max);
  size_t step = 0;
  const auto note = [&](double energy) {
    observer.Note(++step, {&energy, 1});
    going = host.Progress("relaxing",
                          static_cast<double>(step) / static_cast<double>(task.options.steps_max));
    return going.ok();
  };
  absl::StatusOr<dynamics::Relaxation> relaxed = task.graph.Relax(task.start, task.options, note);
  MNEME_RETURN_IF_ERROR(going);
  return relaxed;
}

Table TraceOf(const dynamics::Relaxation& relaxed) {
  Table trace{.name = "trace", .columns = {{"step", {}}, {"energy", relaxed.energies}}};
  for (size_t step = 0; step < relaxed.energies.size(); ++step) {
    trace.columns[0].values.push_back(static_cast<double>(step));
  }
  return Thinned(std::move(trace));
}

}  // namespace

absl::Status CheckSpec(const EnergyGraphSpec& spec, const models::MemorySpec& memory) {
  MNEME_RETURN_IF_ERROR(CheckDense("energy-graph", memory));
  MNEME_RETURN_IF_ERROR(CheckKernel(memory));
  MNEME_RETURN_IF_ERROR(CheckSource(spec.patterns, memory));
  if (spec.beta) MNEME_RETURN_IF_ERROR(dynamics::CheckRange("beta", *spec.beta, 1e-9, kBetaMax));
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("noise", spec.noise, 0, kNoiseMax));
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("hold", spec.hold, 0, 1));
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("tau_hidden", spec.tau_hidden, 1e-3, 1e3));
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("dt", spec.dt, 0, 1e3));
  return dynamics::CheckRange("steps", static_cast<double>(spec.steps), 1,
                              static_cast<double>(kSimulationStepsMax));
}

absl::StatusOr<Report> Run(const EnergyGraphSpec& spec, Subject& subject, Host& host) {
  MNEME_ASSIGN_OR_RETURN(
      Patterns patterns,
      LoadPatterns(subject, spec.patterns,
                   {.copies = 2, .seed = spec.seed, .entries = PatternNeeds::Entries::kAny}, host));
  MNEME_RETURN_IF_ERROR(subject.Reserve(2 * spec.steps * sizeof(double)));
  const size_t items = patterns.rows.rows();
  MNEME_ASSIGN_OR_RETURN(const Task task, MakeTask(spec, subject, std::move(patterns.rows)));
  MNEME_ASSIGN_OR_RETURN(const dynamics::Relaxation relaxed, Relax(task, host));
  const std::vector<double> rest = Visible(task, relaxed.states);
  Report report{.summary = absl::StrFormat(
                    "a visible layer of %d neurons (%s) and a hidden one of %d (%s), from %s with "
                    "noise %g",
                    task.item.size(), AbslView(Name(spec.visible)), items,
                    AbslView(Name(spec.hidden)), patterns.start, spec.noise)};
  report.Add("energy_start", relaxed.energies.front(), "of both layers");
  report.Add("energy_end", relaxed.energies.back(), "where it came to");
  report.Add("energy_rise", relaxed.largest_rise, "largest of a step: rounding");
  report.Add("steps", static_cast<double>(relaxed.energies.size() - 1), "taken");
  report.Add("halvings", relaxed.halvings, "of the length of a step, so that the energy falls");
  report.Add("at_rest", relaxed.converged ? 1 : 0, "1: nothing moves any more");
  report.Add("distance_start", Distance(Visible(task, task.start), task.item),
             "of the visible activations from the item");
  report.Add("distance_end", Distance(rest, task.item), "and at the end");
  if (CheckFlop(task) <= kCheckFlopMax) {
    MNEME_ASSIGN_OR_RETURN(const double check, task.graph.GradientCheck(task.start));
    report.Add("gradient_check", check, "largest difference from finite differences");
  }
  if (IsMemory(spec, subject.spec())) {
    MNEME_ASSIGN_OR_RETURN(const double difference,
                           MemoryDifference(rest, spec.beta.value_or(subject.beta()), subject));
    report.Add("memory_difference", difference,
               "how far the memory itself moves that state, relative to its length");
  }
  report.tables.push_back(TraceOf(relaxed));
  return report;
}

}  // namespace mneme::analysis
