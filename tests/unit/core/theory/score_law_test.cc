// Tests of core/theory/score_law.h against its own definition, its limits, and simulation.
#include "core/theory/score_law.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

#include "core/base/random.h"
#include "core/theory/cmm.h"
#include "core/theory/normal.h"
#include "core/theory/ridge.h"
#include "gtest/gtest.h"

namespace mneme::theory {
namespace {

TEST(GaussianScoreLaw, IsTheLeastSquaresLaw) {
  const double n = 256, d = 64;
  EXPECT_NEAR(GaussianScoreHit(n / d - 1, d, n, 1), 0.891, 5.5e-4);
  const double plain = NormalExpectation([&](double g) {
    return std::pow(NormalCdf(std::sqrt(d * d / n) + std::sqrt(1 - d / n) * g), n - 1);
  });
  EXPECT_NEAR(GaussianScoreHit(n / d - 1, d, n, 1), plain, 1e-8);
}

TEST(GaussianScoreLaw, OfMuchNoiseIsTheCorrelationMatrix) {
  // z = sqrt(d_v SNR) + G: the asymptotic law at load n / (d_k d_v).
  const double d = 5000, n = 0.2 * d * d;
  EXPECT_NEAR(GaussianScoreHit(n / d, d, n, 0.05 * n), CmmAsymptoticHit(0.2, 0.05), 1e-3);
}

TEST(ScoreLaw, OfAPlainSumIsTheCorrelationMatrix) {
  for (const double partitions : {1.0, 4.0}) {
    for (const double cosine : {1.0, 0.7}) {
      const CmmShape cmm{
          .d_k = 48, .d_v = 80, .n = 900, .partitions = partitions, .cue_cosine = cosine};
      const double own = 900 / partitions;
      const ScoreShape shape = {
          .recall = {.gain = cosine, .noise = (own - 1) / 48, .fresh = own / 48},
          .d_v = 80,
          .n = 900,
          .partitions = partitions};
      for (const double list : {1.0, 20.0, 300.0}) {
        EXPECT_NEAR(ScoreHit(shape, list), CmmHit(cmm, list), 1e-3)
            << partitions << " " << cosine << " " << list;
      }
      EXPECT_NEAR(ScoreMeanPercentile(shape), CmmMeanPercentile(cmm), 1e-4);
    }
  }
}

TEST(ScoreLaw, WithoutNoiseAndWithoutOthersEveryTargetIsFirst) {
  const ScoreShape exact = {.recall = {.gain = 1, .noise = 0, .fresh = 0.5}, .d_v = 64, .n = 40};
  EXPECT_NEAR(ScoreHit(exact, 1), 1, 1e-9);
  EXPECT_NEAR(ScoreMeanPercentile(exact), 0, 1e-9);
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

// Ranks of all items for their turned keys in ridge memories written by recursive least squares,
// item i in the matrix i mod partitions.
TEST(ScoreLaw, HitsOfRidgeAreAsSimulated) {
  constexpr uint64_t kSeed = 9;
  RecordProperty("seed", static_cast<int>(kSeed));
  struct Case {
    int items, partitions;
    double lambda, cosine;
  };
  for (const Case& c : {Case{190, 1, 0.1, 1}, Case{190, 1, 0.5, 0.8}, Case{640, 4, 0.5, 0.8}}) {
    SCOPED_TRACE(testing::Message() << c.items << " " << c.partitions << " " << c.cosine);
    Random random(kSeed);
    constexpr int kDim = 48, kTrials = 5;
    const auto dot = [](std::span<const double> a, std::span<const double> b) {
      return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
    };
    const auto row = [](std::vector<double>& m, int i) {
      return std::span(m).subspan(static_cast<size_t>(i) * kDim, kDim);
    };
    double top1 = 0, top10 = 0;
    for (int trial = 0; trial < kTrials; ++trial) {
      std::vector<double> keys(c.items * kDim), values(c.items * kDim);
      std::vector<std::vector<double>> w(c.partitions, std::vector<double>(kDim * kDim)), p = w;
      for (auto& matrix : p) {
        for (int a = 0; a < kDim; ++a) matrix[a * kDim + a] = 1 / c.lambda;
      }
      for (int i = 0; i < c.items; ++i) {
        const auto key = row(keys, i), value = row(values, i);
        random.FillUnit(key);
        random.FillUnit(value);
        std::vector<double>&weights = w[i % c.partitions], &inverse = p[i % c.partitions];
        std::vector<double> moved(kDim);
        for (int a = 0; a < kDim; ++a) moved[a] = dot(row(inverse, a), key);
        const double scale = 1 + dot(moved, key);
        for (int a = 0; a < kDim; ++a) {
          const double error = (value[a] - dot(row(weights, a), key)) / scale;
          for (int b = 0; b < kDim; ++b) {
            weights[a * kDim + b] += error * moved[b];
            inverse[a * kDim + b] -= moved[a] * moved[b] / scale;
          }
        }
      }
      for (int i = 0; i < c.items; ++i) {
        const auto key = row(keys, i);
        std::vector<double> cue(kDim), recall(kDim), scores(c.items);
        random.FillUnit(cue);
        const double along = dot(cue, key);
        const double turn = std::sqrt((1 - c.cosine * c.cosine) / (1 - along * along));
        for (int b = 0; b < kDim; ++b)
          cue[b] = c.cosine * key[b] + turn * (cue[b] - along * key[b]);
        for (int m = 0; m < c.partitions; ++m) {
          for (int a = 0; a < kDim; ++a) recall[a] = dot(row(w[m], a), cue);
          for (int j = m; j < c.items; j += c.partitions) scores[j] = dot(row(values, j), recall);
        }
        const auto beaten = std::count_if(scores.begin(), scores.end(),
                                          [&](double score) { return score > scores[i]; });
        top1 += beaten == 0, top10 += beaten < 10;
      }
    }
    const double own = static_cast<double>(c.items) / c.partitions;
    const RidgeLaw law = PredictRidge({.d_k = kDim, .d_v = kDim, .n = own, .lambda = c.lambda});
    const ScoreShape shape = {.recall = AtCosine(law.recall(), c.cosine),
                              .d_v = kDim,
                              .n = static_cast<double>(c.items),
                              .partitions = static_cast<double>(c.partitions)};
    EXPECT_NEAR(ScoreHit(shape, 1), top1 / (c.items * kTrials), 0.05);
    EXPECT_NEAR(ScoreHit(shape, 10), top10 / (c.items * kTrials), 0.03);
  }
}

}  // namespace
}  // namespace mneme::theory
