// Tests of recursive least squares: it is ridge regression, however rows come and go.
#include "core/models/linear/rls_learner.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/unit/core/models/linear_testing.h"

namespace mneme::models {
namespace {

constexpr uint64_t kSeed = 77;
constexpr size_t kDk = 24;
constexpr size_t kDv = 10;

const RlsLearner& LearnerOf(const LinearModel& model) {
  return dynamic_cast<const RlsLearner&>(model.learner(0));
}

// W = A (C + lambda I)^-1 of rows with these weights, in float64, sharing nothing with the product.
MatrixD BatchRidge(const TestRows& rows, std::span<const double> weights, double lambda) {
  MatrixD c(kDk, kDk), a(kDv, kDk), w(kDv, kDk);
  for (size_t j = 0; j < kDk; ++j) c.at(j, j) = lambda;
  for (size_t i = 0; i < weights.size(); ++i) {
    const std::vector<double> k = Unit(rows.keys.row(i)), v = Unit(rows.responses.row(i));
    for (size_t x = 0; x < kDk; ++x) {
      for (size_t y = 0; y < kDk; ++y) c.at(x, y) += weights[i] * k[x] * k[y];
      for (size_t y = 0; y < kDv; ++y) a.at(y, x) += weights[i] * v[y] * k[x];
    }
  }
  for (size_t y = 0; y < kDv; ++y) {
    const std::vector<double> row = SolveNaively(c.Clone(), {a.row(y).begin(), a.row(y).end()});
    std::ranges::copy(row, w.row(y).begin());
  }
  return w;
}

double RelativeDistance(const MatrixD& a, const MatrixD& b) {
  double difference = 0, squared = 0;
  for (size_t i = 0; i < a.flat().size(); ++i) {
    difference += std::pow(a.flat()[i] - b.flat()[i], 2);
    squared += std::pow(b.flat()[i], 2);
  }
  return std::sqrt(difference / squared);
}

TEST(RlsRule, IsBatchRidgeWhateverComesAndGoes) {
  RecordProperty("seed", std::to_string(kSeed));
  TestRows rows(400, kDk, kDv, kSeed);
  Random weigh(kSeed, 1);
  for (float& weight : rows.weights) weight = static_cast<float>(0.5 + weigh.Uniform());
  for (const double lambda : {1e-3, 1.0}) {
    const uint64_t batch_max = lambda < 1 ? 1 : 4;
    Random random(kSeed, 2);
    LinearModel model(LinearMemory(kDk, kDv, {.rule = LinearRule::kRls, .lambda = lambda}));
    model.Publish();
    std::vector<double> weights;
    for (size_t first = 0; first < 400;) {
      const size_t count = std::min<size_t>(1 + random.Below(batch_max), 400 - first);
      ASSERT_TRUE(model.Absorb(rows.Block(first, count)).ok());
      for (size_t i = 0; i < count; ++i) weights.push_back(rows.weights[first + i]);
      first += count;
      if (first > 10 && random.Below(2) == 0) {
        const size_t gone = random.Below(first);
        if (weights[gone] > 0) {
          weights[gone] = 0;
          ASSERT_TRUE(model.Forget(rows.Block(gone, 1)).ok());
        }
      }
      const auto view = model.Publish();
      EXPECT_DOUBLE_EQ(view->stats().lambda, lambda);
      ASSERT_LT(RelativeDistance(LearnerOf(model).w(), BatchRidge(rows, weights, lambda)), 1e-9)
          << first;
    }
    // Row by row it was the recursion that was tested.
    if (batch_max == 1) {
      EXPECT_LT(LearnerOf(model).rebuilds(), 5u);
    }
    // Its served recalls are those of W.
    const Matrix recalls = Recall(*model.Publish(), rows.keys);
    for (size_t i = 0; i < 400; ++i) {
      const std::vector<double> k = Unit(rows.keys.row(i));
      for (size_t y = 0; y < kDv; ++y) {
        double expected = 0;
        for (size_t x = 0; x < kDk; ++x) expected += LearnerOf(model).w().at(y, x) * k[x];
        ASSERT_NEAR(recalls.at(i, y), expected, 2e-6);
      }
    }
  }
}

TEST(RlsRule, ForgetsOlderRowsByTheirFactorAndAnyRowExactly) {
  RecordProperty("seed", std::to_string(kSeed));
  const TestRows rows(500, kDk, kDv, kSeed);
  const double lambda = 0.01;
  for (const double gamma : {0.999, 0.97, 0.6}) {
    SCOPED_TRACE(gamma);
    for (const size_t batch : {size_t{1}, size_t{7}, size_t{200}}) {
      Random random(kSeed, 3);
      LinearModel model(
          LinearMemory(kDk, kDv, {.rule = LinearRule::kRls, .lambda = lambda, .gamma = gamma}));
      std::vector<double> weights;
      double penalty = lambda;
      const auto period = static_cast<size_t>(std::log(1e-4) / std::log(gamma));
      size_t since = 0;
      for (size_t first = 0; first < 500; first += batch) {
        const size_t count = std::min(batch, 500 - first);
        ASSERT_TRUE(model.Absorb(rows.Block(first, count)).ok());
        for (size_t i = 0; i < count; ++i) {
          if (since == period) {
            penalty = lambda;
            since = 0;
          }
          ++since;
          penalty *= gamma;
          for (double& weight : weights) weight *= gamma;
          weights.push_back(1);
        }
        const size_t gone = first + count - 1 - random.Below(std::min<size_t>(first + count, 9));
        if (first > 20 && first % 3 == 0 && weights[gone] > 0) {  // a young one
          weights[gone] = 0;
          ASSERT_TRUE(model.Forget(rows.Block(gone, 1)).ok());
        }
        model.Publish();
        if (first % 40 != 0) continue;
        // The penalty bounds the condition: 1e4 times less when it is about to be renewed.
        ASSERT_LT(RelativeDistance(LearnerOf(model).w(), BatchRidge(rows, weights, penalty)), 1e-8)
            << first << " batch " << batch;
      }
    }
  }
}

TEST(RlsRule, DriftIsFoundAndMended) {
  RecordProperty("seed", std::to_string(kSeed));
  // Keys in two directions only, and a tiny penalty: P spans nine orders of magnitude.
  TestRows rows(6000, kDk, kDv, kSeed);
  for (size_t i = 0; i < rows.size(); ++i) {
    for (size_t j = 2; j < kDk; ++j) rows.keys.at(i, j) *= 1e-4f;
  }
  LinearModel model(LinearMemory(kDk, kDv, {.rule = LinearRule::kRls, .lambda = 1e-9}));
  model.Publish();
  for (size_t i = 0; i < rows.size(); ++i) {
    ASSERT_TRUE(model.Absorb(rows.Block(i, 1)).ok());
    model.Publish();
  }
  LinearModel at_once(LinearMemory(kDk, kDv, {.rule = LinearRule::kRls, .lambda = 1e-9}));
  ASSERT_TRUE(at_once.Absorb(rows.Block()).ok());
  at_once.Publish();
  EXPECT_LT(RelativeDistance(LearnerOf(model).w(), LearnerOf(at_once).w()), 1e-6);
}

TEST(RlsRule, SavedHalfWayItGoesOnAsIfNothingHappened) {
  RecordProperty("seed", std::to_string(kSeed));
  const TestRows rows(200, kDk, kDv, kSeed);
  for (const double gamma : {1.0, 0.95}) {
    const MemorySpec spec = LinearMemory(kDk, kDv, {.rule = LinearRule::kRls, .gamma = gamma});
    LinearModel live(spec), replayed(spec);
    ASSERT_TRUE(live.Absorb(rows.Block(0, 100)).ok());
    live.Publish();
    ASSERT_TRUE(live.Forget(rows.Block(90, 3)).ok());
    ASSERT_TRUE(replayed.Load(live.Save()).ok());
    ASSERT_TRUE(replayed.Restore(rows.Block(0, 90)).ok());
    ASSERT_TRUE(replayed.Restore(rows.Block(93, 7)).ok());
    EXPECT_EQ(replayed.Save(), live.Save());
    for (LinearModel* model : {&live, &replayed}) {
      for (size_t i = 100; i < 200; i += 2) {
        ASSERT_TRUE(model->Absorb(rows.Block(i, 2)).ok());
        ASSERT_TRUE(model->Forget(rows.Block(i - 5, 1)).ok());
        if (model == &live) model->Publish();
      }
      model->Publish();
    }
    EXPECT_LT(RelativeDistance(LearnerOf(live).w(), LearnerOf(replayed).w()), 1e-9);
    EXPECT_EQ(live.learner(0).items(), replayed.learner(0).items());
  }
}

TEST(RlsRule, ForgettingEverythingLeavesNothing) {
  const TestRows rows(100, kDk, kDv, kSeed);
  for (const double gamma : {1.0, 0.9}) {
    LinearModel model(LinearMemory(kDk, kDv, {.rule = LinearRule::kRls, .gamma = gamma}));
    ASSERT_TRUE(model.Absorb(rows.Block()).ok());
    model.Publish();
    for (size_t i = 100; i-- > 0;) {
      ASSERT_TRUE(model.Forget(rows.Block(i, 1)).ok());
      model.Publish();
    }
    for (double x : LearnerOf(model).sums().a.flat()) EXPECT_NEAR(x, 0, 1e-9);
    for (double x : LearnerOf(model).w().flat()) EXPECT_NEAR(x, 0, 1e-9);
    const Matrix recalls = Recall(*model.Publish(), rows.keys);
    for (float x : recalls.flat()) EXPECT_EQ(x, 0);
  }
}

}  // namespace
}  // namespace mneme::models
