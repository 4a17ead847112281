// Tests of what a linear memory promises of its numbers: unlearning, fast statistics, centred keys.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "core/models/linear/linear_model.h"
#include "core/models/linear/rls_learner.h"
#include "gtest/gtest.h"
#include "tests/unit/core/models/linear_testing.h"

namespace mneme::models {
namespace {

constexpr uint64_t kSeed = 4;

double RelativeDistance(std::span<const double> a, std::span<const double> b) {
  double difference = 0, squared = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    squared += b[i] * b[i];
  }
  return std::sqrt(difference / squared);
}

// W as it is served: what the unit vectors recall.
std::vector<double> ServedOf(LinearModel& model, size_t d_k) {
  Matrix units(d_k, d_k);
  for (size_t j = 0; j < d_k; ++j) units.at(j, j) = 1;
  const Matrix recalls = Recall(*model.Publish(), units);
  return {recalls.flat().begin(), recalls.flat().end()};
}

struct Case {
  LinearSpec spec;
  double statistics;  // bound on the relative error of A
};

TEST(LinearUnlearning, ThreeThousandOfTenThousandForgottenInAnotherOrderNeverWere) {
  RecordProperty("seed", std::to_string(kSeed));
  const size_t d = 48, n = 10000, gone = 3000;
  const TestRows rows(n, d, d, kSeed);
  const Case cases[] = {{{.rule = LinearRule::kCmm}, 1e-12},
                        {{.rule = LinearRule::kRidge}, 1e-12},
                        {{.rule = LinearRule::kRls}, 1e-12},
                        {{.rule = LinearRule::kCmm, .fast_statistics = true}, 1e-5}};
  for (const Case& c : cases) {
    SCOPED_TRACE(Name(c.spec.rule));
    LinearModel model(LinearMemory(d, d, c.spec)), never(LinearMemory(d, d, c.spec));
    for (size_t i = 0; i < n; i += 100) ASSERT_TRUE(model.Absorb(rows.Block(i, 100)).ok());
    model.Publish();
    // Rows 0 to 2,999, in an order of their own, in batches of 1 to 64.
    std::vector<size_t> order(gone);
    std::iota(order.begin(), order.end(), size_t{0});
    Random random(kSeed, 1);
    for (size_t i = gone; i-- > 1;) std::swap(order[i], order[random.Below(i + 1)]);
    for (size_t first = 0; first < gone;) {
      const size_t count = std::min<size_t>(1 + random.Below(64), gone - first);
      std::ranges::sort(order.begin() + static_cast<ptrdiff_t>(first),
                        order.begin() + static_cast<ptrdiff_t>(first + count));
      for (size_t i = first; i < first + count; ++i) {
        ASSERT_TRUE(model.Forget(rows.Block(order[i], 1)).ok());
      }
      model.Publish();
      first += count;
    }
    for (size_t i = gone; i < n; i += 1000) ASSERT_TRUE(never.Absorb(rows.Block(i, 1000)).ok());
    EXPECT_LT(RelativeDistance(SumsOf(model).a.flat(), SumsOf(never).a.flat()), c.statistics);
    EXPECT_LT(RelativeDistance(ServedOf(model, d), ServedOf(never, d)), 1e-5);
  }
}

TEST(LinearUnlearning, AHeavyRowLeavesNoRoundingBehind) {
  RecordProperty("seed", std::to_string(kSeed));
  const size_t d = 24;
  TestRows rows(200, d, d, kSeed);
  rows.weights[150] = 1e7;
  for (const LinearSpec& spec : {LinearSpec{.rule = LinearRule::kCmm},
                                 LinearSpec{.rule = LinearRule::kDecayed, .gamma = 0.999}}) {
    LinearModel model(LinearMemory(d, d, spec)), never(LinearMemory(d, d, spec));
    ASSERT_TRUE(model.Absorb(rows.Block(0, 150)).ok());
    model.Publish();
    // As a factor, and inside the base.
    ASSERT_TRUE(model.Absorb(rows.Block(150, 1)).ok());
    for (const bool folded : {false, true}) {
      if (folded) {
        LinearModel other(LinearMemory(d, d, spec));
        ASSERT_TRUE(other.Load(model.Save()).ok());
        ASSERT_TRUE(other.Restore(rows.Block(0, 151)).ok());
        other.Publish();
        ASSERT_TRUE(other.Forget(rows.Block(150, 1)).ok());
        ASSERT_TRUE(model.Forget(rows.Block(150, 1)).ok());
        model.Publish();
        EXPECT_LT(RelativeDistance(ServedOf(other, d), ServedOf(model, d)), 1e-6);
      } else {
        LinearModel other(LinearMemory(d, d, spec));
        ASSERT_TRUE(other.Absorb(rows.Block(0, 150)).ok());
        other.Publish();
        ASSERT_TRUE(other.Absorb(rows.Block(150, 1)).ok());
        other.Publish();
        ASSERT_TRUE(other.Forget(rows.Block(150, 1)).ok());
        ASSERT_TRUE(never.Absorb(rows.Block(0, 150)).ok());
        std::vector<double> expected = ServedOf(never, d);
        // The row was a step of a decayed memory, forgotten or not.
        for (double& x : expected) x *= spec.gamma;
        EXPECT_LT(RelativeDistance(ServedOf(other, d), expected), 1e-6);
      }
    }
  }
}

TEST(LinearStatistics, FastOnesAreTheSameToFloat32) {
  RecordProperty("seed", std::to_string(kSeed));
  const size_t d_k = 40, d_v = 24;
  TestRows rows(5000, d_k, d_v, kSeed);
  Random random(kSeed, 1);
  for (float& weight : rows.weights) weight = static_cast<float>(0.5 + random.Uniform());
  LinearModel fast(LinearMemory(d_k, d_v, {.rule = LinearRule::kCmm, .fast_statistics = true}));
  LinearModel exact(LinearMemory(d_k, d_v, {.rule = LinearRule::kCmm}));
  for (LinearModel* model : {&fast, &exact}) {
    ASSERT_TRUE(model->Absorb(rows.Block(0, 2500)).ok());  // more than one block of 1,024
    ASSERT_TRUE(model->Absorb(rows.Block(2500, 5)).ok());
    ASSERT_TRUE(model->Absorb(rows.Block(2505, 2495)).ok());
  }
  EXPECT_LT(RelativeDistance(SumsOf(fast).a.flat(), SumsOf(exact).a.flat()), 1e-6);
  EXPECT_GT(RelativeDistance(SumsOf(fast).a.flat(), SumsOf(exact).a.flat()), 0);
  EXPECT_LT(RelativeDistance(ServedOf(fast, d_k), ServedOf(exact, d_k)), 1e-6);
}

TEST(LinearKeyMean, IsTakenFromKeysAndCuesAlike) {
  RecordProperty("seed", std::to_string(kSeed));
  const size_t d = 16;
  TestRows rows(60, d, 8, kSeed);
  std::vector<float> mean(d);
  Random random(kSeed, 1);
  for (float& x : mean) x = static_cast<float>(3 * random.Uniform());
  TestRows centred(60, d, 8, kSeed);
  for (size_t i = 0; i < 60; ++i) {
    for (size_t j = 0; j < d; ++j) rows.keys.at(i, j) += mean[j];
  }
  for (const LinearRule rule : {LinearRule::kCmm, LinearRule::kDelta, LinearRule::kRls}) {
    for (const bool unit : {true, false}) {
      SCOPED_TRACE(Name(rule));
      const LinearSpec plain{.rule = rule, .normalize_keys = unit};
      LinearSpec with_mean = plain;
      with_mean.key_mean = mean;
      LinearModel model(LinearMemory(d, 8, with_mean)), expected(LinearMemory(d, 8, plain));
      ASSERT_TRUE(model.Absorb(rows.Block()).ok());
      ASSERT_TRUE(expected.Absorb(centred.Block()).ok());
      EXPECT_LT(LargestDifference(Recall(*model.Publish(), rows.keys),
                                  Recall(*expected.Publish(), centred.keys)),
                2e-4);
      const auto a = Ask(*model.Publish(), {.cues = rows.keys}, {.top = 1});
      const auto b = Ask(*expected.Publish(), {.cues = centred.keys}, {.top = 1});
      ASSERT_TRUE(a.ok() && b.ok());
      for (size_t i = 0; i < 60; ++i) EXPECT_EQ(a->cues[i].top[0].row, b->cues[i].top[0].row);
    }
  }
}

TEST(LinearKeyMean, AKeyOrCueThatIsTheMeanHasNoDirection) {
  TestRows rows(2, 4, 3, kSeed);
  LinearSpec spec{.rule = LinearRule::kCmm};
  spec.key_mean = {1, 2, 3, 4};
  std::ranges::copy(spec.key_mean, rows.keys.row(1).begin());
  LinearModel model(LinearMemory(4, 3, spec));
  const absl::Status status = model.Check(rows.Block());
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(GetErrorDetail(status)->reason, "ZERO_VECTOR");
  EXPECT_NE(status.message().find("key of row 1 is the key mean"), std::string::npos) << status;
  std::ranges::fill(rows.keys.row(1), 0.0f);
  EXPECT_TRUE(model.Check(rows.Block()).ok());  // zero is a direction now
  ASSERT_TRUE(model.Absorb(rows.Block(0, 1)).ok());
  Matrix cue(1, 4);
  std::ranges::copy(spec.key_mean, cue.row(0).begin());
  EXPECT_EQ(Ask(*model.Publish(), {.cues = cue}, {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace mneme::models
