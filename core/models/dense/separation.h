// The separations that are plain functions of the exponent u: their value F and slope F'.
//
// exp is not here: it needs the running maximum, and has its own loop in tile_pass.cc. Nor is
// argmax, which needs no sums. The sums of these need no scale: a partial that holds any has m = 0.
#ifndef MNEME_CORE_MODELS_DENSE_SEPARATION_H_
#define MNEME_CORE_MODELS_DENSE_SEPARATION_H_

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

struct Relu1 {
  template <typename T>
  T Value(T u) const {
    return u > T(-1) ? T(1) + u : T(0);
  }
  template <typename T>
  T Slope(T u) const {
    return u > T(-1) ? T(1) : T(0);
  }
};

struct Power {
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

#endif  // MNEME_CORE_MODELS_DENSE_SEPARATION_H_
