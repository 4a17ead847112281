#include "core/dynamics/temporal_complexity.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/random.h"
#include "core/dynamics/pattern_generator.h"
#include "tests/unit/core/dynamics/dynamics_testing.h"

namespace mneme::dynamics {
namespace {

SedamSeries Quiet(size_t steps) {
  SedamSeries series;
  for (size_t t = 0; t < steps; ++t) series.Add({.activity = 0.1, .overlap = 1});
  return series;
}

TEST(TemporalComplexity, AQuietRunHasOrderButNoExponents) {
  const auto found = Analyse(Quiet(6000), {});
  ASSERT_TRUE(found.ok());
  EXPECT_NEAR(found->mean_overlap, 1, 1e-12);
  EXPECT_EQ(found->switch_rate, 0);
  EXPECT_EQ(found->changes, 0);
  for (const double exponent :
       {found->signal.exponent, found->event_fluctuation.exponent, found->event_entropy.exponent,
        found->waiting.mu, found->cv, found->size.mu, found->duration.mu}) {
    EXPECT_TRUE(std::isnan(exponent));
  }
}

TEST(TemporalComplexity, AFewChangesDefineNoExponentEither) {
  SedamSeries series = Quiet(6000);
  for (size_t t = 0; t < 7; ++t) {
    series.changed[800 * t] = 7;  // 49 in all
    series.activity[800 * t] = 0.2;
  }
  const auto few = Analyse(series, {});
  ASSERT_TRUE(few.ok());
  EXPECT_EQ(few->changes, kChangesMin - 1);
  EXPECT_TRUE(std::isnan(few->signal.exponent));
  series.changed[5999] = 1;
  const auto enough = Analyse(series, {});
  EXPECT_FALSE(std::isnan(enough->signal.exponent));
  EXPECT_TRUE(std::isnan(enough->event_fluctuation.exponent));  // but of 8 events
}

TEST(TemporalComplexity, StrongNoiseLeavesNoMemory) {
  Random random(8);
  auto sedam = Sedam::Create(RandomPatterns(100, 100, random), {.flip = 0.45});
  const auto series = RunSedam(*sedam, 6000);
  const auto found = Analyse(*series, {});
  ASSERT_TRUE(found.ok());
  EXPECT_NEAR(found->signal.exponent, 0.5, 0.08) << "seed 8";
  EXPECT_NEAR(found->mean_overlap, 0, 0.1);
}

TEST(TemporalComplexity, CoincidencesAreEventsOfTheirOwn) {
  SedamSeries series = Quiet(6000);
  for (size_t t = 0; t < 100; ++t) series.changed[50 * t] = 7;
  const auto found = Analyse(series, {.coincidence = 7});
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->coincidence_cv, 0);  // a clock
  EXPECT_EQ(found->coincidence_waiting.count, 99);
  EXPECT_TRUE(std::isnan(Analyse(series, {.coincidence = 8})->coincidence_cv));
}

TEST(TemporalComplexity, BurnInIsLeftOut) {
  SedamSeries series = Quiet(1000);
  for (size_t t = 0; t < 100; ++t) series.overlap[t] = 0;
  EXPECT_NEAR(Analyse(series, {.burn_in = 100})->mean_overlap, 1, 1e-12);
  EXPECT_NEAR(Analyse(series, {})->mean_overlap, 0.9, 1e-12);
}

TEST(TemporalComplexity, RefusesOptionsOutOfRange) {
  EXPECT_FALSE(Analyse({}, {}).ok());
  EXPECT_FALSE(Analyse(Quiet(10), {.burn_in = 10}).ok());
  EXPECT_FALSE(Analyse(Quiet(10), {.threshold = -1}).ok());
  EXPECT_FALSE(Analyse(Quiet(10), {.coincidence = std::nan("")}).ok());
  EXPECT_FALSE(Analyse(Quiet(10), {.tail_from = 0}).ok());
  EXPECT_FALSE(Analyse(Quiet(10), {.tail_from = std::nan("")}).ok());
}

}  // namespace
}  // namespace mneme::dynamics
