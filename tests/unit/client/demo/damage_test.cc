#include "client/demo/damage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace mneme::demo {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr size_t kWidth = 4;

// 1, 2, ... 16.
std::vector<float> Numbers() {
  std::vector<float> image(16);
  for (size_t i = 0; i < image.size(); ++i) image[i] = static_cast<float>(i + 1);
  return image;
}

std::vector<float> Damaged(Damage damage) {
  std::mt19937_64 random(1);
  return Apply(damage, Numbers(), kWidth, random);
}

TEST(Damage, LeavesOrRemovesWholeRows) {
  EXPECT_EQ(Damaged(Damage::kNone), Numbers());
  const auto half = ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0);
  EXPECT_THAT(Damaged(Damage::kLowerHalfZeroed), half);
  EXPECT_THAT(Damaged(Damage::kLowerHalfMasked), half);
}

TEST(Damage, KeepsTheMiddleWhenCropped) {
  EXPECT_THAT(Damaged(Damage::kCropped),
              ElementsAre(0, 0, 0, 0, 0, 6, 7, 0, 0, 10, 11, 0, 0, 0, 0, 0));
}

TEST(Damage, ShiftsToTheRightAndDown) {
  EXPECT_THAT(Damaged(Damage::kShifted),
              ElementsAre(0, 0, 0, 0, 0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11));
}

TEST(Damage, MakesTenPercentBlackOrWhite) {
  const std::vector<float> grey(100'000, 0.5f);
  std::mt19937_64 random(1);
  const std::vector<float> cue = Apply(Damage::kSaltAndPepper, grey, 100, random);
  const auto black = std::count(cue.begin(), cue.end(), 0.0f);
  const auto white = std::count(cue.begin(), cue.end(), 1.0f);
  EXPECT_EQ(black + white + std::count(cue.begin(), cue.end(), 0.5f), 100'000);
  // Five standard deviations of a binomial with n = 100,000 and p = 0.05.
  EXPECT_NEAR(static_cast<double>(black), 5000, 345);
  EXPECT_NEAR(static_cast<double>(white), 5000, 345);
}

TEST(Damage, AddsNoiseOfTheStatedDeviation) {
  const std::vector<float> grey(100'000, 0.5f);
  std::mt19937_64 random(1);
  const std::vector<float> cue = Apply(Damage::kGaussian, grey, 100, random);
  double squares = 0;
  for (const float pixel : cue) squares += (pixel - 0.5) * (pixel - 0.5);
  // Five standard deviations of the mean square: 0.25 * sqrt(2 / n) each.
  EXPECT_NEAR(squares / 100'000, 0.25, 5 * 0.25 * std::sqrt(2.0 / 100'000));
}

TEST(MaskOf, KnowsTheUpperHalfAndNothingForOtherDamage) {
  EXPECT_THAT(MaskOf(Damage::kLowerHalfMasked, 16, kWidth), ElementsAre(0xff, 0x00));
  EXPECT_THAT(MaskOf(Damage::kLowerHalfZeroed, 16, kWidth), IsEmpty());
}

}  // namespace
}  // namespace mneme::demo
