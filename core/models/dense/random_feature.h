// Fixed-size memory of random features: a Gaussian kernel density kept as one sum of trigonometric
// features, whatever the number of patterns.
//
// phi(x) = (1/sqrt m) [cos(sqrt(beta) w_j.x)]_j then [sin(sqrt(beta) w_j.x)]_j, so that over w_j ~
// N(0, I) phi(x).phi(y) estimates exp(-beta/2 |x-y|^2). Patterns are added to and taken from the
// sum; sums of disjoint pattern sets made with the same frequencies and beta add.
//
// Threads     pure functions.
// Invariants  AddFeatures(..., -1) undoes AddFeatures(..., +1) up to float64 rounding.
#ifndef MNEME_CORE_MODELS_DENSE_RANDOM_FEATURE_H_
#define MNEME_CORE_MODELS_DENSE_RANDOM_FEATURE_H_

#include <cmath>
#include <span>
#include <vector>

#include "core/base/status.h"
#include "core/math/matrix.h"

namespace mneme::models {

// Below this share of one stored pattern's own kernel value nothing is known about a cue.
inline constexpr double kFeatureDensityMin = 1e-5;

// sum += sign * phi(x).
//
// Shapes   frequencies [m, d]; x [d]; sum [2 m]: cosines, then sines.
// Units    beta in 1 / length^2, > 0; frequencies dimensionless.
// Errors   none: shapes are the caller's promise (MNEME_CHECK).
// Cost     2 m d flop and m sine-cosine pairs.
// Source   Rahimi, Recht, "Random Features for Large-Scale Kernel Machines", 2007.
inline void AddFeatures(MatrixViewD frequencies, double beta, std::span<const double> x,
                        double sign, std::span<double> sum) {
  const size_t m = frequencies.rows;
  MNEME_CHECK(m > 0 && frequencies.cols == x.size() && sum.size() == 2 * m && beta > 0);
  const double scale = sign / std::sqrt(static_cast<double>(m));
  for (size_t j = 0; j < m; ++j) {
    double h = 0;
    for (size_t i = 0; i < x.size(); ++i) h += frequencies.row(j)[i] * x[i];
    h *= std::sqrt(beta);
    sum[j] += scale * std::cos(h);
    sum[m + j] += scale * std::sin(h);
  }
}

struct FeatureDensity {
  double density = 0;            // Z = phi(x) . sum, in patterns
  double energy = 0;             // -(1/beta) ln max(Z, kFeatureDensityMin)
  std::vector<double> gradient;  // [d], of the energy; zero where the cue is outside every basin
  bool supported = false;        // Z > kFeatureDensityMin
};

// Energy and gradient at x.
//
// Shapes   frequencies [m, d]; sum [2 m]; x [d].
// Units    beta as when the sum was made.
// Errors   none: shapes are the caller's promise (MNEME_CHECK).
// Cost     4 m d flop and m sine-cosine pairs.
// Source   Hoover et al., "Dense Associative Memory Through the Lens of Random Features",
//          NeurIPS 2024; grad E = -grad Z / (beta Z).
inline FeatureDensity EvaluateFeatures(MatrixViewD frequencies, double beta,
                                       std::span<const double> sum, std::span<const double> x) {
  const size_t m = frequencies.rows;
  MNEME_CHECK(m > 0 && frequencies.cols == x.size() && sum.size() == 2 * m && beta > 0);
  const double scale = 1 / std::sqrt(static_cast<double>(m));
  FeatureDensity out;
  out.gradient.resize(x.size());
  for (size_t j = 0; j < m; ++j) {
    double h = 0;
    for (size_t i = 0; i < x.size(); ++i) h += frequencies.row(j)[i] * x[i];
    h *= std::sqrt(beta);
    const double c = std::cos(h), s = std::sin(h);
    out.density += scale * (c * sum[j] + s * sum[m + j]);
    const double slope = scale * std::sqrt(beta) * (sum[m + j] * c - sum[j] * s);
    for (size_t i = 0; i < x.size(); ++i) out.gradient[i] += slope * frequencies.row(j)[i];
  }
  out.supported = out.density > kFeatureDensityMin;
  out.energy = -std::log(out.supported ? out.density : kFeatureDensityMin) / beta;
  for (double& g : out.gradient) g = out.supported ? -g / (beta * out.density) : 0;
  return out;
}

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_RANDOM_FEATURE_H_
