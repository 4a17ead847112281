// Automatic beta: what it is, when it is due, and that replay repeats it.
#include "core/models/dense/auto_beta.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/models/dense/dense_model.h"
#include "gtest/gtest.h"
#include "tests/unit/core/models/dense/dense_test_util.h"

namespace mneme::models {
namespace {

StoreView StoreOf(const Matrix& keys) {
  ExplicitStore store(keys.cols(), 0);
  const auto numbers = Numbers(0, keys.rows());
  EXPECT_TRUE(store.Append({.keys = keys, .row_numbers = numbers}).ok());
  return store.Publish();
}

TEST(AutoBeta, FollowsTheNearestNeighbourDistances) {
  RecordProperty("seed", 41);
  Random random(41);
  const auto keys = GaussianRows<float>(400, 12, random);
  std::vector<double> nearest;
  for (size_t i = 0; i < 400; ++i) {
    double best = 1e30;
    for (size_t j = 0; j < 400; ++j) {
      double squares = 0;
      for (size_t k = 0; k < 12; ++k) squares += std::pow(keys.at(i, k) - keys.at(j, k), 2);
      if (i != j) best = std::min(best, squares);
    }
    nearest.push_back(std::sqrt(best));
  }
  std::sort(nearest.begin(), nearest.end());
  const BetaEstimate estimate = EstimateBeta(StoreOf(keys));
  EXPECT_NEAR(estimate.nearest_distance, nearest[19], 1e-5);  // 5 % of 400, all of them sampled
  EXPECT_NEAR(estimate.beta, 2 * std::log(399 / 1e-3) / std::pow(nearest[19], 2), 1e-3);
  EXPECT_FALSE(estimate.fallback);
  EXPECT_EQ(estimate.rows, 400u);
}

// The figures of the notes: N=1000, d=32 gives 36.5; N=10,000, d=64 gives 33.4 (unit vectors).
TEST(AutoBeta, AgreesWithTheMeasuredFigures) {
  RecordProperty("seed", 42);
  Random random(42);
  EXPECT_NEAR(EstimateBeta(StoreOf(UnitRows<float>(1000, 32, random))).beta, 36.5, 3.65);
  EXPECT_NEAR(EstimateBeta(StoreOf(UnitRows<float>(10000, 64, random))).beta, 33.4, 3.34);
}

TEST(AutoBeta, StoredKeysStayWhereTheyAre) {
  RecordProperty("seed", 43);
  Random random(43);
  const auto keys = UnitRows<float>(2000, 64, random);
  auto model = std::move(MakeModel({.key_dim = 64, .model = DenseSpec{}})).value();
  const auto numbers = Numbers(0, 2000);
  ASSERT_TRUE(model->Absorb({.keys = keys, .row_numbers = numbers}).ok());
  ASSERT_TRUE(model->Maintain());
  const Answer answer = Ask(*model->Publish(), {.cues = keys.view().slice(0, 200)}, {});
  size_t moved = 0;
  for (size_t i = 0; i < 200; ++i) {
    for (size_t j = 0; j < 64; ++j) {
      if (std::abs(answer.recalls.at(i, j) - keys.at(i, j)) > 1e-3) {
        ++moved;
        break;
      }
    }
  }
  EXPECT_LE(moved, 10u);
}

TEST(AutoBeta, DuplicatesDoNotCount) {
  RecordProperty("seed", 44);
  Random random(44);
  const auto keys = UnitRows<float>(100, 16, random);
  Matrix twice(200, 16);
  std::copy(keys.flat().begin(), keys.flat().end(), twice.data());
  std::copy(keys.flat().begin(), keys.flat().end(), twice.data() + 100 * 16);
  const BetaEstimate once = EstimateBeta(StoreOf(keys)), doubled = EstimateBeta(StoreOf(twice));
  EXPECT_FALSE(doubled.fallback);
  EXPECT_NEAR(doubled.nearest_distance, once.nearest_distance, 0.05);
}

TEST(AutoBeta, FallsBackWhereThereAreNoDistances) {
  Matrix one(1, 4);
  one.at(0, 0) = 5;
  const BetaEstimate alone = EstimateBeta(StoreOf(one));
  EXPECT_TRUE(alone.fallback);
  EXPECT_EQ(alone.beta, 1);
  Matrix same(50, 4);
  for (size_t i = 0; i < 50; ++i) same.at(i, 2) = 3;
  const BetaEstimate copies = EstimateBeta(StoreOf(same));
  EXPECT_TRUE(copies.fallback);
  EXPECT_EQ(copies.beta, 1);
  const BetaEstimate zeros = EstimateBeta(StoreOf(Matrix(3, 4)));
  EXPECT_TRUE(zeros.fallback);
  EXPECT_TRUE(EstimateBeta(StoreView()).fallback);
}

TEST(AutoBeta, StaysInFloatForTinyDistances) {
  Matrix keys(2, 1);
  keys.at(0, 0) = 1e-25f;
  keys.at(1, 0) = 3e-25f;
  const BetaEstimate estimate = EstimateBeta(StoreOf(keys));
  EXPECT_TRUE(std::isfinite(static_cast<float>(estimate.beta)));
  EXPECT_GT(static_cast<float>(estimate.beta), 0);
}

TEST(AutoBeta, IsDueForFirstRowsAndWhenTheyDoubleOrHalve) {
  EXPECT_FALSE(IsDue({}, 0));
  EXPECT_TRUE(IsDue({}, 1));
  const BetaEstimate made{.rows = 100};
  EXPECT_FALSE(IsDue(made, 100));
  EXPECT_FALSE(IsDue(made, 199));
  EXPECT_TRUE(IsDue(made, 200));
  EXPECT_FALSE(IsDue(made, 51));
  EXPECT_TRUE(IsDue(made, 50));
  EXPECT_FALSE(IsDue(made, 0));
}

TEST(AutoBeta, DependsOnTheLiveRowsOnly) {
  RecordProperty("seed", 45);
  Random random(45);
  const auto keys = UnitRows<float>(3000, 16, random);
  ExplicitStore plain(16, 0), holes(16, 0);
  std::vector<uint64_t> gone;
  for (uint64_t i = 0; i < 3000; ++i) {
    const std::vector<uint64_t> number = {i};
    const StoreRows row{.keys = keys.view().slice(i, 1), .row_numbers = number};
    ASSERT_TRUE(holes.Append(row).ok());
    if (i % 5 == 0) {
      gone.push_back(i);
    } else {
      ASSERT_TRUE(plain.Append(row).ok());
    }
  }
  ASSERT_TRUE(holes.Remove(gone).ok());
  ASSERT_GT(holes.Publish().rows(), holes.live_rows());  // not compacted
  EXPECT_EQ(EstimateBeta(plain.Publish()), EstimateBeta(holes.Publish()));
}

TEST(AutoBeta, SavedAndLoadedItIsNotEstimatedAgain) {
  RecordProperty("seed", 46);
  Random random(46);
  const auto keys = UnitRows<float>(300, 16, random);
  const MemorySpec spec{.key_dim = 16, .model = DenseSpec{}};
  DenseModel model(spec), restarted(spec);
  const auto first = Numbers(0, 200), all = Numbers(0, 300), rest = Numbers(200, 100);
  ASSERT_TRUE(model.Absorb({.keys = keys.view().slice(0, 200), .row_numbers = first}).ok());
  ASSERT_TRUE(model.Maintain());
  EXPECT_FALSE(model.Maintain());
  ASSERT_TRUE(model.Absorb({.keys = keys.view().slice(200, 100), .row_numbers = rest}).ok());
  EXPECT_FALSE(model.Maintain());  // 300 is not twice 200
  const double beta = model.Publish()->stats().beta;

  ASSERT_TRUE(restarted.Load(model.Save()).ok());
  ASSERT_TRUE(restarted.Absorb({.keys = keys, .row_numbers = all}).ok());
  EXPECT_FALSE(restarted.Maintain());
  EXPECT_EQ(restarted.Publish()->stats().beta, beta);
  EXPECT_EQ(restarted.Save(), model.Save());
}

TEST(AutoBeta, ABetaOfTheSpecIsNeverTouched) {
  RecordProperty("seed", 47);
  Random random(47);
  const auto keys = UnitRows<float>(50, 16, random);
  DenseModel model({.key_dim = 16, .model = DenseSpec{.beta = 7}});
  const auto numbers = Numbers(0, 50);
  ASSERT_TRUE(model.Absorb({.keys = keys, .row_numbers = numbers}).ok());
  EXPECT_FALSE(model.Maintain());
  ASSERT_TRUE(model.Load(Encode({.beta = 3, .rows = 50})).ok());
  EXPECT_EQ(model.Publish()->stats().beta, 7);
}

TEST(AutoBeta, BytesThatAreNotAStateAreDataLoss) {
  const std::string good =
      Encode({.beta = 3, .nearest_distance = 0.5, .rows = 9, .fallback = true});
  const auto back = DecodeBetaEstimate(good);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, (BetaEstimate{.beta = 3, .nearest_distance = 0.5, .rows = 9, .fallback = true}));
  std::string version = good, nan = good;
  version[0] = 9;
  for (size_t i = 8; i < 16; ++i) nan[i] = static_cast<char>(0xff);
  for (const std::string& bad : {std::string(), good.substr(1), good + "x", version, nan}) {
    EXPECT_EQ(DecodeBetaEstimate(bad).status().code(), absl::StatusCode::kDataLoss);
  }
}

}  // namespace
}  // namespace mneme::models
