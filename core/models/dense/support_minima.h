// The minima of a log-sum-ReLU energy. Inside a fixed support the energy depends only on the
// distance to the support's centroid, so a minimum is the centroid of a support that reproduces
// itself: of one pattern, which is then kept exactly, or of several, which is a memory that nobody
// stored (an emergent one).
//
// Threads  pure functions.
#ifndef MNEME_CORE_MODELS_DENSE_SUPPORT_MINIMA_H_
#define MNEME_CORE_MODELS_DENSE_SUPPORT_MINIMA_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "core/math/matrix.h"

namespace mneme::models {

struct SupportMinimum {
  std::vector<uint32_t> support;  // patterns nearer than the radius, ascending
  std::vector<double> centroid;
};

inline constexpr size_t kEnumeratedPatternsMax = 20;

// All of them, by looking at every subset.
//
// Shapes   patterns [M, d], 1 <= M <= 20.
// Errors   InvalidArgument: M (LIMIT), a radius that is not positive (SPEC), numbers that are not
//          finite (NOT_FINITE).
// Cost     about 3·2^M·M flop and M²·d for the distances.
// Source   ‖c_A - ξ‖² = mean_{ν in A} ‖ξ_ν - ξ‖² - ½ mean_{ν,κ in A} ‖ξ_ν - ξ_κ‖²
absl::StatusOr<std::vector<SupportMinimum>> EnumerateMinima(MatrixViewD patterns, double radius);

// Those that `starts` descents from centroids of random small groups come to; any number of
// patterns. A sample: it may miss some.
//
// Errors   as above, but for the limit.
// Cost     a few 2·starts·M·d flop.
absl::StatusOr<std::vector<SupportMinimum>> FindMinima(MatrixViewD patterns, double radius,
                                                       size_t starts, uint64_t seed);

// The smallest distance of two rows; infinite for fewer than two.
double SmallestDistance(MatrixViewD rows);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_DENSE_SUPPORT_MINIMA_H_
