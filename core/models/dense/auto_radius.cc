#include "core/models/dense/auto_radius.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/status.h"
#include "core/math/kernels.h"
#include "core/models/dense/nearest_distances.h"

namespace mneme::models {
namespace {

constexpr size_t kExactRowsMax = 4096;
constexpr size_t kSamplesMax = 512;
constexpr double kQuantile = 0.01;

}  // namespace

double BetaOfRadius(double radius) { return 2 / (radius * radius); }
double RadiusOfBeta(double beta) { return std::sqrt(2 / beta); }

RadiusEstimate EstimateRadius(const StoreView& view, double kappa) {
  MNEME_CHECK(kappa > 0 && kappa <= 1);
  RadiusEstimate estimate{.rows = view.live_rows()};
  estimate.radius = std::sqrt(2.0);
  estimate.fallback = true;
  if (view.live_rows() == 0) return estimate;
  const KeyNorms norms = MeasureNorms(view);
  const double duplicate = kDuplicateShare * std::sqrt(norms.mean);
  estimate.exact = view.live_rows() <= kExactRowsMax;
  estimate.nearest_distance =
      LowerQuantile(NearestDistances(view, duplicate, estimate.exact ? kExactRowsMax : kSamplesMax),
                    estimate.exact ? 0 : kQuantile);
  if (estimate.nearest_distance > 0) {
    estimate.radius = kappa * estimate.nearest_distance;
    estimate.fallback = false;
  } else {
    const double spread = MeasureSpread(view);
    if (spread > duplicate * duplicate) estimate.radius = std::sqrt(2 * spread);
  }
  // beta·‖x-ξ‖² between stored keys, at most 2 / r² · 4 max‖ξ‖², stays finite.
  constexpr double kFloatMax = std::numeric_limits<float>::max();
  constexpr double kMost = 1e19;  // beta is a normal number of float32
  const double least = std::sqrt(2 * std::max(1.0, 4 * norms.max) / kFloatMax);
  estimate.radius = std::clamp(estimate.radius, std::min(least, kMost), kMost);
  return estimate;
}

std::vector<uint64_t> ShadowedRows(const StoreView& view, double radius) {
  std::vector<uint64_t> shadowed;
  if (view.live_rows() == 0) return shadowed;
  const double duplicate = kDuplicateShare * std::sqrt(MeasureNorms(view).mean);
  std::vector<float> distances(kTileRows);
  ForLiveRows(view, [&](const TileView& tile, size_t row) {
    const float* key = tile.keys + row * tile.key_dim;
    for (size_t t = 0; t < view.tiles(); ++t) {
      const TileView other = view.tile(t);
      math::SquaredDistanceRows(other.keys, other.key_dim, other.rows, key, other.key_dim,
                                distances.data());
      bool found = false;
      other.VisitLive([&](size_t i) {
        const auto squared = static_cast<double>(distances[i]);
        found = found || (squared > duplicate * duplicate && squared < radius * radius);
      });
      if (!found) continue;
      shadowed.push_back(tile.row_numbers[row]);
      return;
    }
  });
  return shadowed;
}

}  // namespace mneme::models
