#include "tests/lab/principal_axes.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/status.h"
#include "core/math/blas.h"

namespace mneme::lab {
namespace {

constexpr int kSweepsMax = 30;
constexpr double kSettled = 1e-15;  // off-diagonal size over the whole, squared

// x' = c x - s y, y' = s x + c y.
void Rotate(double* x, double* y, size_t n, double c, double s) {
  for (size_t i = 0; i < n; ++i) {
    const double old = x[i];
    x[i] = c * old - s * y[i];
    y[i] = s * old + c * y[i];
  }
}

// Turns rows and columns p and q of the symmetric `a` so that their common entry is 0, and the rows
// of `axes` with them.
void Annul(size_t p, size_t q, MatrixD& a, MatrixD& axes) {
  const double common = a.at(p, q);
  if (common == 0) return;
  const double theta = (a.at(q, q) - a.at(p, p)) / (2 * common);
  const double t = (theta >= 0 ? 1 : -1) / (std::abs(theta) + std::hypot(theta, 1.0));
  const double c = 1 / std::hypot(t, 1.0), s = t * c;
  const double at_p = a.at(p, p) - t * common, at_q = a.at(q, q) + t * common;
  Rotate(a.row(p).data(), a.row(q).data(), a.cols(), c, s);
  for (size_t i = 0; i < a.rows(); ++i) {
    a.at(i, p) = a.at(p, i);
    a.at(i, q) = a.at(q, i);
  }
  a.at(p, p) = at_p, a.at(q, q) = at_q, a.at(p, q) = a.at(q, p) = 0;
  Rotate(axes.row(p).data(), axes.row(q).data(), axes.cols(), c, s);
}

// The square of what is not on the diagonal, over that of all.
double OffDiagonal(const MatrixD& a) {
  double off = 0, all = 0;
  for (size_t i = 0; i < a.rows(); ++i) {
    for (size_t j = 0; j < a.cols(); ++j) {
      all += a.at(i, j) * a.at(i, j);
      if (i != j) off += a.at(i, j) * a.at(i, j);
    }
  }
  return all > 0 ? off / all : 0;
}

}  // namespace

PrincipalAxes FindPrincipalAxes(MatrixViewD rows, size_t count) {
  const size_t n = rows.rows, d = rows.cols;
  MNEME_CHECK(n > 0 && count <= d);
  PrincipalAxes out{.mean = std::vector<double>(d), .axes = MatrixD(count, d)};
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < d; ++j) out.mean[j] += rows.row(i)[j] / static_cast<double>(n);
  }
  MatrixD centred = MatrixD::Copy(rows);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < d; ++j) centred.at(i, j) -= out.mean[j];
  }
  MatrixD covariance(d, d), axes(d, d);
  math::GramUpdate(n, d, 1.0, centred.data(), 0.0, covariance.data());
  for (size_t i = 0; i < d; ++i) axes.at(i, i) = 1;
  for (int sweep = 0; sweep < kSweepsMax && OffDiagonal(covariance) > kSettled; ++sweep) {
    for (size_t p = 0; p < d; ++p) {
      for (size_t q = p + 1; q < d; ++q) Annul(p, q, covariance, axes);
    }
  }
  std::vector<size_t> order(d);
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::greater<>(), [&](size_t i) { return covariance.at(i, i); });
  for (size_t i = 0; i < count; ++i) {
    std::copy(axes.row(order[i]).begin(), axes.row(order[i]).end(), out.axes.row(i).begin());
  }
  return out;
}

}  // namespace mneme::lab
