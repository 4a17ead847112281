// The space in which keys and cues are compared: Φ(x) = W (x - mean), brought to unit length.
// Scores are products of Φ; what is read out stays a key.
#ifndef MNEME_CORE_MODELS_FEATURES_LINEAR_ENCODER_H_
#define MNEME_CORE_MODELS_FEATURES_LINEAR_ENCODER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/math/matrix.h"

namespace mneme::models {

// Count, mean and scatter of keys: what whitening needs of them. Adds, in any order.
class KeyStatistics {
 public:
  explicit KeyStatistics(size_t dim) : mean_(dim), scatter_(dim, dim) {}

  // Cost     n·dim² flop.
  void Add(MatrixViewD rows);
  // Source   Chan, Golub, LeVeque 1979, eq. (2.1), for each pair of coordinates.
  void Merge(const KeyStatistics& other);

  size_t dim() const { return mean_.size(); }
  uint64_t count() const { return count_; }
  const std::vector<double>& mean() const { return mean_; }
  const MatrixD& scatter() const { return scatter_; }  // Σ (x - mean)(x - mean)ᵀ

 private:
  uint64_t count_ = 0;
  std::vector<double> mean_;
  MatrixD scatter_;
};

// Immutable once made; thread-safe.
struct LinearEncoder {
  std::vector<double> mean;  // [d]
  MatrixD weights;           // W [D, d]; empty: the identity
  bool normalise = true;     // a zero vector stays zero

  size_t dim() const { return mean.size(); }
  size_t feature_dim() const { return weights.empty() ? mean.size() : weights.rows(); }

  // Shapes   rows [n, d]; result [n, D].
  // Cost     2·n·D·d flop.
  MatrixD Encode(MatrixViewD rows) const;

  // With a version; DataLoss when it cannot be read.
  std::string Save() const;
  static absl::StatusOr<LinearEncoder> Load(std::string_view bytes);
};

// The baseline of every learned encoder: the leading `feature_dim` principal axes, each scaled by
// 1/sqrt(λ + 1e-3 λ_max).
//
// Errors   InvalidArgument (ENCODER): feature_dim not in [1, dim]. FailedPrecondition
//          (ENCODER_DATA): fewer than two keys, or keys that are all the same.
// Cost     about 9 dim³ flop.
absl::StatusOr<LinearEncoder> WhiteningEncoder(const KeyStatistics& keys, size_t feature_dim);

// The largest product of two different rows; -infinity for fewer than two.
double LargestPairProduct(MatrixViewD rows);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_FEATURES_LINEAR_ENCODER_H_
