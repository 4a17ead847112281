#include "core/learning/optimizer.h"

#include <cmath>
#include <memory>
#include <vector>

#include "core/base/random.h"
#include "core/learning/newton_schulz.h"
#include "gtest/gtest.h"
#include "tests/unit/core/learning/learning_testing.h"

namespace mneme::learning {
namespace {

TEST(Ogd, KeepsMomentum) {
  Ogd ogd;
  Matrix w(1, 2), g(1, 2);
  g.at(0, 0) = 1, g.at(0, 1) = -2;
  ogd.Step(0.5, g, w);
  EXPECT_FLOAT_EQ(w.at(0, 0), -0.5f);
  ogd.Step(0.5, g, w);  // m = 1.9 G
  EXPECT_FLOAT_EQ(w.at(0, 0), -0.5f - 0.95f);
  EXPECT_FLOAT_EQ(w.at(0, 1), 1.0f + 1.9f);
}

// The recursion of the paper, written out for one number.
TEST(Adam, FollowsItsRecursion) {
  RecordProperty("seed", 111);
  Random random(111);
  Adam adam;
  Matrix w(1, 1), g(1, 1);
  double m = 0, v = 0, x = 0;
  for (int t = 1; t <= 30; ++t) {
    g.at(0, 0) = static_cast<float>(random.Gaussian());
    m = 0.9 * m + 0.1 * g.at(0, 0);
    v = 0.999 * v + 0.001 * g.at(0, 0) * g.at(0, 0);
    x -= 0.1 * (m / (1 - std::pow(0.9, t))) / (std::sqrt(v / (1 - std::pow(0.999, t))) + 1e-8);
    adam.Step(0.1, g, w);
    EXPECT_NEAR(w.at(0, 0), x, 1e-5);
  }
}

TEST(Adam, TakesStepsOfItsRateWhateverTheScale) {
  for (const float scale : {1e-4f, 1.0f, 1e4f}) {
    Adam adam;
    Matrix w(1, 1), g(1, 1);
    g.at(0, 0) = scale;
    adam.Step(0.25, g, w);
    EXPECT_NEAR(w.at(0, 0), -0.25, 1e-4);
  }
}

// The first step: B = G + 0.95 G, whose polar factor is G's.
TEST(Muon, StepsAlongThePolarFactor) {
  RecordProperty("seed", 112);
  Random random(112);
  for (const auto& [rows, cols] :
       std::vector<std::pair<size_t, size_t>>{{8, 8}, {20, 5}, {5, 20}}) {
    SCOPED_TRACE(::testing::Message() << rows << " x " << cols);
    const Matrix g = GaussianMatrix(rows, cols, 3, random);
    MatrixD wide(rows, cols);
    for (size_t i = 0; i < g.flat().size(); ++i) wide.flat()[i] = g.flat()[i];
    const MatrixD polar = PolarFactor(wide);
    const double length = 0.1 * std::sqrt(std::max(1.0, double(rows) / double(cols)));
    for (const int polish : {2, 8}) {
      Muon muon({.polish = polish});
      Matrix w(rows, cols);
      muon.Step(0.1, g, w);
      const double tolerance = polish == 2 ? 0.03 : 1e-4;  // two steps leave 3 %
      for (size_t i = 0; i < w.flat().size(); ++i) {
        EXPECT_NEAR(w.flat()[i], -length * polar.flat()[i], tolerance * length);
      }
    }
  }
}

TEST(Muon, LooksAheadWithMomentumAndDecays) {
  RecordProperty("seed", 113);
  Random random(113);
  const Matrix g1 = GaussianMatrix(4, 4, 1, random), g2 = GaussianMatrix(4, 4, 1, random);
  Muon muon({.momentum = 0.5, .weight_decay = 0.2, .polish = 0});
  Matrix w(4, 4);
  for (float& x : w.flat()) x = 1;
  muon.Step(0.1, g1, w);
  const Matrix after_one = w.Clone();
  muon.Step(0.1, g2, w);
  Matrix ahead(4, 4);  // M = 0.5 g1 + g2, B = g2 + 0.5 M
  for (size_t i = 0; i < 16; ++i) {
    ahead.flat()[i] = g2.flat()[i] + 0.5f * (0.5f * g1.flat()[i] + g2.flat()[i]);
  }
  const Matrix direction = Orthogonalise(ahead, 0);
  for (size_t i = 0; i < 16; ++i) {
    EXPECT_NEAR(w.flat()[i], 0.98f * after_one.flat()[i] - 0.1f * direction.flat()[i], 1e-5);
  }
}

TEST(Optimizers, StayWhereNothingPulls) {
  std::vector<std::unique_ptr<Optimizer>> all;
  all.push_back(std::make_unique<Ogd>());
  all.push_back(std::make_unique<Adam>());
  all.push_back(std::make_unique<Muon>());
  for (const auto& optimizer : all) {
    Matrix w(3, 5);
    w.at(1, 2) = 7;
    for (int step = 0; step < 3; ++step) optimizer->Step(0.5, Matrix(3, 5), w);
    EXPECT_EQ(w.at(1, 2), 7);
    EXPECT_DOUBLE_EQ(Norm(w), 7);
  }
}

}  // namespace
}  // namespace mneme::learning
