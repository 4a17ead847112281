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

void LinearSums::AddProduct(MatrixView product, size_t rows, Sign sign) {
  MNEME_CHECK(c.empty() && product.rows == a.rows() && product.cols == a.cols());
  const double factor = static_cast<double>(sign);
  // In eights, which compilers turn into vector instructions.
  double* to = a.data();
  const float* from = product.data;
  const size_t count = a.flat().size();
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    for (size_t j = 0; j < 8; ++j) to[i + j] += factor * static_cast<double>(from[i + j]);
  }
  for (; i < count; ++i) to[i] += factor * static_cast<double>(from[i]);
  n += static_cast<int64_t>(sign) * static_cast<int64_t>(rows);
}

}  // namespace mneme::models
