// Sums of absolute differences over the known coordinates of a pair of vectors. (Over all of them:
// L1Distance and L1DistanceRows of kernels.h.)
//
// float: Highway, by the best instruction set at hand; double: plain loops. As in kernels.h.
//
// Shapes   x, y, mask of n numbers; mask of 0 and 1.
// Errors   none: not-a-number in, not-a-number out.
// Threads  pure functions.
#ifndef MNEME_CORE_MATH_L1_H_
#define MNEME_CORE_MATH_L1_H_

#include <cstddef>

namespace mneme::math {

// Σ mask |x-y|
float MaskedL1Distance(const float* x, const float* y, const float* mask, size_t n);
double MaskedL1Distance(const double* x, const double* y, const double* mask, size_t n);

}  // namespace mneme::math

#endif  // MNEME_CORE_MATH_L1_H_
