// The orthogonal part of a matrix: the same directions, all singular values brought towards one.
//
// Pure functions. Thread-safe. Singular values that are zero stay zero, a zero matrix stays zero.
#ifndef MNEME_CORE_LEARNING_NEWTON_SCHULZ_H_
#define MNEME_CORE_LEARNING_NEWTON_SCHULZ_H_

#include "core/math/matrix.h"

namespace mneme::learning {

// Five quintic steps, then `polish` classical cubic ones.
//
// Shapes   any [rows, cols]; the result is of the same shape.
// Errors   without polish, singular values of 0.01 |B|_F and more end in [0.6818, 1.1344], those of
//          0.001 in [0.4705, 1.2024]; each polish step x -> 1.5 x - 0.5 x^3 takes off most of that
//          (after two: [0.9736, 1] and [0.8408, 1]). Float rounding stands for directions below
//          1e-6 |B|_F, which end below 1e-3.
// Cost     5 (4 m^2 n + 2 m^3) flop, m the smaller side; 4 m^2 n for a polish step.
// Source   Jordan et al. 2024 (Muon): X = a X + (b A + c A^2) X, A = X X^T, with (a, b, c) =
//          (3.4445, -4.7750, 2.0315), from X = B / (|B|_F + 1e-7).
Matrix Orthogonalise(MatrixView b, int polish);

// The polar factor itself, in double: cubic steps until they move nothing.
//
// Errors   1e-9 where the singular values are 1e-6 |B|_F and more.
// Cost     20 to 60 steps of 4 m^2 n flop.
MatrixD PolarFactor(MatrixViewD b);

}  // namespace mneme::learning

#endif  // MNEME_CORE_LEARNING_NEWTON_SCHULZ_H_
