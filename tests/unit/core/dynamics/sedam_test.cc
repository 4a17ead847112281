#include "core/dynamics/sedam.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/dynamics/pattern_generator.h"
#include "tests/unit/core/dynamics/dynamics_testing.h"

namespace mneme::dynamics {
namespace {

MatrixD Patterns(size_t n, size_t d, uint64_t seed) {
  Random random(seed);
  return RandomPatterns(n, d, random);
}

TEST(Sedam, WithoutNoiseItStaysWhereItStarts) {
  auto sedam = Sedam::Create(Patterns(20, 100, 1), {.flip = 0, .start = 7});
  ASSERT_TRUE(sedam.ok());
  for (int t = 0; t < 10; ++t) {
    const SedamStep step = sedam->Step();
    EXPECT_EQ(step.overlap, 1);
    EXPECT_EQ(step.changed, 0);
    EXPECT_EQ(step.winner, 7);
  }
}

TEST(Sedam, ObservablesAreThoseOfItsState) {
  const MatrixD patterns = Patterns(50, 40, 2);
  auto sedam = Sedam::Create(patterns.Clone(), {.flip = 0.4, .start = 3, .seed = 5});
  ASSERT_TRUE(sedam.ok());
  std::vector<double> before(sedam->state().begin(), sedam->state().end());
  size_t changes = 0;
  for (int t = 0; t < 200; ++t) {
    const SedamStep step = sedam->Step();
    double activity = 0, overlap = 0;
    size_t changed = 0, winner = 0;
    std::vector<double> overlaps(50);
    for (size_t i = 0; i < 40; ++i) {
      const double s = sedam->state()[i];
      EXPECT_EQ(s * s, 1);
      activity += s / 40;
      overlap += s * patterns.at(3, i) / 40;
      changed += s != before[i];
      for (size_t mu = 0; mu < 50; ++mu) overlaps[mu] += s * patterns.at(mu, i);
    }
    for (size_t mu = 0; mu < 50; ++mu) {
      if (overlaps[mu] > overlaps[winner]) winner = mu;
    }
    EXPECT_NEAR(step.activity, activity, 1e-12);
    EXPECT_NEAR(step.overlap, overlap, 1e-12);
    EXPECT_EQ(step.changed, changed);
    EXPECT_EQ(step.winner, winner);
    changes += changed;
    before.assign(sedam->state().begin(), sedam->state().end());
  }
  EXPECT_GT(changes, 100);  // seeds 2 and 5: noise of 0.4 does move it
}

TEST(Sedam, TheSameSeedGivesTheSameBits) {
  const auto run = [](uint64_t seed) {
    auto sedam = Sedam::Create(Patterns(100, 60, 3), {.flip = 0.35, .seed = seed});
    return RunSedam(*sedam, 300)->changed;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(Sedam, StepsInPiecesAreStepsAtOnce) {
  auto whole = Sedam::Create(Patterns(30, 60, 3), {.flip = 0.35});
  auto pieces = Sedam::Create(Patterns(30, 60, 3), {.flip = 0.35});
  const auto at_once = RunSedam(*whole, 100);
  ASSERT_TRUE(at_once.ok());
  SedamSeries series;
  for (int i = 0; i < 10; ++i) {
    pieces->Step(10, [&](const SedamStep& step) {
      series.Add(step);
      return true;
    });
  }
  EXPECT_EQ(series.activity, at_once->activity);
  EXPECT_EQ(series.winner, at_once->winner);
}

TEST(Sedam, StopsWhenItIsTold) {
  auto sedam = Sedam::Create(Patterns(30, 60, 3), {});
  int seen = 0;
  sedam->Step(100, [&](const SedamStep&) { return ++seen < 5; });
  EXPECT_EQ(seen, 5);
  const auto stopped = RunSedam(*sedam, 1'000'000, [](double share) { return share < 0.001; });
  EXPECT_EQ(stopped.status().code(), absl::StatusCode::kCancelled);
}

TEST(Sedam, NoiseOfAHalfForgetsAtOnce) {
  auto sedam = Sedam::Create(Patterns(10, 100, 4), {.flip = 0.5});
  const auto series = RunSedam(*sedam, 2000);
  EXPECT_NEAR(series->MeanOverlap(), 0, 0.1);  // seed 4
  EXPECT_GT(series->SwitchRate(), 0.5);
}

TEST(Sedam, RefusesWhatItCannotRun) {
  EXPECT_FALSE(Sedam::Create(MatrixD(), {}).ok());
  EXPECT_FALSE(Sedam::Create(MatrixD(2, 2), {}).ok());
  EXPECT_FALSE(Sedam::Create(Patterns(3, 4, 1), {.flip = -0.1}).ok());
  EXPECT_FALSE(Sedam::Create(Patterns(3, 4, 1), {.flip = 0.6}).ok());
  EXPECT_FALSE(Sedam::Create(Patterns(3, 4, 1), {.flip = std::nan("")}).ok());
  EXPECT_FALSE(Sedam::Create(Patterns(3, 4, 1), {.start = 3}).ok());
  EXPECT_FALSE(Sedam::Create(Patterns(3, 4, 1), {.rule = {.beta = 0}}).ok());
}

TEST(SedamSeries, RatesOfTooFewStepsAreUndefined) {
  SedamSeries series;
  EXPECT_TRUE(std::isnan(series.MeanOverlap()));
  EXPECT_TRUE(std::isnan(series.SwitchRate()));
  series.Add({.overlap = 0.5});
  EXPECT_EQ(series.MeanOverlap(), 0.5);
  EXPECT_TRUE(std::isnan(series.SwitchRate()));
  EXPECT_EQ(series.After(3).overlap.size(), 0);
}

}  // namespace
}  // namespace mneme::dynamics
