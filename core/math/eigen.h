// Eigenvectors of symmetric matrices, by LAPACK.
#ifndef MNEME_CORE_MATH_EIGEN_H_
#define MNEME_CORE_MATH_EIGEN_H_

#include <optional>
#include <vector>

#include "core/math/matrix.h"

namespace mneme::math {

struct SymmetricEigen {
  std::vector<double> values;  // largest first
  MatrixD vectors;             // [n, n], row i belongs to values[i]; orthonormal
};

// Shapes   m [n, n], n >= 1; its lower triangle counts.
// Errors   nullopt where a number is not finite, or LAPACK found no convergence.
// Cost     about 9 n^3 flop.
// Threads  a pure function.
// Source   LAPACK's dsyevd.
std::optional<SymmetricEigen> EigenOfSymmetric(MatrixViewD m);

}  // namespace mneme::math

#endif  // MNEME_CORE_MATH_EIGEN_H_
