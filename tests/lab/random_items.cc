#include "tests/lab/random_items.h"

#include <cmath>
#include <vector>

#include "core/base/status.h"

namespace mneme::lab {
namespace {

double Dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

Matrix RandomItems(size_t n, size_t d, double spectrum, bool unit, Random& random) {
  std::vector<double> scale(d), row(d);
  double variance = 0;
  for (size_t j = 0; j < d; ++j) {
    scale[j] = std::pow(static_cast<double>(j + 1), -spectrum / 2);
    variance += scale[j] * scale[j];
  }
  Matrix out(n, d);
  for (size_t i = 0; i < n; ++i) {
    random.FillGaussian(row);
    for (size_t j = 0; j < d; ++j) row[j] *= scale[j];
    const double length = unit ? std::sqrt(Dot(row, row)) : std::sqrt(variance);
    for (size_t j = 0; j < d; ++j) out.at(i, j) = static_cast<float>(row[j] / length);
  }
  return out;
}

Matrix TurnedRows(MatrixView rows, double cosine, Random& random) {
  MNEME_CHECK(rows.cols >= 2);
  Matrix out = Matrix::Copy(rows);
  if (cosine == 1) return out;
  std::vector<double> row(rows.cols), across(rows.cols);
  for (size_t i = 0; i < rows.rows; ++i) {
    row.assign(rows.row(i).begin(), rows.row(i).end());
    random.FillGaussian(across);
    const double square = Dot(row, row), along = Dot(across, row) / square;
    for (size_t j = 0; j < row.size(); ++j) across[j] -= along * row[j];
    const double reach = std::sqrt((1 - cosine * cosine) * square / Dot(across, across));
    for (size_t j = 0; j < row.size(); ++j) {
      out.at(i, j) = static_cast<float>(cosine * row[j] + reach * across[j]);
    }
  }
  return out;
}

}  // namespace mneme::lab
