#include "core/dynamics/events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mneme::dynamics {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Events, AvalanchesAreMaximalRunsAboveTheThreshold) {
  const double activity[] = {0, 3, 1, 0, 0, 2, 0, 4, 5};
  const auto found = Avalanches(activity);
  ASSERT_EQ(found.size(), 3);
  EXPECT_EQ(found[0].birth, 1);
  EXPECT_EQ(found[0].duration, 2);
  EXPECT_EQ(found[0].size, 4);
  EXPECT_EQ(found[1].duration, 1);
  EXPECT_EQ(found[2].birth, 7);  // cut off by the end
  EXPECT_EQ(found[2].size, 9);
  EXPECT_THAT(Births(found), ElementsAre(1, 5, 7));
  EXPECT_THAT(WaitingTimes(Births(found)), ElementsAre(4, 2));
  EXPECT_THAT(Births(Avalanches(activity, 2)), ElementsAre(1, 7));
  EXPECT_THAT(Avalanches({}), IsEmpty());
}

TEST(Events, CoincidencesAreStepsOfEnoughActivity) {
  const double activity[] = {0, 3, 1, 5};
  EXPECT_THAT(Coincidences(activity, 3), ElementsAre(1, 3));
  EXPECT_THAT(Coincidences(activity, 6), IsEmpty());
}

TEST(Events, SeriesHasOnesAtTheTimes) {
  const size_t times[] = {0, 2, 2, 9};
  EXPECT_THAT(EventSeries(times, 4), ElementsAre(1, 0, 1, 0));
  EXPECT_THAT(WaitingTimes({}), IsEmpty());
}

}  // namespace
}  // namespace mneme::dynamics
