#include "core/dynamics/binary_step.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/base/random.h"
#include "core/base/status.h"
#include "core/dynamics/pattern_generator.h"
#include "tests/unit/core/dynamics/dynamics_testing.h"

namespace mneme::dynamics {
namespace {

double Separate(const BinaryRule& rule, double u) {
  if (rule.separation == BinarySeparation::kExp) return std::exp(rule.beta * u);
  if (rule.separation == BinarySeparation::kRectifiedPower && u < 0) return 0;
  return std::pow(u, rule.power);
}

// What neuron i gains by +1, by its two energies.
double EnergyDifference(const BinaryRule& rule, MatrixViewD patterns, std::span<const double> state,
                        size_t i) {
  double difference = 0;
  for (size_t mu = 0; mu < patterns.rows; ++mu) {
    double without = 0;
    for (size_t j = 0; j < state.size(); ++j) {
      if (j != i) without += patterns.row(mu)[j] * state[j];
    }
    const double xi = patterns.row(mu)[i];
    difference += Separate(rule, without + xi) - Separate(rule, without - xi);
  }
  return difference;
}

const BinaryRule kRules[] = {{.separation = BinarySeparation::kExp, .beta = 1},
                             {.separation = BinarySeparation::kExp, .beta = 0.1},
                             {.separation = BinarySeparation::kPower, .power = 2},
                             {.separation = BinarySeparation::kPower, .power = 3},
                             {.separation = BinarySeparation::kRectifiedPower, .power = 3},
                             {.separation = BinarySeparation::kRectifiedPower, .power = 4}};

TEST(BinaryStep, EveryNeuronTurnsToTheSideOfTheLowerEnergy) {
  for (const BinaryRule& rule : kRules) {
    Random random(7);
    const MatrixD patterns = RandomPatterns(30, 19, random);
    auto stepper = BinaryStepper::Create(patterns.Clone(), rule);
    ASSERT_TRUE(stepper.ok());
    const MatrixD before = RandomPatterns(40, 19, random);
    MatrixD after = before.Clone();
    stepper->Step(after);
    for (size_t b = 0; b < before.rows(); ++b) {
      for (size_t i = 0; i < before.cols(); ++i) {
        const double gain = EnergyDifference(rule, patterns, before.row(b), i);
        EXPECT_EQ(after.at(b, i), gain >= 0 ? 1 : -1)
            << "seed 7, power " << rule.power << ", state " << b << ", neuron " << i << ", gain "
            << gain;
      }
    }
  }
}

TEST(BinaryStep, ATieGivesPlusOne) {
  // One pattern and its opposite: under an even power every neuron's energies are equal only where
  // the overlap without it is 0.
  MatrixD patterns(1, 3);
  patterns.at(0, 0) = patterns.at(0, 1) = patterns.at(0, 2) = -1;
  auto stepper = BinaryStepper::Create(std::move(patterns),
                                       {.separation = BinarySeparation::kPower, .power = 2});
  ASSERT_TRUE(stepper.ok());
  MatrixD states(1, 3);
  states.at(0, 0) = 1, states.at(0, 1) = -1, states.at(0, 2) = -1;
  stepper->Step(states);
  EXPECT_EQ(states.at(0, 0), -1);  // pulled by the other two
  EXPECT_EQ(states.at(0, 1), 1);   // the other two cancel
  EXPECT_EQ(states.at(0, 2), 1);
}

TEST(BinaryStep, ABatchGivesWhatItsStatesGiveAlone) {
  Random random(3);
  auto stepper = BinaryStepper::Create(RandomPatterns(50, 33, random), {});
  ASSERT_TRUE(stepper.ok());
  MatrixD batch = RandomPatterns(5, 33, random);
  std::vector<MatrixD> single;
  for (size_t b = 0; b < 5; ++b) single.push_back(MatrixD::Copy(batch.view().slice(b, 1)));
  stepper->Step(batch);
  for (size_t b = 0; b < 5; ++b) {
    stepper->Step(single[b]);
    for (size_t i = 0; i < 33; ++i) EXPECT_EQ(batch.at(b, i), single[b].at(0, i));
  }
}

TEST(BinaryStep, APatternAmongFewStaysAtTheLargestBeta) {
  Random random(11);
  const MatrixD patterns = RandomPatterns(20, 400, random);
  auto stepper = BinaryStepper::Create(patterns.Clone(), {.beta = kBinaryBetaMax});
  ASSERT_TRUE(stepper.ok());
  MatrixD states = patterns.Clone();
  stepper->Step(states);
  EXPECT_TRUE(std::equal(states.flat().begin(), states.flat().end(), patterns.flat().begin()));
}

TEST(BinaryStep, NearestIsTheFirstOfEqualOnes) {
  MatrixD patterns(3, 2);
  for (double& x : patterns.flat()) x = 1;
  patterns.at(0, 0) = -1;
  auto stepper = BinaryStepper::Create(std::move(patterns), {});
  ASSERT_TRUE(stepper.ok());
  const double state[] = {1, 1};
  EXPECT_EQ(stepper->Nearest(state).row, 1);
  EXPECT_EQ(stepper->Nearest(state).overlap, 2);
}

std::string ReasonOf(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  const auto detail = GetErrorDetail(status);
  return detail ? detail->reason : "";
}

TEST(BinaryStep, RefusesWhatIsNotBinaryAndRulesOutOfRange) {
  EXPECT_EQ(ReasonOf(BinaryStepper::Create(MatrixD(), {}).status()), "SHAPE");
  EXPECT_EQ(ReasonOf(BinaryStepper::Create(MatrixD(2, 2), {}).status()), "NOT_BINARY");
  Random random(1);
  const MatrixD patterns = RandomPatterns(2, 2, random);
  MatrixD broken = patterns.Clone();
  broken.at(1, 1) = std::nan("");
  EXPECT_EQ(ReasonOf(BinaryStepper::Create(std::move(broken), {}).status()), "NOT_BINARY");
  const BinaryRule bad[] = {{.beta = 0},
                            {.beta = 1e20},
                            {.beta = std::nan("")},
                            {.separation = BinarySeparation::kPower, .power = 1},
                            {.separation = BinarySeparation::kPower, .power = 17}};
  for (const BinaryRule& rule : bad) {
    EXPECT_EQ(ReasonOf(BinaryStepper::Create(patterns.Clone(), rule).status()), "RANGE");
  }
}

}  // namespace
}  // namespace mneme::dynamics
