// Tests of core/filter/numbers: whole against real numbers, exactly.
#include "core/filter/numbers.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"

namespace mneme::filter {
namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr double kTwoTo63 = 9223372036854775808.0;

void ExpectOrder(int64_t a, double b, std::partial_ordering order) {
  EXPECT_TRUE(CompareNumbers(a, b) == order) << a << " and " << b;
  EXPECT_TRUE(CompareNumbers(b, a) == 0 <=> order) << b << " and " << a;
}

TEST(CompareNumbers, RoundsNeitherSide) {
  using O = std::partial_ordering;
  ExpectOrder(3, 3.0, O::equivalent);
  ExpectOrder(3, 3.5, O::less);
  ExpectOrder(-3, -3.5, O::greater);
  ExpectOrder(0, -0.0, O::equivalent);
  ExpectOrder(0, 5e-324, O::less);
  ExpectOrder((1ll << 53) + 1, 9007199254740992.0, O::greater);
  ExpectOrder(kMax, kTwoTo63, O::less);
  ExpectOrder(kMax, std::nextafter(kTwoTo63, 0), O::greater);
  ExpectOrder(kMin, -kTwoTo63, O::equivalent);
  ExpectOrder(kMin, std::nextafter(-kTwoTo63, -INFINITY), O::greater);
  ExpectOrder(kMax, INFINITY, O::less);
  ExpectOrder(kMin, -INFINITY, O::greater);
}

TEST(CompareNumbers, NothingComparesWithNan) {
  EXPECT_TRUE(CompareNumbers(int64_t{1}, NAN) == std::partial_ordering::unordered);
  EXPECT_TRUE(CompareNumbers(NAN, int64_t{1}) == std::partial_ordering::unordered);
  EXPECT_TRUE(CompareNumbers(NAN, NAN) == std::partial_ordering::unordered);
}

}  // namespace
}  // namespace mneme::filter
