#include "core/dynamics/sedam.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/base/status.h"
#include "core/dynamics/checks.h"
#include "core/math/kernels.h"

namespace mneme::dynamics {
namespace {

constexpr size_t kStepsBetweenReports = 64;

template <typename T>
std::vector<T> Tail(const std::vector<T>& values, size_t skipped) {
  const auto skip = static_cast<std::ptrdiff_t>(std::min(skipped, values.size()));
  return {values.begin() + skip, values.end()};
}

}  // namespace

Sedam::Sedam(BinaryStepper stepper, const SedamOptions& options)
    : stepper_(std::move(stepper)),
      options_(options),
      random_(options.seed),
      state_(MatrixD::Copy(stepper_.patterns().slice(options.start, 1))),
      previous_(state_.Clone()) {}

absl::StatusOr<Sedam> Sedam::Create(MatrixD patterns, const SedamOptions& options) {
  const size_t n = patterns.rows();
  MNEME_ASSIGN_OR_RETURN(BinaryStepper stepper,
                         BinaryStepper::Create(std::move(patterns), options.rule));
  MNEME_RETURN_IF_ERROR(CheckRange("flip", options.flip, 0, 0.5));
  MNEME_RETURN_IF_ERROR(
      CheckRange("start", static_cast<double>(options.start), 0, static_cast<double>(n - 1)));
  return Sedam(std::move(stepper), options);
}

SedamStep Sedam::Step() {
  const size_t d = state_.cols();
  std::copy(state_.flat().begin(), state_.flat().end(), previous_.flat().begin());
  for (double& s : state_.flat()) {
    if (random_.Uniform() < options_.flip) s = -s;
  }
  stepper_.Step(state_);

  SedamStep out;
  double sum = 0;
  for (size_t i = 0; i < d; ++i) {
    sum += state_.at(0, i);
    out.changed += state_.at(0, i) != previous_.at(0, i);
  }
  const double scale = 1 / static_cast<double>(d);
  out.activity = sum * scale;
  const double* start = stepper_.patterns().row(options_.start).data();
  out.overlap = math::Dot(start, state_.data(), d) * scale;
  out.winner = stepper_.Nearest(state_.row(0)).row;
  return out;
}

void Sedam::Step(size_t count, const std::function<bool(const SedamStep&)>& observe) {
  for (size_t i = 0; i < count; ++i) {
    const SedamStep step = Step();
    if (observe && !observe(step)) return;
  }
}

void SedamSeries::Add(const SedamStep& step) {
  activity.push_back(step.activity);
  overlap.push_back(step.overlap);
  changed.push_back(static_cast<double>(step.changed));
  winner.push_back(step.winner);
}

SedamSeries SedamSeries::After(size_t steps) const {
  return {Tail(activity, steps), Tail(overlap, steps), Tail(changed, steps), Tail(winner, steps)};
}

double SedamSeries::MeanOverlap() const {
  return std::accumulate(overlap.begin(), overlap.end(), 0.0) / static_cast<double>(overlap.size());
}

double SedamSeries::SwitchRate() const {
  if (winner.size() < 2) return std::nan("");
  size_t switches = 0;
  for (size_t t = 1; t < winner.size(); ++t) switches += winner[t] != winner[t - 1];
  return static_cast<double>(switches) / static_cast<double>(winner.size() - 1);
}

absl::StatusOr<SedamSeries> RunSedam(Sedam& sedam, size_t steps, const KeepGoingFn& keep_going) {
  SedamSeries series;
  while (series.overlap.size() < steps) {
    const size_t done = series.overlap.size();
    MNEME_RETURN_IF_ERROR(
        CheckGoing(keep_going, static_cast<double>(done) / static_cast<double>(steps)));
    sedam.Step(std::min(kStepsBetweenReports, steps - done), [&](const SedamStep& step) {
      series.Add(step);
      return true;
    });
  }
  return series;
}

}  // namespace mneme::dynamics
