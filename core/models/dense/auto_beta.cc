#include "core/models/dense/auto_beta.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "core/math/blas.h"
#include "core/math/kernels.h"

namespace mneme::models {
namespace {

constexpr size_t kSamplesMax = 512;
constexpr uint64_t kSeed = 0x6d6e656d65;
constexpr double kLeak = 1e-3;            // ε
constexpr double kQuantile = 0.05;        // of the nearest-neighbour distances
constexpr double kDuplicateShare = 1e-6;  // of the rms norm

// Which live rows are sampled: indices into their order, ascending, without repetition (Floyd).
std::vector<uint64_t> SampleIndices(uint64_t live) {
  const uint64_t count = std::min<uint64_t>(live, kSamplesMax);
  Random random(kSeed, live);
  std::set<uint64_t> chosen;
  for (uint64_t i = live - count; i < live; ++i) {
    const uint64_t pick = random.Below(i + 1);
    chosen.insert(chosen.contains(pick) ? i : pick);
  }
  return {chosen.begin(), chosen.end()};
}

template <typename Visit>  // (tile, row in it), for each live row, in order
void ForLiveRows(const StoreView& view, Visit visit) {
  for (size_t t = 0; t < view.tiles(); ++t) {
    const TileView tile = view.tile(t);
    for (size_t i = 0; i < tile.rows; ++i) {
      if (!tile.IsDead(i)) visit(tile, i);
    }
  }
}

struct Samples {
  Matrix keys;
  std::vector<uint64_t> row_numbers;
  std::vector<double> nearest;  // squared distance, infinity where none was found
};

Samples TakeSamples(const StoreView& view) {
  const std::vector<uint64_t> indices = SampleIndices(view.live_rows());
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

// The lower quantile of the distances that were found; 0 when none was.
double NearestDistance(Samples& samples) {
  std::vector<double>& nearest = samples.nearest;
  std::erase(nearest, std::numeric_limits<double>::infinity());
  if (nearest.empty()) return 0;
  const size_t at =
      static_cast<size_t>(std::floor(kQuantile * static_cast<double>(nearest.size() - 1)));
  std::nth_element(nearest.begin(), nearest.begin() + static_cast<ptrdiff_t>(at), nearest.end());
  return std::sqrt(nearest[at]);
}

struct KeyNorms {
  double mean = 0;  // of the squared norms
  double max = 0;
};

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
double Spread(const StoreView& view) {
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

// ‖x-ξ‖² between stored keys is at most 4 max‖ξ‖².
double Clamp(double beta, double squared_norm_max) {
  constexpr double kFloatMax = std::numeric_limits<float>::max();
  const double reach = std::max(1.0, 4 * squared_norm_max);
  return std::clamp(beta, static_cast<double>(std::numeric_limits<float>::min()),
                    kFloatMax / reach);
}

}  // namespace

BetaEstimate EstimateBeta(const StoreView& view) {
  BetaEstimate estimate{.rows = view.live_rows()};
  if (view.live_rows() == 0) {
    estimate.fallback = true;
    return estimate;
  }
  const KeyNorms norms = MeasureNorms(view);
  const double duplicate = kDuplicateShare * std::sqrt(norms.mean);
  Samples samples = TakeSamples(view);
  std::vector<float> products;
  for (size_t t = 0; t < view.tiles(); ++t) MeetTile(view.tile(t), duplicate, products, samples);
  estimate.nearest_distance = NearestDistance(samples);
  const double delta = estimate.nearest_distance;
  if (delta > 0) {
    const double others = static_cast<double>(view.live_rows() - 1);
    estimate.beta = 2 * std::log(others / kLeak) / (delta * delta);
  } else {
    const double spread = Spread(view);
    estimate.beta = spread > duplicate * duplicate ? 1 / spread : 1;
    estimate.fallback = true;
  }
  estimate.beta = Clamp(estimate.beta, norms.max);
  return estimate;
}

bool IsDue(const BetaEstimate& estimate, uint64_t live_rows) {
  if (live_rows == 0) return false;
  return estimate.rows == 0 || live_rows >= 2 * estimate.rows || 2 * live_rows <= estimate.rows;
}

namespace {

constexpr uint32_t kVersion = 1;
constexpr size_t kEncodedBytes = 4 + 4 + 3 * 8;

template <typename Word>
void AppendLittleEndian(Word word, std::string& out) {
  for (size_t i = 0; i < sizeof(Word); ++i) out.push_back(static_cast<char>(word >> (8 * i)));
}

template <typename Word>
Word TakeLittleEndian(std::string_view& in) {
  Word word = 0;
  for (size_t i = 0; i < sizeof(Word); ++i) {
    word |= static_cast<Word>(static_cast<unsigned char>(in[i])) << (8 * i);
  }
  in.remove_prefix(sizeof(Word));
  return word;
}

absl::Status Unreadable(std::string_view given, std::string_view expected) {
  return DataLoss(
      absl::StrCat("state of a dense memory: ", AbslView(given), ", expected ", AbslView(expected)),
      {.reason = "MODEL_STATE",
       .given = std::string(given),
       .expected = std::string(expected),
       .next_step = "Restore the memory from a backup, or open it with the version of "
                    "mneme that wrote it."});
}

}  // namespace

std::string Encode(const BetaEstimate& estimate) {
  std::string out;
  AppendLittleEndian<uint32_t>(kVersion, out);
  AppendLittleEndian<uint32_t>(estimate.fallback ? 1 : 0, out);
  AppendLittleEndian(std::bit_cast<uint64_t>(estimate.beta), out);
  AppendLittleEndian(std::bit_cast<uint64_t>(estimate.nearest_distance), out);
  AppendLittleEndian<uint64_t>(estimate.rows, out);
  return out;
}

absl::StatusOr<BetaEstimate> DecodeBetaEstimate(std::string_view blob) {
  if (blob.size() != kEncodedBytes) {
    return Unreadable(absl::StrCat(blob.size(), " bytes"), absl::StrCat(kEncodedBytes, " bytes"));
  }
  const auto version = TakeLittleEndian<uint32_t>(blob);
  if (version != kVersion) {
    return Unreadable(absl::StrCat("version ", version), absl::StrCat("version ", kVersion));
  }
  BetaEstimate estimate;
  estimate.fallback = TakeLittleEndian<uint32_t>(blob) != 0;
  estimate.beta = std::bit_cast<double>(TakeLittleEndian<uint64_t>(blob));
  estimate.nearest_distance = std::bit_cast<double>(TakeLittleEndian<uint64_t>(blob));
  estimate.rows = TakeLittleEndian<uint64_t>(blob);
  if (!std::isfinite(estimate.beta) || estimate.beta <= 0) {
    return Unreadable(absl::StrCat("beta ", estimate.beta), "a positive finite beta");
  }
  return estimate;
}

}  // namespace mneme::models
