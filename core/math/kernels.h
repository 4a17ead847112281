// Loops over numbers that are worth vector instructions.
//
// float: written with Highway for every instruction set of the machine family, the best one chosen
// at run time by CPUID. double: the plain loops of `reference`, which the float versions are tested
// against. Sums are taken in a fixed order that depends on the instruction set only, never on where
// a row lies: equal inputs give equal bits on one machine.
//
// Shapes   x, y, u of n numbers; `rows` are `count` rows of n numbers, `stride` apart.
// Errors   none: not-a-number in, not-a-number out.
// Threads  pure functions.
#ifndef MNEME_CORE_MATH_KERNELS_H_
#define MNEME_CORE_MATH_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "core/math/moments.h"

namespace mneme::math {

template <typename T>
struct ExpSums {
  T sum = 0;          // of w
  T sum_squares = 0;  // of w²
};

// Σ x y;  Σ x²;  Σ (x-y)²;  Σ |x-y|
float Dot(const float* x, const float* y, size_t n);
double Dot(const double* x, const double* y, size_t n);
float SquaredNorm(const float* x, size_t n);
double SquaredNorm(const double* x, size_t n);
float SquaredDistance(const float* x, const float* y, size_t n);
double SquaredDistance(const double* x, const double* y, size_t n);
float L1Distance(const float* x, const float* y, size_t n);
double L1Distance(const double* x, const double* y, size_t n);
// Σ mask (x-y)² and Σ mask x².
float MaskedSquaredDistance(const float* x, const float* y, const float* mask, size_t n);
double MaskedSquaredDistance(const double* x, const double* y, const double* mask, size_t n);
float MaskedSquaredNorm(const float* x, const float* mask, size_t n);
double MaskedSquaredNorm(const double* x, const double* mask, size_t n);

// out[i] = f(x, row i), the same bits as the function on the single row.
void DotRows(const float* rows, size_t stride, size_t count, const float* x, size_t n, float* out);
void DotRows(const double* rows, size_t stride, size_t count, const double* x, size_t n,
             double* out);
void SquaredDistanceRows(const float* rows, size_t stride, size_t count, const float* x, size_t n,
                         float* out);
void SquaredDistanceRows(const double* rows, size_t stride, size_t count, const double* x, size_t n,
                         double* out);
void L1DistanceRows(const float* rows, size_t stride, size_t count, const float* x, size_t n,
                    float* out);
void L1DistanceRows(const double* rows, size_t stride, size_t count, const double* x, size_t n,
                    double* out);

// y += Σ_i weights[i] * row index[i], over `count` indices.
void AddScaledRows(const float* rows, size_t stride, const uint32_t* index, const float* weights,
                   size_t count, size_t n, float* y);
void AddScaledRows(const double* rows, size_t stride, const uint32_t* index, const double* weights,
                   size_t count, size_t n, double* y);

// y += Σ_i row index[i], over `count` indices; faster than the above by a third.
void AddRows(const float* rows, size_t stride, const uint32_t* index, size_t count, size_t n,
             float* y);

// x *= factor;  y += factor * x
void Scale(float factor, float* x, size_t n);
void Scale(double factor, double* x, size_t n);
void AddScaled(float factor, const float* x, float* y, size_t n);
void AddScaled(double factor, const double* x, double* y, size_t n);

// u = factor * u + bias (bias may be null: 0). Gives the largest u, -inf for n = 0.
float AffineMax(float factor, const float* bias, float* u, size_t n);
double AffineMax(double factor, const double* bias, double* u, size_t n);
float Max(const float* x, size_t n);
double Max(const double* x, size_t n);

// u = exp(u - shift), in place, with the sums of the result. exp(-inf) is 0.
// Relative error of the float version below 1e-6 where the result is above 1e-37; 0 below.
ExpSums<float> ExpShift(float shift, float* u, size_t n);
ExpSums<double> ExpShift(double shift, double* u, size_t n);

// The indices i, ascending, with x[i] >= bound. `index` has room for n + 32 (whole vectors are
// written). Gives their number.
size_t CollectAtLeast(const float* x, size_t n, float bound, uint32_t* index);
size_t CollectAtLeast(const double* x, size_t n, double bound, uint32_t* index);

// How many x[i] >= bound; the x[i] with low <= x[i] < high, in their order (`out` has room for n +
// 32); sum of max(0, x[i] - bound), added up in double; and x[i] = x[i] > bound ? weight : 0.
// Minus infinity may stand in x.
size_t CountAtLeast(const float* x, size_t n, float bound);
size_t CountAtLeast(const double* x, size_t n, double bound);
size_t CollectBand(const float* x, size_t n, float low, float high, float* out);
size_t CollectBand(const double* x, size_t n, double low, double high, double* out);
double SumExcess(const float* x, size_t n, float bound);
double SumExcess(const double* x, size_t n, double bound);
void MaskAbove(float bound, float weight, float* x, size_t n);

// Count, mean and m2 of n <= 65,536 numbers: two passes, float sums of short blocks added in
// double.
Moments MomentsOf(const float* x, size_t n);
Moments MomentsOf(const double* x, size_t n);

}  // namespace mneme::math

#endif  // MNEME_CORE_MATH_KERNELS_H_
