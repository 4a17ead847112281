// Sines and cosines of whole arrays.
#ifndef MNEME_CORE_MATH_TRIG_H_
#define MNEME_CORE_MATH_TRIG_H_

#include <cstddef>

namespace mneme::math {

// sin[i], cos[i] of x[i], radians. Highway, by the best instruction set at hand.
//
// Errors   4 units in the last place of the larger of the two; not-a-number for what is not finite.
// Threads  a pure function. The arrays do not overlap.
void SinCos(const double* x, size_t n, double* sin, double* cos);

}  // namespace mneme::math

#endif  // MNEME_CORE_MATH_TRIG_H_
