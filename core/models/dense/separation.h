// The table of separations: how sharply the best pattern is favoured.
//
// A new one is a struct in separations/ with its traits, value and slope, a member of the enum in
// kernel_spec.h, and a row here. Passes, energies, binary dynamics and names follow.
//
// Threads     pure functions.
// Invariants  a row's place in the table is the value of its enum.
#ifndef MNEME_CORE_MODELS_DENSE_SEPARATION_H_
#define MNEME_CORE_MODELS_DENSE_SEPARATION_H_

#include <cstddef>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include "core/models/dense/kernel_spec.h"
#include "core/models/dense/separation_traits.h"
#include "core/models/dense/separations/arg_max.h"
#include "core/models/dense/separations/exp.h"
#include "core/models/dense/separations/power.h"
#include "core/models/dense/separations/relu1.h"

namespace mneme::models {

using SeparationTable = std::tuple<Exp, Relu1, Power, RectifiedPower, ArgMax>;
inline constexpr size_t kSeparations = std::tuple_size_v<SeparationTable>;

// act(F) with the struct of the spec's separation, made from the spec. Each row is compiled apart:
// no call is left in the loops of `act`.
template <size_t Row = 0, typename Act>
auto VisitSeparation(const DenseKernelSpec& spec, const Act& act) {
  using F = std::tuple_element_t<Row, SeparationTable>;
  static_assert(static_cast<size_t>(F::kSeparation) == Row);
  if constexpr (Row + 1 < kSeparations) {
    if (spec.separation != F::kSeparation) return VisitSeparation<Row + 1>(spec, act);
  }
  return act(F(spec));
}

const SeparationTraits& TraitsOf(Separation separation);
// nullopt for a name that no row has.
std::optional<Separation> SeparationNamed(std::string_view name);

// The energy of a state from the merged sums, in units of the similarity: Σ e^a F = s0 e^log_scale.
// `held` is R(x).
double EnergyOf(const DenseKernelSpec& spec, double log_scale, double s0, double held);

// What a row of this similarity and log weight adds to s1, in units of e^log_scale. For argmax: 1
// for the row whose exponent is log_scale, else 0. `binary`: the slope of BinaryDifference.
double WeightOf(const DenseKernelSpec& spec, double log_scale, double score, double log_weight,
                bool binary = false);

// F seen from a state of +1 and -1: the energies that a neuron's two values would have are compared
// exactly. With o the overlap that the state has now, x = ξ_i s_i and u = βo,
//   F(β(o - x + 1)) - F(β(o - x - 1)) = 2β (ξ_i A(u) + s_i C(u)),
//   A = (F(u+2β) - F(u-2β)) / 4β,  C = (2 F(u) - F(u+2β) - F(u-2β)) / 4β,
// so that the field of all neurons is Σ A ξ + s Σ C: sums over patterns, which shards add.
template <typename F>
struct BinaryDifference {
  F f;
  double beta;

  template <typename T>
  T Value(T u) const {
    return f.Value(u);
  }
  template <typename T>
  T Slope(T u) const {
    const T step = static_cast<T>(2 * beta);
    return (f.Value(u + step) - f.Value(u - step)) / (2 * step);
  }
  template <typename T>
  T Turn(T u) const {
    const T step = static_cast<T>(2 * beta);
    return (2 * f.Value(u) - f.Value(u + step) - f.Value(u - step)) / (2 * step);
  }
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_SEPARATION_H_
