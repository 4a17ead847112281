#include "core/theory/normal.h"

#include <limits>
#include <numbers>

namespace mneme::theory {

double NormalPdf(double x) {
  return std::exp(-x * x / 2) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
}

double NormalCdf(double x) { return std::erfc(-x / std::numbers::sqrt2) / 2; }

double NormalUpperTail(double x) { return std::erfc(x / std::numbers::sqrt2) / 2; }

double NormalQuantile(double p) { return -NormalUpperQuantile(p); }

double NormalUpperQuantile(double q) {
  if (!(q >= 0 && q <= 1)) return std::numeric_limits<double>::quiet_NaN();
  if (q == 0) return std::numeric_limits<double>::infinity();
  if (q == 1) return -std::numeric_limits<double>::infinity();
  if (q > 0.5) return -NormalUpperQuantile(1 - q);
  const double t = std::sqrt(-2 * std::log(q));
  double x = t - (2.515517 + t * (0.802853 + t * 0.010328)) /
                     (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
  for (int step = 0; step < 3; ++step) {  // 4.5e-4, then its cube, then below rounding
    const double newton = (NormalUpperTail(x) - q) / NormalPdf(x);
    x += newton / (1 - x * newton / 2);
  }
  return x;
}

}  // namespace mneme::theory
