// How many independent directions a set of vectors really fills.
#ifndef MNEME_CORE_THEORY_EFFECTIVE_DIMENSION_H_
#define MNEME_CORE_THEORY_EFFECTIVE_DIMENSION_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "core/base/random.h"
#include "core/math/matrix.h"

namespace mneme::theory {

// 1 / mean of <x_i, x_j>^2 / (|x_i|^2 |x_j|^2) over random pairs i != j; the dimension that the
// laws of cmm.h want in place of d. For isotropic rows of R^d it is d.
//
// Shapes   rows [n, d], as they are stored; centre them first if they are stored centred.
// Units    a number of dimensions, at least 1.
// Errors   InvalidArgument (ROWS) with fewer than two rows that are not zero, or no pairs. Relative
// standard
//          error about sqrt(2 / pairs) for isotropic rows; infinity when all pairs are orthogonal.
// Cost     2 d multiply-adds a pair.
// Threads  pure, but for `random`.
absl::StatusOr<double> EffectiveDimension(MatrixView rows, uint64_t pairs, Random& random);

}  // namespace mneme::theory

#endif  // MNEME_CORE_THEORY_EFFECTIVE_DIMENSION_H_
