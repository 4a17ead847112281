// Tests of core/theory/score_law.h against its own definition, its limits, and simulation.
#include "core/theory/score_law.h"

#include <cmath>
#include <vector>

#include "core/base/random.h"
#include "core/theory/cmm.h"
#include "core/theory/normal.h"
#include "core/theory/ridge.h"
#include "gtest/gtest.h"

namespace mneme::theory {
namespace {

ScoreShape WithNoise(double inverse_snr, double d_v, double n) {
  return {.recall = {.gain = 1, .noise = inverse_snr}, .d_v = d_v, .n = n};
}

TEST(ScoreLaw, IsTheLeastSquaresLaw) {
  const double n = 256, d = 64;
  EXPECT_NEAR(ScoreHit(WithNoise(n / d - 1, d, n), 1), 0.891, 5.5e-4);
  const double plain = NormalExpectation([&](double g) {
    return std::pow(NormalCdf(std::sqrt(d * d / n) + std::sqrt(1 - d / n) * g), n - 1);
  });
  EXPECT_NEAR(ScoreHit(WithNoise(n / d - 1, d, n), 1), plain, 1e-8);
}

TEST(ScoreLaw, OfMuchNoiseIsTheCorrelationMatrix) {
  // z = sqrt(d_v SNR) + G: the asymptotic law at load n / (d_k d_v).
  const double d = 5000, n = 0.2 * d * d;
  EXPECT_NEAR(ScoreHit(WithNoise(n / d, d, n), 0.05 * n), CmmAsymptoticHit(0.2, 0.05), 1e-3);
}

TEST(ScoreLaw, ThePercentileIsTheMeanOverLists) {
  // Mean rank: sum over K of P(rank > K).
  const ScoreShape shape = {
      .recall = {.gain = 1, .noise = 3, .fresh = 5}, .d_v = 16, .n = 40, .partitions = 4};
  double beaten = 0;
  for (int list = 1; list < 40; ++list) beaten += 1 - ScoreHit(shape, list);
  EXPECT_NEAR(ScoreMeanPercentile(shape), beaten / 39, 1e-7);
}

TEST(ScoreLaw, ItsListsAreOrdered) {
  const OrderedShape shape = {.d_k = 32, .d_v = 32, .n = 500, .beta = 0.7, .gamma = 0.99};
  double last = 0;
  for (const double list : {1.0, 2.0, 20.0, 200.0, 499.0, 500.0}) {
    EXPECT_GT(OrderedHit(shape, list), last);
    last = OrderedHit(shape, list);
  }
  EXPECT_EQ(last, 1);
  for (const double age : {0.0, 20.0, 100.0}) {
    EXPECT_GT(OrderedHitAtAge(shape, age, 5), OrderedHitAtAge(shape, age + 20, 5)) << age;
  }
}

TEST(ScoreLaw, TheMeanOverAgesIsTheirMean) {
  for (const bool delta : {true, false}) {
    const OrderedShape shape = {
        .d_k = 24, .d_v = 40, .n = 3000, .partitions = 2, .delta = delta, .gamma = 0.99};
    double hits = 0, percentiles = 0;
    for (int age = 0; age < 1500; ++age) {
      hits += OrderedHitAtAge(shape, age, 10) / 1500;
      percentiles +=
          ScoreMeanPercentile(
              {.recall = OrderedRecall(shape, age), .d_v = 40, .n = 3000, .partitions = 2}) /
          1500;
    }
    EXPECT_NEAR(OrderedHit(shape, 10), hits, 1e-4);
    EXPECT_NEAR(OrderedMeanPercentile(shape), percentiles, 1e-4);
  }
}

// Rank of every item for its own turned key, in memories written by the delta rule.
TEST(ScoreLaw, HitsOfTheDeltaRuleAreAsSimulated) {
  constexpr uint64_t kSeed = 5;
  RecordProperty("seed", static_cast<int>(kSeed));
  Random random(kSeed);
  constexpr int kDim = 32, kItems = 150, kTrials = 12;
  double top1 = 0, top10 = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<std::vector<double>> keys(kItems, std::vector<double>(kDim)), values = keys;
    std::vector<double> w(kDim * kDim, 0.0), y(kDim);
    const auto read = [&](const std::vector<double>& key) {
      for (int i = 0; i < kDim; ++i) {
        y[i] = 0;
        for (int j = 0; j < kDim; ++j) y[i] += w[i * kDim + j] * key[j];
      }
    };
    for (int t = 0; t < kItems; ++t) {
      random.FillUnit(keys[t]);
      random.FillUnit(values[t]);
      read(keys[t]);
      for (int i = 0; i < kDim; ++i) {
        for (int j = 0; j < kDim; ++j) w[i * kDim + j] += (values[t][i] - y[i]) * keys[t][j];
      }
    }
    for (int t = 0; t < kItems; ++t) {
      read(keys[t]);
      const auto score = [&](int item) {
        double sum = 0;
        for (int i = 0; i < kDim; ++i) sum += values[item][i] * y[i];
        return sum;
      };
      int rank = 1;
      for (int other = 0; other < kItems; ++other) rank += other != t && score(other) >= score(t);
      top1 += rank == 1, top10 += rank <= 10;
    }
  }
  const OrderedShape shape = {.d_k = kDim, .d_v = kDim, .n = kItems};
  EXPECT_NEAR(OrderedHit(shape, 1), top1 / (kItems * kTrials), 0.04);
  EXPECT_NEAR(OrderedHit(shape, 10), top10 / (kItems * kTrials), 0.04);
}

}  // namespace
}  // namespace mneme::theory
