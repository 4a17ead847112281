#include "core/models/linear/sums_learner.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <span>
#include <utility>
#include <variant>

#include "core/base/status.h"
#include "core/math/blas.h"
#include "core/math/kernels.h"
#include "core/models/linear/linear_codec.h"

namespace mneme::models {
namespace {

void ToFloat(std::span<const double> from, double factor, std::span<float> to) {
  for (size_t i = 0; i < from.size(); ++i) to[i] = static_cast<float>(factor * from[i]);
}

}  // namespace

double DefaultLambda(int64_t n, size_t d_k) {
  const uint64_t count = static_cast<uint64_t>(std::max<int64_t>(n, 1));
  return 1e-3 * static_cast<double>(std::bit_floor(count)) / static_cast<double>(d_k);
}

SumsLearner::SumsLearner(const MemorySpec& spec)
    : d_k_(spec.key_dim),
      d_v_(spec.response_dim),
      ridge_(std::get<LinearSpec>(spec.model).rule == LinearRule::kRidge),
      fixed_lambda_(std::get<LinearSpec>(spec.model).lambda),
      sums_(d_k_, d_v_, ridge_),
      solver_(d_k_, kFactorsMax),
      direction_(ridge_ ? d_k_ : 0),
      recall_(ridge_ ? d_v_ : 0) {}

double SumsLearner::WantedLambda(int64_t n) const {
  if (!ridge_) return 0;
  return fixed_lambda_.value_or(DefaultLambda(n, d_k_));
}

// A row as a factor costs two products of a vector with a matrix in float64; computing W anew costs
// a factorisation and d_v solves, whose flops run about eight times faster.
bool SumsLearner::FactorsPay(size_t rows) const {
  if (stale_ || factors_ + rows > kFactorsMax) return false;
  if (!ridge_) return true;
  constexpr double kVectorPenalty = 8;
  const double d_k = static_cast<double>(d_k_);
  const double d_v = static_cast<double>(d_v_);
  const double fold = d_k * d_k * (d_k / 3 + 2 * d_v);
  const double factor = 2 * d_k * (d_k + d_v) * kVectorPenalty;
  return rows == 1 || static_cast<double>(rows) * factor <= fold;
}

void SumsLearner::Change(const ScaledBlock<double>& block, Sign sign) {
  const ScaledRows rows = block.rows();
  if (!FactorsPay(rows.size())) {
    stale_ = true;
    sums_.Accumulate(rows, sign);
    return;
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    const ScaledRows row = rows.row(i);
    stale_ = stale_ || !AppendFactor(row, sign);
    sums_.Accumulate(row, sign);
  }
}

bool SumsLearner::AppendFactor(const ScaledRows& row, Sign sign) {
  const int64_t n_after = sums_.n + static_cast<int64_t>(sign);
  if (sums_.n < 1 || n_after < 1) return false;  // Fold serves no sums there
  if (block_ == nullptr) block_ = std::make_shared<FactorBlock>(d_k_, d_v_);
  const std::span<float> left = block_->left.row(factors_);
  const std::span<float> right = block_->right.row(factors_);
  if (ridge_) {
    // A lambda that is not the wanted one was raised by Fold, or is about to change: both are a
    // function of the sums only if they are computed from the sums.
    if (lambda_ != WantedLambda(n_after)) return false;
    if (!AppendRidgeFactor(row, sign, left, right)) return false;
  } else {
    ToFloat(row.responses.row(0), static_cast<double>(sign), left);
    ToFloat(row.keys.row(0), 1, right);
  }
  ++factors_;
  return true;
}

// Recursive least squares, with W k = A p from the sums of before, so that no error accumulates in
// W: W += (v - A p) p^T / g to add the row, W -= (v - A p) p^T / g to remove it.
bool SumsLearner::AppendRidgeFactor(const ScaledRows& row, Sign sign, std::span<float> left,
                                    std::span<float> right) {
  const std::span<const double> k = row.keys.row(0);
  const std::span<const double> v = row.responses.row(0);
  solver_.Direction(k, direction_);
  const double g = solver_.Change(k, direction_, sign);
  if (g < RidgeSolver::kPivotMin) return false;
  math::Gemv(math::Transpose::kNo, d_v_, d_k_, 1.0, sums_.a.data(), d_k_, direction_.data(), 0.0,
             recall_.data());
  for (size_t i = 0; i < v.size(); ++i) recall_[i] = v[i] - recall_[i];
  ToFloat(recall_, static_cast<double>(sign) / g, left);
  ToFloat(direction_, 1, right);
  return true;
}

void SumsLearner::Fold() {
  block_ = nullptr;  // readers may hold the old one
  factors_ = 0;
  stale_ = false;
  base_ = nullptr;
  lambda_ = WantedLambda(sums_.n);
  if (sums_.n < 1) return;  // nothing is known, and what rounding left in the sums is not served
  MatrixD w = sums_.a.Clone();
  if (ridge_) {
    lambda_ = solver_.Factor(sums_.c, lambda_);
    solver_.SolveRows(w);
  }
  auto base = std::make_shared<Matrix>(d_v_, d_k_);
  ToFloat(w.flat(), 1, base->flat());
  base_ = std::move(base);
}

ServedWeights SumsLearner::Publish() {
  if (stale_) Fold();
  return {.base = base_, .block = block_, .factors = factors_};
}

void SumsLearner::Describe(ModelStats& stats) const {
  stats.lambda = std::max(stats.lambda, lambda_);
  AddBytes("W", base_ == nullptr ? 0 : base_->bytes(), stats);
  AddBytes("factors", block_ == nullptr ? 0 : block_->bytes(), stats);
  AddBytes("statistics", sums_.bytes(), stats);
  AddBytes("solver", solver_.bytes(), stats);
}

void SumsLearner::Save(ByteWriter& out) const {
  out.Put(sums_.n);
  PutNumbers(sums_.a.flat(), out);
  PutLowerTriangle(sums_.c, out);
}

absl::Status SumsLearner::Load(ByteReader& in) {
  sums_.n = in.Get<int64_t>();
  MNEME_RETURN_IF_ERROR(TakeNumbers(in, sums_.a.flat()));
  return TakeLowerTriangle(in, sums_.c);
}

}  // namespace mneme::models
