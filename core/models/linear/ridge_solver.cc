#include "core/models/linear/ridge_solver.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/status.h"
#include "core/math/blas.h"
#include "core/math/kernels.h"

namespace mneme::models {
namespace {

double LargestDiagonal(MatrixViewD c) {
  double largest = std::numeric_limits<double>::min();
  for (size_t i = 0; i < c.rows; ++i) largest = std::max(largest, c.row(i)[i]);
  return largest;
}

bool TryFactor(MatrixViewD c, double lambda, MatrixD& factor) {
  std::copy(c.flat().begin(), c.flat().end(), factor.data());
  for (size_t i = 0; i < c.rows; ++i) factor.at(i, i) += lambda;
  return math::CholeskyFactor(factor.data(), c.rows);
}

}  // namespace

double RidgeSolver::Factor(MatrixViewD c, double lambda) {
  if (factor_.empty()) {
    factor_ = MatrixD(d_k_, d_k_);
    directions_ = MatrixD(changes_max_, d_k_);
  }
  scales_.clear();
  while (!TryFactor(c, lambda, factor_)) {
    lambda = std::max(10 * lambda, 1e-16 * LargestDiagonal(c));
    MNEME_CHECK(std::isfinite(lambda));  // a finite C has a lambda that dominates it
  }
  return lambda;
}

void RidgeSolver::SolveRows(MatrixD& rows) const {
  math::CholeskySolveRows(factor_.data(), d_k_, rows.data(), rows.rows());
}

void RidgeSolver::Direction(std::span<const double> k, std::span<double> p) const {
  std::copy(k.begin(), k.end(), p.begin());
  math::CholeskySolveRows(factor_.data(), d_k_, p.data(), 1);
  for (size_t j = 0; j < scales_.size(); ++j) {
    const double* direction = directions_.row(j).data();
    const double along = math::Dot(direction, k.data(), d_k_);
    math::AddScaled(-scales_[j] * along, direction, p.data(), d_k_);
  }
}

double RidgeSolver::Change(std::span<const double> k, std::span<const double> p, Sign sign) {
  const double s = static_cast<double>(sign);
  const double g = 1 + s * math::Dot(k.data(), p.data(), d_k_);
  if (g < kPivotMin) return g;
  MNEME_CHECK(scales_.size() < changes_max_);
  std::copy(p.begin(), p.end(), directions_.row(scales_.size()).begin());
  scales_.push_back(s / g);
  return g;
}

}  // namespace mneme::models
