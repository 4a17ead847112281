// The best pattern alone: the limit of infinite beta, a nearest-neighbour look-up.
#ifndef MNEME_CORE_MODELS_DENSE_SEPARATIONS_ARG_MAX_H_
#define MNEME_CORE_MODELS_DENSE_SEPARATIONS_ARG_MAX_H_

#include "core/models/dense/kernel_spec.h"
#include "core/models/dense/separation_traits.h"

namespace mneme::models {

struct ArgMax {
  static constexpr Separation kSeparation = Separation::kArgMax;
  static constexpr SeparationTraits kTraits = {.name = "argmax", .sums = SumKind::kNone};
  explicit ArgMax(const DenseKernelSpec&) {}
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_SEPARATIONS_ARG_MAX_H_
