#include "core/learning/spectrum.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "core/math/blas.h"
#include "core/math/kernels.h"

namespace mneme::learning {
namespace {

using math::Transpose;

constexpr size_t kTopDirections = 10;
constexpr int kSweepsMax = 60;  // of one eigenvalue; three are usual

// diagonal[m], beside[m - 1]
struct Tridiagonal {
  std::vector<double> diagonal, beside;
};

MatrixD GramOfSmallerSide(MatrixView m) {
  MatrixD wide(m.rows, m.cols);
  std::copy(m.flat().begin(), m.flat().end(), wide.data());
  const bool by_rows = m.rows <= m.cols;
  const size_t side = std::min(m.rows, m.cols), other = std::max(m.rows, m.cols);
  MatrixD gram(side, side);
  math::Gemm(by_rows ? Transpose::kNo : Transpose::kYes, by_rows ? Transpose::kYes : Transpose::kNo,
             side, side, other, 1.0, wide.data(), m.cols, wide.data(), m.cols, 0.0, gram.data(),
             side);
  return gram;
}

// The reflection I - tau v v^T (v[0] = 1) that sends x to (beta, 0, ...); v is left in x.
struct Reflection {
  double tau = 0, beta = 0;
};
Reflection Reflect(double* x, size_t n) {
  const double below = math::SquaredNorm(x + 1, n - 1);
  if (below == 0) return {.tau = 0, .beta = x[0]};
  const double norm = std::sqrt(x[0] * x[0] + below);
  const double beta = x[0] > 0 ? -norm : norm;
  const double head = x[0] - beta;
  math::Scale(1 / head, x + 1, n - 1);
  x[0] = 1;
  return {.tau = -head / beta, .beta = beta};
}

Tridiagonal Tridiagonalise(MatrixD a) {
  const size_t n = a.rows();
  Tridiagonal out{.diagonal = std::vector<double>(n), .beside = std::vector<double>(n - 1)};
  std::vector<double> p(n);
  for (size_t i = 0; i + 1 < n; ++i) {
    const size_t left = n - i - 1;
    std::vector<double> v(a.row(i).begin() + static_cast<std::ptrdiff_t>(i) + 1, a.row(i).end());
    const Reflection reflection = Reflect(v.data(), left);
    out.diagonal[i] = a.at(i, i);
    out.beside[i] = reflection.beta;
    if (reflection.tau == 0) continue;
    // A <- A - v w^T - w v^T with p = tau A v, w = p - (tau / 2) <p, v> v
    double* const rest = &a.at(i + 1, i + 1);
    math::Gemv(Transpose::kNo, left, left, reflection.tau, rest, n, v.data(), 0.0, p.data());
    const double along = reflection.tau / 2 * math::Dot(p.data(), v.data(), left);
    math::AddScaled(-along, v.data(), p.data(), left);
    for (size_t r = 0; r < left; ++r) {
      math::AddScaled(-v[r], p.data(), rest + r * n, left);
      math::AddScaled(-p[r], v.data(), rest + r * n, left);
    }
  }
  out.diagonal[n - 1] = a.at(n - 1, n - 1);
  return out;
}

// One implicit QL sweep over [first, last].
void Sweep(size_t first, size_t last, std::vector<double>& d, std::vector<double>& e) {
  const double half = (d[first + 1] - d[first]) / (2 * e[first]);
  const double root = std::hypot(half, 1.0);
  double g = d[last] - d[first] + e[first] / (half + std::copysign(root, half));
  double s = 1, c = 1, p = 0;
  for (size_t i = last; i-- > first;) {
    const double f = s * e[i], b = c * e[i];
    const double r = std::hypot(f, g);
    e[i + 1] = r;
    if (r == 0) {
      d[i + 1] -= p;
      e[last] = 0;
      return;
    }
    s = f / r, c = g / r;
    g = d[i + 1] - p;
    const double t = (d[i] - g) * s + 2 * c * b;
    p = s * t;
    d[i + 1] = g + p;
    g = c * t - b;
  }
  d[first] -= p;
  e[first] = g;
  e[last] = 0;
}

std::vector<double> Eigenvalues(Tridiagonal t) {
  std::vector<double>& d = t.diagonal;
  std::vector<double>& e = t.beside;
  e.push_back(0);
  const size_t n = d.size();
  for (size_t first = 0; first < n; ++first) {
    for (int sweep = 0; sweep < kSweepsMax; ++sweep) {
      size_t last = first;
      while (last + 1 < n) {
        const double scale = std::abs(d[last]) + std::abs(d[last + 1]);
        if (std::abs(e[last]) <= std::numeric_limits<double>::epsilon() * scale) break;
        ++last;
      }
      if (last == first) break;
      Sweep(first, last, d, e);
    }
  }
  return std::move(d);
}

double Quantile(const std::vector<double>& descending, double p) {
  const double place = (1 - p) * static_cast<double>(descending.size() - 1);
  const size_t low = static_cast<size_t>(place);
  const size_t high = std::min(low + 1, descending.size() - 1);
  const double share = place - static_cast<double>(low);
  return descending[low] * (1 - share) + descending[high] * share;
}

}  // namespace

std::vector<double> SquaredSingularValues(MatrixView m) {
  if (m.empty()) return {};
  MatrixD gram = GramOfSmallerSide(m);
  const double square = math::SquaredNorm(gram.data(), gram.flat().size());
  if (!std::isfinite(square)) {
    return std::vector<double>(gram.rows(), std::numeric_limits<double>::quiet_NaN());
  }
  std::vector<double> values = Eigenvalues(Tridiagonalise(std::move(gram)));
  for (double& value : values) value = std::max(value, 0.0);  // rounding may go below
  std::sort(values.begin(), values.end(), std::greater<>());
  return values;
}

SpectrumShape MeasureSpectrum(MatrixView m) {
  const std::vector<double> squares = SquaredSingularValues(m);
  const double total = std::accumulate(squares.begin(), squares.end(), 0.0);
  SpectrumShape shape;
  if (total == 0) return shape;
  double entropy = 0;
  for (size_t i = 0; i < squares.size(); ++i) {
    const double q = squares[i] / total;
    if (q > 0) entropy -= q * std::log(q);
    if (i < kTopDirections) shape.top10_energy += q;
  }
  shape.entropy = squares.size() == 1 ? 1 : entropy / std::log(static_cast<double>(squares.size()));
  shape.effective_rank = std::exp(entropy);
  shape.quartile_ratio = Quantile(squares, 0.75) / Quantile(squares, 0.25);
  return shape;
}

}  // namespace mneme::learning
