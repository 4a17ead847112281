#include "core/models/dense/dense_choices.h"

#include <cmath>

#include "core/models/dense/auto_radius.h"
#include "core/models/dense/separation.h"

namespace mneme::models {
namespace {

Similarity DefaultSimilarity(const DenseSpec& spec, std::optional<StateSpace> state) {
  if (state == StateSpace::kBinary) return Similarity::kDot;
  const bool of_directions = TraitsOf(spec.separation).has_power || spec.encoder != Encoder::kNone;
  return of_directions ? Similarity::kCosine : Similarity::kL2;
}

StateSpace DefaultState(const DenseSpec& spec) {
  const bool power_of_dot =
      TraitsOf(spec.separation).has_power && spec.similarity == Similarity::kDot;
  return power_of_dot || HasSignedWeights(spec) ? StateSpace::kSphere : StateSpace::kFree;
}

// The largest power of two that is at most 1 / x.
double InversePowerOfTwo(double x) { return std::exp2(-std::ceil(std::log2(x))); }

}  // namespace

void FillIn(const DenseChoices& choices, DenseSpec& spec) {
  const bool has_power = TraitsOf(spec.separation).has_power;
  spec.similarity = choices.similarity.value_or(DefaultSimilarity(spec, choices.state));
  spec.power = choices.power.value_or(has_power ? kPowerDefault : 0);
  spec.state = choices.state.value_or(DefaultState(spec));
  spec.steps_max = choices.steps_max.value_or(DefaultStepsMax(spec));
}

int DefaultStepsMax(const DenseSpec& spec) {
  const SeparationTraits& traits = TraitsOf(spec.separation);
  if (spec.state == StateSpace::kBinary) return 50;
  if (traits.finite_support) return 32;
  return traits.sums == SumKind::kNone ? 1 : 8;
}

bool HasSignedWeights(const DenseSpec& spec) {
  return spec.separation == Separation::kPower && spec.power % 2 == 0;
}

bool TakesBeta(const DenseSpec& spec) {
  const SeparationTraits& traits = TraitsOf(spec.separation);
  return !traits.has_power && traits.sums != SumKind::kNone;
}

bool UsesCodes(const DenseSpec& spec) {
  return spec.separation == Separation::kExp && spec.similarity != Similarity::kL1 &&
         spec.state != StateSpace::kBinary;
}

size_t ValueDimOf(const MemorySpec& spec) {
  const DenseSpec& dense = std::get<DenseSpec>(spec.model);
  if (dense.encoder != Encoder::kNone) return spec.answer_dim();
  const bool verbatim = TraitsOf(dense.separation).sums == SumKind::kNone;
  if (verbatim && dense.similarity == Similarity::kCosine) return spec.answer_dim();
  return spec.response_dim;
}

bool EstimatesBeta(const DenseSpec& spec) { return TakesBeta(spec) && !spec.beta && !spec.radius; }

double FixedBeta(const MemorySpec& spec, double length_max) {
  const DenseSpec& dense = std::get<DenseSpec>(spec.model);
  if (dense.beta) return *dense.beta;
  if (dense.radius) return BetaOfRadius(*dense.radius);
  if (dense.state == StateSpace::kBinary) {
    return InversePowerOfTwo(static_cast<double>(spec.key_dim));
  }
  const bool lengths_count =
      TraitsOf(dense.separation).has_power && dense.similarity == Similarity::kDot;
  return lengths_count && length_max > 0 ? InversePowerOfTwo(length_max) : 1;
}

BetaEstimate EstimateConstant(const StoreView& view, const DenseSpec& spec) {
  if (!TraitsOf(spec.separation).finite_support) {
    return EstimateBeta(view, spec.similarity, spec.state);
  }
  const RadiusEstimate radius = EstimateRadius(view);
  return {.beta = BetaOfRadius(radius.radius),
          .nearest_distance = radius.nearest_distance,
          .rows = radius.rows,
          .fallback = radius.fallback};
}

DenseKernelSpec KernelOf(const DenseSpec& spec, double beta) {
  // What an encoder gives has length 1, and values of their own are read out.
  const bool encoded = spec.encoder != Encoder::kNone;
  return {.similarity = encoded ? Similarity::kDot : spec.similarity,
          .separation = spec.separation,
          .power = spec.power,
          .beta = beta};
}

}  // namespace mneme::models
