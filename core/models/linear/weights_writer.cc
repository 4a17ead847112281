#include "core/models/linear/weights_writer.h"

#include <algorithm>
#include <utility>

#include "core/base/status.h"
#include "core/math/kernels.h"
#include "core/models/linear/partition_learner.h"

namespace mneme::models {
namespace {

void ToFloat(std::span<const double> from, double factor, std::span<float> to) {
  for (size_t i = 0; i < from.size(); ++i) to[i] = static_cast<float>(factor * from[i]);
}

double SquaredNorm(std::span<const double> x) { return math::SquaredNorm(x.data(), x.size()); }

}  // namespace

void WeightsWriter::Append(Sign sign, double factor, std::span<const double> left,
                           std::span<const double> right) {
  MNEME_CHECK(HasRoom(1));
  if (block_ == nullptr) block_ = std::make_shared<FactorBlock>(d_k_, d_v_);
  ToFloat(left, factor, block_->left.row(factors_));
  ToFloat(right, 1, block_->right.row(factors_));
  ++factors_;
  const double energy = factor * factor * SquaredNorm(left) * SquaredNorm(right);
  energy_ += static_cast<double>(sign) * energy;
  energy_max_ = std::max(energy_max_, energy_);
  if (sign == Sign::kSubtract && energy_ < energy_max_ / 2) stale_ = true;
}

void WeightsWriter::Fold(MatrixViewD w) {
  block_ = nullptr;  // readers may hold the old one
  base_ = nullptr;
  factors_ = 0;
  stale_ = false;
  energy_ = energy_max_ = SquaredNorm(w.flat());
  if (w.empty()) return;
  auto base = std::make_shared<Matrix>(d_v_, d_k_);
  ToFloat(w.flat(), 1, base->flat());
  base_ = std::move(base);
}

void WeightsWriter::Describe(ModelStats& stats) const {
  AddBytes("W", base_ == nullptr ? 0 : base_->bytes(), stats);
  AddBytes("factors", block_ == nullptr ? 0 : block_->bytes(), stats);
}

}  // namespace mneme::models
