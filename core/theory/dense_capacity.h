// How many random patterns of +1 and -1 a dense memory holds.
//
// Pure functions. Thread-safe.
#ifndef MNEME_CORE_THEORY_DENSE_CAPACITY_H_
#define MNEME_CORE_THEORY_DENSE_CAPACITY_H_

namespace mneme::theory {

// Patterns of d neurons for which one step from a stored pattern errs in a share `bit_error` of the
// bits, with the separation uⁿ:
//
//   K = d^(n-1) / ((2n-3)!! q²),  q the normal quantile of 1 - bit_error;
//
// twice that with max(u, 0)ⁿ, where only half of the others pull. NaN for n < 2, d <= 1, or a
// bit_error outside (0, 1/2).
//
// Source   signal d^(n-1) against noise of variance (K-1) (2n-3)!! d^(n-1), to leading order:
//          Krotov, Hopfield, "Dense Associative Memory for Pattern Recognition", NeurIPS 2016.
double NBodyCapacity(double d, int n, bool rectified, double bit_error);

}  // namespace mneme::theory

#endif  // MNEME_CORE_THEORY_DENSE_CAPACITY_H_
