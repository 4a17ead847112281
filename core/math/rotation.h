// Random rotations: rows that are orthonormal in blocks.
#ifndef MNEME_CORE_MATH_ROTATION_H_
#define MNEME_CORE_MATH_ROTATION_H_

#include <cstddef>
#include <cstdint>

#include "core/math/matrix.h"

namespace mneme::math {

// Rows in stacked blocks of `dim`, the last one cut; the rows of a block are orthonormal, and
// uniformly so (a seeded Gaussian block, made orthonormal by Gram-Schmidt). Blocks are independent.
//
// Shapes   result [rows, dim].
// Cost     4 * rows * min(rows, dim) * dim multiply-adds in double, by matrix products.
// Threads  a pure function; the same seed and shape give the same numbers on one machine.
// Source   Q of a QR decomposition with a positive diagonal is uniform (Mezzadri, 2007).
Matrix RandomRotation(size_t rows, size_t dim, uint64_t seed);

}  // namespace mneme::math

#endif  // MNEME_CORE_MATH_ROTATION_H_
