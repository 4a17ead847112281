#include "core/theory/hard_margin.h"

#include <cmath>

#include "core/theory/normal.h"
#include "core/theory/roots.h"
#include "core/theory/tail_average.h"

namespace mneme::theory {

double HardMarginThreshold(double load) {
  // The lift is at least a^2 for a >= 0, and vanishes to the left.
  return Bisect(-38, 1 / std::sqrt(load), [&](double a) { return MeanSquareLift(a) - 1 / load; });
}

double HardMarginWorstPercentile(double load) { return NormalUpperTail(HardMarginThreshold(load)); }

double HardMarginTailFraction(double load) {
  const double theta = HardMarginThreshold(load);
  return theta > 0 ? TailFraction(theta) : 1;
}

}  // namespace mneme::theory
