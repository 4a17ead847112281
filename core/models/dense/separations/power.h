// F(u) = uⁿ and max(0, u)ⁿ: the n-body memories.
#ifndef MNEME_CORE_MODELS_DENSE_SEPARATIONS_POWER_H_
#define MNEME_CORE_MODELS_DENSE_SEPARATIONS_POWER_H_

#include "core/models/dense/kernel_spec.h"
#include "core/models/dense/separation_traits.h"

namespace mneme::models {

// uⁿ for n >= 0.
template <typename T>
T IntegerPower(T u, int n) {
  T result = 1;
  for (; n > 0; n /= 2, u *= u) {
    if (n % 2 == 1) result *= u;
  }
  return result;
}

// Of an odd power the slope is even, so that a pattern's negative pulls as the pattern does.
struct Power {
  static constexpr Separation kSeparation = Separation::kPower;
  static constexpr SeparationTraits kTraits = {.name = "power", .has_power = true};
  explicit Power(const DenseKernelSpec& spec) : n(spec.power) {}

  int n;
  template <typename T>
  T Value(T u) const {
    return IntegerPower(u, n);
  }
  template <typename T>
  T Slope(T u) const {
    return T(n) * IntegerPower(u, n - 1);
  }
};

struct RectifiedPower {
  static constexpr Separation kSeparation = Separation::kRectifiedPower;
  static constexpr SeparationTraits kTraits = {
      .name = "rectified", .convex = true, .has_power = true};
  explicit RectifiedPower(const DenseKernelSpec& spec) : n(spec.power) {}

  int n;
  template <typename T>
  T Value(T u) const {
    return u > T(0) ? IntegerPower(u, n) : T(0);
  }
  template <typename T>
  T Slope(T u) const {
    return u > T(0) ? T(n) * IntegerPower(u, n - 1) : T(0);
  }
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_SEPARATIONS_POWER_H_
