// Numbers as they travel and as they are computed with: float32 from and to narrower types.
//
// Narrow numbers are bytes: little-endian, one after another, of any alignment, so that they are
// read where they arrived. Written with Highway in integer arithmetic, so that every instruction
// set gives the same bits; the best one is chosen at run time.
//
// Shapes   n numbers; `out` of n floats, `to` of n numbers of the type's width.
// Errors   none. Infinities and not-a-number stay what they are in both 2-byte types.
// Cost     one pass; memory speed.
// Threads  pure functions.
#ifndef MNEME_CORE_MATH_CONVERT_H_
#define MNEME_CORE_MATH_CONVERT_H_

#include <cstddef>

namespace mneme::math {

// bfloat16: the upper half of a float32. Exact.
void FromBfloat16(const void* from, size_t n, float* out);
// IEEE 754 binary16, subnormal numbers too. Exact.
void FromFloat16(const void* from, size_t n, float* out);
// scale * (signed 8-bit integer), rounded once.
void FromInt8(const void* from, float scale, size_t n, float* out);

// The nearest bfloat16, even in a tie: |x - x'| <= 2^-8 |x|, from the smallest normal float32 on.
// Beyond 3.39e38: infinite.
void ToBfloat16(const float* x, size_t n, void* to);
// The nearest binary16, even in a tie: |x - x'| <= 2^-11 |x|, and 2^-25 below 2^-14. From 65,520
// on: infinite.
void ToFloat16(const float* x, size_t n, void* to);
// Finite x as integers of -127 to 127 with the scale that is returned, max|x| / 127:
// |x - scale * to| <= scale / 2, up to float32 rounding. Scale 0 for zeros alone.
float ToInt8(const float* x, size_t n, void* to);

}  // namespace mneme::math

#endif  // MNEME_CORE_MATH_CONVERT_H_
