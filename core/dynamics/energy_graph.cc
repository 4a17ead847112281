#include "core/dynamics/energy_graph.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/base/status.h"
#include "core/dynamics/checks.h"
#include "core/dynamics/synapses.h"
#include "core/math/kernels.h"

namespace mneme::dynamics {
namespace {

constexpr double kSizeMax = 1 << 20;
constexpr double kLargest = 1e9;      // of beta and tau
constexpr double kDefaultStep = 0.1;  // of the smallest tau
constexpr int kHalvingsMax = 60;      // of one step
constexpr double kRoundings = 16;     // a rise of so many roundings of E's terms is none
constexpr double kDifference = 1e-4;  // of a central difference, relative to max(1, |x|)

absl::Status NotFinite(double energy) {
  return FailedPrecondition("the energy is not a number at these states",
                            {.reason = "NOT_FINITE",
                             .given = absl::StrFormat("%g", energy),
                             .expected = "a finite energy",
                             .next_step = "Start from smaller states, or give smaller weights."});
}

absl::Status Unbounded() {
  return FailedPrecondition(
      "the energy falls without end: the synapses pull harder than the layers hold",
      {.reason = "UNBOUNDED",
       .given = "states that grow beyond float64",
       .expected = "an energy that is bounded below",
       .next_step = "Give smaller weights, or layers with bounded activations (tanh, softmax)."});
}

LayerVectors ZerosLike(const LayerVectors& states) {
  LayerVectors out;
  out.reserve(states.size());
  for (const auto& layer : states) out.emplace_back(layer.size());
  return out;
}

double LargestRate(const LayerVectors& rates) {
  double largest = 0;
  for (const auto& layer : rates) {
    for (const double rate : layer) largest = std::max(largest, std::abs(rate));
  }
  return largest;
}

LayerVectors Moved(const LayerVectors& states, const LayerVectors& rates, double dt) {
  LayerVectors out = states;
  for (size_t l = 0; l < out.size(); ++l) {
    math::AddScaled(dt, rates[l].data(), out[l].data(), out[l].size());
  }
  return out;
}

bool IsFinite(const LayerVectors& states) {
  return std::ranges::all_of(states, [](const auto& layer) {
    return std::ranges::all_of(layer, [](double x) { return std::isfinite(x); });
  });
}

double Relative(double difference, double value) {
  return std::abs(difference) / std::max(1.0, std::abs(value));
}

// The derivative at x of what `f` says of numbers near it, by the five-point rule: its error is of
// fourth order, so that steps may be long enough to stand out of rounding.
template <typename F>
auto Derivative(double x, F&& f) -> decltype(f(x)) {
  const double by = kDifference * std::max(1.0, std::abs(x));
  constexpr double kWeights[] = {1.0 / 12, -2.0 / 3, 2.0 / 3, -1.0 / 12};
  constexpr double kSteps[] = {-2, -1, 1, 2};
  double sum = 0;
  for (size_t i = 0; i < 4; ++i) {
    MNEME_ASSIGN_OR_RETURN(const double value, f(x + kSteps[i] * by));
    sum += kWeights[i] * value;
  }
  return sum / by;
}

absl::Status CheckShape(std::string_view name, MatrixViewD weights, size_t rows, size_t cols) {
  MNEME_RETURN_IF_ERROR(CheckCount(std::string(name) + " rows", weights.rows, rows));
  MNEME_RETURN_IF_ERROR(CheckCount(std::string(name) + " columns", weights.cols, cols));
  return CheckFinite(name, weights);
}

absl::Status CheckRelaxOptions(const RelaxOptions& options, const LayerVectors& states) {
  MNEME_RETURN_IF_ERROR(CheckRange("dt", options.dt, 0, kLargest));
  MNEME_RETURN_IF_ERROR(CheckRange("tolerance", options.tolerance, 0, kLargest));
  if (options.clamped.empty()) return absl::OkStatus();
  MNEME_RETURN_IF_ERROR(CheckCount("clamp masks", options.clamped.size(), states.size()));
  for (size_t l = 0; l < states.size(); ++l) {
    if (options.clamped[l].empty()) continue;
    MNEME_RETURN_IF_ERROR(
        CheckCount("entries of a clamp mask", options.clamped[l].size(), states[l].size()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<EnergyGraph> EnergyGraph::Create(std::vector<GraphLayer> layers) {
  MNEME_RETURN_IF_ERROR(
      CheckRange("number of layers", static_cast<double>(layers.size()), 1, 1024));
  for (const GraphLayer& layer : layers) {
    MNEME_RETURN_IF_ERROR(
        CheckRange("size of a layer", static_cast<double>(layer.size), 1, kSizeMax));
    MNEME_RETURN_IF_ERROR(CheckRange("beta of a layer", layer.beta, 1 / kLargest, kLargest));
    MNEME_RETURN_IF_ERROR(CheckRange("tau of a layer", layer.tau, 1 / kLargest, kLargest));
  }
  return EnergyGraph(std::move(layers));
}

absl::Status EnergyGraph::CheckLayers(std::span<const size_t> joined) const {
  for (size_t i = 0; i < joined.size(); ++i) {
    const bool repeats = std::ranges::count(joined, joined[i]) > 1;
    if (joined[i] < layers_.size() && !repeats) continue;
    return InvalidArgument(
        absl::StrCat("a synapse joins layer ", joined[i], repeats ? " twice" : "",
                     ", expected different layers of the ", layers_.size(), " there are"),
        {.reason = "LAYER",
         .given = absl::StrCat(joined[i]),
         .expected = absl::StrCat("different numbers below ", layers_.size()),
         .next_step = "Name layers by their place, from 0."});
  }
  return absl::OkStatus();
}

absl::Status EnergyGraph::AddBilinear(size_t a, size_t b, MatrixD weights) {
  const size_t joined[] = {a, b};
  MNEME_RETURN_IF_ERROR(CheckLayers(joined));
  MNEME_RETURN_IF_ERROR(CheckShape("weight matrix", weights, layers_[a].size, layers_[b].size));
  synapses_.push_back(std::make_unique<BilinearSynapse>(a, b, std::move(weights)));
  return absl::OkStatus();
}

absl::Status EnergyGraph::AddThirdOrder(size_t a, size_t b, size_t c, MatrixD weights) {
  const size_t joined[] = {a, b, c};
  MNEME_RETURN_IF_ERROR(CheckLayers(joined));
  MNEME_RETURN_IF_ERROR(
      CheckShape("weight tensor", weights, layers_[a].size * layers_[b].size, layers_[c].size));
  synapses_.push_back(std::make_unique<ThirdOrderSynapse>(a, b, c, std::move(weights)));
  return absl::OkStatus();
}

absl::Status EnergyGraph::AddMemory(size_t layer, MatrixD patterns,
                                    const models::DenseKernelSpec& kernel) {
  const size_t joined[] = {layer};
  MNEME_RETURN_IF_ERROR(CheckLayers(joined));
  MNEME_RETURN_IF_ERROR(
      CheckRange("number of patterns", static_cast<double>(patterns.rows()), 1, kLargest));
  MNEME_RETURN_IF_ERROR(CheckShape("pattern", patterns, patterns.rows(), layers_[layer].size));
  MNEME_RETURN_IF_ERROR(CheckRange("beta of a memory", kernel.beta, 1 / kLargest, kLargest));
  const bool smooth = kernel.separation == models::Separation::kExp &&
                      (kernel.similarity == models::Similarity::kDot ||
                       kernel.similarity == models::Similarity::kL2);
  if (!smooth) {
    return InvalidArgument("a memory synapse was given another energy than log-sum-exp",
                           {.reason = "SPEC",
                            .given = "another similarity or separation",
                            .expected = "similarity dot or l2, separation exp",
                            .next_step = "Give a kernel whose energy is smooth everywhere."});
  }
  synapses_.push_back(std::make_unique<MemorySynapse>(layer, std::move(patterns), kernel));
  return absl::OkStatus();
}

absl::Status EnergyGraph::CheckStates(const LayerVectors& states) const {
  MNEME_RETURN_IF_ERROR(CheckCount("layers of states", states.size(), layers_.size()));
  for (size_t l = 0; l < states.size(); ++l) {
    MNEME_RETURN_IF_ERROR(CheckCount("states of a layer", states[l].size(), layers_[l].size));
    MNEME_RETURN_IF_ERROR(
        CheckFinite("states of a layer", MatrixViewD{states[l].data(), 1, states[l].size()}));
  }
  return absl::OkStatus();
}

LayerVectors EnergyGraph::Activations(const LayerVectors& states) const {
  LayerVectors g = states;
  for (size_t l = 0; l < g.size(); ++l) {
    Activate(layers_[l].lagrangian, layers_[l].beta, states[l], g[l]);
  }
  return g;
}

absl::StatusOr<EnergyGraph::Point> EnergyGraph::Evaluate(const LayerVectors& states) const {
  const LayerVectors g = Activations(states);
  Point out{.gradient = ZerosLike(states)};
  for (size_t l = 0; l < g.size(); ++l) {
    const double product = math::Dot(states[l].data(), g[l].data(), g[l].size());
    const double value = LagrangianValue(layers_[l].lagrangian, layers_[l].beta, states[l]);
    out.energy += product - value;
    out.scale += std::abs(product) + std::abs(value);
  }
  for (const auto& synapse : synapses_) {
    MNEME_ASSIGN_OR_RETURN(const double energy, synapse->Evaluate(g, out.gradient));
    out.energy += energy;
    out.scale += std::abs(energy);
  }
  return out;
}

absl::StatusOr<double> EnergyGraph::Energy(const LayerVectors& states) const {
  MNEME_RETURN_IF_ERROR(CheckStates(states));
  MNEME_ASSIGN_OR_RETURN(const Point point, Evaluate(states));
  if (!std::isfinite(point.energy)) return NotFinite(point.energy);
  return point.energy;
}

LayerVectors EnergyGraph::Rates(const LayerVectors& states, const Point& point,
                                const RelaxOptions& options) const {
  LayerVectors rates = ZerosLike(states);
  for (size_t l = 0; l < states.size(); ++l) {
    const bool masked = !options.clamped.empty() && !options.clamped[l].empty();
    for (size_t i = 0; i < states[l].size(); ++i) {
      if (masked && options.clamped[l][i] != 0) continue;
      rates[l][i] = (-point.gradient[l][i] - states[l][i]) / layers_[l].tau;
    }
  }
  return rates;
}

absl::StatusOr<Relaxation> EnergyGraph::Relax(LayerVectors start, const RelaxOptions& options,
                                              const std::function<bool(double)>& observe) const {
  MNEME_RETURN_IF_ERROR(CheckStates(start));
  MNEME_RETURN_IF_ERROR(CheckRelaxOptions(options, start));
  double tau = layers_[0].tau;
  for (const GraphLayer& layer : layers_) tau = std::min(tau, layer.tau);
  Descent descent{.result = {.states = std::move(start)},
                  .dt = options.dt == 0 ? kDefaultStep * tau : options.dt};
  MNEME_ASSIGN_OR_RETURN(descent.point, Evaluate(descent.result.states));
  if (!std::isfinite(descent.point.energy)) return NotFinite(descent.point.energy);
  Relaxation& out = descent.result;
  out.energies.push_back(descent.point.energy);
  for (size_t step = 0; step < options.steps_max; ++step) {
    const LayerVectors rates = Rates(out.states, descent.point, options);
    out.converged = LargestRate(rates) <= options.tolerance;
    if (out.converged) break;
    MNEME_ASSIGN_OR_RETURN(const bool moved, Advance(rates, descent));
    if (!moved) break;
    if (observe && !observe(descent.point.energy)) break;
  }
  return std::move(descent.result);
}

absl::StatusOr<bool> EnergyGraph::Advance(const LayerVectors& rates, Descent& descent) const {
  const double slack =
      kRoundings * std::numeric_limits<double>::epsilon() * std::max(1.0, descent.point.scale);
  bool was_finite = false;
  for (int halving = 0; halving <= kHalvingsMax; ++halving) {
    LayerVectors moved = Moved(descent.result.states, rates, descent.dt);
    if (IsFinite(moved)) {
      MNEME_ASSIGN_OR_RETURN(Point next, Evaluate(moved));
      was_finite |= std::isfinite(next.energy);
      if (next.energy <= descent.point.energy + slack) {
        if (!std::isfinite(next.energy)) return Unbounded();
        descent.result.largest_rise =
            std::max(descent.result.largest_rise, next.energy - descent.point.energy);
        descent.result.states = std::move(moved);
        descent.result.energies.push_back(next.energy);
        descent.point = std::move(next);
        return true;
      }
    }
    descent.dt /= 2;
    ++descent.result.halvings;
  }
  if (!was_finite) return Unbounded();
  return false;  // no step is short enough to be seen in the energy
}

absl::StatusOr<double> EnergyGraph::AddSynapses(const LayerVectors& g,
                                                LayerVectors& gradient) const {
  double sum = 0;
  for (const auto& synapse : synapses_) {
    MNEME_ASSIGN_OR_RETURN(const double energy, synapse->Evaluate(g, gradient));
    sum += energy;
  }
  return sum;
}

absl::StatusOr<double> EnergyGraph::SynapticDifference(const LayerVectors& g, size_t layer,
                                                       size_t i) const {
  LayerVectors at = g, unused = ZerosLike(g);
  return Derivative(g[layer][i], [&](double value) {
    at[layer][i] = value;
    return AddSynapses(at, unused);
  });
}

absl::StatusOr<double> EnergyGraph::LagrangianDifference(const LayerVectors& states, size_t layer,
                                                         size_t i) const {
  std::vector<double> x = states[layer];
  return Derivative(x[i], [&](double value) -> absl::StatusOr<double> {
    x[i] = value;
    return LagrangianValue(layers_[layer].lagrangian, layers_[layer].beta, x);
  });
}

absl::StatusOr<double> EnergyGraph::GradientCheck(const LayerVectors& states) const {
  MNEME_RETURN_IF_ERROR(CheckStates(states));
  const LayerVectors g = Activations(states);
  LayerVectors gradient = ZerosLike(states);
  MNEME_RETURN_IF_ERROR(AddSynapses(g, gradient).status());
  double largest = 0;
  for (size_t l = 0; l < states.size(); ++l) {
    for (size_t i = 0; i < states[l].size(); ++i) {
      MNEME_ASSIGN_OR_RETURN(const double along_x, LagrangianDifference(states, l, i));
      largest = std::max(largest, Relative(along_x - g[l][i], g[l][i]));
      MNEME_ASSIGN_OR_RETURN(const double along_g, SynapticDifference(g, l, i));
      largest = std::max(largest, Relative(along_g - gradient[l][i], gradient[l][i]));
    }
  }
  return largest;
}

}  // namespace mneme::dynamics
