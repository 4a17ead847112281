// The learners whose state is sums, and what their rules do with them: the correlation matrix
// W = A, and ridge regression W = A (C + lambda I)^-1.
//
// Served is W in float32. A few rows at a time become rank-one factors (weights_writer.h); more of
// them, a full block, a new lambda or a removal that would lose digits make the next Publish
// compute W from the sums again. Either way the served W is that of the sums, to float32 rounding.
//
// Not thread-safe; what Publish gives is immutable.
#ifndef MNEME_CORE_MODELS_LINEAR_SUMS_LEARNER_H_
#define MNEME_CORE_MODELS_LINEAR_SUMS_LEARNER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/models/linear/linear_sums.h"
#include "core/models/linear/partition_learner.h"
#include "core/models/linear/ridge_solver.h"
#include "core/models/linear/weights_writer.h"
#include "core/models/spec.h"

namespace mneme::models {

class SumsLearner : public PartitionLearner {
 public:
  int64_t items() const override { return sums_.n; }
  void Describe(ModelStats& stats) const override;
  // 8 n, signed; 8 d_v d_k A, row-major; 4 d_k (d_k + 1) C, the lower triangle row by row, where
  // there is one. All float64.
  void Save(ByteWriter& out) const override;
  absl::Status Load(ByteReader& in) override;

  const LinearSums& sums() const { return sums_; }

 protected:
  SumsLearner(const MemorySpec& spec, bool with_gram);
  // Nothing is known of less than one row, and what rounding left in the sums is not served.
  bool known() const { return sums_.n >= 1; }

  LinearSums sums_;
  WeightsWriter weights_;
};

// kCmm: W = sum of w v k^T.
class CmmLearner final : public SumsLearner {
 public:
  explicit CmmLearner(const MemorySpec& spec);

  void Add(const LearnerRows& rows) override { Change(rows, Sign::kAdd); }
  void Remove(const LearnerRows& rows) override { Change(rows, Sign::kSubtract); }
  ServedWeights Publish() override;

 private:
  void Change(const LearnerRows& rows, Sign sign);
  void ChangeFast(const LearnerRows& rows, Sign sign);

  bool fast_;  // LinearSpec::fast_statistics
};

// 1e-3 * 2^floor(log2 n) / d_k: a thousandth of the mean eigenvalue of C for unit keys, in steps so
// that it changes rarely and depends on n alone (n < 1 counts as 1).
double DefaultLambda(int64_t n, size_t d_k);

// kRidge.
class RidgeLearner final : public SumsLearner {
 public:
  explicit RidgeLearner(const MemorySpec& spec);

  void Add(const LearnerRows& rows) override { Change(rows, Sign::kAdd); }
  void Remove(const LearnerRows& rows) override { Change(rows, Sign::kSubtract); }
  ServedWeights Publish() override;
  void Describe(ModelStats& stats) const override;

  // Of the W last published.
  double lambda() const { return lambda_; }

 private:
  void Change(const LearnerRows& rows, Sign sign);
  bool FactorsPay(size_t rows) const;
  // Appends the factor of one row, before the sums take it. False when it cannot be one.
  bool AppendFactor(const ScaledRows& row, Sign sign);
  double WantedLambda(int64_t n) const;

  std::optional<double> fixed_lambda_;  // absent: DefaultLambda
  RidgeSolver solver_;
  std::vector<double> direction_;  // scratch of AppendFactor: P k, and W k
  std::vector<double> recall_;
  double lambda_ = 0;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_SUMS_LEARNER_H_
