// The standard normal law: density, tails, quantiles, and expectations over it.
//
// Pure functions of doubles. Thread-safe.
#ifndef MNEME_CORE_THEORY_NORMAL_H_
#define MNEME_CORE_THEORY_NORMAL_H_

#include <cmath>

namespace mneme::theory {

// phi(x), and P(G <= x), P(G > x) for G ~ N(0, 1). Relative error about 1e-15, in the far tails
// too.
double NormalPdf(double x);
double NormalCdf(double x);
double NormalUpperTail(double x);

// The x with P(G <= x) = p, and with P(G > x) = q. For 0 or 1 an infinity of the right sign; NaN
// outside [0, 1]. The upper form keeps its accuracy where q is so small that 1 - q rounds to 1.
//
// Errors   1e-12 absolute.
// Source   starts from Abramowitz and Stegun 26.2.23, then Halley steps on erfc.
double NormalQuantile(double p);
double NormalUpperQuantile(double q);

// E[f(G)], G ~ N(0, 1), by the trapezoidal rule: 2 half + 1 points on [-8, 8], weights normalised.
//
// Errors   falls faster than any power of the step 8 / half: with the default 1e-14 for f that is
//          smooth on the scale of 0.01. 1.2e-15 of |f| beyond |G| = 8 is left out.
// Cost     2 half + 1 calls of f.
template <typename F>
double NormalExpectation(F&& f, int half = 800) {
  const double step = 8.0 / half;
  double sum = 0, weights = 0;
  for (int i = -half; i <= half; ++i) {
    const double x = i * step;
    const double weight = std::exp(-x * x / 2);
    sum += weight * f(x);
    weights += weight;
  }
  return sum / weights;
}

}  // namespace mneme::theory

#endif  // MNEME_CORE_THEORY_NORMAL_H_
