#include "core/dynamics/oscillator_theory.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mneme::dynamics {
namespace {

TEST(BesselRatio, IsI1OverI0) {
  for (const double y : {1e-6, 0.01, 0.5, 1.0, 3.0, 10.0, 50.0, 300.0}) {
    EXPECT_NEAR(BesselRatio(y), std::cyl_bessel_i(1.0, y) / std::cyl_bessel_i(0.0, y),
                1e-14 * std::max(1.0, y / 100))
        << y;
  }
  EXPECT_EQ(BesselRatio(0), 0);
  EXPECT_NEAR(BesselRatio(1000 * (1 - 1e-12)), BesselRatio(1000 * (1 + 1e-12)), 1e-12);
  EXPECT_EQ(BesselRatio(1e25), 1);
}

TEST(LockedStates, SolveTheirEquations) {
  for (const double k2 : {0.3, 0.8, 1.5, 2.0, 3.0, 10.0}) {
    for (const double k4 : {0.0, 0.5, 1.0, 1.1, 3.0, 4.0, 30.0}) {
      const auto noise = LockedStates(Disorder::kNoise, 1, {k2, k4});
      for (const auto& m : {noise.stable, noise.unstable}) {
        if (m) {
          EXPECT_NEAR(*m, BesselRatio(k2 * *m + k4 * *m * *m * *m), 1e-9) << k2 << " " << k4;
        }
      }
      const auto spread = LockedStates(Disorder::kFrequencies, 0.5, {k2, k4});
      for (const auto& m : {spread.stable, spread.unstable}) {
        if (m) {
          EXPECT_NEAR(0.5, 0.5 * (k2 + k4 * *m * *m) * (1 - *m * *m), 1e-9) << k2 << " " << k4;
        }
      }
      EXPECT_EQ(noise.stable.has_value(),
                k2 >= SaddleNodeOf(Disorder::kNoise, 1, k4).k2 && (k2 > 2 || k4 > 1));
    }
  }
}

TEST(LockedStates, OfOneSymmetricCaseByHand) {
  // gamma = k2 (1 - m²) / 2.
  EXPECT_NEAR(*LockedStates(Disorder::kFrequencies, 0.5, {1.5, 0}).stable, std::sqrt(1.0 / 3),
              1e-12);
  EXPECT_FALSE(LockedStates(Disorder::kFrequencies, 0.5, {0.9, 0}).stable.has_value());
  EXPECT_EQ(*LockedStates(Disorder::kNoise, 0, {0, 1}).stable, 1);
  EXPECT_FALSE(LockedStates(Disorder::kNoise, 0, {0, 0}).stable.has_value());
  EXPECT_NEAR(*LockedStates(Disorder::kNoise, 1e-25, {0, 1}).stable, 1, 1e-12);
  EXPECT_FALSE(LockedStates(Disorder::kNoise, 1e20, {1, 1}).stable.has_value());
}

TEST(SaddleNode, IsWhereBothStatesMeet) {
  for (const Disorder disorder : {Disorder::kNoise, Disorder::kFrequencies}) {
    for (const double k4 : {2.1, 3.0, 8.0}) {
      const SaddleNode saddle = SaddleNodeOf(disorder, 1, k4);
      const auto above = LockedStates(disorder, 1, {saddle.k2 + 1e-6, k4});
      ASSERT_TRUE(above.stable.has_value() && above.unstable.has_value());
      EXPECT_NEAR(*above.stable, saddle.z, 3e-3);
      EXPECT_NEAR(*above.unstable, saddle.z, 3e-3);
      EXPECT_FALSE(LockedStates(disorder, 1, {saddle.k2 - 1e-6, k4}).stable.has_value());
    }
  }
}

TEST(SaddleNode, LeavesTheOnsetAtTheTricriticalPoint) {
  for (const Disorder disorder : {Disorder::kNoise, Disorder::kFrequencies}) {
    const double tricritical = TricriticalK4(disorder, 1);
    EXPECT_EQ(SaddleNodeOf(disorder, 1, tricritical).k2, OnsetK2(1));
    EXPECT_EQ(SaddleNodeOf(disorder, 1, tricritical).z, 0);
    EXPECT_LT(SaddleNodeOf(disorder, 1, tricritical * 1.05).k2, OnsetK2(1));
  }
}

}  // namespace
}  // namespace mneme::dynamics
