// Tests of core/theory/list_law.h against the plain sum that it replaces, and its limits.
#include "core/theory/list_law.h"

#include <cmath>

#include "core/theory/cmm.h"
#include "core/theory/normal.h"
#include "core/theory/sphere.h"
#include "gtest/gtest.h"

namespace mneme::theory {
namespace {

// E[BinomialCdf] over the target's score, without the integration by parts.
double PlainHit(double list, double competitors, double mean, double spread) {
  return NormalExpectation(
      [&](double g) {
        return BinomialCdf(list - 1, competitors, NormalUpperTail(mean + spread * g));
      },
      4000);
}

TEST(ListLaw, IsThePlainMeanOfBinomialTails) {
  for (const double competitors : {1.0, 2.0, 10.0, 300.0, 1e5}) {
    for (const double share : {0.0, 0.01, 0.3, 0.9, 1.0}) {
      const double list = std::max(1.0, std::floor(share * competitors));
      for (const double mean : {0.0, 1.0, 4.0, 7.0}) {
        for (const double spread : {0.0, 0.01, 0.3, 1.0}) {
          SCOPED_TRACE(testing::Message()
                       << competitors << " " << list << " " << mean << " " << spread);
          EXPECT_NEAR(ListHit(list, competitors, NormalTail, NormalScore{mean, spread}),
                      PlainHit(list, competitors, mean, spread), 1e-7);
        }
      }
    }
  }
}

TEST(ListLaw, TakesATargetOfAnyLaw) {
  const double mean = 3, spread = 0.5;
  const auto above = [&](double z) { return NormalUpperTail((z - mean) / spread); };
  EXPECT_NEAR(ListHit(7, 1000, NormalTail, AnyScore{.above = above, .scale = spread}),
              ListHit(7, 1000, NormalTail, NormalScore{mean, spread}), 1e-10);
}

TEST(ListLaw, IsExactWhereEverythingIsKnown) {
  EXPECT_EQ(ListHit(5, 4, NormalTail, NormalScore{0, 1}), 1);  // a list of all
  // A target like any other is among the K best of n with chance K / n.
  EXPECT_NEAR(ListHit(3, 9, NormalTail, NormalScore{0, 1}), 0.3, 1e-9);
  EXPECT_NEAR(ListHit(1, 1e9, NormalTail, NormalScore{0, 1}) * 1e9, 1, 1e-6);
  EXPECT_NEAR(ListHit(9e7, 1e8, NormalTail, NormalScore{0, 1}), 0.9, 1e-7);
  EXPECT_NEAR(ListHit(1, 1, NormalTail, NormalScore{1, 1}), NormalCdf(1 / std::sqrt(2.0)), 1e-9);
}

TEST(ListLaw, HoldsForTheHeavyTailsOfLowDimensions) {
  // d_v = 2: a competitor's tail falls as 1 / s only.
  const CmmShape shape{.d_k = 400, .d_v = 2, .n = 30};
  const double spread = std::sqrt(29.0 / 800), noise = 28.0 / 400 / 2 + 2.0 / 400;
  const double plain = NormalExpectation(
      [&](double g) {
        const double s = 1 + spread * g;
        return BinomialCdf(2, 29, SphereUpperTail(2, s / std::sqrt(noise + s * s)));
      },
      20000);
  EXPECT_NEAR(CmmHit(shape, 3), plain, 1e-5);  // as list_law.h promises of such tails
}

}  // namespace
}  // namespace mneme::theory
