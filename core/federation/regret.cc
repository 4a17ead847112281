#include "core/federation/regret.h"

#include <cmath>

#include "core/math/blas.h"

namespace mneme::federation {

void Hindsight::Add(std::span<const double> key, std::span<const double> response, double weight) {
  for (size_t i = 0; i < key.size(); ++i) {
    const double scaled = weight * key[i];
    for (size_t j = 0; j <= i; ++j) s_.at(i, j) += scaled * key[j];
  }
  for (size_t i = 0; i < response.size(); ++i) {
    const double scaled = weight * response[i];
    q_ += scaled * response[i];
    for (size_t j = 0; j < key.size(); ++j) p_.at(i, j) += scaled * key[j];
  }
}

void Hindsight::Add(const Hindsight& other, double weight) {
  for (size_t i = 0; i < s_.flat().size(); ++i) s_.flat()[i] += weight * other.s_.flat()[i];
  for (size_t i = 0; i < p_.flat().size(); ++i) p_.flat()[i] += weight * other.p_.flat()[i];
  q_ += weight * other.q_;
}

std::optional<double> Hindsight::BestLoss() const {
  return BestFixedLoss(s_, p_, q_, kRegretRidge);
}

std::optional<double> BestFixedLoss(MatrixViewD lower, MatrixViewD p, double q, double ridge) {
  const size_t d_k = lower.rows, d_v = p.rows;
  MatrixD full = MatrixD::Copy(lower);
  for (size_t i = 0; i < d_k; ++i) {
    for (size_t j = 0; j < i; ++j) full.at(j, i) = full.at(i, j);
  }
  MatrixD factor = full.Clone();
  for (size_t i = 0; i < d_k; ++i) factor.at(i, i) += ridge;
  if (!math::CholeskyFactor(factor.data(), d_k)) return std::nullopt;
  MatrixD best = MatrixD::Copy(p);
  math::CholeskySolveRows(factor.data(), d_k, best.data(), d_v);
  MatrixD product(d_v, d_k);  // U S
  math::Gemm(math::Transpose::kNo, math::Transpose::kNo, d_v, d_k, d_k, 1.0, best.data(), d_k,
             full.data(), d_k, 0.0, product.data(), d_k);
  double loss = q;
  for (size_t i = 0; i < d_v * d_k; ++i) {
    loss += best.flat()[i] * (product.flat()[i] - 2 * p.flat()[i]);
  }
  if (!std::isfinite(loss)) return std::nullopt;
  return loss / 2;
}

}  // namespace mneme::federation
