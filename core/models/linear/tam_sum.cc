#include "core/models/linear/tam_sum.h"

#include <algorithm>
#include <span>
#include <utility>

namespace mneme::models {
namespace {

void ToFloat(std::span<const double> from, double times, std::span<float> to) {
  for (size_t i = 0; i < from.size(); ++i) to[i] = static_cast<float>(times * from[i]);
}

}  // namespace

TamSum::TamSum(std::shared_ptr<const Matrix> fixed, double scale, LinearSums sums)
    : fixed_(std::move(fixed)), scale_(scale), sums_(std::move(sums)) {}

void TamSum::Add(const ScaledRows& rows) {
  sums_.Accumulate(rows, Sign::kAdd);
  if (stale_ || factors_ + rows.size() > kFactorsMax) {
    stale_ = true;
    return;
  }
  if (block_ == nullptr) block_ = std::make_shared<FactorBlock>(sums_.a.cols(), sums_.a.rows());
  for (size_t i = 0; i < rows.size(); ++i) {
    ToFloat(rows.responses.row(i), scale_, block_->left.row(factors_));
    ToFloat(rows.keys.row(i), 1, block_->right.row(factors_));
    ++factors_;
  }
}

void TamSum::Remove(const ScaledRows& rows) {
  sums_.Accumulate(rows, Sign::kSubtract);
  stale_ = true;
  if (sums_.n == 0) std::ranges::fill(sums_.a.flat(), 0.0);  // what rounding left
}

void TamSum::Fold() {
  block_ = nullptr;  // readers may hold the old one
  factors_ = 0;
  stale_ = false;
  base_ = fixed_;
  if (sums_.n < 1) return;
  auto base = std::make_shared<Matrix>(sums_.a.rows(), sums_.a.cols());
  const std::span<float> to = base->flat();
  const std::span<const double> a = sums_.a.flat();
  if (fixed_ == nullptr) {
    ToFloat(a, scale_, to);
  } else {
    const std::span<const float> fixed = fixed_->flat();
    for (size_t i = 0; i < to.size(); ++i) {
      to[i] = static_cast<float>(fixed[i] + scale_ * a[i]);
    }
  }
  base_ = std::move(base);
}

ServedWeights TamSum::Publish() {
  if (stale_) Fold();
  return {.base = base_, .block = block_, .factors = factors_};
}

size_t TamSum::served_bytes() const {
  return base_ == nullptr || base_ == fixed_ ? 0 : base_->bytes();
}

}  // namespace mneme::models
