#include "core/theory/dense_capacity.h"

#include <cmath>
#include <limits>

#include "core/theory/normal.h"

namespace mneme::theory {

double NBodyCapacity(double d, int n, bool rectified, double bit_error) {
  if (n < 2 || !(d > 1) || !(bit_error > 0 && bit_error < 0.5)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  double double_factorial = 1;
  for (int k = 2 * n - 3; k > 1; k -= 2) double_factorial *= k;
  const double quantile = NormalUpperQuantile(bit_error);
  return (rectified ? 2 : 1) * std::pow(d, n - 1) / (double_factorial * quantile * quantile);
}

}  // namespace mneme::theory
