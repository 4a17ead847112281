// Phase-oscillator memory with second- and fourth-order Hebbian couplings.
//
// The couplings collapse to complex overlaps z_mu = (1/d) sum_j xi_mu,j exp(i theta_j), so one
// evaluation costs two products with the patterns instead of d^2 or d^4 terms.
//
// Threads     pure functions.
// Invariants  1. drift = -dE/dtheta: without noise and own frequencies the energy cannot rise.
//             2. |z_mu| <= 1.
#ifndef MNEME_CORE_MODELS_DENSE_PHASE_H_
#define MNEME_CORE_MODELS_DENSE_PHASE_H_

#include <cmath>
#include <complex>
#include <span>
#include <vector>

#include "core/base/status.h"
#include "core/math/matrix.h"

namespace mneme::models {

struct PhaseField {
  std::vector<std::complex<double>> overlaps;  // [N], z_mu
  std::vector<double> drift;  // [d], radians per unit of time, without noise and own frequency
  double energy = 0;
};

// Overlaps, energy and drift at the given angles.
//
// Shapes   patterns [N, d], entries +1 or -1; angles [d], radians, any finite value.
// Units    k2, k4: energy per oscillator.
// Errors   none: shapes are the caller's promise (MNEME_CHECK).
// Cost     8 N d flop and d sine-cosine pairs.
// Source   E = -d sum_mu [ (k2/2) |z_mu|^2 + (k4/4) |z_mu|^4 ];
//          drift_i = Im[ exp(-i theta_i) sum_mu (k2 + k4 |z_mu|^2) z_mu xi_mu,i ].
inline PhaseField EvaluatePhases(MatrixViewD patterns, std::span<const double> angles, double k2,
                                 double k4) {
  const size_t d = angles.size();
  MNEME_CHECK(d > 0 && patterns.cols == d);
  std::vector<std::complex<double>> phases(d);
  for (size_t i = 0; i < d; ++i) phases[i] = std::polar(1.0, angles[i]);

  PhaseField out;
  out.overlaps.resize(patterns.rows);
  std::vector<std::complex<double>> pull(d);
  for (size_t mu = 0; mu < patterns.rows; ++mu) {
    std::complex<double> z = 0;
    for (size_t i = 0; i < d; ++i) z += patterns.row(mu)[i] * phases[i];
    z /= static_cast<double>(d);
    const double square = std::norm(z);
    out.overlaps[mu] = z;
    out.energy -= static_cast<double>(d) * (k2 / 2 * square + k4 / 4 * square * square);
    for (size_t i = 0; i < d; ++i) pull[i] += (k2 + k4 * square) * z * patterns.row(mu)[i];
  }
  out.drift.resize(d);
  for (size_t i = 0; i < d; ++i) out.drift[i] = std::imag(std::conj(phases[i]) * pull[i]);
  return out;
}

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_PHASE_H_
