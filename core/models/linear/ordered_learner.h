// What the rules have in common whose writes depend on their order: W <- gamma W + u k^T a row,
// where the rule says what u is.
//
// W is kept in float64 as scale times a matrix (decay.h), so that a row costs one rank-one update
// and publishes one factor, whatever gamma is. A partition that forgets its last row is zero again:
// no other row is left that the forgotten ones could have influenced.
//
// Not thread-safe; what Publish gives is immutable.
#ifndef MNEME_CORE_MODELS_LINEAR_ORDERED_LEARNER_H_
#define MNEME_CORE_MODELS_LINEAR_ORDERED_LEARNER_H_

#include <cstddef>
#include <cstdint>

#include "core/math/matrix.h"
#include "core/models/linear/decay.h"
#include "core/models/linear/partition_learner.h"
#include "core/models/linear/weights_writer.h"
#include "core/models/spec.h"

namespace mneme::models {

class OrderedLearner : public PartitionLearner {
 public:
  ServedWeights Publish() override;
  int64_t items() const override { return n_; }
  void Describe(ModelStats& stats) const override;
  // 8 n, signed; 8 rows suppressed; steps (decay.h); 8 d_v d_k the matrix, row-major, float64.
  void Save(ByteWriter& out) const override;
  absl::Status Load(ByteReader& in) override;

  const Decay& decay() const { return decay_; }
  // W / decay().scale().
  const MatrixD& matrix() const { return matrix_; }

 protected:
  // `keeps_ages`: rows are removed by what is left of them.
  OrderedLearner(const MemorySpec& spec, bool keeps_ages);

  // W <- gamma^c W + sum over i of gamma^(c-1-i) left_i right_i^T: absorbs c = left.rows() rows,
  // those from `first` on.
  //
  // Shapes  left [c, d_v], right [c, d_k].
  void Write(const LearnerRows& rows, size_t first, MatrixD left, MatrixViewD right);
  // Counts rows as gone, after the rule has taken them out of the matrix.
  void CountRemoved(size_t rows, bool suppressed);

  MatrixD matrix_;  // [d_v, d_k]
  Decay decay_;
  WeightsWriter weights_;

 private:
  int64_t n_ = 0;
  uint64_t suppressed_ = 0;
};

// kDecayed: W <- gamma W + w v k^T. A row is forgotten with what is left of it, gamma^age w v k^T.
class DecayedLearner final : public OrderedLearner {
 public:
  explicit DecayedLearner(const MemorySpec& spec) : OrderedLearner(spec, /*keeps_ages=*/true) {}
  void Add(const LearnerRows& rows) override;
  void Remove(const LearnerRows& rows) override;
};

// kDelta, kGatedDelta: W <- gamma W + b (v - gamma W k) k^T / |k|^2, with b = min(1, beta w) for a
// row of weight w: the weight says how firmly a row is written, and at b = 1 its own key then
// recalls it exactly. Forgetting erases the key, W <- W - W k k^T / |k|^2, so that it recalls zero;
// what the row did to later writes stays.
class DeltaLearner final : public OrderedLearner {
 public:
  explicit DeltaLearner(const MemorySpec& spec);
  void Add(const LearnerRows& rows) override;
  void Remove(const LearnerRows& rows) override;
  uint64_t CountSuppressed(const LearnerRows& rows) const override { return rows.size(); }

 private:
  // Rows whose writes are solved for together, by matrix products.
  static constexpr size_t kRowsAtOnce = 64;
  MatrixD Left(const LearnerRows& rows, size_t first, const BasicScaledRows<double>& some) const;

  double beta_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_ORDERED_LEARNER_H_
