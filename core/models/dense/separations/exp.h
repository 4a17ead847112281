// F(u) = e^u: log-sum-exp, attention.
#ifndef MNEME_CORE_MODELS_DENSE_SEPARATIONS_EXP_H_
#define MNEME_CORE_MODELS_DENSE_SEPARATIONS_EXP_H_

#include "core/models/dense/kernel_spec.h"
#include "core/models/dense/separation_traits.h"

namespace mneme::models {

// Has a loop of its own in tile_pass.cc, relative to the running maximum of the exponents.
struct Exp {
  static constexpr Separation kSeparation = Separation::kExp;
  static constexpr SeparationTraits kTraits = {
      .name = "exp", .sums = SumKind::kExponential, .logarithm = true, .convex = true};
  explicit Exp(const DenseKernelSpec&) {}
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_SEPARATIONS_EXP_H_
