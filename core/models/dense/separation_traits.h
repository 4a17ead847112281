// What the passes and the dynamics must know of a separation besides its value and slope.
#ifndef MNEME_CORE_MODELS_DENSE_SEPARATION_TRAITS_H_
#define MNEME_CORE_MODELS_DENSE_SEPARATION_TRAITS_H_

#include <string_view>

namespace mneme::models {

// How a separation is summed over rows.
enum class SumKind {
  kPlain,        // value and slope as they are; a partial that holds any has log scale 0
  kExponential,  // relative to the running maximum of the exponents
  kNone,         // nothing is summed: the head of the list is the answer
};

struct SeparationTraits {
  std::string_view name;  // as flags and specs write it
  SumKind sums = SumKind::kPlain;
  bool logarithm = false;  // the energy is -ln(Σ F)/beta + R; else -(Σ F)/beta + R
  // Convex and non-decreasing, so that no step raises the energy (l2, dot, sphere).
  bool convex = false;
  bool finite_support = false;  // F and its slope are 0 below the exponent -1
  bool has_power = false;       // takes DenseKernelSpec::power; of dot and cosine only
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_SEPARATION_TRAITS_H_
