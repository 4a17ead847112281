// Random features: vectors φ whose products estimate the Gaussian kernel exp(-β/2 ‖x-y‖²).
//
//   trig, orthogonal   φ(x) = [cos(√β ω_j·x)]_j then [sin(√β ω_j·x)]_j, over √m;   2 m numbers
//   positive           φ(x) = [exp(√β ω_j·x - β ‖x‖²)]_j, over √m;                  m numbers
//
// ω_j ~ N(0, I). Orthogonal: in blocks of `dim` orthogonal frequencies whose lengths are those of
// Gaussian vectors; at β · noise² of about 1 and below the energy is a third more exact, beyond it
// makes no difference. Positive: the estimate is never negative, but far noisier away from 0.
//
// Threads     immutable, thread-safe.
// Invariants  Frequency j is a function of (kind, dim, seed, j): two maps of one spec are the same
//             map on every machine.
#ifndef MNEME_CORE_MODELS_FEATURES_FEATURE_MAP_H_
#define MNEME_CORE_MODELS_FEATURES_FEATURE_MAP_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "core/math/matrix.h"
#include "core/models/features/feature_spec.h"

namespace mneme::models {

// What a map is made of.
struct FeatureMapSpec {
  FeatureKind kind = FeatureKind::kTrig;
  size_t dim = 0;          // of what is mapped, 1 to 65,536
  size_t frequencies = 0;  // m, 1 to 2^24
  double beta = 1;         // > 0, in 1 / length²
  uint64_t seed = 1;

  size_t features() const { return kind == FeatureKind::kPositive ? frequencies : 2 * frequencies; }
  friend bool operator==(const FeatureMapSpec&, const FeatureMapSpec&) = default;
};

// Of a spec whose kind is random.
FeatureMapSpec MapSpecOf(size_t dim, const FeatureSpec& spec);

// InvalidArgument (FEATURES) naming the field.
absl::Status ValidateFeatureMapSpec(const FeatureMapSpec& spec);

// FailedPrecondition (FEATURES_TOO_FEW, with the number that it takes): fewer than a quarter of the
// frequencies with which a cue at distance `noise` from one of `patterns` finds it
// (theory::FeaturesNeeded).
absl::Status CheckFeatureCount(const FeatureMapSpec& spec, double patterns, double noise);

class FeatureMap {
 public:
  // Of a valid spec. The frequencies are kept where they take at most `bytes_max`, else made anew
  // for every pass.
  explicit FeatureMap(const FeatureMapSpec& spec, size_t bytes_max = size_t{256} << 20);

  const FeatureMapSpec& spec() const { return spec_; }
  uint64_t bytes() const { return kept_.bytes(); }

  // √β ω_j for j in [first, first + count), [count, dim]; in `scratch` where they are not kept.
  MatrixViewD Frequencies(size_t first, size_t count, MatrixD& scratch) const;

  // √m φ_j(x) of the same frequencies, for each x: [rows, count] in `cosines` (trig) or
  // `exponentials` (positive, the same array), and [rows, count] in `sines`.
  struct Block {
    MatrixViewD frequencies;
    MatrixD cosines;
    MatrixD sines;
    MatrixD own;  // the frequencies, where they are not kept
  };
  // Shapes   x [rows, dim].
  // Cost     2·rows·count·dim flop, and rows·count sines and cosines or exponentials.
  void Fill(MatrixViewD x, size_t first, size_t count, Block& block) const;

 private:
  void Generate(size_t first, size_t count, MatrixD& out) const;

  FeatureMapSpec spec_;
  MatrixD kept_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_FEATURES_FEATURE_MAP_H_
