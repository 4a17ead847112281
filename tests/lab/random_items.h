// Keys, responses and cues that the experiments on linear and dense memories draw.
#ifndef MNEME_TESTS_LAB_RANDOM_ITEMS_H_
#define MNEME_TESTS_LAB_RANDOM_ITEMS_H_

#include <cstddef>

#include "core/base/random.h"
#include "core/math/matrix.h"

namespace mneme::lab {

// [n, d] rows with covariance eigenvalues proportional to i^-spectrum (0: isotropic), i = 1..d,
// each row of unit length; or, with `unit` false, of unit length on the average only.
Matrix RandomItems(size_t n, size_t d, double spectrum, bool unit, Random& random);

// Each row turned to the given cosine with itself, in a random direction; its length is kept. d
// >= 2.
Matrix TurnedRows(MatrixView rows, double cosine, Random& random);

}  // namespace mneme::lab

#endif  // MNEME_TESTS_LAB_RANDOM_ITEMS_H_
