#include "core/theory/sphere.h"

#include <cmath>
#include <limits>

namespace mneme::theory {
namespace {

// Lentz's divisor must not be zero; this small a number is.
double AwayFromZero(double x) {
  constexpr double kTiny = 1e-300;
  return std::abs(x) < kTiny ? kTiny : x;
}

// The continued fraction of I_x(a, b); converges fast for x < (a + 1) / (a + b + 2).
double BetaFraction(double a, double b, double x) {
  constexpr int kStepsMax = 100000;  // far above the O(sqrt(max(a, b))) that is needed
  double c = 1;
  double d = 1 / AwayFromZero(1 - (a + b) * x / (a + 1));
  double value = d;
  for (int m = 1; m < kStepsMax; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / AwayFromZero(1 + even * d);
    c = AwayFromZero(1 + even / c);
    value *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / AwayFromZero(1 + odd * d);
    c = AwayFromZero(1 + odd / c);
    value *= d * c;
    if (std::abs(d * c - 1) < 4 * std::numeric_limits<double>::epsilon()) break;
  }
  return value;
}

// I_x(a, b) with x and 1 - x both given, so that neither loses digits to the other.
double IncompleteBetaOf(double a, double b, double x, double one_minus_x) {
  if (x <= 0) return 0;
  if (one_minus_x <= 0) return 1;
  int sign = 0;  // lgamma_r, because lgamma writes a global
  const double log_front = a * std::log(x) + b * std::log(one_minus_x) + lgamma_r(a + b, &sign) -
                           lgamma_r(a, &sign) - lgamma_r(b, &sign);
  const double front = std::exp(log_front);
  if (x < (a + 1) / (a + b + 2)) return front * BetaFraction(a, b, x) / a;
  return 1 - front * BetaFraction(b, a, one_minus_x) / b;
}

}  // namespace

double IncompleteBeta(double a, double b, double x) { return IncompleteBetaOf(a, b, x, 1 - x); }

double SphereUpperTail(double d, double x) {
  if (x < 0) return 1 - SphereUpperTail(d, -x);
  if (x >= 1) return 0;
  if (d <= 1) return 0.5;  // the unit vectors of R^1 are -1 and 1
  return IncompleteBetaOf((d - 1) / 2, 0.5, (1 - x) * (1 + x), x * x) / 2;
}

double SphereDensity(double d, double x) {
  if (!(std::abs(x) < 1)) return 0;
  int sign = 0;
  const double log_beta =
      lgamma_r((d - 1) / 2, &sign) + lgamma_r(0.5, &sign) - lgamma_r(d / 2, &sign);
  return std::exp((d - 3) / 2 * std::log((1 - x) * (1 + x)) - log_beta);
}

double BinomialCdf(double k, double n, double p) {
  if (k < 0) return 0;
  k = std::floor(k);
  if (k >= n) return 1;
  return IncompleteBetaOf(n - k, k + 1, 1 - p, p);
}

}  // namespace mneme::theory
