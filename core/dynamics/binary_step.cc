#include "core/dynamics/binary_step.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/status.h"
#include "core/dynamics/checks.h"
#include "core/dynamics/products.h"
#include "core/math/blas.h"
#include "core/math/kernels.h"
#include "core/models/dense/separation.h"

namespace mneme::dynamics {
namespace {

// What BinaryDifference gives for each overlap; the sum of its second part.
template <typename F>
double SeparatePlain(const models::BinaryDifference<F>& f, std::span<double> overlaps) {
  double turn = 0;
  for (double& overlap : overlaps) {
    turn += f.Turn(overlap);
    overlap = f.Slope(overlap);
  }
  return turn;
}

}  // namespace

absl::Status CheckBinaryRule(const BinaryRule& rule) {
  if (rule.separation == BinarySeparation::kExp) {
    return CheckRange("beta", rule.beta, 1e-6, kBinaryBetaMax);
  }
  return CheckRange("power", rule.power, kBinaryPowerMin, kBinaryPowerMax);
}

BinaryStepper::BinaryStepper(MatrixD patterns, const BinaryRule& rule)
    : patterns_(std::move(patterns)), rule_(rule) {}

absl::StatusOr<BinaryStepper> BinaryStepper::Create(MatrixD patterns, const BinaryRule& rule) {
  MNEME_RETURN_IF_ERROR(CheckBinary("patterns", patterns));
  MNEME_RETURN_IF_ERROR(CheckBinaryRule(rule));
  return BinaryStepper(std::move(patterns), rule);
}

double BinaryStepper::Separate(std::span<double> overlaps) const {
  if (rule_.separation == BinarySeparation::kExp) {
    // Over 2 sinh(beta) cosh(beta) exp(beta * largest overlap): a = w, c = -tanh(beta) sum w.
    const double shift = math::AffineMax(rule_.beta, nullptr, overlaps.data(), overlaps.size());
    const double sum = math::ExpShift(shift, overlaps.data(), overlaps.size()).sum;
    return -std::tanh(rule_.beta) * sum;
  }
  // Whole numbers (over 4), exact up to 2^53: ties stay ties.
  const models::DenseKernelSpec spec = {.power = rule_.power};
  if (rule_.separation == BinarySeparation::kRectifiedPower) {
    return SeparatePlain<models::RectifiedPower>({models::RectifiedPower(spec), 1}, overlaps);
  }
  return SeparatePlain<models::Power>({models::Power(spec), 1}, overlaps);
}

void BinaryStepper::Step(MatrixD& states) {
  const size_t batch = states.rows(), d = patterns_.cols();
  MNEME_CHECK(states.cols() == d);
  if (batch == 0) return;
  if (overlaps_.rows() != batch) {
    overlaps_ = MatrixD(batch, patterns_.rows());
    fields_ = MatrixD(batch, d);
  }
  RowsTimesTransposed(states, patterns_, overlaps_);
  std::copy(states.flat().begin(), states.flat().end(), fields_.flat().begin());
  for (size_t b = 0; b < batch; ++b) {
    math::Scale(Separate(overlaps_.row(b)), fields_.row(b).data(), d);
  }
  AddRowsTimes(overlaps_, patterns_, fields_);
  for (size_t i = 0; i < batch * d; ++i) states.data()[i] = fields_.data()[i] >= 0 ? 1 : -1;
}

NearestPattern BinaryStepper::Nearest(std::span<const double> state) {
  if (overlaps_.rows() == 0) {
    overlaps_ = MatrixD(1, patterns_.rows());
    fields_ = MatrixD(1, patterns_.cols());
  }
  const std::span<double> overlaps = overlaps_.row(0);
  math::Gemv(math::Transpose::kNo, patterns_.rows(), patterns_.cols(), 1.0, patterns_.data(),
             patterns_.cols(), state.data(), 0.0, overlaps.data());
  const auto best = std::max_element(overlaps.begin(), overlaps.end());
  return {.row = static_cast<size_t>(best - overlaps.begin()), .overlap = *best};
}

}  // namespace mneme::dynamics
