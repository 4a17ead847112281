// Tails that the finite-size laws stand on: a coordinate of a random unit vector, a binomial count.
//
// Pure functions of doubles. Thread-safe.
#ifndef MNEME_CORE_THEORY_SPHERE_H_
#define MNEME_CORE_THEORY_SPHERE_H_

namespace mneme::theory {

// I_x(a, b), the regularised incomplete beta function; a, b > 0, 0 <= x <= 1.
//
// Errors   relative 1e-12 for a + b up to 1e4; grows as (a + b) * 1e-16 beyond (lgamma).
// Cost     O(sqrt(max(a, b))) steps of a continued fraction (Lentz).
double IncompleteBeta(double a, double b, double x);

// P_d(x) = P(first coordinate of a uniform unit vector of R^d > x), for d >= 1, which need not be
// whole (an effective dimension).
//
// Source   P_d(x) = I_{1-x^2}((d-1)/2, 1/2) / 2 for x >= 0, and 1 - P_d(-x) otherwise.
double SphereUpperTail(double d, double x);

// -dP_d/dx, the density of that coordinate, for d > 1: (1 - x^2)^((d-3)/2) / B((d-1)/2, 1/2); 0
// outside (-1, 1).
double SphereDensity(double d, double x);

// P(Binomial(n, p) <= k), n >= 0 real; 0 for k < 0, 1 for k >= n.
double BinomialCdf(double k, double n, double p);

}  // namespace mneme::theory

#endif  // MNEME_CORE_THEORY_SPHERE_H_
