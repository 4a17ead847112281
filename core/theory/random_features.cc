#include "core/theory/random_features.h"

#include <cmath>

namespace mneme::theory {

double KernelEstimateStd(double k, double m) { return (1 - k * k) / std::sqrt(2 * m); }

double DensityStd(double patterns, double m) { return std::sqrt(patterns / (2 * m)); }

double FeaturesNeeded(double patterns, double beta, double noise, double ratio) {
  const double signal = std::exp(-beta / 2 * noise * noise);
  return patterns / 2 * (ratio / signal) * (ratio / signal);
}

double FeaturesForEnergyError(double patterns, double beta, double density, double error) {
  const double relative = beta * error * density;
  return patterns / 2 / (relative * relative);
}

}  // namespace mneme::theory
