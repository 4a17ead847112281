#include "core/models/linear/rls_learner.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <variant>

#include "core/base/status.h"
#include "core/math/blas.h"
#include "core/math/kernels.h"
#include "core/models/linear/ridge_solver.h"

namespace mneme::models {
namespace {

using math::Transpose;

constexpr double kScaleMin = 1e-4;

void Multiply(const MatrixD& m, std::span<const double> x, std::span<double> y) {
  math::Gemv(Transpose::kNo, m.rows(), m.cols(), 1.0, m.data(), m.cols(), x.data(), 0.0, y.data());
}

// Makes m symmetric, and gives max |m - m^T| / max |m| of before.
double Symmetrise(MatrixD& m) {
  double largest = std::numeric_limits<double>::min(), difference = 0;
  for (size_t i = 0; i < m.rows(); ++i) {
    for (size_t j = 0; j <= i; ++j) {
      largest = std::max(largest, std::abs(m.at(i, j)));
      difference = std::max(difference, std::abs(m.at(i, j) - m.at(j, i)));
      m.at(i, j) = m.at(j, i) = (m.at(i, j) + m.at(j, i)) / 2;
    }
  }
  return difference / largest;
}

}  // namespace

RlsLearner::RlsLearner(const MemorySpec& spec)
    : SumsLearner(spec, /*with_gram=*/true),
      lambda_(std::get<LinearSpec>(spec.model).lambda.value_or(kLambdaDefault)),
      decay_(std::get<LinearSpec>(spec.model).gamma, /*keeps_ages=*/true),
      p_(spec.key_dim, spec.key_dim),
      w_(spec.response_dim, spec.key_dim),
      direction_(spec.key_dim),
      image_(spec.key_dim),
      residual_(spec.response_dim) {}

uint64_t RlsLearner::RowsUntilRenewal() const {
  if (decay_.gamma() == 1) return std::numeric_limits<uint64_t>::max();
  const auto period = static_cast<uint64_t>(std::log(kScaleMin) / std::log(decay_.gamma()));
  const uint64_t steps = std::max<uint64_t>(period, 1);
  return steps - std::min(steps, decay_.steps_since_renewal());
}

void RlsLearner::Renew() {
  math::Scale(decay_.scale(), sums_.a.data(), sums_.a.flat().size());
  math::Scale(decay_.scale(), sums_.c.data(), sums_.c.flat().size());
  decay_.Renew();
  solved_ = false;
}

void RlsLearner::Add(const LearnerRows& rows) {
  ScaledBlock<double> block(rows);
  for (size_t first = 0; first < rows.size();) {
    if (RowsUntilRenewal() == 0) Renew();
    const size_t count = std::min<uint64_t>(rows.size() - first, RowsUntilRenewal());
    for (size_t i = first; i < first + count; ++i) {
      decay_.Step(rows.row_number(i));
      if (decay_.gamma() < 1) block.Multiply(i, 1 / std::sqrt(decay_.scale()));
    }
    Learn(block.rows().slice(first, count), Sign::kAdd);
    first += count;
  }
}

void RlsLearner::Remove(const LearnerRows& rows) {
  ScaledBlock<double> block(rows);
  if (decay_.gamma() < 1) {
    for (size_t i = 0; i < rows.size(); ++i) {
      block.Multiply(i, std::sqrt(decay_.Share(rows.row_number(i))));
    }
  }
  Learn(block.rows(), Sign::kSubtract);
}

// An update is four passes over a matrix for a vector; computing P and W anew is a factorisation
// and products of matrices, whose flops run about eight times faster.
bool RlsLearner::UpdatesPay(size_t rows) const {
  if (!solved_) return false;
  constexpr double kVectorPenalty = 8;
  const double d_k = static_cast<double>(sums_.a.cols());
  const double d_v = static_cast<double>(sums_.a.rows());
  const double rebuild = d_k * d_k * (7 * d_k / 3 + 2 * d_v);
  const double update = 4 * d_k * (d_k + d_v) * kVectorPenalty;
  return rows == 1 || static_cast<double>(rows) * update <= rebuild;
}

void RlsLearner::Learn(const ScaledRows& rows, Sign sign) {
  if (!UpdatesPay(rows.size())) {
    solved_ = false;
    sums_.Accumulate(rows, sign);
    return;
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    const ScaledRows row = rows.row(i);
    solved_ = solved_ && Update(row, sign);
    sums_.Accumulate(row, sign);
    if (solved_ && updates_ % kUpdatesPerCheck == 0) solved_ = HoldsFor(row.keys.row(0));
  }
}

// add:     p = P k;  c = 1 + k^T p;  W += (v - W k) (p/c)^T;  P -= p p^T / c
// remove:  p = P k;  c = 1 - k^T p;  W -= (v - W k) (p/c)^T;  P += p p^T / c
bool RlsLearner::Update(const ScaledRows& row, Sign sign) {
  const std::span<const double> k = row.keys.row(0);
  const std::span<const double> v = row.responses.row(0);
  const double s = static_cast<double>(sign);
  Multiply(p_, k, direction_);
  const double c = 1 + s * math::Dot(k.data(), direction_.data(), k.size());
  if (c < RidgeSolver::kPivotMin || ++updates_ > kUpdatesMax) return false;
  Multiply(w_, k, residual_);
  for (size_t i = 0; i < v.size(); ++i) residual_[i] = v[i] - residual_[i];
  AddOuter(s / c, residual_, direction_, w_);
  AddOuter(-s / c, direction_, direction_, p_);
  const bool knows = known() && sums_.n + static_cast<int64_t>(sign) >= 1;
  if (!knows || !weights_.HasRoom(1)) weights_.MarkStale();
  if (!weights_.stale()) weights_.Append(sign, s / c, residual_, direction_);
  return true;
}

bool RlsLearner::HoldsFor(std::span<const double> k) {
  if (Symmetrise(p_) > kDriftMax) return false;
  Multiply(p_, k, direction_);
  Multiply(sums_.c, direction_, image_);
  double error = 0, squared = 0;
  for (size_t i = 0; i < k.size(); ++i) {
    const double difference = image_[i] + lambda_held_ * direction_[i] - k[i];
    error += difference * difference;
    squared += k[i] * k[i];
  }
  return error <= kDriftMax * kDriftMax * squared;
}

void RlsLearner::Rebuild() {
  const size_t d_k = sums_.a.cols();
  RidgeSolver solver(d_k, 0);
  lambda_held_ = solver.Factor(sums_.c, lambda_);
  std::ranges::fill(p_.flat(), 0.0);
  for (size_t i = 0; i < d_k; ++i) p_.at(i, i) = 1;
  solver.SolveRows(p_);
  std::ranges::copy(sums_.a.flat(), w_.data());
  solver.SolveRows(w_);
  updates_ = 0;
  ++rebuilds_;
  // A penalty that had to be raised is a function of C alone: updates would carry it on.
  solved_ = lambda_held_ == lambda_;
  weights_.MarkStale();
}

ServedWeights RlsLearner::Publish() {
  if (!solved_) Rebuild();
  if (weights_.stale()) weights_.Fold(known() ? w_.view() : MatrixViewD{});
  return weights_.Served();
}

void RlsLearner::Describe(ModelStats& stats) const {
  SumsLearner::Describe(stats);
  AddBytes("solver", p_.bytes() + w_.bytes(), stats);
  AddRowBytes("ages", decay_.bytes(), stats);
  stats.lambda = std::max(stats.lambda, lambda_held_ * decay_.scale());
}

void RlsLearner::Save(ByteWriter& out) const {
  SumsLearner::Save(out);
  decay_.Save(out);
}

absl::Status RlsLearner::Load(ByteReader& in) {
  MNEME_RETURN_IF_ERROR(SumsLearner::Load(in));
  return decay_.Load(in);
}

}  // namespace mneme::models
