#include "core/learning/train.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/base/status.h"
#include "core/learning/certificate.h"
#include "core/math/kernels.h"
#include "gtest/gtest.h"
#include "tests/unit/core/learning/learning_testing.h"

namespace mneme::learning {
namespace {

struct Items {
  Matrix keys, codebook;
  TrainingData data() const { return {.keys = keys, .codebook = codebook}; }
};

Items MakeItems(size_t n, size_t d_k, size_t d_v, uint64_t seed) {
  Random random(seed);
  return {.keys = UnitRows(n, d_k, random), .codebook = UnitRows(n, d_v, random)};
}

TrainReport MustTrain(const Items& items, const TrainOptions& options,
                      const ProgressFn& progress = nullptr) {
  auto report = Train(items.data(), options, progress);
  EXPECT_TRUE(report.ok()) << report.status();
  return *std::move(report);
}

size_t Certified(const Items& items, const Matrix& weights, size_t k) {
  return Certify(weights, items.keys, items.codebook, {.list_size = k})->summary.certified;
}

TEST(Train, CertifiesEveryItemBelowTheCriticalLoad) {
  RecordProperty("seed", 121);
  const Items items = MakeItems(60, 20, 20, 121);  // load 0.15, critical 0.25 at r = 0.1
  const size_t k = ListSizeOf(0.1, 60);
  const TrainReport report = MustTrain(items, {.list_size = k});
  EXPECT_FALSE(report.fell_back);
  EXPECT_NEAR(report.loss_at_zero, std::log(2), 1e-12);
  EXPECT_LT(report.loss, 0.3);
  EXPECT_EQ(Certified(items, report.weights, k), 60u);
  EXPECT_NEAR(report.w_norm, Norm(report.weights), 1e-5 * report.w_norm);
}

TEST(Train, SaysHonestlyThatPastTheCollapseNothingIsBest) {
  RecordProperty("seed", 122);
  const Items items = MakeItems(600, 20, 20, 122);  // load 1.5, collapse at 0.32
  const TrainReport report = MustTrain(items, {.list_size = 60});
  EXPECT_TRUE(report.fell_back);
  EXPECT_LT(report.w_norm, 0.02);
  EXPECT_NEAR(report.loss, std::log(2), 1e-3);
  // What is handed out is the correlation matrix.
  for (size_t a = 0; a < 20; a += 7) {
    for (size_t b = 0; b < 20; b += 7) {
      double sum = 0;
      for (size_t i = 0; i < 600; ++i) sum += double(items.codebook.at(i, a)) * items.keys.at(i, b);
      EXPECT_NEAR(report.weights.at(a, b), sum, 1e-4);
    }
  }
}

TEST(Train, WorksAtTheEdges) {
  const std::vector<std::vector<size_t>> cases = {{2, 1, 1, 1}, {2, 4, 4, 1},  {3, 1, 8, 2},
                                                  {3, 8, 1, 2}, {10, 5, 5, 1}, {10, 5, 5, 9}};
  for (const auto& c : cases) {
    SCOPED_TRACE(::testing::Message()
                 << "n " << c[0] << " d_k " << c[1] << " d_v " << c[2] << " k " << c[3]);
    const Items items = MakeItems(c[0], c[1], c[2], 123);
    for (const OptimizerKind optimizer :
         {OptimizerKind::kFista, OptimizerKind::kOgd, OptimizerKind::kAdam, OptimizerKind::kMuon}) {
      const TrainReport report = MustTrain(
          items,
          {.optimizer = optimizer, .list_size = c[3], .steps_max = 20, .learning_rate = 0.05});
      EXPECT_TRUE(std::isfinite(report.loss));
      EXPECT_TRUE(std::isfinite(Norm(report.weights)));
      EXPECT_EQ(report.weights.rows(), c[2]);
      EXPECT_EQ(report.weights.cols(), c[1]);
    }
  }
}

// n <= d_k: least squares recalls exactly, up to the ridge.
TEST(Train, LeastSquaresRecallsFewItems) {
  RecordProperty("seed", 124);
  const Items items = MakeItems(10, 24, 6, 124);
  const TrainReport report =
      MustTrain(items, {.loss = Loss::kLeastSquares, .lambda = 1e-6, .steps_max = 500});
  EXPECT_LT(report.loss, 0.01 * report.loss_at_zero);
}

TEST(Train, EveryOptimizerLowersEveryLoss) {
  RecordProperty("seed", 125);
  const Items items = MakeItems(120, 24, 24, 125);  // load 0.21
  struct Case {
    OptimizerKind optimizer;
    double learning_rate;
  };
  for (const Loss loss : {Loss::kTam, Loss::kCrossEntropy, Loss::kLeastSquares}) {
    for (const Case& c : {Case{OptimizerKind::kFista, 1},
                          {OptimizerKind::kOgd, 0.1},
                          {OptimizerKind::kAdam, 0.02},
                          {OptimizerKind::kMuon, 0.05}}) {
      SCOPED_TRACE(::testing::Message() << int(loss) << " " << int(c.optimizer));
      const TrainReport report = MustTrain(items, {.loss = loss,
                                                   .optimizer = c.optimizer,
                                                   .list_size = 12,
                                                   .steps_max = 150,
                                                   .learning_rate = c.learning_rate,
                                                   .anneal = true,
                                                   .batch = 40});
      EXPECT_FALSE(report.fell_back);
      EXPECT_LT(report.loss, 0.97 * report.loss_at_zero);
    }
  }
}

// Mini-batches with sampled competitors come near the minimum that FISTA finds.
TEST(Train, StepsOnSampledCompetitorsComeNearTheMinimum) {
  RecordProperty("seed", 126);
  const Items items = MakeItems(300, 40, 40, 126);
  const double best = MustTrain(items, {.list_size = 60}).loss;
  const double sampled = MustTrain(items, {.optimizer = OptimizerKind::kOgd,
                                           .list_size = 60,
                                           .steps_max = 1500,
                                           .learning_rate = 0.5,
                                           .anneal = true,
                                           .batch = 100,
                                           .competitors = 150})
                             .loss;
  EXPECT_LT(best, sampled);
  EXPECT_LT(sampled, best + 0.1 * (std::log(2) - best));
}

TEST(Train, TheSameSeedGivesTheSameBitsAndThreadsAgree) {
  RecordProperty("seed", 127);
  const Items items = MakeItems(400, 16, 16, 127);
  for (const OptimizerKind optimizer : {OptimizerKind::kOgd, OptimizerKind::kMuon}) {
    TrainOptions options{.optimizer = optimizer,
                         .list_size = 40,
                         .steps_max = 10,
                         .learning_rate = 0.05,
                         .batch = 128,
                         .seed = 5};
    const TrainReport one = MustTrain(items, options), again = MustTrain(items, options);
    EXPECT_EQ(std::vector<float>(one.weights.flat().begin(), one.weights.flat().end()),
              std::vector<float>(again.weights.flat().begin(), again.weights.flat().end()));
    options.threads = 2;
    const TrainReport two = MustTrain(items, options);
    EXPECT_NEAR(one.loss, two.loss, 1e-5 * one.loss);
    options.seed = 6;
    const TrainReport other = MustTrain(items, options);
    EXPECT_NE(other.loss, two.loss);
  }
}

TEST(Train, AWarmStartNeedsLess) {
  RecordProperty("seed", 128);
  const Items items = MakeItems(120, 20, 20, 128);
  const TrainReport cold = MustTrain(items, {.list_size = 24});
  const TrainReport warm = MustTrain(items, {.list_size = 24, .warm_start = cold.weights.view()});
  EXPECT_LT(warm.evaluations, cold.evaluations);
  EXPECT_LE(warm.loss, cold.loss * 1.001);
}

TEST(Train, CancelsAtAnyMomentAndChangesNothing) {
  RecordProperty("seed", 129);
  const Items items = MakeItems(300, 10, 10, 129);
  const Matrix keys = items.keys.Clone(), codebook = items.codebook.Clone();
  Matrix start(10, 10);
  start.at(2, 3) = 1;
  const Matrix start_copy = start.Clone();
  for (const OptimizerKind optimizer : {OptimizerKind::kFista, OptimizerKind::kMuon}) {
    for (const int after : {1, 3, 20, 90}) {
      int calls = 0;
      const auto report = Train(items.data(),
                                {.optimizer = optimizer,
                                 .list_size = 20,
                                 .steps_max = 100,
                                 .learning_rate = 0.1,
                                 .threads = 2,
                                 .warm_start = start.view()},
                                [&](const Progress&) { return ++calls < after; });
      ASSERT_EQ(report.status().code(), absl::StatusCode::kCancelled) << after;
      EXPECT_EQ(GetErrorDetail(report.status())->reason, "CANCELLED");
      EXPECT_EQ(calls, after);  // nothing is asked after the answer was no
    }
  }
  const auto same = [](const Matrix& a, const Matrix& b) {
    return std::equal(a.flat().begin(), a.flat().end(), b.flat().begin(), b.flat().end());
  };
  EXPECT_TRUE(same(items.keys, keys));
  EXPECT_TRUE(same(items.codebook, codebook));
  EXPECT_TRUE(same(start, start_copy));
}

TEST(Train, TellsProgressThatNeverFalls) {
  RecordProperty("seed", 130);
  const Items items = MakeItems(100, 12, 12, 130);
  for (const OptimizerKind optimizer : {OptimizerKind::kFista, OptimizerKind::kAdam}) {
    Progress last;
    MustTrain(items, {.optimizer = optimizer, .list_size = 20, .learning_rate = 0.01},
              [&](const Progress& now) {
                EXPECT_GE(now.step, last.step);
                EXPECT_GE(now.share, last.share);
                EXPECT_EQ(now.steps_max, 150);
                last = now;
                return true;
              });
    EXPECT_GT(last.step, 10);
    EXPECT_GT(last.share, 0.3);
  }
}

// A rate that throws W to infinity ends in the fallback, not in weights that are no numbers.
TEST(Train, FallsBackWhenStepsDiverge) {
  RecordProperty("seed", 131);
  const Items items = MakeItems(50, 8, 8, 131);
  const TrainReport report = MustTrain(items, {.loss = Loss::kLeastSquares,
                                               .optimizer = OptimizerKind::kOgd,
                                               .steps_max = 300,
                                               .learning_rate = 1e6});
  EXPECT_TRUE(report.fell_back);
  EXPECT_TRUE(std::isfinite(Norm(report.weights)));
}

TEST(Train, RefusesBadInputWithAReason) {
  RecordProperty("seed", 132);
  const Items items = MakeItems(20, 4, 5, 132);
  const auto reason = [](const Items& given, const TrainOptions& options) -> std::string {
    const auto report = Train(given.data(), options, nullptr);
    EXPECT_EQ(report.status().code(), absl::StatusCode::kInvalidArgument);
    const auto detail = GetErrorDetail(report.status()).value_or(ErrorDetail{});
    EXPECT_FALSE(detail.given.empty() || detail.expected.empty() || detail.next_step.empty());
    return detail.reason;
  };
  EXPECT_EQ(reason(items, {.list_size = 0}), "LIST_SIZE");
  EXPECT_EQ(reason(items, {.list_size = 20}), "LIST_SIZE");
  EXPECT_EQ(reason(items, {.list_size = 2, .lambda = 0}), "LAMBDA");
  EXPECT_EQ(reason(items, {.list_size = 2, .lambda = -1}), "LAMBDA");
  EXPECT_EQ(reason(items, {.list_size = 2, .lambda = NAN}), "LAMBDA");
  EXPECT_EQ(reason(items, {.optimizer = OptimizerKind::kOgd, .list_size = 2, .learning_rate = 0}),
            "LEARNING_RATE");
  EXPECT_EQ(reason(items, {.loss = Loss::kCrossEntropy, .temperature = 0.0}), "TEMPERATURE");
  EXPECT_EQ(reason(items, {.list_size = 2, .steps_max = 0}), "STEPS");
  EXPECT_EQ(reason(items, {.list_size = 2, .threads = 0}), "THREADS");
  EXPECT_EQ(reason(items, {.list_size = 2, .competitors = 10}), "COMPETITORS");
  EXPECT_EQ(reason(items, {.optimizer = OptimizerKind::kAdam, .list_size = 2, .competitors = 21}),
            "COMPETITORS");
  EXPECT_EQ(reason(items, {.list_size = 2, .warm_start = items.keys.view()}), "SHAPE");
  EXPECT_EQ(reason(MakeItems(1, 4, 5, 1), {.list_size = 1}), "TRAINING_SET_EMPTY");
  EXPECT_EQ(reason(Items{}, {.list_size = 1}), "SHAPE");
  Items short_of_one = MakeItems(20, 4, 5, 132);
  short_of_one.codebook = MakeItems(19, 4, 5, 1).codebook;
  EXPECT_EQ(reason(short_of_one, {.list_size = 2}), "SHAPE");
  Items broken = MakeItems(20, 4, 5, 132);
  broken.keys.at(3, 1) = NAN;
  EXPECT_EQ(reason(broken, {.list_size = 2}), "NOT_FINITE");
  broken.keys.at(3, 1) = 2;
  EXPECT_EQ(reason(broken, {.list_size = 2}), "NOT_UNIT");
}

TEST(ListSizeOf, IsTheCeilingWithinItsBounds) {
  EXPECT_EQ(ListSizeOf(0.1, 461), 46u);
  EXPECT_EQ(ListSizeOf(0.1, 462), 47u);
  EXPECT_EQ(ListSizeOf(0.07, 101), 7u);  // 0.07 * 100 rounds to 7.000000000000001
  EXPECT_EQ(ListSizeOf(1e-9, 461), 1u);
  EXPECT_EQ(ListSizeOf(0.999999, 461), 460u);
  EXPECT_EQ(ListSizeOf(0.5, 2), 1u);
}

}  // namespace
}  // namespace mneme::learning
