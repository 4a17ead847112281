// The spec of a memory of fixed size: sums of features in place of items.
#ifndef MNEME_CORE_MODELS_FEATURES_FEATURE_SPEC_H_
#define MNEME_CORE_MODELS_FEATURES_FEATURE_SPEC_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace mneme::models {

struct MemorySpec;

// kTrig, kOrthogonal, kPositive: random features of the Gaussian kernel (feature_map.h).
// kQuadratic: all products of two coordinates, an exact map: the classical Hopfield memory.
enum class FeatureKind { kTrig, kOrthogonal, kPositive, kQuadratic };
// "trig", "orthogonal", "positive", "quadratic"; "?" for another value.
std::string_view Name(FeatureKind kind);

// Law: states add; ordered where items fade.
struct FeatureSpec {
  FeatureKind kind = FeatureKind::kTrig;
  size_t features = 0;  // m, frequencies: the sums are 2 m numbers. Not of kQuadratic
  // In 1 / length², > 0. Of the frequencies, so it is needed from the start: no rows are kept to
  // choose it from. Not of kQuadratic.
  double beta = 0;
  uint64_t seed = 1;        // of the frequencies; kQuadratic: of the order of neurons
  double rate = 0.1;        // length of a step of the descent, in (0, 1]
  int steps_max = 100;      // of a recall; kQuadratic: sweeps. 1: the energy of the cue alone
  double tolerance = 1e-3;  // converged when the gradient of the energy is no longer than this
  double gamma = 1;         // what is kept of the sums from item to item, in (0, 1]
  // What is expected of the memory, where it is known: then too few features are refused.
  uint64_t items_expected = 0;
  double cue_noise = 0;  // distance of cues from what they stand for

  friend bool operator==(const FeatureSpec&, const FeatureSpec&) = default;
};

// Numbers of all frequencies, which are kept; and products of the orthogonal ones, which take part
// in making each other: whoever creates a memory waits for them, seconds at most.
inline constexpr uint64_t kFrequencyNumbersMax = uint64_t{1} << 24;
inline constexpr uint64_t kOrthogonalProductsMax = uint64_t{1} << 30;

// InvalidArgument (SPEC) naming the field.
absl::Status ValidateFeature(const MemorySpec& memory, const FeatureSpec& spec);

// FailedPrecondition (FEATURES_TOO_FEW, with the number that it takes): fewer than a quarter of
// those that find `items_expected` items by cues at `cue_noise`. OK where nothing is expected.
absl::Status CheckExpectations(const MemorySpec& memory, const FeatureSpec& spec);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_FEATURES_FEATURE_SPEC_H_
