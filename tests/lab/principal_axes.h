// The directions in which data varies most.
//
// Threads: a pure function.
#ifndef MNEME_TESTS_LAB_PRINCIPAL_AXES_H_
#define MNEME_TESTS_LAB_PRINCIPAL_AXES_H_

#include <cstddef>
#include <vector>

#include "core/math/matrix.h"

namespace mneme::lab {

struct PrincipalAxes {
  std::vector<double> mean;  // [d]
  MatrixD axes;              // [count, d], orthonormal rows, the largest variance first
};

// Of the rows' covariance, to rounding.
//
// Shapes   rows [n, d], n >= 1, count <= d.
// Cost     n d² and about 8 d³ multiply-adds: for d of some hundreds.
// Source   Jacobi's method for symmetric matrices.
PrincipalAxes FindPrincipalAxes(MatrixViewD rows, size_t count);

}  // namespace mneme::lab

#endif  // MNEME_TESTS_LAB_PRINCIPAL_AXES_H_
