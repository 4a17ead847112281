#include "core/theory/tail_average.h"

#include <cmath>

#include "core/theory/normal.h"
#include "core/theory/roots.h"

namespace mneme::theory {
namespace {

constexpr double kFarthest = 37.5;  // beyond, the tail is below the smallest normal double

}  // namespace

double TailMean(double r) { return NormalPdf(NormalUpperQuantile(r)) / r; }

double TailFraction(double kappa) {
  if (kappa >= kFarthest) return 0;
  // phi(x) / Q(x) rises with x.
  return NormalUpperTail(Bisect(
      -kFarthest, kFarthest, [&](double x) { return NormalPdf(x) - kappa * NormalUpperTail(x); }));
}

double FiniteTailMean(int k, int m) {
  double sum = 0;
  for (int i = 1; i <= k; ++i) sum += NormalUpperQuantile((i - 0.375) / (m + 0.25));
  return sum / k;
}

double MeanSquareLift(double a) { return (a * a + 1) * NormalCdf(a) + a * NormalPdf(a); }

double TamCriticalLoad(double r) { return 1 / MeanSquareLift(TailMean(r)); }

double TamCollapseLoad(double r) {
  const double kappa = TailMean(r);
  return 1 / (kappa * kappa);
}

double SmallestTailFraction(double load) { return TailFraction(1 / std::sqrt(load)); }

}  // namespace mneme::theory
