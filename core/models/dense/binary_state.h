// States of +1 and -1: the step that every neuron's own comparison of energies asks for.
#ifndef MNEME_CORE_MODELS_DENSE_BINARY_STATE_H_
#define MNEME_CORE_MODELS_DENSE_BINARY_STATE_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace mneme::models {

// The field of neuron i is pull[i] + turn * s[i]; pull is the read-out Σ A ξ of a pass.
struct BinaryField {
  double turn = 0;
  // A pull that reaches s[i] * most within `rounding` is one of which all patterns agree.
  double most = 0;
  double rounding = 0;
};

// Of exp: cosh(β) v - sinh(β) s0 s, over cosh(β); sums were taken in T. Where all weight agrees
// with neuron i, v[i] = s0 s[i] up to rounding, and the difference, s0 (1 - tanh β), is below that
// from β = 6 (float) or 16 on: such a neuron stays.
template <typename T>
BinaryField ExponentialField(double beta, double s0) {
  return {.turn = -std::tanh(beta) * s0,
          .most = s0,
          .rounding = 64 * static_cast<double>(std::numeric_limits<T>::epsilon()) * s0};
}

// next[i] = the sign of the field; a tie gives +1.
//
// Shapes   pull, state, next [d]; state of +1 and -1, or 0 where it is not known.
template <typename T>
void TakeSigns(const BinaryField& field, std::span<const double> pull, std::span<const T> state,
               std::span<T> next) {
  for (size_t i = 0; i < next.size(); ++i) {
    const double s = static_cast<double>(state[i]);
    const bool unanimous =
        field.rounding > 0 && s != 0 && field.most - s * pull[i] < field.rounding;
    const double h = unanimous ? s : pull[i] + field.turn * s;
    next[i] = h >= 0 ? T(1) : T(-1);
  }
}

// A number that two states have in common only by rare chance.
template <typename T>
uint64_t MarkOf(std::span<const T> state) {
  uint64_t mark = 0x9e3779b97f4a7c15u;
  for (const T x : state) {
    mark = (mark ^ (x > 0 ? 0x2545f4914f6cdd1du : 0x5851f42d4c957f2du)) * 0xff51afd7ed558ccdu;
    mark ^= mark >> 32;
  }
  return mark;
}

// Whether all entries are +1 or -1.
template <typename T>
bool IsBinary(std::span<const T> numbers) {
  return std::all_of(numbers.begin(), numbers.end(), [](T x) { return x == 1 || x == -1; });
}

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_BINARY_STATE_H_
