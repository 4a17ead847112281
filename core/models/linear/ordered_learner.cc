#include "core/models/linear/ordered_learner.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/status.h"
#include "core/math/blas.h"
#include "core/math/kernels.h"
#include "core/models/linear/linear_codec.h"
#include "core/models/linear/linear_sums.h"

namespace mneme::models {
namespace {

using math::Transpose;

// The scale is renewed below it: the served matrix is float32, and must not overflow for its sake.
constexpr double kScaleMin = 1e-6;

const LinearSpec& LinearOf(const MemorySpec& spec) { return std::get<LinearSpec>(spec.model); }

// Y [rows of x, rows of m] = factor X M^T.
void TimesTransposed(double factor, MatrixViewD x, MatrixViewD m, MatrixD& y) {
  if (x.rows == 1) {
    math::Gemv(Transpose::kNo, m.rows, m.cols, factor, m.data, m.cols, x.data, 0.0, y.data());
  } else {
    math::Gemm(Transpose::kNo, Transpose::kYes, x.rows, m.rows, x.cols, factor, x.data, x.cols,
               m.data, m.cols, 0.0, y.data(), m.rows);
  }
}

}  // namespace

OrderedLearner::OrderedLearner(const MemorySpec& spec, bool keeps_ages)
    : matrix_(spec.response_dim, spec.key_dim),
      decay_(LinearOf(spec).gamma, keeps_ages),
      weights_(spec.key_dim, spec.response_dim) {}

void OrderedLearner::Write(const LearnerRows& rows, size_t first, MatrixD left, MatrixViewD right) {
  const size_t count = left.rows();
  const bool was_known = n_ >= 1;
  for (size_t i = 0; i < count; ++i) decay_.Step(rows.row_number(first + i));
  n_ += static_cast<int64_t>(count);
  if (decay_.scale() < kScaleMin) {
    math::Scale(decay_.scale(), matrix_.data(), matrix_.flat().size());
    decay_.Renew();
    weights_.MarkStale();
  }
  if (!was_known || !weights_.HasRoom(count)) weights_.MarkStale();
  const double scale = decay_.scale();
  for (size_t i = 0; i < count; ++i) {
    math::Scale(decay_.Power(static_cast<double>(count - 1 - i)) / scale, left.row(i).data(),
                left.cols());
    if (!weights_.stale()) weights_.Append(Sign::kAdd, 1, left.row(i), right.row(i));
  }
  if (count == 1) {
    AddOuter(1, left.row(0), right.row(0), matrix_);
  } else {
    math::Gemm(Transpose::kYes, Transpose::kNo, matrix_.rows(), matrix_.cols(), count, 1.0,
               left.data(), left.cols(), right.data, right.cols, 1.0, matrix_.data(),
               matrix_.cols());
  }
}

void OrderedLearner::CountRemoved(size_t rows, bool suppressed) {
  n_ -= static_cast<int64_t>(rows);
  if (suppressed) suppressed_ += rows;
  if (n_ >= 1) return;
  weights_.MarkStale();
  if (n_ == 0) {
    std::ranges::fill(matrix_.flat(), 0.0);
    suppressed_ = 0;
  }
}

ServedWeights OrderedLearner::Publish() {
  if (weights_.stale()) weights_.Fold(n_ >= 1 ? matrix_.view() : MatrixViewD{});
  ServedWeights served = weights_.Served();
  served.scale = static_cast<float>(decay_.scale());
  return served;
}

void OrderedLearner::Describe(ModelStats& stats) const {
  weights_.Describe(stats);
  AddBytes("statistics", matrix_.bytes(), stats);
  AddRowBytes("ages", decay_.bytes(), stats);
  stats.suppressed += suppressed_;
}

void OrderedLearner::Save(ByteWriter& out) const {
  out.Put(n_);
  out.Put(suppressed_);
  decay_.Save(out);
  PutNumbers(matrix_.flat(), out);
}

absl::Status OrderedLearner::Load(ByteReader& in) {
  MNEME_ASSIGN_OR_RETURN(n_, TakeRowCount(in));
  suppressed_ = in.Get<uint64_t>();
  MNEME_RETURN_IF_ERROR(decay_.Load(in));
  return TakeNumbers(in, matrix_.flat());
}

void DecayedLearner::Add(const LearnerRows& rows) {
  const ScaledBlock<double> block(rows);
  Write(rows, 0, MatrixD::Copy(block.rows().responses), block.rows().keys);
}

void DecayedLearner::Remove(const LearnerRows& rows) {
  const ScaledBlock<double> block(rows);
  const ScaledRows scaled = block.rows();
  for (size_t i = 0; i < rows.size(); ++i) {
    const double left = -decay_.Share(rows.row_number(i));
    AddOuter(left, scaled.responses.row(i), scaled.keys.row(i), matrix_);
    if (!weights_.HasRoom(1)) weights_.MarkStale();
    if (weights_.stale()) continue;
    weights_.Append(Sign::kSubtract, left, scaled.responses.row(i), scaled.keys.row(i));
  }
  CountRemoved(rows.size(), /*suppressed=*/false);
}

DeltaLearner::DeltaLearner(const MemorySpec& spec)
    : OrderedLearner(spec, /*keeps_ages=*/false), beta_(LinearOf(spec).beta) {}

// With W of before the first of these rows, row i meets gamma^i W + sum over j < i of
// gamma^(i-1-j) u_j k_j^T. So u_i = b_i (v_i - gamma^(i+1) W k_i - sum over j < i of gamma^(i-j)
// <k_j, k_i> u_j) / |k_i|^2: a triangular solve, and the rest are matrix products.
MatrixD DeltaLearner::Left(const LearnerRows& rows, size_t first, const ScaledRows& some) const {
  const size_t count = some.size();
  MatrixD left(count, some.responses.cols);
  MatrixD gram(count, count);
  TimesTransposed(decay_.scale(), some.keys, matrix_, left);
  TimesTransposed(1, some.keys, some.keys, gram);
  for (size_t i = 0; i < count; ++i) {
    const std::span<double> u = left.row(i);
    const double kept = -decay_.Power(static_cast<double>(i + 1));
    const std::span<const double> v = some.responses.row(i);
    for (size_t d = 0; d < u.size(); ++d) u[d] = v[d] + kept * u[d];
    for (size_t j = 0; j < i; ++j) {
      math::AddScaled(-decay_.Power(static_cast<double>(i - j)) * gram.at(i, j), left.row(j).data(),
                      u.data(), u.size());
    }
    const double strength = std::min(1.0, beta_ * rows.weight(first + i));
    const double squared = gram.at(i, i);
    math::Scale(squared > 0 ? strength / squared : 0, u.data(), u.size());
  }
  return left;
}

void DeltaLearner::Add(const LearnerRows& rows) {
  const ScaledBlock<double> block(rows, ScaledBlock<double>::Weights::kIgnored);
  for (size_t first = 0; first < rows.size(); first += kRowsAtOnce) {
    const ScaledRows some = block.rows().slice(first, std::min(kRowsAtOnce, rows.size() - first));
    Write(rows, first, Left(rows, first, some), some.keys);
  }
}

void DeltaLearner::Remove(const LearnerRows& rows) {
  const ScaledBlock<double> block(rows, ScaledBlock<double>::Weights::kIgnored);
  std::vector<double> recall(matrix_.rows());
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::span<const double> k = block.rows().keys.row(i);
    const double squared = math::SquaredNorm(k.data(), k.size());
    if (!(squared > 0)) continue;
    math::Gemv(Transpose::kNo, matrix_.rows(), matrix_.cols(), 1.0, matrix_.data(), matrix_.cols(),
               k.data(), 0.0, recall.data());
    AddOuter(-1 / squared, recall, k, matrix_);
  }
  weights_.MarkStale();  // a factor in float32 would leave a remainder to be read
  CountRemoved(rows.size(), /*suppressed=*/true);
}

}  // namespace mneme::models
