// A memory of fixed size: the sum of its patterns' random features, and nothing else.
//
// Its energy is that of a log-sum-exp memory over the same patterns, with an error that falls as
// 1/√m: a density, or novelty, score and a sketch of a set, rather than a recall to the last bit.
// It names no items and cannot tell whether one was ever stored; one is taken out by giving it
// again.
//
//   T = Σ w φ(ξ)           Z(x) = φ(x)·T, in patterns
//   U = Σ w φ(ξ) vᵀ        read-out φ(x)·U / Z(x)
//   E(x) = -(1/β) ln max(Z, ε),  ∇E = -∇Z / (βZ)
//
// Threads     one writer; const functions are safe beside each other.
// Invariants  1. Remove undoes Add, to float64 rounding.
//             2. Sums of disjoint sets made with one spec add; Merge refuses any other.
#ifndef MNEME_CORE_MODELS_FEATURES_FEATURE_SUM_H_
#define MNEME_CORE_MODELS_FEATURES_FEATURE_SUM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/math/matrix.h"
#include "core/models/features/feature_map.h"

namespace mneme::models {

// Frequencies that are worked on at once: the unit of parallel work.
inline constexpr size_t kFrequenciesPerPart = 1024;

// A key with a larger beta |key|² has positive features of 0.
inline constexpr double kPositiveExponentMax = 600;

// What some frequencies say of a batch of states. Adds, in any order: a commutative monoid.
struct FeaturePartial {
  std::vector<double> densities;  // [B], Z
  MatrixD gradients;              // [B, dim], ∇Z; empty where not asked for
  MatrixD outputs;                // [B, response_dim], φ(x)·U; likewise

  void Merge(const FeaturePartial& from);
};

class FeatureSum {
 public:
  // InvalidArgument as ValidateFeatureMapSpec. response_dim 0: no values.
  static absl::StatusOr<FeatureSum> Make(const FeatureMapSpec& spec, size_t response_dim = 0);

  const FeatureMapSpec& spec() const { return map_->spec(); }
  size_t response_dim() const { return values_.cols(); }
  double count() const { return count_; }                 // sum of the weights stored
  std::span<const double> sums() const { return sums_; }  // T
  uint64_t bytes() const;

  // Shapes   keys [n, dim]; values [n, response_dim], or empty without; weights n, or empty: 1
  // each. Errors   InvalidArgument: shapes (SHAPE), a number that is not finite (NOT_FINITE), or
  // one so
  //          far from 0 that a positive feature is not (FEATURE_RANGE). Nothing has changed then.
  // Cost     2·n·m·dim flop and n·m sines and cosines.
  absl::Status Add(MatrixViewD keys, MatrixViewD values = {}, std::span<const double> weights = {});
  absl::Status Remove(MatrixViewD keys, MatrixViewD values = {},
                      std::span<const double> weights = {});
  // FailedPrecondition: another spec or response dimension (FEATURES_DIFFER), or sums beyond what
  // any items make (FEATURE_RANGE). Nothing has changed then.
  absl::Status Merge(const FeatureSum& other);
  // Everything stored so far weighs `factor` of what it did. In (0, 1].
  void Fade(double factor);

  // Parts of a pass, each of up to kFrequenciesPerPart frequencies.
  size_t parts() const;
  struct Needs {
    bool gradients = false;
    bool outputs = false;
  };
  FeaturePartial Empty(size_t states, const Needs& needs) const;
  // Shapes   states [B, dim].
  // Cost     2·B·m·dim flop over all parts, twice that with gradients; m·B sines and cosines.
  void AddPart(size_t part, MatrixViewD states, FeaturePartial& into) const;
  // All parts.
  FeaturePartial Probe(MatrixViewD states, const Needs& needs) const;

  // With a version; DataLoss when it cannot be read. The frequencies are not in it.
  std::string Save() const;
  static absl::StatusOr<FeatureSum> Load(std::string_view bytes);
  static bool IsSaved(std::string_view bytes);  // are they of such a sum, or of another kind?
  // Of a sum that was made as this one was, with its frequencies. FailedPrecondition
  // (FEATURES_DIFFER): of another.
  absl::StatusOr<FeatureSum> Read(std::string_view bytes) const;
  FeatureSum Clone() const;

 private:
  struct Saved;
  FeatureSum(std::shared_ptr<const FeatureMap> map, size_t response_dim);
  absl::Status CheckSame(const FeatureMapSpec& other, size_t response_dim) const;
  absl::Status Take(const Saved& saved);
  absl::Status Check(MatrixViewD keys, MatrixViewD values, std::span<const double> weights) const;
  absl::Status Change(MatrixViewD keys, MatrixViewD values, std::span<const double> weights,
                      double sign);
  double Scale() const;

  std::shared_ptr<const FeatureMap> map_;
  std::vector<double> sums_;  // cosines (or exponentials), then sines
  MatrixD values_;            // U [features, response_dim]
  double count_ = 0;
};

// -(1/β) ln max(Z, ε): at Z <= ε the cue is outside every basin.
double FeatureEnergy(double density, double beta);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_FEATURES_FEATURE_SUM_H_
