// The two products that a step of dynamics is made of, of a batch of rows with the stored patterns.
// One row goes as a matrix-vector product: a matrix product would copy the patterns first.
//
// Threads: pure functions.
#ifndef MNEME_CORE_DYNAMICS_PRODUCTS_H_
#define MNEME_CORE_DYNAMICS_PRODUCTS_H_

#include "core/math/blas.h"
#include "core/math/matrix.h"

namespace mneme::dynamics {

// out = rows patternsᵀ: rows [B, d], patterns [N, d], out [B, N].
inline void RowsTimesTransposed(MatrixViewD rows, MatrixViewD patterns, MatrixD& out) {
  const size_t n = patterns.rows, d = patterns.cols;
  if (rows.rows == 1) {
    math::Gemv(math::Transpose::kNo, n, d, 1.0, patterns.data, d, rows.data, 0.0, out.data());
  } else {
    math::Gemm(math::Transpose::kNo, math::Transpose::kYes, rows.rows, n, d, 1.0, rows.data, d,
               patterns.data, d, 0.0, out.data(), n);
  }
}

// out += rows patterns: rows [B, N], patterns [N, d], out [B, d].
inline void AddRowsTimes(MatrixViewD rows, MatrixViewD patterns, MatrixD& out) {
  const size_t n = patterns.rows, d = patterns.cols;
  if (rows.rows == 1) {
    math::Gemv(math::Transpose::kYes, n, d, 1.0, patterns.data, d, rows.data, 1.0, out.data());
  } else {
    math::Gemm(math::Transpose::kNo, math::Transpose::kNo, rows.rows, d, n, 1.0, rows.data, n,
               patterns.data, d, 1.0, out.data(), d);
  }
}

}  // namespace mneme::dynamics

#endif  // MNEME_CORE_DYNAMICS_PRODUCTS_H_
