#include "core/models/linear/sums_learner.h"

#include <algorithm>
#include <bit>
#include <utility>
#include <variant>

#include "core/base/status.h"
#include "core/math/blas.h"
#include "core/models/linear/linear_codec.h"

namespace mneme::models {

SumsLearner::SumsLearner(const MemorySpec& spec, bool with_gram)
    : sums_(spec.key_dim, spec.response_dim, with_gram),
      weights_(spec.key_dim, spec.response_dim) {}

void SumsLearner::Describe(ModelStats& stats) const {
  weights_.Describe(stats);
  AddBytes("statistics", sums_.bytes(), stats);
}

void SumsLearner::Save(ByteWriter& out) const {
  out.Put(sums_.n);
  PutNumbers(sums_.a.flat(), out);
  PutLowerTriangle(sums_.c, out);
}

absl::Status SumsLearner::Load(ByteReader& in) {
  MNEME_ASSIGN_OR_RETURN(sums_.n, TakeRowCount(in));
  MNEME_RETURN_IF_ERROR(TakeNumbers(in, sums_.a.flat()));
  return TakeLowerTriangle(in, sums_.c);
}

CmmLearner::CmmLearner(const MemorySpec& spec)
    : SumsLearner(spec, /*with_gram=*/false),
      fast_(std::get<LinearSpec>(spec.model).fast_statistics) {}

void CmmLearner::Change(const LearnerRows& rows, Sign sign) {
  const bool was_known = known();
  if (fast_ && rows.size() > kFactorsMax) return ChangeFast(rows, sign);
  const ScaledBlock<double> block(rows);
  const ScaledRows scaled = block.rows();
  sums_.Accumulate(scaled, sign);
  if (!was_known || !known() || !weights_.HasRoom(rows.size())) return weights_.MarkStale();
  for (size_t i = 0; i < rows.size() && !weights_.stale(); ++i) {
    weights_.Append(sign, static_cast<double>(sign), scaled.responses.row(i), scaled.keys.row(i));
  }
}

// At most LearnerRows::kRowsMax rows, so that float32 sums stay short; their numbers are made in
// blocks that stay in the cache from the conversion to the product.
void CmmLearner::ChangeFast(const LearnerRows& rows, Sign sign) {
  constexpr size_t kRowsAtOnce = 128;
  const size_t d_k = sums_.a.cols(), d_v = sums_.a.rows();
  Matrix product(d_v, d_k);
  ScaledBlock<float> block(rows.slice(0, std::min(kRowsAtOnce, rows.size())));
  for (size_t first = 0; first < rows.size(); first += kRowsAtOnce) {
    if (first > 0) block.Fill(rows.slice(first, std::min(kRowsAtOnce, rows.size() - first)));
    const BasicScaledRows<float> some = block.rows();
    math::Gemm(math::Transpose::kYes, math::Transpose::kNo, d_v, d_k, some.size(), 1.0f,
               some.responses.data, d_v, some.keys.data, d_k, first > 0 ? 1.0f : 0.0f,
               product.data(), d_k);
  }
  sums_.AddProduct(product, rows.size(), sign);
  weights_.MarkStale();
}

ServedWeights CmmLearner::Publish() {
  if (weights_.stale()) weights_.Fold(known() ? sums_.a.view() : MatrixViewD{});
  return weights_.Served();
}

double DefaultLambda(int64_t n, size_t d_k) {
  const uint64_t count = static_cast<uint64_t>(std::max<int64_t>(n, 1));
  return 1e-3 * static_cast<double>(std::bit_floor(count)) / static_cast<double>(d_k);
}

RidgeLearner::RidgeLearner(const MemorySpec& spec)
    : SumsLearner(spec, /*with_gram=*/true),
      fixed_lambda_(std::get<LinearSpec>(spec.model).lambda),
      solver_(spec.key_dim, kFactorsMax),
      direction_(spec.key_dim),
      recall_(spec.response_dim) {}

double RidgeLearner::WantedLambda(int64_t n) const {
  return fixed_lambda_.value_or(DefaultLambda(n, sums_.a.cols()));
}

// A row as a factor costs two products of a vector with a matrix in float64; computing W anew costs
// a factorisation and d_v solves, whose flops run about eight times faster.
bool RidgeLearner::FactorsPay(size_t rows) const {
  if (!weights_.HasRoom(rows)) return false;
  constexpr double kVectorPenalty = 8;
  const double d_k = static_cast<double>(sums_.a.cols());
  const double d_v = static_cast<double>(sums_.a.rows());
  const double fold = d_k * d_k * (d_k / 3 + 2 * d_v);
  const double factor = 2 * d_k * (d_k + d_v) * kVectorPenalty;
  return rows == 1 || static_cast<double>(rows) * factor <= fold;
}

void RidgeLearner::Change(const LearnerRows& rows, Sign sign) {
  const ScaledBlock<double> block(rows);
  const ScaledRows scaled = block.rows();
  if (!FactorsPay(rows.size())) {
    weights_.MarkStale();
    sums_.Accumulate(scaled, sign);
    return;
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    if (weights_.stale() || !AppendFactor(scaled.row(i), sign)) weights_.MarkStale();
    sums_.Accumulate(scaled.row(i), sign);
  }
}

// Recursive least squares, with W k = A p from the sums of before, so that no error accumulates in
// W: W += (v - A p) p^T / g to add the row, W -= (v - A p) p^T / g to remove it.
bool RidgeLearner::AppendFactor(const ScaledRows& row, Sign sign) {
  const int64_t n_after = sums_.n + static_cast<int64_t>(sign);
  if (!known() || n_after < 1) return false;
  // A lambda that is not the wanted one was raised by Publish, or is about to change: both are a
  // function of the sums only if they are computed from the sums.
  if (lambda_ != WantedLambda(n_after)) return false;
  const std::span<const double> k = row.keys.row(0);
  const std::span<const double> v = row.responses.row(0);
  solver_.Direction(k, direction_);
  const double g = solver_.Change(k, direction_, sign);
  if (g < RidgeSolver::kPivotMin) return false;
  math::Gemv(math::Transpose::kNo, sums_.a.rows(), sums_.a.cols(), 1.0, sums_.a.data(),
             sums_.a.cols(), direction_.data(), 0.0, recall_.data());
  for (size_t i = 0; i < v.size(); ++i) recall_[i] = v[i] - recall_[i];
  weights_.Append(sign, static_cast<double>(sign) / g, recall_, direction_);
  return true;
}

ServedWeights RidgeLearner::Publish() {
  if (!weights_.stale()) return weights_.Served();
  lambda_ = WantedLambda(sums_.n);
  if (known()) {
    MatrixD w = sums_.a.Clone();
    lambda_ = solver_.Factor(sums_.c, lambda_);
    solver_.SolveRows(w);
    weights_.Fold(w);
  } else {
    weights_.Fold({});
  }
  return weights_.Served();
}

void RidgeLearner::Describe(ModelStats& stats) const {
  SumsLearner::Describe(stats);
  AddBytes("solver", solver_.bytes(), stats);
  stats.lambda = std::max(stats.lambda, lambda_);
}

}  // namespace mneme::models
