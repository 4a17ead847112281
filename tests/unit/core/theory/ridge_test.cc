// Tests of core/theory/ridge.h against the printed reference rows and its own equation.
#include "core/theory/ridge.h"

#include <cmath>

#include "gtest/gtest.h"

namespace mneme::theory {
namespace {

TEST(RidgeLaw, GivesTheReferenceRowAtFiniteLambda) {
  const RidgeLaw law = PredictRidge({.d_k = 64, .d_v = 64, .n = 256, .lambda = 0.1});
  EXPECT_NEAR(law.mse, 0.7503, 5.5e-5);
  EXPECT_NEAR(law.gain, 0.2420, 5.5e-5);
  EXPECT_NEAR(law.inverse_snr, 3.0013, 5.5e-5);
  EXPECT_NEAR(law.top1, 0.89, 5.5e-3);
}

TEST(RidgeLaw, GivesTheLeastSquaresRows) {
  const RidgeLaw small = PredictRidge({.d_k = 64, .d_v = 64, .n = 128, .lambda = 1e-8});
  EXPECT_NEAR(small.mse, 0.5, 1e-6);
  EXPECT_NEAR(small.inverse_snr, 1, 1e-6);
  const RidgeLaw limit = PredictRidge({.d_k = 64, .d_v = 64, .n = 256, .lambda = 0});
  EXPECT_NEAR(limit.gain, 0.25, 1e-15);
  EXPECT_NEAR(limit.inverse_snr, 3, 1e-13);
  EXPECT_NEAR(limit.top1, 0.891, 5.5e-4);
}

TEST(RidgeLaw, BelowTheDimensionRecallIsExactInTheLimit) {
  for (double n : {1.0, 32.0, 64.0}) {
    const RidgeLaw law = PredictRidge({.d_k = 64, .d_v = 64, .n = n, .lambda = 0});
    EXPECT_EQ(law.gain, 1);
    EXPECT_EQ(law.mse, 0);
    EXPECT_EQ(law.inverse_snr, 0);
    EXPECT_NEAR(law.top1, 1, 1e-12);
  }
  EXPECT_NEAR(PredictRidge({.d_k = 64, .d_v = 64, .n = 32, .lambda = 1e-12}).gain, 1, 1e-10);
}

TEST(RidgeLaw, SolvesItsFixedPointAndItsDerivative) {
  for (double n : {10.0, 64.0, 500.0}) {
    for (double lambda : {1e-6, 1e-2, 1.0, 30.0}) {
      const auto gain = [&](double x) {
        return PredictRidge({.d_k = 64, .d_v = 16, .n = n, .lambda = x}).gain;
      };
      const RidgeLaw law = PredictRidge({.d_k = 64, .d_v = 16, .n = n, .lambda = lambda});
      const double tau = law.gain / (1 - law.gain);
      EXPECT_NEAR(tau * (lambda + n / 64 / (1 + tau)), 1, 1e-9) << n << " " << lambda;
      const double step = lambda * 1e-4;
      const double slope = (gain(lambda + step) - gain(lambda - step)) / (2 * step);
      EXPECT_NEAR(law.power, law.gain + lambda * slope, 1e-6) << n << " " << lambda;
    }
  }
}

TEST(RidgeLaw, StrongRegularisationIsTheCorrelationMatrix) {
  // lambda -> infinity: W is A / lambda, whose 1/SNR is n / d_k.
  const RidgeLaw law = PredictRidge({.d_k = 64, .d_v = 64, .n = 640, .lambda = 1e6});
  EXPECT_NEAR(law.inverse_snr, 10, 1e-3);
}

TEST(RidgeLaw, AFreshKeyRecallsTheLengthOfTheMatrix) {
  // -(n/d_k) dh/dlambda; for least squares, the trace of a Wishart inverse.
  const auto law = [](double n, double lambda) {
    return PredictRidge({.d_k = 64, .d_v = 64, .n = n, .lambda = lambda});
  };
  for (const double n : {16.0, 64.0, 256.0}) {
    for (const double lambda : {0.01, 1.0}) {
      const double step = lambda * 1e-4;
      const double slope = (law(n, lambda + step).gain - law(n, lambda - step).gain) / (2 * step);
      EXPECT_NEAR(law(n, lambda).fresh, -n / 64 * slope, 1e-5) << n << " " << lambda;
    }
  }
  EXPECT_NEAR(law(32, 0).fresh, 0.5 / (1 - 0.5), 1e-12);
  EXPECT_NEAR(law(128, 0).fresh, 1 / (2.0 - 1), 1e-12);
  EXPECT_NEAR(law(640, 1e6).fresh * 1e12, 10, 1e-3);  // A / lambda
  EXPECT_TRUE(std::isfinite(law(64, 0).fresh));
}

}  // namespace
}  // namespace mneme::theory
