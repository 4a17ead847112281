// The plain loops behind kernels.h: what the vector versions are tested against, and what double
// runs.
#ifndef MNEME_CORE_MATH_REFERENCE_H_
#define MNEME_CORE_MATH_REFERENCE_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "core/math/kernels.h"

namespace mneme::math::reference {

template <typename T>
T Dot(const T* x, const T* y, size_t n) {
  T sum = 0;
  for (size_t i = 0; i < n; ++i) sum += x[i] * y[i];
  return sum;
}

template <typename T>
T SquaredDistance(const T* x, const T* y, size_t n) {
  T sum = 0;
  for (size_t i = 0; i < n; ++i) sum += (x[i] - y[i]) * (x[i] - y[i]);
  return sum;
}

template <typename T>
T L1Distance(const T* x, const T* y, size_t n) {
  T sum = 0;
  for (size_t i = 0; i < n; ++i) sum += std::abs(x[i] - y[i]);
  return sum;
}

template <typename T>
T MaskedSquaredDistance(const T* x, const T* y, const T* mask, size_t n) {
  T sum = 0;
  for (size_t i = 0; i < n; ++i) sum += mask[i] * (x[i] - y[i]) * (x[i] - y[i]);
  return sum;
}

template <typename T>
T MaskedSquaredNorm(const T* x, const T* mask, size_t n) {
  T sum = 0;
  for (size_t i = 0; i < n; ++i) sum += mask[i] * x[i] * x[i];
  return sum;
}

template <typename T>
void AddScaledRows(const T* rows, size_t stride, const uint32_t* index, const T* weights,
                   size_t count, size_t n, T* y) {
  for (size_t i = 0; i < count; ++i) {
    const T* row = rows + index[i] * stride;
    for (size_t j = 0; j < n; ++j) y[j] += weights[i] * row[j];
  }
}

template <typename T>
T AffineMax(T factor, const T* bias, T* u, size_t n) {
  T best = -std::numeric_limits<T>::infinity();
  for (size_t i = 0; i < n; ++i) {
    u[i] = factor * u[i] + (bias == nullptr ? T(0) : bias[i]);
    if (u[i] > best) best = u[i];
  }
  return best;
}

template <typename T>
T Max(const T* x, size_t n) {
  T best = -std::numeric_limits<T>::infinity();
  for (size_t i = 0; i < n; ++i) best = x[i] > best ? x[i] : best;
  return best;
}

template <typename T>
ExpSums<T> ExpShift(T shift, T* u, size_t n) {
  ExpSums<T> sums;
  for (size_t i = 0; i < n; ++i) {
    u[i] = std::exp(u[i] - shift);
    sums.sum += u[i];
    sums.sum_squares += u[i] * u[i];
  }
  return sums;
}

template <typename T>
size_t CollectAtLeast(const T* x, size_t n, T bound, uint32_t* index) {
  size_t count = 0;
  for (size_t i = 0; i < n; ++i) {
    if (x[i] >= bound) index[count++] = static_cast<uint32_t>(i);
  }
  return count;
}

template <typename T>
Moments MomentsOf(const T* x, size_t n) {
  Moments moments;
  for (size_t i = 0; i < n; ++i) moments.Add(static_cast<double>(x[i]));
  return moments;
}

template <typename T>
size_t CountAtLeast(const T* x, size_t n, T bound) {
  size_t count = 0;
  for (size_t i = 0; i < n; ++i) count += x[i] >= bound;
  return count;
}

template <typename T>
size_t CollectBand(const T* x, size_t n, T low, T high, T* out) {
  size_t count = 0;
  for (size_t i = 0; i < n; ++i) {
    if (x[i] >= low && x[i] < high) out[count++] = x[i];
  }
  return count;
}

template <typename T>
double SumExcess(const T* x, size_t n, T bound) {
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    if (x[i] > bound) sum += static_cast<double>(x[i]) - bound;
  }
  return sum;
}

template <typename T>
void MaskAbove(T bound, T weight, T* x, size_t n) {
  for (size_t i = 0; i < n; ++i) x[i] = x[i] > bound ? weight : 0;
}

}  // namespace mneme::math::reference

#endif  // MNEME_CORE_MATH_REFERENCE_H_
