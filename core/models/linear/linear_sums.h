// The state of one partition of a linear memory: A = sum of w v k^T, C = sum of w k k^T, and n.
//
// States add: the sums of two sets of rows are the sum of their sums, in any order and batching,
// and a row is forgotten by subtracting it. All in float64: 10^6 additions and their subtraction in
// another order leave less than 1e-12, where float32 leaves 1.6e-5 relative.
//
// Not thread-safe.
#ifndef MNEME_CORE_MODELS_LINEAR_LINEAR_SUMS_H_
#define MNEME_CORE_MODELS_LINEAR_LINEAR_SUMS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/math/matrix.h"

namespace mneme::models {

// Rows as the sums take them: each multiplied by the square root of its weight, so that weights are
// nowhere else.
template <typename T>
struct BasicScaledRows {
  BasicMatrixView<T> keys;       // [rows, d_k]
  BasicMatrixView<T> responses;  // [rows, d_v]

  size_t size() const { return keys.rows; }
  BasicScaledRows row(size_t i) const { return slice(i, 1); }
  BasicScaledRows slice(size_t first, size_t count) const {
    return {keys.slice(first, count), responses.slice(first, count)};
  }
};
using ScaledRows = BasicScaledRows<double>;

enum class Sign { kAdd = 1, kSubtract = -1 };

// m += factor x y^T, for one row, where a GEMM's set-up costs more than its work.
void AddOuter(double factor, std::span<const double> x, std::span<const double> y, MatrixD& m);

struct LinearSums {
  // C is kept where `with_gram`, and otherwise empty (a correlation matrix needs none).
  LinearSums(size_t d_k, size_t d_v, bool with_gram);

  // Cost: 2 d_v d_k (+ d_k^2) multiply-adds a row, by dgemm and dsyrk for blocks.
  void Accumulate(const ScaledRows& rows, Sign sign);
  // A += sign * `product`, the sum of w v k^T over `rows` rows [d_v, d_k]; where no C is kept.
  void AddProduct(MatrixView product, size_t rows, Sign sign);

  size_t bytes() const { return a.bytes() + c.bytes(); }

  MatrixD a;  // [d_v, d_k]
  MatrixD c;  // [d_k, d_k], symmetric, or empty
  int64_t n =
      0;  // rows added less rows subtracted; below 0 only where rows never added were forgotten
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_LINEAR_SUMS_H_
