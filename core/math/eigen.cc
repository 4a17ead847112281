#include "core/math/eigen.h"

#include <algorithm>
#include <cmath>

#include "core/base/status.h"
#include "core/math/blas_threads.h"

extern "C" {
// NOLINTNEXTLINE(readability-identifier-naming): LAPACK's name
void dsyevd_(const char* jobz, const char* uplo, const int* n, double* a, const int* lda, double* w,
             double* work, const int* lwork, int* iwork, const int* liwork, int* info);
}

namespace mneme::math {

std::optional<SymmetricEigen> EigenOfSymmetric(MatrixViewD m) {
  MNEME_CHECK(m.rows == m.cols && m.rows > 0);
  for (const double x : m.flat()) {
    if (!std::isfinite(x)) return std::nullopt;
  }
  // LAPACK counts by columns: its upper triangle is our lower one, and its columns of vectors are
  // our rows. Values come smallest first.
  const int n = static_cast<int>(m.rows);
  MatrixD a = MatrixD::Copy(m);
  std::vector<double> values(m.rows);
  const int lwork = 1 + 6 * n + 2 * n * n, liwork = 3 + 5 * n;
  std::vector<double> work(static_cast<size_t>(lwork));
  std::vector<int> iwork(static_cast<size_t>(liwork));
  int info = 0;
  UseBlasThreads();
  dsyevd_("V", "U", &n, a.data(), &n, values.data(), work.data(), &lwork, iwork.data(), &liwork,
          &info);
  if (info != 0) return std::nullopt;
  std::reverse(values.begin(), values.end());
  SymmetricEigen out{.values = std::move(values), .vectors = MatrixD(m.rows, m.rows)};
  for (size_t i = 0; i < m.rows; ++i) {
    std::copy_n(a.row(m.rows - 1 - i).begin(), m.rows, out.vectors.row(i).begin());
  }
  return out;
}

}  // namespace mneme::math
