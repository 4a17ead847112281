// Binary patterns whose separation and correlations are set: what a capacity is probed with.
//
// Threads     const; every draw takes the caller's Random.
// Invariants  entries are +1 or -1; the same spec and the same Random give the same bits.
#ifndef MNEME_CORE_DYNAMICS_PATTERN_GENERATOR_H_
#define MNEME_CORE_DYNAMICS_PATTERN_GENERATOR_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "core/base/random.h"
#include "core/math/matrix.h"

namespace mneme::dynamics {

// For each pattern and each block of `block` neighbouring features one z ~ N(0, 1); then, feature
// by feature, y = sqrt(correlation) z + sqrt(1 - correlation) e with its own e ~ N(0, 1), and the
// bit is +1 where y is under the `share_positive` quantile.
struct BlockPatternSpec {
  size_t dimension = 48;
  size_t block = 8;             // features; the last block may be shorter
  double correlation = 0;       // of y within a block, in [0, 1]
  double share_positive = 0.5;  // q, in (0, 1)
  size_t min_hamming = 0;       // least distance between any two patterns, at most `dimension`
};

class BlockPatternGenerator {
 public:
  // Errors   InvalidArgument: a number of the spec is out of its range.
  static absl::StatusOr<BlockPatternGenerator> Create(const BlockPatternSpec& spec);

  // Shapes   result [count, dimension].
  // Errors   ResourceExhausted (NO_ROOM) where 1,000 draws found no pattern at `min_hamming` from
  //          those drawn before.
  // Cost     count·d Gaussians, and with `min_hamming` at least count²·d/2 comparisons.
  absl::StatusOr<MatrixD> Draw(size_t count, Random& random) const;

  // Of two patterns, the mean share of bits that differ: 2 q (1 - q).
  double ExpectedSeparation() const;
  // Between two bits of one block: (P(both +1) - q²) / (q (1 - q)); at q = 1/2 that is
  // (2/pi) asin(correlation).
  double ExpectedWithinCorrelation() const;

 private:
  BlockPatternGenerator(const BlockPatternSpec& spec, double threshold)
      : spec_(spec), threshold_(threshold) {}
  void DrawOne(std::span<double> pattern, Random& random) const;

  BlockPatternSpec spec_;
  double threshold_;  // the q quantile of N(0, 1)
};

// What a set of patterns is like. NaN where it is not defined: of fewer than two patterns, or where
// bits do not vary.
struct PatternStatistics {
  double separation = 0;          // mean share of differing bits over all pairs of patterns
  double within_correlation = 0;  // of bits in one block, pooled over pairs of features
  double across_correlation = 0;  // of bits in different blocks
};

// Shapes   patterns [K, d] of +1 and -1; block >= 1.
// Cost     K d² multiply-adds, d² numbers.
PatternStatistics MeasurePatterns(MatrixViewD patterns, size_t block);

// Independent fair bits [count, dimension].
MatrixD RandomPatterns(size_t count, size_t dimension, Random& random);

// Leaves of a tree: branching[0] independent fair patterns; each has branching[1] children that
// differ from it in a share `flip` of the bits (each bit by itself), and so on.
//
// Shapes   result [product of branching, dimension], siblings side by side.
// Errors   InvalidArgument: no level, a level of 0, more than 2^20 leaves, flip outside [0, 0.5].
absl::StatusOr<MatrixD> TreePatterns(std::span<const size_t> branching, double flip,
                                     size_t dimension, Random& random);

// Copies of the given rows, each bit turned with probability `flip`.
MatrixD FlippedRows(MatrixViewD patterns, std::span<const size_t> rows, double flip,
                    Random& random);

}  // namespace mneme::dynamics

#endif  // MNEME_CORE_DYNAMICS_PATTERN_GENERATOR_H_
