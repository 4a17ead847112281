#include "client/plot/scale.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace mneme::plot {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::Pointwise;

TEST(Scale, MapsItsRangeOntoThePageWithAMarginOnBothSides) {
  const Scale scale({10, 20, 12}, 100, 0, 100);
  EXPECT_NEAR(scale.At(10), 100 * (1 - 0.04 / 1.08), 1e-9);
  EXPECT_NEAR(scale.At(20), 100 * 0.04 / 1.08, 1e-9);
  EXPECT_EQ(Scale(Range{0, 1}, 0, 50).At(1), 50);
}

TEST(Scale, HasTicksAtRoundNumbersAndAtTheEndsOfARange) {
  EXPECT_THAT(Scale(Range{0, 1}, 0, 1).Ticks(),
              Pointwise(DoubleNear(1e-12), std::vector<double>{0, 0.2, 0.4, 0.6, 0.8, 1.0}));
  EXPECT_THAT(Scale({-7, 7}, 0, 1, 100).Ticks(), ElementsAre(-5, 0, 5));
  EXPECT_THAT(Scale({30, 70}, 0, 1, 100).Ticks(), ElementsAre(30, 40, 50, 60, 70));
}

TEST(Scale, IsLogarithmicOverAWideRangeOfPositiveNumbers) {
  const Scale scale({1, 1000}, 0, 1, 100);
  EXPECT_NEAR(scale.At(10) - scale.At(1), scale.At(1000) - scale.At(100), 1e-12);
  EXPECT_THAT(scale.Ticks(), Pointwise(DoubleNear(1e-9), std::vector<double>{1, 10, 100, 1000}));
  EXPECT_FALSE(scale.Holds(0));
  EXPECT_TRUE(Scale({-1, 1000}, 0, 1, 100).Holds(0));
}

TEST(Axes, AreLogarithmicOverLessWhereAPanelAsksForIt) {
  Panel panel{.series = {{.x = {1, 2}, .y = {1, 4}}}};
  const auto middle = [&panel] { return Axes(panel, 0, 1, 0, 1).y.At(2); };
  EXPECT_NE(middle(), 0.5);
  panel.log_y = true;
  EXPECT_NEAR(middle(), 0.5, 1e-9);
}

TEST(Scale, StandsForOneValueForNoneAndForThoseThatAreNotNumbers) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_NEAR(Scale({3}, 0, 1, 100).At(3), 0.5, 1e-12);
  EXPECT_TRUE(std::isfinite(Scale({}, 0, 1, 100).At(0)));
  EXPECT_FALSE(Scale({nan, 1}, 0, 1, 100).Holds(nan));
}

}  // namespace
}  // namespace mneme::plot
