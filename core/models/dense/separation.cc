#include "core/models/dense/separation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <type_traits>

namespace mneme::models {
namespace {

template <size_t... Rows>
constexpr std::array<SeparationTraits, kSeparations> AllTraits(std::index_sequence<Rows...>) {
  return {std::tuple_element_t<Rows, SeparationTable>::kTraits...};
}
constexpr std::array<SeparationTraits, kSeparations> kTraitsOf =
    AllTraits(std::make_index_sequence<kSeparations>());

}  // namespace

const SeparationTraits& TraitsOf(Separation separation) {
  return kTraitsOf[static_cast<size_t>(separation)];
}

std::optional<Separation> SeparationNamed(std::string_view name) {
  for (size_t i = 0; i < kSeparations; ++i) {
    if (kTraitsOf[i].name == name) return static_cast<Separation>(i);
  }
  return std::nullopt;
}

double EnergyOf(const DenseKernelSpec& spec, double log_scale, double s0, double held) {
  const SeparationTraits& traits = TraitsOf(spec.separation);
  if (traits.sums == SumKind::kNone) return -log_scale / spec.beta + held;
  if (traits.logarithm) return -(log_scale + std::log(s0)) / spec.beta + held;
  return -s0 / spec.beta + held;
}

double WeightOf(const DenseKernelSpec& spec, double log_scale, double score, double log_weight,
                bool binary) {
  const double u = spec.beta * score;
  return VisitSeparation(spec, [&](const auto& f) -> double {
    using F = std::decay_t<decltype(f)>;
    constexpr SumKind kSums = F::kTraits.sums;
    if constexpr (kSums == SumKind::kExponential) {
      return std::exp(std::min(0.0, u + log_weight - log_scale));
    } else if constexpr (kSums == SumKind::kNone) {
      return u == log_scale ? 1 : 0;
    } else {
      const double slope = binary ? BinaryDifference<F>{f, spec.beta}.Slope(u) : f.Slope(u);
      return std::exp(log_weight) * slope;
    }
  });
}

}  // namespace mneme::models
