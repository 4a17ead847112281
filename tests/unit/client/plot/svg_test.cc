#include "client/plot/svg.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace mneme::plot {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Panel OneSeries(Series series) {
  return {.title = "t", .x_label = "x", .series = {std::move(series)}, .y = Range{0, 1}};
}

TEST(Svg, JoinsALineAndLiftsThePenWhereAValueIsMissing) {
  const std::string svg =
      Svg({.panels = {OneSeries(
               {.x = {0, 1, 2, 3}, .y = {0, 1, std::numeric_limits<double>::quiet_NaN(), 0}})}});
  // The plot area is 62 to 414 wide, with a margin of 4 % of the range, and 256 to 44 high.
  EXPECT_THAT(svg, HasSubstr("d=\"M75.0 256.0L183.7 44.0M401.0 256.0\""));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

TEST(Svg, MarksWhatWasMeasuredWithItsError) {
  const Series points{.x = {1}, .y = {0.5}, .error = {0.25}, .look = Look::kPoints};
  const std::string svg = Svg({.panels = {OneSeries(points)}});
  EXPECT_THAT(svg, HasSubstr("cx=\"238.0\" cy=\"150.0\""));
  EXPECT_THAT(svg, HasSubstr("d=\"M238.0 203.0V97.0\""));
  EXPECT_THAT(svg, Not(HasSubstr("fill=\"none\""))) << "points are not joined";
}

TEST(Svg, TellsAPredictionFromAMeasurement) {
  const Series predicted{.x = {0, 1}, .y = {0, 1}, .look = Look::kPredicted};
  EXPECT_THAT(Svg({.panels = {OneSeries(predicted)}}),
              AllOf(HasSubstr("stroke-dasharray"), Not(HasSubstr("<circle"))));
}

TEST(Svg, EscapesTextAndPutsTwoPanelsInARow) {
  const std::string svg = Svg({.title = "a<b & c", .panels = {Panel{}, Panel{}, Panel{}}});
  EXPECT_THAT(svg, HasSubstr("a&lt;b &amp; c"));
  EXPECT_THAT(svg, HasSubstr("width=\"860\" height=\"664\""));
  EXPECT_THAT(svg, HasSubstr("translate(0,364)"));
}

}  // namespace
}  // namespace mneme::plot
