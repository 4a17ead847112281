#include "core/dynamics/pattern_generator.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "core/dynamics/checks.h"
#include "core/math/blas.h"
#include "core/theory/normal.h"

namespace mneme::dynamics {
namespace {

constexpr int kHalfPoints = 8000;  // a correlation near 1 makes a steep integrand
constexpr int kDrawsMax = 1000;
constexpr size_t kLeavesMax = size_t{1} << 20;
constexpr double kDimensionMax = 1 << 20;

size_t Hamming(std::span<const double> a, std::span<const double> b) {
  size_t distance = 0;
  for (size_t i = 0; i < a.size(); ++i) distance += a[i] != b[i];
  return distance;
}

void Flip(std::span<double> bits, double share, Random& random) {
  for (double& bit : bits) {
    if (random.Uniform() < share) bit = -bit;
  }
}

}  // namespace

absl::StatusOr<BlockPatternGenerator> BlockPatternGenerator::Create(const BlockPatternSpec& spec) {
  const double d = static_cast<double>(spec.dimension);
  MNEME_RETURN_IF_ERROR(CheckRange("dimension", d, 1, kDimensionMax));
  MNEME_RETURN_IF_ERROR(CheckRange("block", static_cast<double>(spec.block), 1, d));
  MNEME_RETURN_IF_ERROR(CheckRange("correlation", spec.correlation, 0, 1));
  MNEME_RETURN_IF_ERROR(CheckRange("share of positive bits", spec.share_positive, 1e-9, 1 - 1e-9));
  MNEME_RETURN_IF_ERROR(
      CheckRange("least Hamming distance", static_cast<double>(spec.min_hamming), 0, d));
  return BlockPatternGenerator(spec, theory::NormalQuantile(spec.share_positive));
}

void BlockPatternGenerator::DrawOne(std::span<double> pattern, Random& random) const {
  const double common = std::sqrt(spec_.correlation), own = std::sqrt(1 - spec_.correlation);
  double z = 0;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (i % spec_.block == 0) z = random.Gaussian();
    pattern[i] = common * z + own * random.Gaussian() < threshold_ ? 1 : -1;
  }
}

absl::StatusOr<MatrixD> BlockPatternGenerator::Draw(size_t count, Random& random) const {
  MatrixD out(count, spec_.dimension);
  const auto far_from_all = [&](size_t k) {
    for (size_t other = 0; other < k; ++other) {
      if (Hamming(out.row(k), out.row(other)) < spec_.min_hamming) return false;
    }
    return true;
  };
  for (size_t k = 0; k < count; ++k) {
    int draws = 0;
    do {
      if (draws++ == kDrawsMax) {
        return ResourceExhausted(
            absl::StrCat("no pattern is ", spec_.min_hamming, " bits from the ", k,
                         " drawn before: ", kDrawsMax, " draws failed"),
            {.reason = "NO_ROOM",
             .given = absl::StrCat(count, " patterns of ", spec_.dimension, " bits"),
             .expected = absl::StrCat("about ", k, " patterns"),
             .next_step = "Ask for fewer patterns, a smaller distance or more bits."});
      }
      DrawOne(out.row(k), random);
    } while (spec_.min_hamming > 0 && !far_from_all(k));
  }
  return out;
}

double BlockPatternGenerator::ExpectedSeparation() const {
  return 2 * spec_.share_positive * (1 - spec_.share_positive);
}

double BlockPatternGenerator::ExpectedWithinCorrelation() const {
  const double q = spec_.share_positive, rho = spec_.correlation;
  if (rho == 0) return 0;
  if (rho == 1) return 1;
  const double both = theory::NormalExpectation(
      [&](double z) {
        const double p = theory::NormalCdf((threshold_ - std::sqrt(rho) * z) / std::sqrt(1 - rho));
        return p * p;
      },
      kHalfPoints);
  return (both - q * q) / (q * (1 - q));
}

PatternStatistics MeasurePatterns(MatrixViewD patterns, size_t block) {
  const size_t count = patterns.rows, d = patterns.cols;
  PatternStatistics out{std::nan(""), std::nan(""), std::nan("")};
  if (count < 2 || d == 0 || block == 0) return out;
  const double k = static_cast<double>(count);
  std::vector<double> mean(d);
  for (size_t mu = 0; mu < count; ++mu) {
    for (size_t i = 0; i < d; ++i) mean[i] += patterns.row(mu)[i] / k;
  }
  MatrixD products(d, d);
  math::GramUpdate(count, d, 1 / k, patterns.data, 0, products.data());

  double differing = 0, variance = 0, within = 0, across = 0, within_pairs = 0, across_pairs = 0;
  for (size_t i = 0; i < d; ++i) {
    const double positive = k * (1 + mean[i]) / 2;
    differing += positive * (k - positive);
    variance += (1 - mean[i] * mean[i]) / static_cast<double>(d);
    for (size_t j = 0; j < i; ++j) {
      const bool same = i / block == j / block;
      (same ? within : across) += products.at(i, j) - mean[i] * mean[j];
      (same ? within_pairs : across_pairs) += 1;
    }
  }
  out.separation = differing / (k * (k - 1) / 2) / static_cast<double>(d);
  if (variance > 0 && within_pairs > 0) out.within_correlation = within / within_pairs / variance;
  if (variance > 0 && across_pairs > 0) out.across_correlation = across / across_pairs / variance;
  return out;
}

MatrixD RandomPatterns(size_t count, size_t dimension, Random& random) {
  MatrixD out(count, dimension);
  for (double& bit : out.flat()) bit = random.Next() >> 63 ? 1 : -1;
  return out;
}

absl::StatusOr<MatrixD> TreePatterns(std::span<const size_t> branching, double flip,
                                     size_t dimension, Random& random) {
  MNEME_RETURN_IF_ERROR(CheckRange("flip", flip, 0, 0.5));
  MNEME_RETURN_IF_ERROR(CheckRange("dimension", static_cast<double>(dimension), 1, kDimensionMax));
  MNEME_RETURN_IF_ERROR(
      CheckRange("number of levels", static_cast<double>(branching.size()), 1, 20));
  double leaves = 1;
  for (const size_t children : branching) leaves *= static_cast<double>(children);
  MNEME_RETURN_IF_ERROR(CheckRange("number of leaves", leaves, 1, kLeavesMax));

  MatrixD level = RandomPatterns(branching[0], dimension, random);
  for (const size_t children : branching.subspan(1)) {
    std::vector<size_t> parents(level.rows() * children);
    for (size_t i = 0; i < parents.size(); ++i) parents[i] = i / children;
    level = FlippedRows(level, parents, flip, random);
  }
  return level;
}

MatrixD FlippedRows(MatrixViewD patterns, std::span<const size_t> rows, double flip,
                    Random& random) {
  MatrixD out(rows.size(), patterns.cols);
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::span<const double> row = patterns.row(rows[i]);
    std::copy(row.begin(), row.end(), out.row(i).begin());
    Flip(out.row(i), flip, random);
  }
  return out;
}

}  // namespace mneme::dynamics
