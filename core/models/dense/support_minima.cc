#include "core/models/dense/support_minima.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "core/math/kernels.h"
#include "core/models/dense/auto_radius.h"
#include "core/models/dense/dense_driver.h"

namespace mneme::models {
namespace {

constexpr size_t kGroupMax = 8;  // patterns whose centroid a descent starts from

absl::Status Check(MatrixViewD patterns, double radius, size_t most) {
  const auto bad = [](std::string_view reason, std::string_view given, std::string_view expected) {
    return InvalidArgument(
        absl::StrCat("minima: ", AbslView(given), ", expected ", AbslView(expected)),
        {.reason = std::string(reason),
         .given = std::string(given),
         .expected = std::string(expected),
         .next_step = absl::StrCat("Give ", AbslView(expected), ".")});
  };
  if (patterns.empty() || patterns.rows > most) {
    return bad("LIMIT", absl::StrCat(patterns.rows, " patterns"), absl::StrCat("1 to ", most));
  }
  if (!std::isfinite(radius) || radius <= 0) {
    return bad("SPEC", absl::StrCat("a radius of ", radius), "a positive finite radius");
  }
  for (const double x : patterns.flat()) {
    if (!std::isfinite(x))
      return bad("NOT_FINITE", "a number that is not finite", "finite numbers");
  }
  return absl::OkStatus();
}

std::vector<double> Centroid(MatrixViewD patterns, const std::vector<uint32_t>& support) {
  std::vector<double> out(patterns.cols);
  for (const uint32_t mu : support) {
    math::AddScaled(1.0, patterns.row(mu).data(), out.data(), out.size());
  }
  math::Scale(1 / static_cast<double>(support.size()), out.data(), out.size());
  return out;
}

// To the last bit as the dynamics have it.
std::vector<uint32_t> SupportOf(MatrixViewD patterns, std::span<const double> x, double radius) {
  const double beta = BetaOfRadius(radius);
  std::vector<uint32_t> support;
  for (size_t mu = 0; mu < patterns.rows; ++mu) {
    const double squared = math::SquaredDistance(x.data(), patterns.row(mu).data(), x.size());
    if (beta * (-0.5 * squared) > -1) support.push_back(static_cast<uint32_t>(mu));
  }
  return support;
}

// Subsets by taking or leaving one pattern after the other. Sums of distances are kept for each
// depth, so that nothing is ever subtracted.
class Enumeration {
 public:
  Enumeration(MatrixViewD patterns, double radius)
      : patterns_(patterns),
        radius_(radius),
        squared_radius_(radius * radius),
        squared_(patterns.rows, patterns.rows),
        sums_(patterns.rows + 1, patterns.rows) {
    for (size_t a = 0; a < patterns.rows; ++a) {
      for (size_t b = 0; b < patterns.rows; ++b) {
        squared_.at(a, b) =
            math::SquaredDistance(patterns.row(a).data(), patterns.row(b).data(), patterns.cols);
      }
    }
  }

  std::vector<SupportMinimum> Run() && {
    Decide(0, 0);
    return std::move(found_);
  }

 private:
  // sums_.row(depth)[mu]: squared distances of mu to the patterns taken among the first `depth`.
  void Decide(size_t depth, double pairs) {
    if (depth == patterns_.rows) {
      if (!taken_.empty()) Look(pairs);
      return;
    }
    const std::span<const double> now = sums_.row(depth);
    const std::span<double> next = sums_.row(depth + 1);
    std::copy(now.begin(), now.end(), next.begin());
    Decide(depth + 1, pairs);
    for (size_t mu = 0; mu < next.size(); ++mu) next[mu] = now[mu] + squared_.at(depth, mu);
    taken_.push_back(static_cast<uint32_t>(depth));
    Decide(depth + 1, pairs + now[depth]);
    taken_.pop_back();
  }

  void Look(double pairs) {
    const std::span<const double> sums = sums_.row(patterns_.rows);
    const double count = static_cast<double>(taken_.size());
    const double within = pairs / (count * count);  // of ordered pairs, halved: each counted once
    size_t at = 0;
    bool on_edge = false;
    for (size_t mu = 0; mu < sums.size(); ++mu) {
      const double beyond = sums[mu] / count - within - squared_radius_;
      const bool taken = at < taken_.size() && taken_[at] == mu;
      at += taken;
      if (std::abs(beyond) <= kEdge * (sums[mu] / count + squared_radius_)) {
        on_edge = true;
      } else if ((beyond < 0) != taken) {
        return;
      }
    }
    SupportMinimum found{.support = taken_, .centroid = Centroid(patterns_, taken_)};
    if (on_edge && SupportOf(patterns_, found.centroid, radius_) != taken_) return;
    found_.push_back(std::move(found));
  }

  static constexpr double kEdge = 1e-12;  // relative: nearer to the radius, rounding decides

  MatrixViewD patterns_;
  double radius_;
  double squared_radius_;
  MatrixD squared_;
  MatrixD sums_;
  std::vector<uint32_t> taken_;
  std::vector<SupportMinimum> found_;
};

}  // namespace

absl::StatusOr<std::vector<SupportMinimum>> EnumerateMinima(MatrixViewD patterns, double radius) {
  MNEME_RETURN_IF_ERROR(Check(patterns, radius, kEnumeratedPatternsMax));
  return Enumeration(patterns, radius).Run();
}

absl::StatusOr<std::vector<SupportMinimum>> FindMinima(MatrixViewD patterns, double radius,
                                                       size_t starts, uint64_t seed) {
  MNEME_RETURN_IF_ERROR(Check(patterns, radius, std::numeric_limits<size_t>::max()));
  Random random(seed);
  MatrixD cues(starts, patterns.cols);
  for (size_t i = 0; i < starts; ++i) {
    std::vector<uint32_t> group(1 + random.Below(std::min(kGroupMax, patterns.rows)));
    for (uint32_t& mu : group) mu = static_cast<uint32_t>(random.Below(patterns.rows));
    const std::vector<double> from = Centroid(patterns, group);
    std::copy(from.begin(), from.end(), cues.row(i).begin());
  }
  MNEME_ASSIGN_OR_RETURN(const auto result, RunDense<double>({.similarity = Similarity::kL2,
                                                              .separation = Separation::kRelu1,
                                                              .beta = BetaOfRadius(radius)},
                                                             {.keys = patterns, .cues = cues},
                                                             {.steps_max = 1000, .tolerance = 0}));
  std::map<std::vector<uint32_t>, bool> seen;
  std::vector<SupportMinimum> found;
  for (size_t i = 0; i < starts; ++i) {
    if (result.cues[i].n_support == 0) continue;
    std::vector<uint32_t> support = SupportOf(patterns, result.recalls.row(i), radius);
    std::vector<double> centroid = Centroid(patterns, support);
    if (support.empty() || SupportOf(patterns, centroid, radius) != support) continue;
    if (!seen.emplace(support, true).second) continue;
    found.push_back({.support = std::move(support), .centroid = std::move(centroid)});
  }
  return found;
}

double SmallestDistance(MatrixViewD rows) {
  double least = std::numeric_limits<double>::infinity();
  std::vector<double> distances(rows.rows);
  for (size_t i = 0; i + 1 < rows.rows; ++i) {
    const size_t count = rows.rows - i - 1;
    math::SquaredDistanceRows(rows.row(i + 1).data(), rows.cols, count, rows.row(i).data(),
                              rows.cols, distances.data());
    least = std::min(least, *std::min_element(distances.begin(),
                                              distances.begin() + static_cast<ptrdiff_t>(count)));
  }
  return std::sqrt(least);
}

}  // namespace mneme::models
