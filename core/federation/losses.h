// Losses of a recall y against its response v, and the error vector e of which every gradient is
// made: the gradient of l(M k, v) in M is e k^T.
//
//   least_squares   1/2 |y - v|^2              e = y - v
//   inner_product   -<y, v>                    e = -v
//   huber           Huber(|y - v|; delta)      e = (y - v) min(1, delta / |y - v|)
//
// Shapes   y, v, e of d_v numbers.
// Errors   none. What is not finite comes out not finite. Norms are taken in double, so that float
//          entries of any size have one.
// Threads  pure functions.
// Source   distributed online gradient descent notes, section 1.
#ifndef MNEME_CORE_FEDERATION_LOSSES_H_
#define MNEME_CORE_FEDERATION_LOSSES_H_

#include <cmath>
#include <cstddef>
#include <span>

#include "core/federation/spec.h"
#include "core/math/blas.h"

namespace mneme::federation {

// Writes e and returns the loss. e may be y.
template <typename T>
double LossAndError(Loss loss, double huber_delta, std::span<const T> y, std::span<const T> v,
                    std::span<T> e) {
  double sum = 0;
  switch (loss) {
    case Loss::kInnerProduct:
      for (size_t i = 0; i < v.size(); ++i) {
        sum -= static_cast<double>(y[i]) * static_cast<double>(v[i]);
        e[i] = -v[i];
      }
      return sum;
    case Loss::kLeastSquares:
    case Loss::kHuber:
      for (size_t i = 0; i < v.size(); ++i) {
        e[i] = y[i] - v[i];
        sum += static_cast<double>(e[i]) * static_cast<double>(e[i]);
      }
      break;
  }
  const double length = std::sqrt(sum);
  if (loss == Loss::kLeastSquares || length <= huber_delta) return sum / 2;
  for (T& x : e) x = static_cast<T>(x * (huber_delta / length));
  return huber_delta * (length - huber_delta / 2);
}

// Recalls of b keys at M, turned into error vectors scaled by weights[i], and the weighted sum of
// the losses. With `errors` E and the keys K the weighted sum of the gradients is E^T K.
//
// Shapes   matrix [d_v, d_k]; keys [b, d_k], responses [b, d_v], weights [b] or empty (all 1);
//          errors [b, d_v], written.
// Cost     b d_k d_v multiply-adds; no allocation.
template <typename T>
double WeightedErrors(const Spec& spec, const T* matrix, const T* keys, const T* responses,
                      std::span<const T> weights, size_t b, T* errors) {
  const size_t d_k = spec.d_k, d_v = spec.d_v;
  math::Gemm(math::Transpose::kNo, math::Transpose::kYes, b, d_v, d_k, T{1}, keys, d_k, matrix, d_k,
             T{0}, errors, d_v);
  double sum = 0;
  for (size_t i = 0; i < b; ++i) {
    const std::span<T> e(errors + i * d_v, d_v);
    const double loss = LossAndError<T>(spec.loss, spec.huber_delta, e,
                                        std::span<const T>(responses + i * d_v, d_v), e);
    if (weights.empty()) {
      sum += loss;
      continue;
    }
    sum += static_cast<double>(weights[i]) * loss;
    for (T& x : e) x *= weights[i];
  }
  return sum;
}

// gradient += E^T K.
//
// Shapes   gradient [d_v, d_k], errors [rank, d_v], keys [rank, d_k].
template <typename T>
void AddOuterProducts(const T* errors, const T* keys, size_t rank, size_t d_v, size_t d_k,
                      T* gradient) {
  math::Gemm(math::Transpose::kYes, math::Transpose::kNo, d_v, d_k, rank, T{1}, errors, d_v, keys,
             d_k, T{1}, gradient, d_k);
}

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_LOSSES_H_
