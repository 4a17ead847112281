// The inverse temperature that fits the stored keys: far enough apart, it keeps them apart.
#ifndef MNEME_CORE_MODELS_DENSE_AUTO_BETA_H_
#define MNEME_CORE_MODELS_DENSE_AUTO_BETA_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/models/spec.h"
#include "core/models/store/explicit_store.h"

namespace mneme::models {

// A constant of the memory: it is saved, so that replay repeats it.
struct BetaEstimate {
  double beta = 1;
  double nearest_distance = 0;  // Δ; 0 with a fallback
  uint64_t rows = 0;            // live rows when it was made; 0: never made
  bool fallback = false;        // there were no distances to go by

  friend bool operator==(const BetaEstimate&, const BetaEstimate&) = default;
};

// beta = 2 ln((N-1)/ε) / Δ², ε = 1e-3: at a stored key whose nearest neighbour is Δ away all others
// together weigh at most ε. Δ is the 5 % quantile of the nearest-neighbour distances of min(N, 512)
// keys, drawn by a fixed seed, to all keys; duplicates (nearer than 1e-6 of the rms norm) do not
// count. Where no distance remains: 1 / mean‖ξ - mean ξ‖², or 1 if that is 0, and `fallback`. At
// most so large that beta·‖x-ξ‖² between stored keys is finite in float32.
//
// Under l1 the similarity falls by the distance itself: beta = ln((N-1)/ε) / Δ, Δ of l1 distances;
// without one 1 / sqrt(d mean‖ξ - mean ξ‖²). On the sphere (dot, l2) states have length 1 and keys
// the length ℓ (rms), so that the best of them leads by Δ²/(2ℓ): beta times ℓ.
//
// Shapes   keys as stored (unit vectors under cosine).
// Units    1 / (unit of the similarity).
// Errors   none.
// Cost     2·min(N,512)·N·d flop, one thread; scratch 512·1024 floats.
// Threads  a pure function of the view: the same live rows in the same order give the same bits.
// Source   dense-memory notes, section 2; for l1 and the sphere the same argument.
BetaEstimate EstimateBeta(const StoreView& view, Similarity similarity = Similarity::kL2,
                          StateSpace state = StateSpace::kFree);

// True when the estimate is due again: the first rows came, or the number of live rows has doubled
// or halved since.
bool IsDue(const BetaEstimate& estimate, uint64_t live_rows);

// With a version; DataLoss when it cannot be read.
std::string Encode(const BetaEstimate& estimate);
absl::StatusOr<BetaEstimate> DecodeBetaEstimate(std::string_view blob);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_AUTO_BETA_H_
