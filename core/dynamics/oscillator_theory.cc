#include "core/dynamics/oscillator_theory.h"

#include <algorithm>
#include <cmath>

#include "core/theory/roots.h"

namespace mneme::dynamics {
namespace {

using theory::Bisect;

// All in units of the strength: with noise, states are numbered by y, and k2(y) falls to its least
// value at y_saddle and rises from there on.
double NoiseK2(double y, double k4) {
  if (y == 0) return 2;
  const double m = BesselRatio(y);
  return y / m - k4 * m * m;
}

// d k2 / d y, with A' = 1 - A / y - A².
double NoiseK2Slope(double y, double k4) {
  const double m = BesselRatio(y);
  const double slope = 1 - m / y - m * m;
  return (m - y * slope) / (m * m) - 2 * k4 * m * slope;
}

double NoiseSaddle(double k4) {
  if (k4 <= 1) return 0;
  return Bisect(1e-4, 10 + 2 * std::sqrt(k4), [&](double y) { return NoiseK2Slope(y, k4); });
}

MeanFieldRoots NoiseRoots(double k2, double k4) {
  const double saddle = NoiseSaddle(k4);
  if (k2 < NoiseK2(saddle, k4) || (saddle == 0 && k2 <= 2)) return {};
  MeanFieldRoots out;
  out.stable = BesselRatio(
      Bisect(saddle, 10 + 2 * (k2 + k4) + saddle, [&](double y) { return NoiseK2(y, k4) - k2; }));
  if (k2 < 2) {
    out.unstable = BesselRatio(Bisect(0, saddle, [&](double y) { return k2 - NoiseK2(y, k4); }));
  }
  return out;
}

// With frequencies: 2 = (k2 + k4 s) (1 - s), s = m², is quadratic in s.
MeanFieldRoots FrequencyRoots(double k2, double k4) {
  MeanFieldRoots out;
  if (k4 == 0) {
    if (k2 > 2) out.stable = std::sqrt(1 - 2 / k2);
    return out;
  }
  const double half = (k4 - k2) / (2 * k4);
  const double root = half * half - (2 - k2) / k4;
  if (root < 0) return out;
  const double high = half + std::sqrt(root), low = half - std::sqrt(root);
  if (high > 0) out.stable = std::sqrt(high);
  if (high > 0 && low > 0) out.unstable = std::sqrt(low);
  return out;
}

}  // namespace

double BesselRatio(double y) {
  if (y > 1e3) return 1 - 1 / (2 * y) - 1 / (8 * y * y) - 1 / (8 * y * y * y);
  // I(n) / I(n-1) = 1 / (2 n / y + I(n+1) / I(n)), from where the ratios are nothing.
  double ratio = 0;
  for (int n = static_cast<int>(y) + 60; n >= 1; --n) ratio = y / (2 * n + y * ratio);
  return ratio;
}

MeanFieldRoots LockedStates(Disorder disorder, double strength, const Couplings& couplings) {
  if (couplings.k2 == 0 && couplings.k4 == 0) return {};
  if (strength == 0) return {.stable = 1.0, .unstable = {}};
  const double k2 = couplings.k2 / strength, k4 = couplings.k4 / strength;
  return disorder == Disorder::kNoise ? NoiseRoots(k2, k4) : FrequencyRoots(k2, k4);
}

SaddleNode SaddleNodeOf(Disorder disorder, double strength, double k4) {
  const double ratio = k4 / strength;
  if (k4 <= TricriticalK4(disorder, strength)) return {.k2 = OnsetK2(strength), .z = 0};
  if (disorder == Disorder::kFrequencies) {
    return {.k2 = strength * (2 * std::sqrt(2 * ratio) - ratio),
            .z = std::sqrt(1 - std::sqrt(2 / ratio))};
  }
  const double y = NoiseSaddle(ratio);
  return {.k2 = strength * NoiseK2(y, ratio), .z = BesselRatio(y)};
}

double OnsetK2(double strength) { return 2 * strength; }

double TricriticalK4(Disorder disorder, double strength) {
  return disorder == Disorder::kNoise ? strength : 2 * strength;
}

}  // namespace mneme::dynamics
