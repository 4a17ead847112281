#include "core/federation/losses.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/base/random.h"

namespace mneme::federation {
namespace {

// The gradient of a loss in y is e: by differences.
TEST(Losses, ErrorsAreTheGradients) {
  constexpr double kStep = 1e-6;
  Random random(5);
  for (const Loss loss : {Loss::kLeastSquares, Loss::kInnerProduct, Loss::kHuber}) {
    for (const double delta : {0.3, 100.0}) {
      std::vector<double> y(6), v(6), e(6), scratch(6);
      random.FillGaussian(std::span(y));
      random.FillGaussian(std::span(v));
      LossAndError<double>(loss, delta, y, v, e);
      for (size_t i = 0; i < y.size(); ++i) {
        std::vector<double> up = y, down = y;
        up[i] += kStep;
        down[i] -= kStep;
        const double slope = (LossAndError<double>(loss, delta, up, v, scratch) -
                              LossAndError<double>(loss, delta, down, v, scratch)) /
                             (2 * kStep);
        EXPECT_NEAR(e[i], slope, 1e-7) << Name(loss);
      }
    }
  }
}

TEST(Losses, HuberBoundsTheErrorOfLargeFloats) {
  const std::vector<float> y = {1e20f, 0}, v = {0, 0};
  std::vector<float> e(2);
  const double loss = LossAndError<float>(Loss::kHuber, 1, y, v, e);
  EXPECT_NEAR(loss, 1e20, 1e14);
  EXPECT_FLOAT_EQ(e[0], 1);
}

TEST(Losses, WeightedErrorsMakeTheWeightedGradient) {
  const Spec spec = {.d_k = 3, .d_v = 2};
  Random random(9);
  std::vector<double> matrix(6), keys(12), responses(8), errors(8), gradient(6, 1);
  random.FillGaussian(std::span(matrix));
  random.FillGaussian(std::span(keys));
  random.FillGaussian(std::span(responses));
  const std::vector<double> weights = {1, 0.5, 0, 2};
  const double loss = WeightedErrors<double>(spec, matrix.data(), keys.data(), responses.data(),
                                             weights, 4, errors.data());
  AddOuterProducts(errors.data(), keys.data(), 4, 2, 3, gradient.data());
  double expected_loss = 0;
  std::vector<double> expected(6, 1);
  for (size_t i = 0; i < 4; ++i) {
    for (size_t r = 0; r < 2; ++r) {
      double e = -responses[i * 2 + r];
      for (size_t c = 0; c < 3; ++c) e += matrix[r * 3 + c] * keys[i * 3 + c];
      expected_loss += weights[i] * e * e / 2;
      for (size_t c = 0; c < 3; ++c) expected[r * 3 + c] += weights[i] * e * keys[i * 3 + c];
    }
  }
  EXPECT_NEAR(loss, expected_loss, 1e-12);
  for (size_t i = 0; i < 6; ++i) EXPECT_NEAR(gradient[i], expected[i], 1e-12);
}

}  // namespace
}  // namespace mneme::federation
