// Tests of how the sums of a linear memory become a served matrix: by rank-one factors or anew.
#include "core/models/linear/linear_partition.h"

#include <algorithm>
#include <string>

#include "gtest/gtest.h"
#include "tests/unit/core/models/linear_testing.h"

namespace mneme::models {
namespace {

constexpr uint64_t kSeed = 5;

// Rows of unit length in float64.
struct UnitRows {
  UnitRows(size_t n, size_t d_k, size_t d_v, uint64_t seed) : keys(n, d_k), responses(n, d_v) {
    Random random(seed);
    for (size_t i = 0; i < n; ++i) {
      random.FillUnit(keys.row(i));
      random.FillUnit(responses.row(i));
    }
  }
  ScaledRows Rows(size_t first, size_t count) const {
    return {keys.view().slice(first, count), responses.view().slice(first, count)};
  }
  MatrixD keys;
  MatrixD responses;
};

Matrix Cues(size_t count, size_t d, uint64_t seed) {
  Matrix cues(count, d);
  Random random(seed, 9);
  for (size_t i = 0; i < count; ++i) random.FillUnit(cues.row(i));
  return cues;
}

Matrix RecallOf(const ServedWeights& weights, const LinearShape& shape, MatrixView cues) {
  Matrix out(cues.rows, shape.d_v);
  weights.Recall(cues, shape.d_v, out.data());
  return out;
}

// What the sums say, computed from nothing else.
ServedWeights Folded(const LinearPartition& partition, const LinearShape& shape) {
  LinearSums copy(shape.d_k, shape.d_v, shape.ridge());
  copy.a = partition.sums().a.Clone();
  copy.c = partition.sums().c.Clone();
  copy.n = partition.sums().n;
  LinearPartition fresh(shape);
  fresh.Replace(std::move(copy));
  return fresh.Publish();
}

class LinearPartitions : public testing::TestWithParam<LinearRule> {
 protected:
  void SetUp() override { RecordProperty("seed", std::to_string(kSeed)); }
  LinearShape Shape() const { return {.d_k = 64, .d_v = 24, .rule = GetParam()}; }
};
INSTANTIATE_TEST_SUITE_P(Rules, LinearPartitions,
                         testing::Values(LinearRule::kCmm, LinearRule::kRidge),
                         [](const auto& rule) {
                           return rule.param == LinearRule::kCmm ? "Cmm" : "Ridge";
                         });

TEST_P(LinearPartitions, FactorsServeWhatTheSumsSay) {
  const LinearShape shape = Shape();
  const UnitRows rows(200, 64, 24, kSeed);
  const Matrix cues = Cues(50, 64, kSeed);
  LinearPartition partition(shape);
  partition.Add(rows.Rows(0, 140));
  const ServedWeights first = partition.Publish();
  EXPECT_EQ(first.factors, 0u);
  size_t expected_factors = 0;
  for (size_t step = 0; step < 10; ++step) {
    partition.Add(rows.Rows(140 + 2 * step, 2));  // two at once
    partition.Remove(rows.Rows(7 * step, 1));
    expected_factors += 3;
    const ServedWeights served = partition.Publish();
    EXPECT_EQ(served.factors, expected_factors);
    EXPECT_EQ(served.base, first.base) << "a store copied the matrix";
    const Matrix expected = RecallOf(Folded(partition, shape), shape, cues);
    const Matrix recalled = RecallOf(served, shape, cues);
    EXPECT_LT(LargestDifference(recalled, expected), 2e-6);
    for (size_t b = 0; b < cues.rows(); ++b) {  // one cue takes another path than many
      const Matrix one = RecallOf(served, shape, cues.view().slice(b, 1));
      EXPECT_LT(LargestDifference(one, recalled.view().slice(b, 1)), 1e-6);
    }
  }
}

TEST_P(LinearPartitions, FoldWhenTheFactorsAreFull) {
  const UnitRows rows(140 + 2 * kFactorsMax, 64, 24, kSeed);
  LinearPartition partition(Shape());
  partition.Add(rows.Rows(0, 140));
  const ServedWeights first = partition.Publish();
  for (size_t i = 0; i < kFactorsMax; ++i) partition.Add(rows.Rows(140 + i, 1));
  const ServedWeights full = partition.Publish();
  EXPECT_EQ(full.factors, kFactorsMax);
  EXPECT_EQ(full.base, first.base);
  partition.Add(rows.Rows(140 + kFactorsMax, 1));
  const ServedWeights folded = partition.Publish();
  EXPECT_EQ(folded.factors, 0u);
  EXPECT_NE(folded.base, first.base);
  // The view of before still answers with its own factors.
  partition.Add(rows.Rows(141 + kFactorsMax, 1));
  EXPECT_NE(partition.Publish().block, full.block);
}

TEST(LinearPartition, FoldsWhereLambdaStepsOrARemovalWouldLoseDigits) {
  const LinearShape shape{.d_k = 64, .d_v = 24};
  const UnitRows rows(64, 64, 24, kSeed);
  const Matrix cues = Cues(20, 64, kSeed);
  LinearPartition partition(shape);
  partition.Add(rows.Rows(0, 30));
  EXPECT_DOUBLE_EQ(partition.lambda(), 0);  // nothing published yet
  partition.Publish();
  EXPECT_DOUBLE_EQ(partition.lambda(), 16e-3 / 64);
  partition.Add(rows.Rows(30, 1));
  EXPECT_EQ(partition.Publish().factors, 1u);
  partition.Add(rows.Rows(31, 1));  // the 32nd
  EXPECT_EQ(partition.Publish().factors, 0u);
  EXPECT_DOUBLE_EQ(partition.lambda(), 32e-3 / 64);

  // With lambda = 1e-6 a lone key is all that stands against lambda in its direction: 1 - k^T P k =
  // 1e-6.
  const LinearShape stiff{.d_k = 64, .d_v = 24, .lambda = 1e-6};
  LinearPartition nearly_exact(stiff);
  nearly_exact.Add(rows.Rows(0, 5));
  nearly_exact.Publish();
  nearly_exact.Remove(rows.Rows(2, 1));
  const ServedWeights served = nearly_exact.Publish();
  EXPECT_EQ(served.factors, 0u);
  EXPECT_LT(LargestDifference(RecallOf(served, stiff, cues),
                              RecallOf(Folded(nearly_exact, stiff), stiff, cues)),
            1e-12);
}

TEST(LinearPartition, RecursiveUpdatesStayWithTheBatchSolutionThroughManyFolds) {
  RecordProperty("seed", std::to_string(kSeed));
  const LinearShape shape{.d_k = 48, .d_v = 16, .lambda = 0.01};
  const UnitRows rows(600, 48, 16, kSeed);
  const Matrix cues = Cues(20, 48, kSeed);
  LinearPartition partition(shape);
  Random random(kSeed, 3);
  size_t added = 0, removed = 0;
  while (added < 600) {
    const size_t add = std::min<size_t>(1 + random.Below(3), 600 - added);
    partition.Add(rows.Rows(added, add));
    added += add;
    if (removed + 40 < added && random.Below(2) == 0) partition.Remove(rows.Rows(removed++, 1));
    const ServedWeights served = partition.Publish();
    const Matrix expected = RecallOf(Folded(partition, shape), shape, cues);
    ASSERT_LT(LargestDifference(RecallOf(served, shape, cues), expected), 5e-6) << added;
  }
  EXPECT_GT(removed, 50u);
}

}  // namespace
}  // namespace mneme::models
