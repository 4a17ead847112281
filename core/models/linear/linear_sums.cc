#include "core/models/linear/linear_sums.h"

#include "core/base/status.h"
#include "core/math/blas.h"
#include "core/math/kernels.h"

namespace mneme::models {

void AddOuter(double factor, std::span<const double> x, std::span<const double> y, MatrixD& m) {
  for (size_t i = 0; i < x.size(); ++i) {
    math::AddScaled(factor * x[i], y.data(), m.row(i).data(), y.size());
  }
}

LinearSums::LinearSums(size_t d_k, size_t d_v, bool with_gram)
    : a(d_v, d_k), c(with_gram ? d_k : 0, with_gram ? d_k : 0) {}

void LinearSums::Accumulate(const ScaledRows& rows, Sign sign) {
  const double factor = static_cast<double>(sign);
  const size_t count = rows.size();
  const size_t d_k = a.cols();
  const size_t d_v = a.rows();
  n += static_cast<int64_t>(sign) * static_cast<int64_t>(count);
  if (count == 1) {
    AddOuter(factor, rows.responses.row(0), rows.keys.row(0), a);
    if (!c.empty()) AddOuter(factor, rows.keys.row(0), rows.keys.row(0), c);
    return;
  }
  math::Gemm(math::Transpose::kYes, math::Transpose::kNo, d_v, d_k, count, factor,
             rows.responses.data, d_v, rows.keys.data, d_k, 1.0, a.data(), d_k);
  if (!c.empty()) math::GramUpdate(count, d_k, factor, rows.keys.data, 1.0, c.data());
}

void LinearSums::AccumulateFast(const BasicScaledRows<float>& rows, Sign sign) {
  MNEME_CHECK(rows.size() <= kFastRowsMax && c.empty());
  const size_t d_k = a.cols();
  const size_t d_v = a.rows();
  Matrix product(d_v, d_k);
  math::Gemm(math::Transpose::kYes, math::Transpose::kNo, d_v, d_k, rows.size(),
             static_cast<float>(sign), rows.responses.data, d_v, rows.keys.data, d_k, 0.0f,
             product.data(), d_k);
  for (size_t i = 0; i < d_v * d_k; ++i) a.data()[i] += product.data()[i];
  n += static_cast<int64_t>(sign) * static_cast<int64_t>(rows.size());
}

}  // namespace mneme::models
