#include "core/federation/steps.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

namespace mneme::federation {
namespace {

constexpr double kSqrtCoefficient = 2;
constexpr double kAdaptiveCoefficient = 0.25;
constexpr double kAdaptiveFloor = 1e-12;  // under the root, before anything arrived

double FiniteOrZero(double x) { return std::isfinite(x) && x > 0 ? x : 0; }

}  // namespace

StepSizes::StepSizes(const Spec& spec, StepDelays delays, StepState state)
    : spec_(spec.steps),
      decay_(spec.decay),
      radius_(BallRadius(spec)),
      max_delay_(spec.max_delay),
      delays_(delays),
      state_(std::move(state)) {
  state_.spread = FiniteOrZero(state_.spread);
  state_.key_squared_max = FiniteOrZero(state_.key_squared_max);
  for (double& norm : state_.recent) norm = FiniteOrZero(norm);
  if (state_.recent.size() > max_delay_) {
    state_.recent.erase(state_.recent.begin(), state_.recent.end() - max_delay_);
  }
  // How long the steps before were is not known: all of the spread counts for a window.
  if (state_.steps > 0) adds_max_before_ = std::numeric_limits<double>::infinity();
}

void StepSizes::SawKey(double key_squared) {
  state_.key_squared_max = std::max(state_.key_squared_max, FiniteOrZero(key_squared));
}

void StepSizes::SawArrival(double weighted_norm, uint32_t delay) {
  if (spec_.schedule != Schedule::kAdaptive) return;
  const size_t rounds = std::min<size_t>(delay, state_.recent.size());
  double backlog = 0;
  for (size_t i = 1; i <= rounds; ++i) backlog += state_.recent[state_.recent.size() - i];
  const double adds = 2 * FiniteOrZero(weighted_norm) * backlog;
  state_.spread += adds;
  adds_ += adds;
}

double StepSizes::Next(double sum_norm) {
  ++state_.steps;
  const double eta = Scheduled(FiniteOrZero(sum_norm));
  const double limit =
      spec_.schedule == Schedule::kConstant ? Cap() : std::min(Cap(), spec_.eta_max);
  return FiniteOrZero(std::min(eta, limit));
}

void StepSizes::EndRound() {
  if (++rounds_ < std::max<uint64_t>(kKeyRounds, max_delay_)) return;
  rounds_ = 0;
  key_squared_before_ = std::exchange(state_.key_squared_max, 0);
}

double StepSizes::KeySquaredMax() const {
  return std::max(state_.key_squared_max, key_squared_before_);
}

// One window in place of two: behind it a key counts for somewhat longer, never shorter.
StepState StepSizes::state() const {
  StepState out = state_;
  out.key_squared_max = KeySquaredMax();
  out.spread = UnderRoot();
  return out;
}

double StepSizes::Scheduled(double sum_norm) {
  const auto t = static_cast<double>(state_.steps);
  switch (spec_.schedule) {
    case Schedule::kSqrt:
      return spec_.c.value_or(kSqrtCoefficient) / std::sqrt(t);
    case Schedule::kHorizon:
      return radius_ / (spec_.gradient_bound *
                        std::sqrt(static_cast<double>(spec_.horizon) * (1 + 2 * delays_.mean)));
    case Schedule::kAdaptive:
      return Adaptive(sum_norm);
    case Schedule::kConstant:
      return spec_.eta;
    case Schedule::kStrong:
      return 1 / (decay_ * t);
  }
  return 0;
}

double StepSizes::Adaptive(double sum_norm) {
  const double squared = sum_norm * sum_norm;
  state_.spread += squared;
  adds_max_ = std::max(adds_max_, std::exchange(adds_, 0) + squared);
  state_.recent.push_back(sum_norm);
  if (state_.recent.size() > max_delay_) state_.recent.erase(state_.recent.begin());
  const double eta =
      spec_.c.value_or(kAdaptiveCoefficient) * radius_ / std::sqrt(kAdaptiveFloor + UnderRoot());
  if (++window_steps_ >= std::max<uint64_t>(kLongSumSteps, max_delay_)) {
    window_steps_ = 0;
    adds_max_before_ = std::exchange(adds_max_, 0);
  }
  return eta;
}

double StepSizes::UnderRoot() const {
  if (state_.steps == 0) return state_.spread;
  const double lately = std::max(adds_max_, adds_max_before_);
  return std::min(state_.spread, static_cast<double>(state_.steps) * lately);
}

double StepSizes::Cap() const {
  const double key_squared = KeySquaredMax();
  if (!spec_.stability_cap || key_squared == 0) {
    return std::numeric_limits<double>::infinity();
  }
  return 1 / (key_squared * (1 + static_cast<double>(delays_.point_max)));
}

double StableStepLimit(uint32_t delay) {
  return 2 * std::sin(std::numbers::pi / (2 * (2 * static_cast<double>(delay) + 1)));
}

double RegretBound(double radius, double gradient_bound, double rounds, double mean_delay) {
  return radius * gradient_bound * std::sqrt(rounds * (1 + 2 * mean_delay));
}

}  // namespace mneme::federation
