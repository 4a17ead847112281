// Tests of core/theory/cmm.h against the printed reference rows of the finite-size law.
#include "core/theory/cmm.h"

#include <cmath>
#include <numbers>

#include "gtest/gtest.h"

namespace mneme::theory {
namespace {

constexpr double kPrinted = 5.5e-4;  // the reference rows are printed to three digits

CmmShape Square(double d, double n) { return {.d_k = d, .d_v = d, .n = n}; }

double HitFraction(const CmmShape& shape, double t) { return CmmHit(shape, ListSize(t, shape.n)); }

TEST(CmmLaw, GivesTheReferenceRowsOfSquareMemories) {
  EXPECT_NEAR(CmmTop1(Square(64, 400)), 0.457, kPrinted);
  EXPECT_NEAR(HitFraction(Square(64, 400), 0.01), 0.716, kPrinted);
  EXPECT_NEAR(HitFraction(Square(64, 400), 0.05), 0.917, kPrinted);
  EXPECT_NEAR(HitFraction(Square(64, 400), 0.10), 0.964, kPrinted);
  EXPECT_NEAR(CmmTop1(Square(64, 1000)), 0.084, kPrinted);
  EXPECT_NEAR(HitFraction(Square(64, 1000), 0.05), 0.617, kPrinted);
  EXPECT_NEAR(HitFraction(Square(64, 1000), 0.10), 0.754, kPrinted);
  EXPECT_NEAR(HitFraction(Square(64, 4096), 0.01), 0.080, kPrinted);
  EXPECT_NEAR(HitFraction(Square(64, 4096), 0.05), 0.248, kPrinted);
  EXPECT_NEAR(HitFraction(Square(64, 4096), 0.10), 0.380, kPrinted);
  EXPECT_NEAR(CmmAllTop1(Square(64, 90)), 0.776, kPrinted);
}

TEST(CmmLaw, GivesTheReferenceRowOfARectangularMemory) {
  const CmmShape shape{.d_k = 128, .d_v = 32, .n = 600};
  EXPECT_NEAR(CmmTop1(shape), 0.219, kPrinted);
  EXPECT_NEAR(HitFraction(shape, 0.05), 0.806, kPrinted);
}

TEST(CmmLaw, GivesTheReferenceRowOfAPartitionedMemory) {
  EXPECT_NEAR(CmmPartitionedTop1(Square(64, 1024), 4), 0.647, kPrinted);
  EXPECT_NEAR(CmmPartitionedTop1(Square(64, 1024), 1), 0.080, kPrinted);
  EXPECT_NEAR(CmmPartitionedTop1(Square(64, 1024), 1), CmmTop1(Square(64, 1024)), 1e-14);
}

TEST(CmmLaw, GivesTheAsymptoticReferenceRow) {
  EXPECT_NEAR(CmmAsymptoticHit(1, 0.01), 0.092, kPrinted);
  EXPECT_NEAR(CmmAsymptoticHit(1, 0.05), 0.259, kPrinted);
  EXPECT_NEAR(CmmAsymptoticHit(1, 0.10), 0.389, kPrinted);
  EXPECT_NEAR(CmmAsymptoticHit(400.0 / 4096, 0.01), 0.809, kPrinted);
  // A cue of cosine rho at load alpha is as good as a clean one at alpha / rho^2.
  EXPECT_NEAR(CmmAsymptoticHit(0.2, 0.1, 0.9), CmmAsymptoticHit(0.2 / 0.81, 0.1), 1e-14);
  EXPECT_NEAR(CmmAsymptoticHit(0.2, 0.1, 0), 0.1, 1e-12);  // an unrelated cue: chance
}

TEST(CmmLaw, TheFiniteLawMeetsTheLimitInHighDimensions) {
  const CmmShape shape = Square(4096, 0.3 * 4096 * 4096);
  EXPECT_NEAR(HitFraction(shape, 0.1), CmmAsymptoticHit(0.3, 0.1), 1e-3);
}

TEST(CmmLaw, IsSaneAtItsEnds) {
  EXPECT_EQ(CmmTop1(Square(64, 1)), 1);
  EXPECT_EQ(CmmHit(Square(64, 10), 10), 1);
  EXPECT_NEAR(CmmTop1(Square(64, 2)), 1, 1e-9);
  EXPECT_NEAR(CmmHit(Square(64, 400), 1), CmmTop1(Square(64, 400)), 1e-12);
  EXPECT_NEAR(CmmInverseSnr(Square(64, 1024)), 15.984, 1e-3);
  EXPECT_EQ(ListSize(0.07, 100), 7);
  EXPECT_EQ(ListSize(0.001, 100), 1);
  EXPECT_EQ(ListSize(0.05, 401), 21);
}

}  // namespace
}  // namespace mneme::theory
