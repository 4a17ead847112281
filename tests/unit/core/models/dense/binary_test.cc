// States of +1 and -1: all neurons at once, and one by one.
#include <cmath>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/math/reference.h"
#include "core/models/dense/binary_exp.h"
#include "core/models/dense/binary_state.h"
#include "core/models/dense/binary_sweep.h"
#include "core/models/dense/dense_driver.h"
#include "core/models/dense/separation.h"
#include "core/models/features/quadratic_sum.h"
#include "gtest/gtest.h"
#include "tests/unit/core/models/dense/dense_test_util.h"

namespace mneme::models {
namespace {

template <typename T>
BasicMatrix<T> Signs(size_t rows, size_t cols, Random& random) {
  BasicMatrix<T> out(rows, cols);
  for (T& x : out.flat()) x = random.Below(2) == 0 ? T(1) : T(-1);
  return out;
}

// -Σ e^a F(β overlap), up to the factor e^-shift for exp.
double PlainEnergy(const DenseKernelSpec& spec, MatrixViewD patterns, std::span<const double> state,
                   std::span<const double> log_weights, double shift) {
  double energy = 0;
  for (size_t mu = 0; mu < patterns.rows; ++mu) {
    const double u =
        spec.beta * math::reference::Dot(patterns.row(mu).data(), state.data(), state.size());
    const double a = log_weights.empty() ? 0 : log_weights[mu];
    double value = 0;
    switch (spec.separation) {
      case Separation::kExp:
        value = std::exp(u - shift);
        break;
      case Separation::kPower:
        value = std::pow(u, spec.power);
        break;
      default:
        value = std::pow(std::max(u, 0.0), spec.power);
    }
    energy -= std::exp(a) * value;
  }
  return energy;
}

// What each neuron gains by being +1.
std::vector<double> Gains(const DenseKernelSpec& spec, MatrixViewD patterns,
                          std::span<const double> state, std::span<const double> log_weights) {
  const double shift = spec.beta * static_cast<double>(state.size());
  std::vector<double> gains, with(state.begin(), state.end());
  for (size_t i = 0; i < state.size(); ++i) {
    with[i] = -1;
    const double low = PlainEnergy(spec, patterns, with, log_weights, shift);
    with[i] = 1;
    gains.push_back(low - PlainEnergy(spec, patterns, with, log_weights, shift));
    with[i] = state[i];
  }
  return gains;
}

struct BinaryKernel {
  const char* name;
  Separation separation;
  int power = 2;
  double beta = 1;
};
constexpr BinaryKernel kKernels[] = {{"Exp", Separation::kExp, 2, 0.5},
                                     {"Square", Separation::kPower, 2},
                                     {"Cube", Separation::kPower, 3},
                                     {"RectifiedCube", Separation::kRectifiedPower, 3},
                                     {"RectifiedFourth", Separation::kRectifiedPower, 4, 0.25}};

class BinaryKernels : public testing::TestWithParam<BinaryKernel> {
 protected:
  DenseKernelSpec Spec() const {
    return {.similarity = Similarity::kDot,
            .separation = GetParam().separation,
            .power = GetParam().power,
            .beta = GetParam().beta};
  }
};

TEST_P(BinaryKernels, AStepComparesTheEnergiesOfBothValues) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const auto patterns = Signs<double>(17, 13, random), cues = Signs<double>(6, 13, random);
    std::vector<double> log_weights(patterns.rows());
    random.FillGaussian(std::span<double>(log_weights));
    for (const bool weighted : {false, true}) {
      const std::span<const double> a = weighted ? log_weights : std::span<const double>();
      for (const DenseLayout& layout :
           {DenseLayout{}, DenseLayout{.tile_rows = 3, .shards = 5, .shuffle_seed = seed}}) {
        const auto result =
            RunDense<double>(Spec(), {.keys = patterns, .cues = cues, .log_weights = a},
                             {.steps_max = 1, .state = StateSpace::kBinary}, layout);
        ASSERT_TRUE(result.ok()) << result.status();
        for (size_t q = 0; q < cues.rows(); ++q) {
          const auto gains = Gains(Spec(), patterns, cues.row(q), a);
          double scale = 0;
          for (const double gain : gains) scale = std::max(scale, std::abs(gain));
          for (size_t i = 0; i < gains.size(); ++i) {
            if (gains[i] != 0 && std::abs(gains[i]) < 1e-12 * scale) continue;  // rounding decides
            if (gains[i] == 0 && (weighted || Spec().separation == Separation::kExp)) continue;
            EXPECT_EQ(result->recalls.at(q, i), gains[i] >= 0 ? 1 : -1) << q << " " << i;
          }
        }
      }
    }
  }
}

TEST_P(BinaryKernels, SweepsNeverRaiseTheEnergyAndEndWhereNoFlipLowersIt) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const auto patterns = Signs<double>(25, 20, random), cues = Signs<double>(8, 20, random);
    const auto result = RunDense<double>(Spec(), {.keys = patterns, .cues = cues},
                                         {.steps_max = 200,
                                          .state = StateSpace::kBinary,
                                          .update = BinaryUpdate::kSweep,
                                          .seed = seed});
    ASSERT_TRUE(result.ok()) << result.status();
    for (size_t q = 0; q < cues.rows(); ++q) {
      const DenseCueResult& cue = result->cues[q];
      EXPECT_EQ(cue.status, AnswerStatus::kConverged);
      for (size_t t = 1; t < cue.energies.size(); ++t) {
        EXPECT_LE(cue.energies[t], cue.energies[t - 1] + 1e-12 * (1 + std::abs(cue.energies[t])));
      }
      EXPECT_NEAR(cue.energy, cue.energies.back(), 1e-9 * (1 + std::abs(cue.energy)));
      const auto state = result->recalls.row(q);
      const auto gains = Gains(Spec(), patterns, state, {});
      for (size_t i = 0; i < gains.size(); ++i) EXPECT_GE(gains[i] * state[i], -1e-12);
    }
  }
}

TEST_P(BinaryKernels, FloatStepsAreThoseOfDouble) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const auto patterns = Signs<float>(40, 24, random);
    Matrix cues = Matrix::Copy(patterns.view().slice(0, 9));
    for (size_t q = 0; q < cues.rows(); ++q) cues.at(q, q) = -cues.at(q, q);
    const DynamicsSpec dynamics{.steps_max = 3, .state = StateSpace::kBinary};
    const auto narrow = RunDense<float>(Spec(), {.keys = patterns, .cues = cues}, dynamics);
    const auto wide =
        RunDense<double>(Spec(), {.keys = Widened(patterns), .cues = Widened(cues)}, dynamics);
    ASSERT_TRUE(narrow.ok() && wide.ok());
    ExpectClose<double>(Widened(narrow->recalls), wide->recalls, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Dense, BinaryKernels, testing::ValuesIn(kKernels),
                         [](const auto& kernel) { return std::string(kernel.param.name); });

TEST(Binary, TheStepOfExpIsItsClosedForm) {
  RecordProperty("seed", 3);
  Random random(3);
  const auto patterns = Signs<double>(30, 16, random), cues = Signs<double>(10, 16, random);
  const auto result = RunDense<double>({.similarity = Similarity::kDot, .beta = 1.3},
                                       {.keys = patterns, .cues = cues},
                                       {.steps_max = 1, .state = StateSpace::kBinary});
  ASSERT_TRUE(result.ok());
  for (size_t q = 0; q < cues.rows(); ++q) {
    const BinaryExpField field = EvaluateBinaryExp(patterns, cues.row(q), 1.3);
    const auto wanted = BinaryStateOf(field.field);
    EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(), result->recalls.row(q).begin()));
    EXPECT_NEAR(result->cues[q].energy, -(field.log_scale + std::log(field.s0)) / 1.3, 1e-12);
  }
}

template <typename T>
void ExpectStoredPatternsStay(double beta) {
  Random random(7);
  const auto patterns = Signs<T>(50, 64, random);
  const auto result = RunDense<T>({.similarity = Similarity::kDot, .beta = beta},
                                  {.keys = patterns, .cues = patterns},
                                  {.steps_max = 5, .state = StateSpace::kBinary});
  ASSERT_TRUE(result.ok());
  for (size_t q = 0; q < patterns.rows(); ++q) {
    EXPECT_EQ(result->cues[q].status, AnswerStatus::kConverged);
    EXPECT_EQ(result->cues[q].steps, 1);
    const auto stored = patterns.row(q);
    EXPECT_TRUE(std::equal(stored.begin(), stored.end(), result->recalls.row(q).begin())) << q;
  }
}

TEST(Binary, StoredPatternsStayAtAnyBeta) {
  RecordProperty("seed", 7);
  for (const double beta : {0.5, 1.0, 8.0, 20.0, 300.0, 1e20}) {
    SCOPED_TRACE(beta);
    ExpectStoredPatternsStay<double>(beta);
    ExpectStoredPatternsStay<float>(beta);
  }
}

TEST(Binary, ACycleOfTwoEndsTheRun) {
  // One pattern and its square: states between the two sides of n = 2 swap for ever, all at once.
  MatrixD patterns(1, 4);
  for (double& x : patterns.flat()) x = 1;
  MatrixD cues(1, 4);
  const double alternating[] = {1, 1, -1, -1};
  std::copy_n(alternating, 4, cues.row(0).begin());
  // Overlap 0: a neuron at +1 sees -1 without itself, one at -1 sees +1: all turn.
  const auto result = RunDense<double>(
      {.similarity = Similarity::kDot, .separation = Separation::kPower, .power = 2},
      {.keys = patterns, .cues = cues}, {.steps_max = 1000, .state = StateSpace::kBinary});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->cues[0].status, AnswerStatus::kMaxIterations);
  EXPECT_LE(result->cues[0].steps, 3);
}

TEST(Binary, WhatPullsNothingHasNoSupport) {
  MatrixD patterns(1, 4), cues(1, 4);
  for (double& x : patterns.flat()) x = 1;
  for (double& x : cues.flat()) x = -1;
  const auto result = RunDense<double>(
      {.similarity = Similarity::kDot, .separation = Separation::kRectifiedPower, .power = 3},
      {.keys = patterns, .cues = cues}, {.steps_max = 10, .state = StateSpace::kBinary});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->cues[0].status, AnswerStatus::kNoSupport);
  EXPECT_EQ(result->recalls.at(0, 0), -1);
}

TEST(Binary, OtherNumbersAndSimilaritiesAreRefused) {
  MatrixD patterns(2, 3), cues(1, 3);
  for (double& x : patterns.flat()) x = 1;
  for (double& x : cues.flat()) x = 1;
  const DynamicsSpec binary{.state = StateSpace::kBinary};
  const auto reason = [&](const DenseKernelSpec& spec, const DynamicsSpec& dynamics) {
    const auto result = RunDense<double>(spec, {.keys = patterns, .cues = cues}, dynamics);
    return result.ok() ? "" : GetErrorDetail(result.status())->reason;
  };
  EXPECT_EQ(reason({.similarity = Similarity::kDot}, binary), "");
  EXPECT_EQ(reason({.similarity = Similarity::kL2}, binary), "SPEC");
  EXPECT_EQ(reason({.similarity = Similarity::kDot, .separation = Separation::kArgMax},
                   {.state = StateSpace::kBinary, .update = BinaryUpdate::kSweep}),
            "SPEC");
  cues.at(0, 1) = 0;
  EXPECT_EQ(reason({.similarity = Similarity::kDot}, binary), "NOT_BINARY");
  cues.at(0, 1) = 1;
  patterns.at(1, 2) = 1.5;
  EXPECT_EQ(reason({.similarity = Similarity::kDot}, binary), "NOT_BINARY");
}

TEST(Binary, AnEmptyStoreSaysSo) {
  MatrixD patterns(0, 3), cues(1, 3);
  for (double& x : cues.flat()) x = 1;
  for (const BinaryUpdate update : {BinaryUpdate::kSynchronous, BinaryUpdate::kSweep}) {
    const auto result = RunDense<double>({.similarity = Similarity::kDot},
                                         {.keys = {patterns.data(), 0, 3}, .cues = cues},
                                         {.state = StateSpace::kBinary, .update = update});
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->cues[0].status, AnswerStatus::kEmptyStore);
  }
}

TEST(QuadraticSum, SweepsAsTheMemoryThatKeepsItsPatterns) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const auto patterns = Signs<double>(9, 40, random), cues = Signs<double>(5, 40, random);
    QuadraticSum sum(40);
    ASSERT_TRUE(sum.Add(patterns).ok());
    const BinaryPatterns kept(patterns.view(), std::span<const double>());
    for (size_t q = 0; q < cues.rows(); ++q) {
      std::vector<int8_t> a(40), b(40);
      for (size_t i = 0; i < 40; ++i) a[i] = b[i] = cues.at(q, i) > 0 ? 1 : -1;
      Random order_a(seed, q + 1), order_b(seed, q + 1);
      const SweepOutcome summed = sum.Sweep(50, order_a, a);
      const SweepOutcome explicit_one =
          Sweep({.similarity = Similarity::kDot, .separation = Separation::kPower, .power = 2},
                kept, 50, order_b, b);
      EXPECT_EQ(a, b);
      EXPECT_EQ(summed.flips, explicit_one.flips);
      EXPECT_EQ(summed.energies, explicit_one.energies);  // whole numbers: to the bit
    }
  }
}

TEST(QuadraticSum, RemoveUndoesAddAndSumsMerge) {
  RecordProperty("seed", 5);
  Random random(5);
  const auto patterns = Signs<double>(30, 12, random);
  QuadraticSum all(12), first(12), rest(12);
  ASSERT_TRUE(all.Add(patterns).ok());
  ASSERT_TRUE(first.Add(patterns.view().slice(0, 10)).ok());
  ASSERT_TRUE(rest.Add(patterns.view().slice(10, 20)).ok());
  ASSERT_TRUE(rest.Merge(first).ok());
  ExpectClose<double>(rest.sum(), all.sum(), 0);
  EXPECT_EQ(rest.count(), 30);
  ASSERT_TRUE(rest.Remove(patterns.view().slice(0, 10)).ok());
  ASSERT_TRUE(first.Add(patterns.view().slice(10, 20)).ok());
  ASSERT_TRUE(first.Remove(patterns.view().slice(0, 10)).ok());
  ExpectClose<double>(rest.sum(), first.sum(), 0);
  EXPECT_EQ(GetErrorDetail(rest.Merge(QuadraticSum(13)))->reason, "FEATURES_DIFFER");
  MatrixD other(1, 12);
  EXPECT_EQ(GetErrorDetail(rest.Add(other))->reason, "NOT_BINARY");
}

}  // namespace
}  // namespace mneme::models
