#include "core/federation/regret_meter.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/federation/regret.h"
#include "core/math/kernels.h"

namespace mneme::federation {
namespace {

constexpr double kRoundingShare = 1e-5;  // of the mean diagonal

void AddInDouble(std::span<const float> more, std::vector<double>& sum) {
  sum.resize(more.size());
  for (size_t i = 0; i < more.size(); ++i) sum[i] += static_cast<double>(more[i]);
}

}  // namespace

RegretMeter::RegretMeter(const Spec& spec)
    : spec_(spec), measures_(spec.loss != Loss::kHuber && spec.d_k <= kRegretKeyDimensionMax) {}

void RegretMeter::Add(const StatSum& sums, double loss, double weight) {
  if (!measures_ || sums.empty() || !std::isfinite(loss) || !sums.Finite()) return;
  state_.loss += loss;
  state_.weight += weight;
  state_.energy += sums.energy();
  AddInDouble(sums.squares(), state_.squares);
  AddInDouble(sums.products(), state_.products);
}

std::optional<double> RegretMeter::LeastSquaresBest() const {
  const size_t d = spec_.d_k;
  MatrixD lower(d, d);
  double trace = 0;
  for (size_t i = 0; i < d; ++i) {
    const double* row = state_.squares.data() + TriangleNumbers(i);
    std::copy_n(row, i + 1, lower.row(i).data());
    lower.at(i, i) += spec_.decay * state_.weight;
    trace += lower.at(i, i);
  }
  const MatrixViewD products{.data = state_.products.data(), .rows = spec_.d_v, .cols = d};
  const auto best = BestFixedLoss(lower, products, state_.energy, kRegretRidge);
  // Sums of few items have no full rank, and float32 sums are off it by their rounding.
  const double wider = kRegretRidge + kRoundingShare * trace / static_cast<double>(d);
  return best.has_value() ? best : BestFixedLoss(lower, products, state_.energy, wider);
}

std::optional<double> RegretMeter::BestLoss() const {
  if (!measures_ || state_.squares.empty()) return std::nullopt;
  if (spec_.loss == Loss::kLeastSquares) return LeastSquaresBest();
  double best = 0;
  if (spec_.decay == 0) {
    // -<U, P> is least at the edge of the ball, in the direction of P.
    best = -BallRadius(spec_) *
           std::sqrt(math::SquaredNorm(state_.products.data(), state_.products.size()));
  } else {
    best = -math::SquaredNorm(state_.products.data(), state_.products.size()) /
           (2 * spec_.decay * state_.weight);
  }
  if (!std::isfinite(best)) return std::nullopt;
  return best;
}

void RegretMeter::TakeReading(uint64_t round) {
  const std::optional<double> best = BestLoss();
  if (!best.has_value()) return;
  if (state_.readings.size() == kRegretReadingsMax) {
    for (size_t i = 0; 2 * i < kRegretReadingsMax; ++i) {
      state_.readings[i] = state_.readings[2 * i];
    }
    state_.readings.resize(kRegretReadingsMax / 2);
  }
  state_.readings.push_back({.round = round, .loss = state_.loss, .best_loss = *best});
}

bool RegretMeter::SetState(State state) {
  const bool sized = state.squares.empty()
                         ? state.products.empty()
                         : state.squares.size() == TriangleNumbers(spec_.d_k) &&
                               state.products.size() == size_t{spec_.d_v} * spec_.d_k;
  if (!sized || state.readings.size() > kRegretReadingsMax) return false;
  state_ = std::move(state);
  return true;
}

}  // namespace mneme::federation
