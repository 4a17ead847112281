// The golden rows of the dense memory, worked out by hand and by another program, in double.
#include <cmath>
#include <vector>

#include "core/models/dense/dense_driver.h"
#include "gtest/gtest.h"

namespace mneme::models {
namespace {

// Three stored patterns and a cue.
struct Golden {
  const char* name;
  Similarity similarity;
  Separation separation;
  double beta;
  double energy;
  double next[2];
  double s0;           // 0: not given
  uint64_t n_support;  // 0: not given
};

constexpr Golden kGolden[] = {
    {"1", Similarity::kDot, Separation::kExp, 1, -1.08893581, {0.34221427, 0.36278830}, 0, 0},
    {"2", Similarity::kDot, Separation::kExp, 4, -0.44239683, {0.75740958, 0.23002039}, 0, 0},
    {"3", Similarity::kL2, Separation::kExp, 1, -0.58893581, {0.34221427, 0.36278830}, 0, 0},
    {"4", Similarity::kL2, Separation::kExp, 4, 0.05760317, {0.75740958, 0.23002039}, 0, 0},
    {"5", Similarity::kL2, Separation::kRelu1, 1, -0.37156356, {0.5, 0.5}, 1.45, 2},
    {"6", Similarity::kL2, Separation::kRelu1, 1.5, -0.10751210, {0.5, 0.5}, 1.175, 2},
    {"7", Similarity::kL2, Separation::kRelu1, 4, 0.17328680, {1, 0}, 0.5, 1},
};

// The figures are given to eight digits after the point.
constexpr double kDigits = 1e-8;

class GoldenData : public testing::Test {
 protected:
  GoldenData() : keys_(3, 2), cue_(1, 2) {
    keys_.at(0, 0) = 1;
    keys_.at(1, 1) = 1;
    keys_.at(2, 0) = -1;
    cue_.at(0, 0) = 0.6;
    cue_.at(0, 1) = 0.3;
  }
  MatrixD keys_, cue_;
};
class GoldenRows : public GoldenData, public testing::WithParamInterface<Golden> {};

TEST_P(GoldenRows, OneStep) {
  const Golden& row = GetParam();
  const auto result = RunDense<double>(
      {.similarity = row.similarity, .separation = row.separation, .beta = row.beta},
      {.keys = keys_, .cues = cue_}, {.steps_max = 1});
  ASSERT_TRUE(result.ok()) << result.status();
  const DenseCueResult& cue = result->cues[0];
  EXPECT_NEAR(cue.energy, row.energy, 1e-7 * std::abs(row.energy));
  EXPECT_NEAR(result->recalls.at(0, 0), row.next[0], kDigits);
  EXPECT_NEAR(result->recalls.at(0, 1), row.next[1], kDigits);
  if (row.s0 != 0) {
    EXPECT_NEAR(cue.s0, row.s0, 1e-7 * row.s0);
    EXPECT_EQ(cue.n_support, row.n_support);
  }
}

INSTANTIATE_TEST_SUITE_P(Dense, GoldenRows, testing::ValuesIn(kGolden),
                         [](const auto& row) { return std::string("Row") + row.param.name; });

TEST_F(GoldenData, Row6Gradient) {
  const auto result = RunDense<double>(
      {.similarity = Similarity::kL2, .separation = Separation::kRelu1, .beta = 1.5},
      {.keys = keys_, .cues = cue_}, {.steps_max = 1});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_NEAR(result->gradients.at(0, 0), 0.17021277, kDigits);
  EXPECT_NEAR(result->gradients.at(0, 1), -0.34042553, kDigits);
}

template <typename T>
void ExpectNoOverflow() {
  BasicMatrix<T> keys(3, 2), cue(1, 2);
  keys.at(0, 0) = 100;
  keys.at(1, 1) = 100;
  keys.at(2, 0) = -100;
  cue.at(0, 0) = 60;
  cue.at(0, 1) = 30;
  const auto result = RunDense<T>({.similarity = Similarity::kDot, .beta = 1},
                                  {.keys = keys, .cues = cue}, {.steps_max = 1});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_NEAR(result->cues[0].energy, -3750, 1e-7 * 3750);
  EXPECT_NEAR(result->recalls.at(0, 0), 100, 1e-5);
  EXPECT_NEAR(result->recalls.at(0, 1), 0, 1e-5);
}

TEST(GoldenT3, ExponentsOfSixThousandInDouble) { ExpectNoOverflow<double>(); }
TEST(GoldenT3, ExponentsOfSixThousandInFloat) { ExpectNoOverflow<float>(); }

}  // namespace
}  // namespace mneme::models
