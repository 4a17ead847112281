// The model against the laws of core/theory: what is stored is recalled as often as predicted.
#include <algorithm>
#include <string>

#include "core/models/linear/linear_model.h"
#include "core/theory/cmm.h"
#include "core/theory/ridge.h"
#include "gtest/gtest.h"
#include "tests/unit/core/models/linear_testing.h"

namespace mneme::models {
namespace {

// The share of n random items that head the list for their own key.
double Top1Share(const LinearSpec& spec, size_t d, size_t n, uint64_t seed) {
  const TestRows rows(n, d, d, seed);
  LinearModel model(LinearMemory(d, d, spec));
  EXPECT_TRUE(model.Absorb(rows.Block()).ok());
  const auto answer = Ask(*model.Publish(), {.cues = rows.keys}, {.top = 1});
  if (!answer.ok()) return -1;
  size_t right = 0;
  for (size_t i = 0; i < n; ++i) right += answer->cues[i].top[0].row == i;
  return static_cast<double>(right) / static_cast<double>(n);
}

double MeanTop1(const LinearSpec& spec, size_t d, size_t n, uint64_t seeds) {
  double sum = 0;
  for (uint64_t seed = 1; seed <= seeds; ++seed) sum += Top1Share(spec, d, n, seed);
  return sum / static_cast<double>(seeds);
}

TEST(LinearLaw, CorrelationMatrixRecallsAsMeasuredAndAsPredicted) {
  RecordProperty("seed", "1 to 20");
  const double top1 = MeanTop1({.rule = LinearRule::kCmm}, 64, 400, 20);
  RecordProperty("top1", std::to_string(top1));
  EXPECT_NEAR(top1, 0.488, 0.03);  // the reference measurement
  EXPECT_NEAR(top1, theory::CmmTop1({.d_k = 64, .d_v = 64, .n = 400}), 0.03);
}

TEST(LinearLaw, PartitionsMultiplyCapacity) {
  RecordProperty("seed", "1 to 6");
  EXPECT_NEAR(MeanTop1({.rule = LinearRule::kCmm, .partitions = 4}, 64, 1024, 6), 0.623, 0.04);
  EXPECT_NEAR(MeanTop1({.rule = LinearRule::kCmm}, 64, 1024, 6), 0.086, 0.03);
}

TEST(LinearLaw, RidgeRecallsAsPredicted) {
  RecordProperty("seed", "1 to 5");
  const LinearSpec spec{.rule = LinearRule::kRidge, .lambda = 0.1};
  const theory::RidgeLaw law =
      theory::PredictRidge({.d_k = 64, .d_v = 64, .n = 256, .lambda = 0.1});
  double mse = 0, gain = 0;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const TestRows rows(256, 64, 64, seed);
    LinearModel model(LinearMemory(64, 64, spec, Retain::kStatistics));
    ASSERT_TRUE(model.Absorb(rows.Block()).ok());
    const Matrix recalls = Recall(*model.Publish(), rows.keys);
    for (size_t i = 0; i < 256; ++i) {
      const std::vector<double> v = Unit(rows.responses.row(i));
      for (size_t j = 0; j < 64; ++j) {
        const double error = recalls.at(i, j) - v[j];
        mse += error * error / (5 * 256);
        gain += recalls.at(i, j) * v[j] / (5 * 256);
      }
    }
  }
  EXPECT_NEAR(mse, law.mse, 0.01);
  EXPECT_NEAR(gain, law.gain, 0.008);
  EXPECT_NEAR(MeanTop1(spec, 64, 256, 5), law.top1, 0.03);
}

}  // namespace
}  // namespace mneme::models
