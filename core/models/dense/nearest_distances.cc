#include "core/models/dense/nearest_distances.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "core/base/random.h"
#include "core/math/blas.h"
#include "core/math/kernels.h"
#include "core/math/l1.h"

namespace mneme::models {
namespace {

constexpr uint64_t kSeed = 0x6d6e656d65;

// Which live rows are sampled: indices into their order, ascending, without repetition (Floyd).
std::vector<uint64_t> SampleIndices(uint64_t live, uint64_t samples_max) {
  const uint64_t count = std::min(live, samples_max);
  Random random(kSeed, live);
  std::set<uint64_t> chosen;
  for (uint64_t i = live - count; i < live; ++i) {
    const uint64_t pick = random.Below(i + 1);
    chosen.insert(chosen.contains(pick) ? i : pick);
  }
  return {chosen.begin(), chosen.end()};
}

struct Samples {
  Matrix keys;
  std::vector<uint64_t> row_numbers;
  std::vector<double> nearest;  // squared distance (l1: distance), infinity where none was found
};

Samples TakeSamples(const StoreView& view, size_t samples_max) {
  const std::vector<uint64_t> indices = SampleIndices(view.live_rows(), samples_max);
  const size_t d = view.tile(0).key_dim;
  Samples samples{
      .keys = Matrix(indices.size(), d),
      .nearest = std::vector<double>(indices.size(), std::numeric_limits<double>::infinity())};
  uint64_t live_index = 0;
  ForLiveRows(view, [&](const TileView& tile, size_t row) {
    const size_t taken = samples.row_numbers.size();
    if (taken < indices.size() && live_index == indices[taken]) {
      std::copy_n(tile.keys + row * d, d, samples.keys.row(taken).begin());
      samples.row_numbers.push_back(tile.row_numbers[row]);
    }
    ++live_index;
  });
  return samples;
}

// Whether any of kStrip squared distances, less what rounding may have added, is under `nearest`.
constexpr size_t kStrip = 16;
bool AnyNearer(const float* products, const float* norms, float own, float nearest) {
  constexpr float kRounding = 24 * std::numeric_limits<float>::epsilon();
  float least = std::numeric_limits<float>::infinity();
  for (size_t i = 0; i < kStrip; ++i) {
    const float sum = own + norms[i];
    const float squared = sum - 2 * products[i] - kRounding * sum;
    least = squared < least ? squared : least;
  }
  return !(least >= nearest);
}

// Lowers the nearest distance of each sample by what a tile holds. Distances come from a matrix
// product; what may be nearer than anything before is measured again by subtraction.
void MeetTile(const TileView& tile, double duplicate, std::vector<float>& products,
              Samples& samples) {
  constexpr double kRounding = 16 * std::numeric_limits<float>::epsilon();
  const size_t n = tile.rows, d = tile.key_dim, count = samples.row_numbers.size();
  products.resize(count * n);
  math::Gemm(math::Transpose::kNo, math::Transpose::kYes, count, n, d, 1.0f, samples.keys.data(), d,
             tile.keys, d, 0.0f, products.data(), n);
  for (size_t s = 0; s < count; ++s) {
    const float* sample = samples.keys.row(s).data();
    const double own = static_cast<double>(math::SquaredNorm(sample, d));
    for (size_t first = 0; first < n; first += kStrip) {
      const size_t end = std::min(n, first + kStrip);
      if (end - first == kStrip &&
          !AnyNearer(&products[s * n + first], tile.squared_norms + first, static_cast<float>(own),
                     static_cast<float>(samples.nearest[s]))) {
        continue;
      }
      for (size_t i = first; i < end; ++i) {
        const double norm = static_cast<double>(tile.squared_norms[i]);
        const double squared = own + norm - 2 * static_cast<double>(products[s * n + i]);
        if (squared - kRounding * (own + norm) >= samples.nearest[s]) continue;
        if (tile.IsDead(i) || tile.row_numbers[i] == samples.row_numbers[s]) continue;
        const double exact =
            static_cast<double>(math::SquaredDistance(sample, tile.keys + i * d, d));
        if (exact > duplicate * duplicate) samples.nearest[s] = std::min(samples.nearest[s], exact);
      }
    }
  }
}

// As MeetTile, of l1 distances.
void MeetTileL1(const TileView& tile, double duplicate, std::vector<float>& distances,
                Samples& samples) {
  distances.resize(tile.rows);
  for (size_t s = 0; s < samples.row_numbers.size(); ++s) {
    math::L1DistanceRows(tile.keys, tile.key_dim, tile.rows, samples.keys.row(s).data(),
                         tile.key_dim, distances.data());
    tile.VisitLive([&](size_t i) {
      const auto distance = static_cast<double>(distances[i]);
      if (distance <= duplicate || tile.row_numbers[i] == samples.row_numbers[s]) return;
      samples.nearest[s] = std::min(samples.nearest[s], distance);
    });
  }
}

}  // namespace

std::vector<double> NearestDistances(const StoreView& view, double duplicate, size_t samples_max,
                                     Similarity similarity) {
  Samples samples = TakeSamples(view, samples_max);
  std::vector<float> products;
  const bool is_l1 = similarity == Similarity::kL1;
  for (size_t t = 0; t < view.tiles(); ++t) {
    (is_l1 ? MeetTileL1 : MeetTile)(view.tile(t), duplicate, products, samples);
  }
  std::vector<double> distances;
  for (const double nearest : samples.nearest) {
    if (std::isfinite(nearest)) distances.push_back(is_l1 ? nearest : std::sqrt(nearest));
  }
  return distances;
}

double LowerQuantile(std::vector<double> values, double quantile) {
  if (values.empty()) return 0;
  const auto at =
      static_cast<ptrdiff_t>(std::floor(quantile * static_cast<double>(values.size() - 1)));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<size_t>(at)];
}

KeyNorms MeasureNorms(const StoreView& view) {
  KeyNorms norms;
  ForLiveRows(view, [&norms](const TileView& tile, size_t row) {
    const double norm = static_cast<double>(tile.squared_norms[row]);
    norms.mean += norm;
    norms.max = std::max(norms.max, norm);
  });
  norms.mean /= static_cast<double>(view.live_rows());
  return norms;
}

// mean‖ξ - mean ξ‖² = mean‖ξ‖² - ‖mean ξ‖², taken row by row as the first form keeps its digits.
double MeasureSpread(const StoreView& view) {
  const size_t d = view.tile(0).key_dim;
  const double count = static_cast<double>(view.live_rows());
  std::vector<double> mean(d);
  ForLiveRows(view, [&](const TileView& tile, size_t row) {
    for (size_t j = 0; j < d; ++j) mean[j] += static_cast<double>(tile.keys[row * d + j]) / count;
  });
  double spread = 0;
  ForLiveRows(view, [&](const TileView& tile, size_t row) {
    for (size_t j = 0; j < d; ++j) {
      const double off = static_cast<double>(tile.keys[row * d + j]) - mean[j];
      spread += off * off / count;
    }
  });
  return spread;
}

}  // namespace mneme::models
