// kRls: recursive least squares, ridge regression row by row at O(d^2) a row, with a factor gamma
// that older rows lose a row.
//
// After N rows W is the ridge solution of the rows weighted by w gamma^age, with the penalty lambda
// gamma^m: exactly A (C + lambda gamma^m I)^-1. In units of gamma^m nothing decays and lambda
// stands still, which is how it is computed; m counts the rows since the last renewal, and a
// renewal comes when gamma^m would fall below 1e-4, so that directions in which no keys come keep a
// penalty. (Without renewals P grows there without bound.) With gamma = 1 there is none, m = 0.
//
// P = (C + lambda I)^-1 and W are updated by rank one. They are computed from A and C anew after
// many updates, where they have drifted, where a removal would lose digits, and where that is
// cheaper than so many updates; so they are always a function of A and C, to rounding.
//
// Not thread-safe; what Publish gives is immutable.
#ifndef MNEME_CORE_MODELS_LINEAR_RLS_LEARNER_H_
#define MNEME_CORE_MODELS_LINEAR_RLS_LEARNER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/math/matrix.h"
#include "core/models/linear/decay.h"
#include "core/models/linear/sums_learner.h"

namespace mneme::models {

class RlsLearner final : public SumsLearner {
 public:
  explicit RlsLearner(const MemorySpec& spec);

  void Add(const LearnerRows& rows) override;
  void Remove(const LearnerRows& rows) override;
  ServedWeights Publish() override;
  void Describe(ModelStats& stats) const override;
  // As the sums, then steps (decay.h).
  void Save(ByteWriter& out) const override;
  absl::Status Load(ByteReader& in) override;

  static constexpr double kLambdaDefault = 1e-3;
  // Of P: how often it is looked at, and how often computed anew at the least.
  static constexpr uint64_t kUpdatesPerCheck = 1000;
  static constexpr uint64_t kUpdatesMax = 100000;
  static constexpr double kDriftMax = 1e-8;

  // W in float64, as of the last Publish; and how often it was computed from A and C.
  const MatrixD& w() const { return w_; }
  uint64_t rebuilds() const { return rebuilds_; }

 private:
  uint64_t RowsUntilRenewal() const;
  void Renew();
  void Learn(const ScaledRows& rows, Sign sign);
  bool UpdatesPay(size_t rows) const;
  // Before the sums take the row. False where P must be computed anew.
  bool Update(const ScaledRows& row, Sign sign);
  // After the sums took the row, whose key may serve as a probe: is P still the inverse?
  bool HoldsFor(std::span<const double> k);
  void Rebuild();

  double lambda_;  // in the units of the sums
  Decay decay_;
  MatrixD p_;               // [d_k, d_k]
  MatrixD w_;               // [d_v, d_k]
  bool solved_ = false;     // P and W are those of the sums
  double lambda_held_ = 0;  // of P
  uint64_t updates_ = 0;    // since P was computed from C
  uint64_t rebuilds_ = 0;
  std::vector<double> direction_;  // scratch: P k, C P k, and v - W k
  std::vector<double> image_;
  std::vector<double> residual_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_RLS_LEARNER_H_
