#include "core/federation/ball.h"

#include <gtest/gtest.h>

#include <vector>

namespace mneme::federation {
namespace {

TEST(Ball, LeavesWhatIsInside) {
  std::vector<float> m = {3, 4};
  EXPECT_EQ(ProjectToBall(std::span(m), 5), 1);
  EXPECT_EQ(m, (std::vector<float>{3, 4}));
}

TEST(Ball, PullsBackWhatIsOutsideAtAnySize) {
  std::vector<float> m(100, 1e20f);
  EXPECT_LT(ProjectToBall(std::span(m), 8), 1e-20);
  EXPECT_NEAR(Norm(std::span<const float>(m)), 8, 1e-5);
  std::vector<double> small(9, 1e-25);
  EXPECT_EQ(ProjectToBall(std::span(small), 1e-3), 1);
  std::vector<double> none;
  EXPECT_EQ(ProjectToBall(std::span(none), 1), 1);
}

}  // namespace
}  // namespace mneme::federation
