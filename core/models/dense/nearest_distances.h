// How near stored keys lie to each other: what automatic constants go by.
#ifndef MNEME_CORE_MODELS_DENSE_NEAREST_DISTANCES_H_
#define MNEME_CORE_MODELS_DENSE_NEAREST_DISTANCES_H_

#include <cstddef>
#include <vector>

#include "core/models/spec.h"
#include "core/models/store/explicit_store.h"

namespace mneme::models {

// Distances nearer than this share of the keys' rms norm are those of duplicates.
inline constexpr double kDuplicateShare = 1e-6;

// visit(tile, row in it) for each live row, in order.
template <typename Visit>
void ForLiveRows(const StoreView& view, const Visit& visit) {
  for (size_t t = 0; t < view.tiles(); ++t) {
    const TileView tile = view.tile(t);
    tile.VisitLive([&](size_t row) { visit(tile, row); });
  }
}

// Distances of sampled live keys to their nearest neighbours among all, which are farther than
// `duplicate`; in no order. Keys without such a neighbour have none. All keys where there are at
// most samples_max, else as many drawn by a fixed seed.
//
// Shapes   of keys as they are stored (unit vectors under cosine); Euclidean, for l1 sums of
//          differences. At least one live row.
// Cost     2·min(N, samples_max)·N·d flop, one thread; scratch samples_max·1024 floats. l1 takes
//          several times as long: it is no product.
// Threads  a pure function of the view.
std::vector<double> NearestDistances(const StoreView& view, double duplicate, size_t samples_max,
                                     Similarity similarity = Similarity::kL2);

// The lower quantile; 0 of nothing.
double LowerQuantile(std::vector<double> values, double quantile);

struct KeyNorms {
  double mean = 0;  // of the squared norms
  double max = 0;
};
KeyNorms MeasureNorms(const StoreView& view);

// mean‖ξ - mean ξ‖².
double MeasureSpread(const StoreView& view);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_NEAREST_DISTANCES_H_
