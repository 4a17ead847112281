// F(u) = max(0, 1 + u): log-sum-ReLU, the Epanechnikov kernel of -½‖x-ξ‖².
#ifndef MNEME_CORE_MODELS_DENSE_SEPARATIONS_RELU1_H_
#define MNEME_CORE_MODELS_DENSE_SEPARATIONS_RELU1_H_

#include "core/models/dense/kernel_spec.h"
#include "core/models/dense/separation_traits.h"

namespace mneme::models {

struct Relu1 {
  static constexpr Separation kSeparation = Separation::kRelu1;
  static constexpr SeparationTraits kTraits = {
      .name = "relu", .logarithm = true, .convex = true, .finite_support = true};
  explicit Relu1(const DenseKernelSpec&) {}

  template <typename T>
  T Value(T u) const {
    return u > T(-1) ? T(1) + u : T(0);
  }
  template <typename T>
  T Slope(T u) const {
    return u > T(-1) ? T(1) : T(0);
  }
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_SEPARATIONS_RELU1_H_
