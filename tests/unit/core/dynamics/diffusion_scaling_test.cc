#include "core/dynamics/diffusion_scaling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/base/random.h"

namespace mneme::dynamics {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<double> WhiteNoise(size_t steps, uint64_t seed) {
  Random random(seed);
  std::vector<double> out(steps);
  random.FillGaussian(out);
  return out;
}

TEST(LogSpacedWindows, AreDifferentAndWithinBounds) {
  EXPECT_THAT(LogSpacedWindows(1, 8, 4), ElementsAre(1, 2, 4, 8));
  EXPECT_THAT(LogSpacedWindows(3, 5, 10), ElementsAre(3, 4, 5));
  EXPECT_THAT(LogSpacedWindows(16, 15, 4), IsEmpty());
  EXPECT_THAT(LogSpacedWindows(0, 15, 4), IsEmpty());
  EXPECT_THAT(LogSpacedWindows(16, 100, 0), IsEmpty());
  EXPECT_THAT(LogSpacedWindows(7, 70, 1), ElementsAre(7));
  EXPECT_EQ(FluctuationWindows(6000).front(), 16);
  EXPECT_EQ(FluctuationWindows(6000).back(), 600);
  EXPECT_EQ(FluctuationWindows(6000).size(), 16);
  EXPECT_EQ(EntropyWindows(6000).back(), 150);
  EXPECT_EQ(EntropyWindows(1'000'000).back(), 500);
  EXPECT_THAT(FluctuationWindows(100), IsEmpty());
}

TEST(FluctuationScaling, KnowsWhiteNoiseFromARandomWalk) {
  double white = 0, walk = 0;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    std::vector<double> series = WhiteNoise(6000, seed);
    white += FluctuationScaling(series, FluctuationWindows(6000)).exponent / 5;
    for (size_t t = 1; t < series.size(); ++t) series[t] += series[t - 1];
    walk += FluctuationScaling(series, FluctuationWindows(6000)).exponent / 5;
  }
  EXPECT_NEAR(white, 0.51, 0.03);  // seeds 1 to 5
  EXPECT_NEAR(walk, 1.482, 0.05);
}

TEST(FluctuationScaling, MatchesAWindowByHand) {
  // Profile of 1, -1, 1, -1: 1, 0, 1, 0; best line 0.8 - 0.2 t; residues 0.2, -0.6, 0.6, -0.2.
  const double series[] = {1, -1, 1, -1};
  const size_t windows[] = {4};
  const Scaling found = FluctuationScaling(series, windows);
  EXPECT_THAT(found.values, ElementsAre(testing::DoubleNear(std::sqrt(0.8 / 4), 1e-12)));
  EXPECT_TRUE(std::isnan(found.exponent)) << "one window defines no slope";
}

TEST(FluctuationScaling, WhatDoesNotChangeHasNoExponent) {
  const std::vector<double> constant(5000, 0.3), none;
  EXPECT_TRUE(std::isnan(FluctuationScaling(constant, FluctuationWindows(5000)).exponent));
  EXPECT_TRUE(std::isnan(FluctuationScaling(none, FluctuationWindows(0)).exponent));
}

TEST(EntropyScaling, IndependentEventsSpreadAsTheRootOfTime) {
  double delta = 0;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    Random random(seed);
    std::vector<double> events(100'000);
    for (double& event : events) event = random.Uniform() < 0.2;
    delta += EntropyScaling(events, EntropyWindows(events.size())).exponent / 5;
  }
  EXPECT_NEAR(delta, 0.5, 0.03);  // seeds 1 to 5
}

TEST(EntropyScaling, MatchesAWindowByHand) {
  // Sums of neighbours: 1, 1, 0, 1: entropy of 3/4 and 1/4.
  const double events[] = {1, 0, 1, 0, 0};
  const size_t windows[] = {2};
  const double expected = -0.75 * std::log(0.75) - 0.25 * std::log(0.25);
  EXPECT_THAT(EntropyScaling(events, windows).values,
              ElementsAre(testing::DoubleNear(expected, 1e-12)));
}

TEST(EntropyScaling, WithoutEventsItIsUndefined) {
  const std::vector<double> quiet(5000, 0.0), always(5000, 1.0);
  EXPECT_TRUE(std::isnan(EntropyScaling(quiet, EntropyWindows(5000)).exponent));
  EXPECT_TRUE(std::isnan(EntropyScaling(always, EntropyWindows(5000)).exponent));
}

}  // namespace
}  // namespace mneme::dynamics
