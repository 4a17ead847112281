// The learner of the rules whose states are sums: correlation matrix and ridge regression.
//
// Served are W = A (correlation matrix) or W = A (C + lambda I)^-1 (ridge), in float32. A few rows
// at a time become rank-one factors (served_weights.h); more of them, a full block, a new lambda or
// a removal that would lose digits make the next Publish compute W from the sums again. Either way
// the served W is that of the sums, to float32 rounding.
//
// Not thread-safe; what Publish gives is immutable.
#ifndef MNEME_CORE_MODELS_LINEAR_SUMS_LEARNER_H_
#define MNEME_CORE_MODELS_LINEAR_SUMS_LEARNER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/models/linear/linear_sums.h"
#include "core/models/linear/partition_learner.h"
#include "core/models/linear/ridge_solver.h"
#include "core/models/linear/served_weights.h"
#include "core/models/spec.h"

namespace mneme::models {

// 1e-3 * 2^floor(log2 n) / d_k: a thousandth of the mean eigenvalue of C for unit keys, in steps so
// that it changes rarely and depends on n alone (n < 1 counts as 1).
double DefaultLambda(int64_t n, size_t d_k);

class SumsLearner final : public PartitionLearner {
 public:
  explicit SumsLearner(const MemorySpec& spec);

  void Add(const LearnerRows& rows) override { Change(ScaledBlock<double>(rows), Sign::kAdd); }
  void Remove(const LearnerRows& rows) override {
    Change(ScaledBlock<double>(rows), Sign::kSubtract);
  }
  ServedWeights Publish() override;
  int64_t items() const override { return sums_.n; }
  void Describe(ModelStats& stats) const override;
  // 8 n, signed; 8 d_v d_k A, row-major; 4 d_k (d_k + 1) C, the lower triangle row by row, ridge
  // only.
  void Save(ByteWriter& out) const override;
  absl::Status Load(ByteReader& in) override;

  const LinearSums& sums() const { return sums_; }
  // Of the W last published; 0 for a correlation matrix.
  double lambda() const { return lambda_; }

 private:
  void Change(const ScaledBlock<double>& block, Sign sign);
  bool FactorsPay(size_t rows) const;
  // Appends the factor of one row, before the sums take it. False when it cannot be one.
  bool AppendFactor(const ScaledRows& row, Sign sign);
  bool AppendRidgeFactor(const ScaledRows& row, Sign sign, std::span<float> left,
                         std::span<float> right);
  void Fold();
  double WantedLambda(int64_t n) const;

  size_t d_k_;
  size_t d_v_;
  bool ridge_;
  std::optional<double> fixed_lambda_;  // absent: DefaultLambda
  LinearSums sums_;
  RidgeSolver solver_;
  std::vector<double> direction_;  // scratch of AppendRidgeFactor: P k, and W k
  std::vector<double> recall_;

  std::shared_ptr<const Matrix> base_;
  std::shared_ptr<FactorBlock> block_;
  size_t factors_ = 0;
  double lambda_ = 0;
  bool stale_ = true;  // base and factors are not those of the sums
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_SUMS_LEARNER_H_
