#include "core/models/features/encoder_losses.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/base/status.h"
#include "core/math/blas.h"
#include "core/math/kernels.h"

namespace mneme::models {
namespace {

using math::Gemm;
using math::Transpose;

// A = X Wᵀ with rows brought to unit length, and their lengths before. A zero row stays zero and
// passes no gradient on.
struct Features {
  MatrixD unit;
  std::vector<double> lengths;

  Features(MatrixViewD x, MatrixViewD weights) : unit(x.rows, weights.rows), lengths(x.rows) {
    Gemm(Transpose::kNo, Transpose::kYes, x.rows, weights.rows, x.cols, 1.0, x.data, x.cols,
         weights.data, weights.cols, 0.0, unit.data(), weights.rows);
    for (size_t i = 0; i < x.rows; ++i) {
      lengths[i] = std::sqrt(math::SquaredNorm(unit.row(i).data(), unit.cols()));
      if (lengths[i] > 0) math::Scale(1 / lengths[i], unit.row(i).data(), unit.cols());
    }
  }

  // Adds to the gradient by W what the gradient by the unit rows says: `by_unit` is used up.
  void PullBack(MatrixD& by_unit, MatrixViewD x, MatrixD& gradient) const {
    const size_t columns = unit.cols();
    for (size_t i = 0; i < x.rows; ++i) {
      double* row = by_unit.row(i).data();
      const double* z = unit.row(i).data();
      if (lengths[i] == 0) {
        std::fill_n(row, columns, 0.0);
        continue;
      }
      math::AddScaled(-math::Dot(row, z, columns), z, row, columns);
      math::Scale(1 / lengths[i], row, columns);
    }
    Gemm(Transpose::kYes, Transpose::kNo, columns, x.cols, x.rows, 1.0, by_unit.data(), columns,
         x.data, x.cols, 1.0, gradient.data(), x.cols);
  }
};

}  // namespace

EncoderLoss SeparationLoss(MatrixViewD keys, MatrixViewD weights, double tau) {
  const size_t n = keys.rows, columns = weights.rows;
  MNEME_CHECK(n >= 2 && keys.cols == weights.cols && tau > 0);
  const Features features(keys, weights);
  const MatrixD& z = features.unit;
  MatrixD pairs(n, n);
  Gemm(Transpose::kNo, Transpose::kYes, n, n, columns, 1.0, z.data(), columns, z.data(), columns,
       0.0, pairs.data(), n);
  double largest = -std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = i + 1; j < n; ++j) largest = std::max(largest, pairs.at(i, j));
  }
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    pairs.at(i, i) = 0;
    for (size_t j = i + 1; j < n; ++j) {
      const double w = std::exp((pairs.at(i, j) - largest) / tau);
      pairs.at(i, j) = pairs.at(j, i) = w;
      sum += w;
    }
  }
  const double count = static_cast<double>(n) * static_cast<double>(n - 1) / 2;
  EncoderLoss loss{.value = largest + tau * std::log(sum / count),
                   .gradient = MatrixD(columns, keys.cols)};
  MatrixD by_unit(n, columns);
  Gemm(Transpose::kNo, Transpose::kNo, n, columns, n, 1 / sum, pairs.data(), n, z.data(), columns,
       0.0, by_unit.data(), columns);
  features.PullBack(by_unit, keys, loss.gradient);
  return loss;
}

EncoderLoss RetrievalLoss(MatrixViewD keys, MatrixViewD cues, MatrixViewD weights, double tau) {
  const size_t n = keys.rows, columns = weights.rows;
  MNEME_CHECK(n >= 1 && cues.rows == n && keys.cols == weights.cols && tau > 0);
  const Features of_keys(keys, weights), of_cues(cues, weights);
  MatrixD shares(n, n);
  Gemm(Transpose::kNo, Transpose::kYes, n, n, columns, 1 / tau, of_cues.unit.data(), columns,
       of_keys.unit.data(), columns, 0.0, shares.data(), n);
  EncoderLoss loss{.gradient = MatrixD(columns, keys.cols)};
  const double each = 1 / static_cast<double>(n);
  for (size_t i = 0; i < n; ++i) {
    double* row = shares.row(i).data();
    const double own = row[i];
    const double largest = math::Max(row, n);
    const double sum = math::ExpShift(largest, row, n).sum;
    loss.value += each * (largest + std::log(sum) - own);
    math::Scale(each / (tau * sum), row, n);
    row[i] -= each / tau;
  }
  MatrixD by_cues(n, columns), by_keys(n, columns);
  Gemm(Transpose::kNo, Transpose::kNo, n, columns, n, 1.0, shares.data(), n, of_keys.unit.data(),
       columns, 0.0, by_cues.data(), columns);
  Gemm(Transpose::kYes, Transpose::kNo, n, columns, n, 1.0, shares.data(), n, of_cues.unit.data(),
       columns, 0.0, by_keys.data(), columns);
  of_cues.PullBack(by_cues, cues, loss.gradient);
  of_keys.PullBack(by_keys, keys, loss.gradient);
  return loss;
}

}  // namespace mneme::models
