#include "core/federation/compress.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/base/random.h"

namespace mneme::federation {
namespace {

TEST(TopK, TakesTheLargestAndOfEqualOnesTheFirst) {
  const std::vector<double> x = {1, -3, 0, 3, 2, -3};
  Sparse<double> out;
  TopK<double>(x, 2, out);
  EXPECT_EQ(out.indices, (std::vector<uint32_t>{1, 3}));
  EXPECT_EQ(out.values, (std::vector<double>{-3, 3}));
  TopK<double>(x, 100, out);
  EXPECT_EQ(out.size(), 5u);  // the zero is not sent
  TopK<double>({}, 3, out);
  EXPECT_EQ(out.size(), 0u);
  EXPECT_EQ(TopKCount(0.1, 256), 25u);
  EXPECT_EQ(TopKCount(0.03, 100), 3u);
  EXPECT_EQ(TopKCount(1e-6, 4), 1u);
  EXPECT_EQ(TopKCount(1, 7), 7u);
}

TEST(ErrorFeedback, WhatIsSentAndWhatIsLeftAreWhatCame) {
  Random random(11);
  ErrorFeedback<double> feedback(20, true);
  std::vector<double> came(20, 0), sent(20, 0), x(20);
  Sparse<double> out;
  for (int round = 0; round < 50; ++round) {
    random.FillGaussian(std::span(x));
    for (size_t i = 0; i < x.size(); ++i) came[i] += x[i];
    feedback.Compress(x, 3, /*bfloat16=*/true, out);
    EXPECT_LE(out.size(), 3u);
    AddSparse(out, std::span(sent));
  }
  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(sent[i] + feedback.residual()[i], came[i], 1e-12);
  }
  EXPECT_GT(feedback.Left(), 0);
}

TEST(ErrorFeedback, WithoutItTheRestIsForgotten) {
  ErrorFeedback<float> feedback(3, false);
  Sparse<float> out;
  feedback.Compress(std::vector<float>{3, 2, 1}, 1, false, out);
  EXPECT_EQ(out.values, std::vector<float>{3});
  EXPECT_EQ(feedback.Left(), 0);
}

TEST(Bfloat16, RoundsToTheNearestEvenOne) {
  // 1 + 2^-8 lies between 1 and 1 + 2^-7: the even one is 1.
  std::vector<double> x = {1 + std::exp2(-8), 1 + 3 * std::exp2(-8), -1.0, 0};
  RoundToBfloat16(std::span(x));
  EXPECT_EQ(x, (std::vector<double>{1, 1 + std::exp2(-6), -1, 0}));
  std::vector<float> many(1000, 1.2345f);
  RoundToBfloat16(std::span(many));
  for (const float value : many) EXPECT_NEAR(value, 1.2345f, 1.2345 / 256);
}

TEST(Sign, KeepsTheMeanMagnitude) {
  std::vector<double> x = {1, -3, 0};
  SignWithMeanScale(std::span(x));
  EXPECT_EQ(x, (std::vector<double>{4.0 / 3, -4.0 / 3, 0}));
}

TEST(Factors, WinBelowHalfTheSideOfASquare) {
  EXPECT_TRUE(FactorsAreSmaller(31, 64, 64));
  EXPECT_FALSE(FactorsAreSmaller(32, 64, 64));
}

}  // namespace
}  // namespace mneme::federation
