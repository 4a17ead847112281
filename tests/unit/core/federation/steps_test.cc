#include "core/federation/steps.h"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <limits>

#include "core/base/random.h"

namespace mneme::federation {
namespace {

Spec WithSteps(StepSpec steps) {
  return {.d_k = 4, .d_v = 4, .decay = 0.5, .radius = 8, .steps = steps};
}

StepSpec Uncapped(Schedule schedule) { return {.schedule = schedule, .stability_cap = false}; }

TEST(StepSizes, FollowTheirSchedules) {
  StepSpec sqrt = Uncapped(Schedule::kSqrt);
  sqrt.c = 4;
  StepSizes a(WithSteps(sqrt), {});
  EXPECT_DOUBLE_EQ(a.Next(1), 2);  // eta_max
  for (int t = 2; t < 16; ++t) a.Next(1);
  EXPECT_DOUBLE_EQ(a.Next(1), 1);  // 4 / sqrt(16)

  StepSpec horizon = Uncapped(Schedule::kHorizon);
  horizon.horizon = 100;
  horizon.gradient_bound = 2;
  EXPECT_DOUBLE_EQ(StepSizes(WithSteps(horizon), {.mean = 4}).Next(1), 8 / (2 * std::sqrt(900.0)));

  StepSpec constant = Uncapped(Schedule::kConstant);
  constant.eta = 12;  // above eta_max, which is for the other schedules
  EXPECT_DOUBLE_EQ(StepSizes(WithSteps(constant), {}).Next(1), 12);

  StepSizes strong(WithSteps(Uncapped(Schedule::kStrong)), {});
  EXPECT_DOUBLE_EQ(strong.Next(1), 2);
  EXPECT_DOUBLE_EQ(strong.Next(1), 1);  // 1 / (0.5 * 2)
}

TEST(StepSizes, AdaptiveCountsWhatWasAppliedMeanwhile) {
  StepSpec spec = Uncapped(Schedule::kAdaptive);
  spec.eta_max = 100;
  StepSizes steps(WithSteps(spec), {});
  EXPECT_NEAR(steps.Next(3), 0.25 * 8 / 3, 1e-9);
  EXPECT_NEAR(steps.Next(4), 0.25 * 8 / 5, 1e-9);
  steps.SawArrival(0.5, 2);   // 2 * 0.5 * (3 + 4)
  steps.SawArrival(0.25, 1);  // 2 * 0.25 * 4
  steps.SawArrival(1, 0);
  EXPECT_NEAR(steps.Next(0), 0.25 * 8 / std::sqrt(25.0 + 7 + 2), 1e-9);
}

// Of steps that stay as long as they were nothing is forgotten.
TEST(StepSizes, AdaptiveCountsAllOfARunThatGoesOnAsItWas) {
  StepSpec spec = Uncapped(Schedule::kAdaptive);
  spec.eta_max = 100;
  StepSizes steps(WithSteps(spec), {});
  Random random(1, 0);
  double spread = 0;
  double before = 0;
  for (uint64_t t = 0; t < 10 * kLongSumSteps; ++t) {
    const double arrived = random.Uniform();
    const double norm = random.Uniform();
    steps.SawArrival(arrived, 1);
    spread += 2 * arrived * before + norm * norm;
    ASSERT_NEAR(steps.Next(norm), 0.25 * 8 / std::sqrt(1e-12 + spread), 1e-9) << t;
    before = norm;
  }
}

TEST(StepSizes, ALongSumMakesAdaptiveStepsSmallForAWhileOnly) {
  StepSpec spec = Uncapped(Schedule::kAdaptive);
  spec.eta_max = 100;
  for (const uint64_t before : {uint64_t{1}, kLongSumSteps - 1, kLongSumSteps, uint64_t{5000}}) {
    for (const double norm : {1e3, 1e17, 1e300}) {
      StepSizes steps(WithSteps(spec), {});
      const auto next = [&](double sum_norm) {
        steps.SawArrival(sum_norm, 1);
        return steps.Next(sum_norm);
      };
      // Each adds 3: its square, and twice it times the one before.
      for (uint64_t t = 0; t < before; ++t) next(1);
      EXPECT_LE(next(norm) * norm, 0.25 * 8) << "how far one goes";
      for (uint64_t t = 1; t < kLongSumSteps; ++t) ASSERT_LE(next(1), 0.25 * 8 / norm);
      for (uint64_t t = 0; t < kLongSumSteps + 1; ++t) next(1);
      const auto steps_now = static_cast<double>(steps.state().steps + 1);
      EXPECT_NEAR(next(1) * std::sqrt(3 * steps_now) / (0.25 * 8), 1, 1e-9)
          << before << " steps, then one of " << norm;
      EXPECT_TRUE(std::isfinite(steps.state().spread));
      StepSizes again(WithSteps(spec), {}, steps.state());
      EXPECT_NEAR(again.Next(1) / next(1), 1, 1e-3) << "over a restart too";
    }
  }
}

TEST(StepSizes, TheCapKeepsStaleGradientsStable) {
  StepSpec spec = {.schedule = Schedule::kConstant, .eta = 5};
  StepSizes steps(WithSteps(spec), {.point_max = 4});
  EXPECT_DOUBLE_EQ(steps.Next(1), 5);  // no key was seen
  steps.SawKey(2);
  steps.SawKey(0.5);
  EXPECT_DOUBLE_EQ(steps.Next(1), 0.1);  // 1 / (2 * 5)
  steps.SetDelays({.point_max = 0});
  EXPECT_DOUBLE_EQ(steps.Next(1), 0.5);
}

TEST(StepSizes, HostileNumbersGiveAFiniteStep) {
  const double inf = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const Schedule schedule : {Schedule::kSqrt, Schedule::kAdaptive, Schedule::kConstant}) {
    for (const double bad : {inf, nan, -1.0, 1e300, 1e20, 1e-25, 0.0}) {
      StepSizes steps(WithSteps({.schedule = schedule}), {.point_max = 2});
      steps.SawKey(bad);
      steps.Next(bad);
      steps.SawArrival(bad, 4'000'000'000);
      const double eta = steps.Next(bad);
      EXPECT_TRUE(std::isfinite(eta) && eta >= 0) << Name(schedule) << " of " << bad;
    }
  }
}

TEST(StepSizes, AStateCarriesOnWhereItWasTaken) {
  StepSpec spec = {.schedule = Schedule::kAdaptive};
  StepSizes first(WithSteps(spec), {.point_max = 2});
  for (int t = 1; t < 10; ++t) {
    first.SawKey(t);
    first.SawArrival(1.0 / t, 3);
    first.Next(t);
  }
  StepSizes second(WithSteps(spec), {.point_max = 2}, first.state());
  first.SawArrival(2, 5), second.SawArrival(2, 5);
  EXPECT_EQ(first.Next(1), second.Next(1));
  EXPECT_EQ(first.state(), second.state());
}

TEST(StepSizes, AKeyCountsForAWhileAndIsThenForgotten) {
  const StepSpec spec = {.schedule = Schedule::kConstant, .eta = 0.5};
  for (const uint64_t before : {uint64_t{0}, uint64_t{1}, kKeyRounds - 1, kKeyRounds}) {
    StepSizes steps(WithSteps(spec), {.point_max = 2});
    const auto next = [&](double key_squared) {
      steps.SawKey(key_squared);
      const double eta = steps.Next(1);
      steps.EndRound();
      return eta;
    };
    for (uint64_t t = 0; t < before; ++t) EXPECT_DOUBLE_EQ(next(1), 1.0 / 3);
    EXPECT_DOUBLE_EQ(next(1e12), 1 / 3e12);
    for (uint64_t t = 0; t < kKeyRounds; ++t) ASSERT_DOUBLE_EQ(next(1), 1 / 3e12) << before;
    for (uint64_t t = 0; t < kKeyRounds; ++t) steps.EndRound();  // without steps too
    EXPECT_DOUBLE_EQ(next(1), 1.0 / 3) << before;
  }
}

TEST(StepSizes, RememberNoMoreThanTheLongestDelay) {
  Spec spec = WithSteps({.schedule = Schedule::kAdaptive});
  spec.max_delay = 3;
  StepSizes steps(spec, {});
  for (int t = 0; t < 100; ++t) steps.Next(1);
  EXPECT_EQ(steps.state().recent.size(), 3u);
}

// x(t+1) = x(t) - eta x(t - d): dies out just below the limit, grows just above it.
TEST(StableStepLimit, IsWhereTheRecursionTurns) {
  for (const uint32_t delay : {0u, 2u, 4u, 8u}) {
    for (const double side : {0.97, 1.03}) {
      const double eta = side * StableStepLimit(delay);
      std::deque<double> x(delay + 1, 1.0);
      for (int t = 0; t < 4000; ++t) {
        x.push_back(x.back() - eta * x.front());
        x.pop_front();
      }
      EXPECT_EQ(std::abs(x.back()) < 1, side < 1) << "delay " << delay;
    }
  }
  EXPECT_NEAR(StableStepLimit(2), 0.618, 5e-4);
}

}  // namespace
}  // namespace mneme::federation
