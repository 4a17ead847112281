#include "core/dynamics/lagrangian.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/base/random.h"

namespace mneme::dynamics {
namespace {

TEST(Lagrangian, TheActivationIsItsGradient) {
  for (const Lagrangian lagrangian : kLagrangians) {
    Random random(2);
    std::vector<double> x(12);
    random.FillGaussian(x);
    std::vector<double> g(12);
    Activate(lagrangian, 3, x, g);
    for (size_t i = 0; i < x.size(); ++i) {
      constexpr double kStep = 1e-5;
      std::vector<double> above = x, below = x;
      above[i] += kStep, below[i] -= kStep;
      const double slope =
          (LagrangianValue(lagrangian, 3, above) - LagrangianValue(lagrangian, 3, below)) /
          (2 * kStep);
      EXPECT_NEAR(slope, g[i], 1e-8) << Name(lagrangian) << ", seed 2";
    }
  }
}

TEST(Lagrangian, IsConvexAlongEveryLine) {
  for (const Lagrangian lagrangian : kLagrangians) {
    Random random(2);
    for (int line = 0; line < 50; ++line) {
      std::vector<double> a(6), b(6), middle(6);
      random.FillGaussian(a);
      random.FillGaussian(b);
      for (size_t i = 0; i < 6; ++i) middle[i] = (a[i] + b[i]) / 2;
      EXPECT_LE(LagrangianValue(lagrangian, 2, middle),
                (LagrangianValue(lagrangian, 2, a) + LagrangianValue(lagrangian, 2, b)) / 2 + 1e-12)
          << Name(lagrangian) << ", seed 2";
    }
  }
}

TEST(Lagrangian, StaysFiniteWhereExponentialsOverflow) {
  const std::vector<double> x = {-1e6, 1e6, 3e5};
  std::vector<double> g(3);
  for (const Lagrangian lagrangian : kLagrangians) {
    EXPECT_TRUE(std::isfinite(LagrangianValue(lagrangian, 1e3, x))) << Name(lagrangian);
    Activate(lagrangian, 1e3, x, g);
    for (const double value : g) EXPECT_TRUE(std::isfinite(value)) << Name(lagrangian);
  }
  const std::vector<double> zero(3, 0.0);
  Activate(Lagrangian::kSpherical, 1, zero, g);
  EXPECT_EQ(g, zero);
}

TEST(Lagrangian, NamesAreReadBack) {
  for (const Lagrangian lagrangian : kLagrangians) {
    EXPECT_EQ(ParseLagrangian(Name(lagrangian)), lagrangian);
  }
  EXPECT_FALSE(ParseLagrangian("sigmoid").has_value());
}

}  // namespace
}  // namespace mneme::dynamics
