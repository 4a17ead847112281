#include "core/math/rotation.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/random.h"
#include "core/math/blas.h"
#include "core/math/kernels.h"

namespace mneme::math {
namespace {

constexpr size_t kRowsAtOnce = 32;

// Takes out of `count` rows what they have in common with the orthonormal rows `done` [n, dim].
void ProjectOut(const double* done, size_t n, double* rows, size_t count, size_t dim,
                std::vector<double>& overlaps) {
  if (n == 0) return;
  overlaps.resize(count * n);
  Gemm(Transpose::kNo, Transpose::kYes, count, n, dim, 1.0, rows, dim, done, dim, 0.0,
       overlaps.data(), n);
  Gemm(Transpose::kNo, Transpose::kNo, count, dim, n, -1.0, overlaps.data(), n, done, dim, 1.0,
       rows, dim);
}

// Gram-Schmidt, each projection taken twice: the second time removes what rounding left.
void Orthonormalise(MatrixD& block, size_t rows) {
  const size_t dim = block.cols();
  std::vector<double> overlaps;
  for (size_t first = 0; first < rows; first += kRowsAtOnce) {
    const size_t count = std::min(kRowsAtOnce, rows - first);
    for (int pass = 0; pass < 2; ++pass) {
      ProjectOut(block.data(), first, block.row(first).data(), count, dim, overlaps);
    }
    for (size_t i = 0; i < count; ++i) {
      double* const row = block.row(first + i).data();
      for (int pass = 0; pass < 2; ++pass) {
        ProjectOut(block.row(first).data(), i, row, 1, dim, overlaps);
      }
      Scale(1 / std::sqrt(SquaredNorm(row, dim)), row, dim);
    }
  }
}

}  // namespace

Matrix RandomRotation(size_t rows, size_t dim, uint64_t seed) {
  Matrix out(rows, dim);
  for (size_t first = 0; first < rows; first += dim) {
    const size_t count = std::min(dim, rows - first);
    Random random(seed, first / dim);
    MatrixD block(count, dim);
    random.FillGaussian(block.flat());
    Orthonormalise(block, count);
    std::copy(block.flat().begin(), block.flat().end(), out.row(first).begin());
  }
  return out;
}

}  // namespace mneme::math
