#include "core/learning/fista.h"

#include <cmath>
#include <limits>
#include <vector>

#include "core/base/random.h"
#include "core/learning/tam_loss.h"
#include "core/math/kernels.h"
#include "gtest/gtest.h"
#include "tests/unit/core/learning/learning_testing.h"

namespace mneme::learning {
namespace {

// 1 + kink sum_j |w_j - target_j| + |w - target|^2 / 2: a kink on every axis, and a minimum of 1.
class Kinked final : public Objective {
 public:
  Kinked(const Matrix& target, double kink) : target_(target), kink_(kink) {}
  absl::StatusOr<double> Evaluate(const Matrix& w, Matrix* gradient) override {
    if (gradient != nullptr) *gradient = Matrix(w.rows(), w.cols());
    double sum = 1;
    for (size_t j = 0; j < w.flat().size(); ++j) {
      const double x = static_cast<double>(w.flat()[j]) - target_.flat()[j];
      sum += kink_ * std::abs(x) + x * x / 2;
      if (gradient != nullptr) {
        gradient->flat()[j] = static_cast<float>(x + (x > 0 ? kink_ : x < 0 ? -kink_ : 0));
      }
    }
    values_.push_back(sum);
    return sum;
  }
  const std::vector<double>& values() const { return values_; }

 private:
  const Matrix& target_;
  double kink_;
  std::vector<double> values_;
};

TEST(Fista, FindsTheMinimumOfASmoothBowl) {
  RecordProperty("seed", 81);
  Random random(81);
  const Matrix target = GaussianMatrix(4, 5, 3, random);
  Kinked bowl(target, 0);
  const auto result = MinimiseFista(bowl, GaussianMatrix(4, 5, 1, random), {}, nullptr);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->converged);
  EXPECT_LT(result->loss - 1, 1e-3);
  for (size_t j = 0; j < 20; ++j) {
    EXPECT_NEAR(result->weights.flat()[j], target.flat()[j], 0.05);
  }
}

TEST(Fista, NeverRisesAndReportsWhatItReturns) {
  RecordProperty("seed", 82);
  Random random(82);
  const Matrix target = GaussianMatrix(3, 3, 3, random);
  Kinked objective(target, 0.3);
  double last = std::numeric_limits<double>::infinity(), share = 0;
  int steps = 0;
  const auto result =
      MinimiseFista(objective, GaussianMatrix(3, 3, 1, random), {}, [&](const Progress& now) {
        if (now.step > 0) {
          EXPECT_LE(now.loss, last);
          EXPECT_EQ(now.step, ++steps);
          last = now.loss;
        }
        EXPECT_GE(now.share, share);
        EXPECT_LE(now.share, 1);
        share = now.share;
        return true;
      });
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->steps, steps);
  EXPECT_EQ(result->evaluations, static_cast<int>(objective.values().size()));
  EXPECT_EQ(result->loss, objective.Evaluate(result->weights, nullptr).value());
}

TEST(Fista, SaysWhenNothingIsBetterThanTheEmptyMatrix) {
  RecordProperty("seed", 83);
  Random random(83);
  const Matrix zero(3, 4);
  Kinked objective(zero, 1);
  const auto result = MinimiseFista(objective, GaussianMatrix(3, 4, 1, random), {}, nullptr);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->no_better_than_zero());
  EXPECT_LT(Norm(result->weights), 1e-3);
}

TEST(Fista, EndsOnAnObjectiveThatIsNoNumber) {
  class Broken final : public Objective {
   public:
    absl::StatusOr<double> Evaluate(const Matrix& w, Matrix* gradient) override {
      if (gradient != nullptr) *gradient = Matrix(w.rows(), w.cols());
      return std::numeric_limits<double>::quiet_NaN();
    }
  } broken;
  Random random(84);
  const auto result = MinimiseFista(broken, GaussianMatrix(2, 2, 1, random), {}, nullptr);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->no_better_than_zero());
  EXPECT_EQ(result->steps, 0);
}

TEST(Fista, StopsAtTheStepItIsAllowedAndWhenItIsTold) {
  RecordProperty("seed", 85);
  Random random(85);
  const Matrix target = GaussianMatrix(6, 6, 3, random),
               direction = GaussianMatrix(6, 6, 1, random);
  Kinked objective(target, 0.3);
  const auto three = MinimiseFista(objective, direction, {.steps_max = 3}, nullptr);
  ASSERT_TRUE(three.ok());
  EXPECT_EQ(three->steps, 3);
  EXPECT_FALSE(three->converged);
  int calls = 0;
  const auto stopped =
      MinimiseFista(objective, direction, {}, [&](const Progress&) { return ++calls < 8; });
  EXPECT_EQ(stopped.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(calls, 8);
}

TEST(Fista, TakesTheWarmStartThatIsBetter) {
  RecordProperty("seed", 86);
  Random random(86);
  const Matrix target = GaussianMatrix(6, 6, 3, random),
               direction = GaussianMatrix(6, 6, 1, random);
  Kinked cold(target, 0.3), warm(target, 0.3);
  const auto from_cold = MinimiseFista(cold, direction, {}, nullptr);
  const auto from_warm = MinimiseFista(warm, direction, {.warm_start = target.view()}, nullptr);
  ASSERT_TRUE(from_cold.ok() && from_warm.ok());
  EXPECT_LT(from_warm->loss, 1 + 1e-6);
  EXPECT_LT(from_warm->evaluations, from_cold->evaluations);
}

// The minimum is one point: from two starts, and by thousands of small averaged steps, the same.
TEST(Fista, TrainsTheTailAverageMarginToOneMinimum) {
  RecordProperty("seed", 87);
  Random random(87);
  const Matrix keys = UnitRows(60, 20, random), codebook = UnitRows(60, 20, random);
  TamLoss loss(codebook, {.list_size = 6});
  const Batch all{.queries = keys};
  RidgeObjective objective(loss, all, 1e-2);
  const auto one = MinimiseFista(objective, CorrelationStart(keys, codebook), {}, nullptr);
  const auto two = MinimiseFista(objective, GaussianMatrix(20, 20, 0.3, random), {}, nullptr);
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_LT(one->loss, 0.5 * one->loss_at_zero);
  EXPECT_NEAR(one->loss, two->loss, 0.01 * one->loss);
  Matrix w = CorrelationStart(keys, codebook), gradient;
  double best = 1;
  for (int step = 1; step <= 3000; ++step) {
    best = std::min(best, objective.Evaluate(w, &gradient).value());
    math::AddScaled(static_cast<float>(-2 / std::sqrt(step)), gradient.data(), w.data(), 400);
  }
  EXPECT_LT(one->loss, 1.01 * best);
}

}  // namespace
}  // namespace mneme::learning
