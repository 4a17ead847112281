// Tests of core/theory/normal.h and sphere.h against closed forms and direct sums.
#include <cmath>
#include <limits>
#include <numbers>

#include "core/theory/normal.h"
#include "core/theory/sphere.h"
#include "gtest/gtest.h"

namespace mneme::theory {
namespace {

TEST(Normal, MatchesTabulatedValues) {
  EXPECT_NEAR(NormalPdf(0), 0.398942280401432678, 1e-16);
  EXPECT_NEAR(NormalCdf(1), 0.841344746068542949, 1e-15);
  EXPECT_NEAR(NormalQuantile(0.975), 1.959963984540054236, 1e-12);
  EXPECT_NEAR(NormalUpperQuantile(0.1), 1.281551565544600467, 1e-12);
  EXPECT_NEAR(NormalQuantile(0.5), 0, 1e-16);
  EXPECT_NEAR(NormalUpperTail(10) / 7.619853024160526e-24, 1, 1e-12);
}

TEST(Normal, QuantileInvertsBothTailsToTwelveDigits) {
  for (double exponent = -300; exponent < -0.31; exponent += 0.37) {
    const double q = std::pow(10, exponent);
    const double x = NormalUpperQuantile(q);
    // A change of 1e-12 in x changes the tail by a share of about x * 1e-12.
    EXPECT_NEAR(NormalUpperTail(x) / q, 1, 1e-12 * std::max(1.0, x)) << q;
    EXPECT_EQ(NormalQuantile(q), -x);
  }
  for (double p = 0.01; p < 1; p += 0.01) EXPECT_NEAR(NormalCdf(NormalQuantile(p)), p, 1e-14) << p;
}

TEST(Normal, QuantileOfTheEndsAndBeyond) {
  EXPECT_EQ(NormalQuantile(0), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(NormalQuantile(1), std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(NormalQuantile(1.5)));
  EXPECT_TRUE(std::isnan(NormalQuantile(std::nan(""))));
}

TEST(Normal, TailMeansMatchTheReferenceTable) {
  const auto kappa = [](double r) { return NormalPdf(NormalUpperQuantile(r)) / r; };
  EXPECT_NEAR(kappa(0.5), 0.797885, 1e-6);
  EXPECT_NEAR(kappa(0.1), 1.754983, 1e-6);
  EXPECT_NEAR(kappa(0.01), 2.665214, 1e-6);
  EXPECT_NEAR(kappa(1e-6), 4.948333, 1e-6);
}

TEST(Normal, ExpectationIntegratesMomentsAndTails) {
  EXPECT_NEAR(NormalExpectation([](double) { return 1.0; }), 1, 1e-15);
  EXPECT_NEAR(NormalExpectation([](double g) { return g * g; }), 1, 1e-12);
  EXPECT_NEAR(NormalExpectation([](double g) { return g * g * g * g; }), 3, 1e-10);
  // E Phi(a + b G) = Phi(a / sqrt(1 + b^2))
  EXPECT_NEAR(NormalExpectation([](double g) { return NormalCdf(0.7 + 2 * g); }),
              NormalCdf(0.7 / std::sqrt(5.0)), 1e-13);
}

TEST(IncompleteBeta, MatchesClosedForms) {
  for (double x : {0.001, 0.1, 0.5, 0.9, 0.999}) {
    for (double b : {0.5, 1.0, 7.0, 400.0}) {
      EXPECT_NEAR(IncompleteBeta(1, b, x), 1 - std::pow(1 - x, b), 1e-13);
      EXPECT_NEAR(IncompleteBeta(b, 1, x), std::pow(x, b), 1e-13);
    }
    EXPECT_NEAR(IncompleteBeta(0.5, 0.5, x), 2 / std::numbers::pi * std::asin(std::sqrt(x)), 1e-13);
  }
  EXPECT_EQ(IncompleteBeta(3, 4, 0), 0);
  EXPECT_EQ(IncompleteBeta(3, 4, 1), 1);
}

TEST(BinomialCdf, MatchesTheDirectSum) {
  for (double p : {1e-6, 0.02, 0.3, 0.8}) {
    const int n = 60;
    double term = std::pow(1 - p, n), sum = 0;
    for (int k = 0; k <= n; ++k) {
      sum += term;
      EXPECT_NEAR(BinomialCdf(k, n, p), sum, 1e-12) << k << " of " << n << " at " << p;
      term *= (n - k) / (k + 1.0) * p / (1 - p);
    }
  }
  EXPECT_EQ(BinomialCdf(-1, 10, 0.5), 0);
  EXPECT_EQ(BinomialCdf(10, 10, 0.5), 1);
}

TEST(SphereUpperTail, MatchesLowDimensionsAndTheGaussianLimit) {
  for (double x : {-0.999, -0.4, 0.0, 0.2, 0.7, 0.999999}) {
    EXPECT_NEAR(SphereUpperTail(2, x), std::acos(x) / std::numbers::pi, 1e-12) << x;
    EXPECT_NEAR(SphereUpperTail(3, x), (1 - x) / 2, 1e-14) << x;
  }
  EXPECT_EQ(SphereUpperTail(5, 1), 0);
  EXPECT_EQ(SphereUpperTail(5, -1), 1);
  EXPECT_EQ(SphereUpperTail(1, 0.3), 0.5);
  EXPECT_NEAR(SphereUpperTail(1e6, 2.0 / 1e3), NormalUpperTail(2), 1e-6);
}

}  // namespace
}  // namespace mneme::theory
