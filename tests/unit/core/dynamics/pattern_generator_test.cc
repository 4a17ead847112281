#include "core/dynamics/pattern_generator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "core/base/status.h"
#include "tests/unit/core/dynamics/dynamics_testing.h"

namespace mneme::dynamics {
namespace {

constexpr uint64_t kSeed = 5;

TEST(BlockPatternGenerator, SeparationAndCorrelationsAreThoseOfTheSpec) {
  for (const double q : {0.2, 0.3, 0.5}) {
    for (const double rho : {0.0, 0.5, 0.9}) {
      const auto generator = BlockPatternGenerator::Create(
          {.dimension = 48, .block = 8, .correlation = rho, .share_positive = q});
      ASSERT_TRUE(generator.ok());
      Random random(kSeed);
      const auto patterns = generator->Draw(4000, random);
      ASSERT_TRUE(patterns.ok());
      const PatternStatistics found = MeasurePatterns(*patterns, 8);
      SCOPED_TRACE(absl::StrCat("seed ", kSeed, ", q ", q, ", rho ", rho));
      EXPECT_NEAR(found.separation, 2 * q * (1 - q), 0.01);
      EXPECT_NEAR(found.within_correlation, generator->ExpectedWithinCorrelation(), 0.02);
      EXPECT_NEAR(found.across_correlation, 0, 0.01);
    }
  }
}

TEST(BlockPatternGenerator, WithinCorrelationAtAHalfIsTheArcsine) {
  for (const double rho : {0.0, 0.1, 0.5, 0.9, 0.999, 1.0}) {
    const auto generator =
        BlockPatternGenerator::Create({.correlation = rho, .share_positive = 0.5});
    ASSERT_TRUE(generator.ok());
    EXPECT_NEAR(generator->ExpectedWithinCorrelation(), 2 / std::numbers::pi * std::asin(rho),
                1e-9);
  }
}

TEST(BlockPatternGenerator, FullCorrelationMakesBlocksOfOneSign) {
  const auto generator =
      BlockPatternGenerator::Create({.dimension = 10, .block = 4, .correlation = 1});
  ASSERT_TRUE(generator.ok());
  Random random(kSeed);
  const auto patterns = generator->Draw(50, random);
  ASSERT_TRUE(patterns.ok());
  for (size_t k = 0; k < 50; ++k) {
    for (size_t i = 0; i < 10; ++i) EXPECT_EQ(patterns->at(k, i), patterns->at(k, i / 4 * 4));
  }
}

TEST(BlockPatternGenerator, KeepsTheLeastDistance) {
  const auto generator = BlockPatternGenerator::Create({.dimension = 24, .min_hamming = 7});
  ASSERT_TRUE(generator.ok());
  Random random(kSeed);
  const auto patterns = generator->Draw(40, random);
  ASSERT_TRUE(patterns.ok());
  for (size_t a = 0; a < 40; ++a) {
    for (size_t b = 0; b < a; ++b) {
      int distance = 0;
      for (size_t i = 0; i < 24; ++i) distance += patterns->at(a, i) != patterns->at(b, i);
      EXPECT_GE(distance, 7);
    }
  }
}

TEST(BlockPatternGenerator, SaysWhenThereIsNoRoom) {
  const auto generator =
      BlockPatternGenerator::Create({.dimension = 4, .block = 2, .min_hamming = 4});
  ASSERT_TRUE(generator.ok());
  Random random(kSeed);
  const absl::Status status = generator->Draw(3, random).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(GetErrorDetail(status)->reason, "NO_ROOM");
}

TEST(BlockPatternGenerator, RefusesSpecsOutOfRange) {
  const BlockPatternSpec bad[] = {
      {.dimension = 0},      {.dimension = 4, .block = 5},      {.block = 0},
      {.correlation = 1.1},  {.correlation = std::nan("")},     {.share_positive = 0},
      {.share_positive = 1}, {.dimension = 8, .min_hamming = 9}};
  for (const BlockPatternSpec& spec : bad) {
    EXPECT_EQ(BlockPatternGenerator::Create(spec).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(MeasurePatterns, CountsPairsByHand) {
  MatrixD patterns(3, 2);
  const double bits[] = {1, 1, 1, -1, -1, -1};
  std::copy(std::begin(bits), std::end(bits), patterns.flat().begin());
  // Pairs differ in 1, 2 and 1 of 2 bits.
  EXPECT_NEAR(MeasurePatterns(patterns, 1).separation, 4.0 / 6, 1e-12);
  EXPECT_TRUE(std::isnan(MeasurePatterns(patterns.view().slice(0, 1), 1).separation));
  EXPECT_TRUE(std::isnan(MeasurePatterns(patterns, 1).within_correlation));
}

TEST(TreePatterns, SiblingsAreNearerThanCousins) {
  Random random(kSeed);
  const size_t branching[] = {4, 5, 3};
  const auto leaves = TreePatterns(branching, 0.1, 2000, random);
  ASSERT_TRUE(leaves.ok());
  ASSERT_EQ(leaves->rows(), 60);
  const auto distance = [&](size_t a, size_t b) {
    double differing = 0;
    for (size_t i = 0; i < 2000; ++i) differing += leaves->at(a, i) != leaves->at(b, i);
    return differing / 2000;
  };
  // Two independent turns of 0.1 each: 2 · 0.1 · 0.9; four of them: twice that law again.
  EXPECT_NEAR(distance(0, 1), 0.18, 0.03);
  EXPECT_NEAR(distance(0, 3), 2 * 0.18 * 0.82, 0.03);
  EXPECT_NEAR(distance(0, 15), 0.5, 0.05);
}

TEST(TreePatterns, RefusesTreesOutOfRange) {
  Random random(kSeed);
  const size_t none[] = {4, 0}, many[] = {1024, 1025, 2}, fine[] = {2};
  EXPECT_FALSE(TreePatterns({}, 0.1, 8, random).ok());
  EXPECT_FALSE(TreePatterns(none, 0.1, 8, random).ok());
  EXPECT_FALSE(TreePatterns(many, 0.1, 8, random).ok());
  EXPECT_FALSE(TreePatterns(fine, 0.7, 8, random).ok());
  EXPECT_FALSE(TreePatterns(fine, 0.1, 0, random).ok());
}

TEST(FlippedRows, TurnsTheShareAskedFor) {
  Random random(kSeed);
  const MatrixD patterns = RandomPatterns(3, 5000, random);
  const size_t rows[] = {2, 2, 0};
  const MatrixD same = FlippedRows(patterns, rows, 0, random);
  const MatrixD turned = FlippedRows(patterns, rows, 0.3, random);
  for (size_t i = 0; i < 3; ++i) {
    double differing = 0;
    for (size_t j = 0; j < 5000; ++j) {
      EXPECT_EQ(same.at(i, j), patterns.at(rows[i], j));
      differing += turned.at(i, j) != patterns.at(rows[i], j);
    }
    EXPECT_NEAR(differing / 5000, 0.3, 0.03);
  }
}

}  // namespace
}  // namespace mneme::dynamics
