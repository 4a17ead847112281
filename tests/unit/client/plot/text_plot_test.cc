#include "client/plot/text_plot.h"

#include <gtest/gtest.h>

#include <limits>

namespace mneme::plot {
namespace {

TEST(TextPlot, DrawsCurvesInSmallLettersAndMarksInCapitalsOverThem) {
  const Panel panel{.title = "hits",
                    .x_label = "load",
                    .series = {{.legend = "points", .x = {0.5}, .y = {0.4}, .look = Look::kPoints},
                               {.legend = "curve", .x = {0, 2}, .y = {1, 0}}},
                    .y = Range{0, 1}};
  EXPECT_EQ(TextPlot(panel, 21, 6),
            "hits\n"
            "      1 ┤ aa\n"
            "    0.8 ┤   aaaa\n"
            "    0.6 ┤       aaaa\n"
            "    0.4 ┤     A    aaaa\n"
            "    0.2 ┤              aaaa\n"
            "      0 ┤                  aa\n"
            "        └─┬───┬────┬────┬───┬─\n"
            "          0  0.5   1   1.5  2  load\n"
            "A points   a curve\n");
}

TEST(TextPlot, LeavesAGapWhereAValueCannotBeShown) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Panel panel{.series = {{.x = {0, 1, 2, 3, 4}, .y = {1, 1, nan, 1, 1}}}, .y = Range{0, 1}};
  const std::string plot = TextPlot(panel, 13, 3);
  EXPECT_NE(plot.find("┤aaaa     aaaa\n"), std::string::npos) << plot;
}

}  // namespace
}  // namespace mneme::plot
