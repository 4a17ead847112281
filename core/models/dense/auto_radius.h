// The support radius of a log-sum-ReLU memory that fits the stored keys: nearly as far as the
// nearest two lie apart, so that every key keeps a basin of its own.
#ifndef MNEME_CORE_MODELS_DENSE_AUTO_RADIUS_H_
#define MNEME_CORE_MODELS_DENSE_AUTO_RADIUS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/models/store/explicit_store.h"

namespace mneme::models {

// beta = 2 / r²: F(beta S) = 1 - ‖x-ξ‖² / r² is positive nearer than r.
double BetaOfRadius(double radius);
double RadiusOfBeta(double beta);

struct RadiusEstimate {
  double radius = 1;
  double nearest_distance = 0;  // Δ; 0 with a fallback
  uint64_t rows = 0;            // live rows when it was made; 0: never made
  bool exact = false;           // Δ is the smallest distance of all pairs, duplicates excepted
  bool fallback = false;        // there were no distances to go by

  friend bool operator==(const RadiusEstimate&, const RadiusEstimate&) = default;
};

// r = κ Δ. Δ is the smallest distance of any two keys where there are at most 4,096, else the 1 %
// quantile of the nearest-neighbour distances of 512 keys, drawn by a fixed seed. Duplicates
// (nearer than 1e-6 of the rms norm) do not count. Where no distance remains: sqrt(2 mean‖ξ - mean
// ξ‖²), or sqrt 2 if that is 0, and `fallback`. Never so small that beta leaves float32.
//
// Shapes   keys as stored. kappa in (0, 1] (MNEME_CHECK).
// Cost     2·min(N, 4096)·N·d flop up to 4,096 keys, 2·512·N·d beyond; one thread.
// Threads  a pure function of the view: the same live rows in the same order give the same bits.
// Source   a stored key is a fixed point exactly where no other is nearer than r; for
//          Δ/2 < r <= Δ all keys are kept and shared minima emerge between them.
RadiusEstimate EstimateRadius(const StoreView& view, double kappa = 0.95);

// Keys that have another, not its duplicate, nearer than the radius: their recall is a mean of
// several, not the key. Row numbers, ascending.
//
// Cost     2·N²·d flop, one thread.
std::vector<uint64_t> ShadowedRows(const StoreView& view, double radius);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_AUTO_RADIUS_H_
