#include "core/dynamics/oscillators.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "core/dynamics/hysteresis.h"
#include "core/dynamics/oscillator_theory.h"
#include "core/dynamics/pattern_generator.h"
#include "core/models/dense/phase.h"
#include "tests/unit/core/dynamics/dynamics_testing.h"

namespace mneme::dynamics {
namespace {

constexpr uint64_t kSeed = 12;

struct Start {
  MatrixD patterns;
  MatrixD angles;
};

Start Draw(size_t n, size_t d, size_t replicas) {
  Random random(kSeed);
  MatrixD patterns = RandomPatterns(n, d, random);
  MatrixD angles = RandomAngles(replicas, d, random);
  return {std::move(patterns), std::move(angles)};
}

Oscillators Make(const Start& start, const OscillatorOptions& options) {
  auto made = Oscillators::Create(start.patterns.Clone(), start.angles.Clone(), options);
  EXPECT_TRUE(made.ok()) << made.status();
  return std::move(made).value();
}

MatrixD Shifted(const MatrixD& angles, double by) {
  MatrixD out = angles.Clone();
  for (double& angle : out.flat()) angle += by;
  return out;
}

TEST(Oscillators, EnergiesAndOverlapsAreThoseOfTheirAngles) {
  const Start start = Draw(7, 30, 4);
  const Oscillators made = Make(start, {.couplings = {.k2 = 0.7, .k4 = 1.3}});
  for (size_t b = 0; b < 4; ++b) {
    const auto field = models::EvaluatePhases(start.patterns, start.angles.row(b), 0.7, 1.3);
    EXPECT_NEAR(made.energies()[b], field.energy, 1e-12) << "seed " << kSeed;
    for (size_t mu = 0; mu < 7; ++mu) {
      EXPECT_NEAR(made.OrderParameter(b, mu), std::abs(field.overlaps[mu]), 1e-14);
    }
  }
}

TEST(Oscillators, ASmallStepFollowsTheDrift) {
  const Start start = Draw(5, 20, 1);
  constexpr double kDt = 1e-6;
  Oscillators made = Make(start, {.couplings = {.k2 = 1, .k4 = 2}, .dt = kDt});
  made.Step(1);
  const auto field = models::EvaluatePhases(start.patterns, start.angles.row(0), 1, 2);
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_NEAR((made.angles().row(0)[i] - start.angles.at(0, i)) / kDt, field.drift[i], 1e-4);
  }
}

TEST(Oscillators, WithoutDisorderTheEnergyDoesNotRise) {
  const Start start = Draw(40, 60, 5);
  for (const Couplings couplings : {Couplings{1, 0}, Couplings{0, 1}, Couplings{1, 3}}) {
    Oscillators made = Make(start, {.couplings = couplings, .dt = 0.1});
    std::vector<double> before(made.energies().begin(), made.energies().end());
    const std::vector<double> first = before;
    made.Step(400, [&] {
      for (size_t b = 0; b < 5; ++b) {
        EXPECT_LE(made.energies()[b], before[b] + 1e-11) << "seed " << kSeed;
        before[b] = made.energies()[b];
      }
      return true;
    });
    EXPECT_LT(before[0], first[0]);
  }
}

TEST(Oscillators, ACommonRotationChangesNothingButTheAngles) {
  const Start start = Draw(6, 25, 2);
  const OscillatorOptions options = {
      .couplings = {.k2 = 1, .k4 = 1}, .temperature = 0.3, .dt = 0.05, .seed = 3};
  Oscillators plain = Make(start, options);
  Oscillators turned = Make({start.patterns.Clone(), Shifted(start.angles, 1.234)}, options);
  plain.Step(50);
  turned.Step(50);
  for (size_t b = 0; b < 2; ++b) {
    EXPECT_NEAR(turned.energies()[b], plain.energies()[b], 1e-9);
    for (size_t i = 0; i < 25; ++i) {
      EXPECT_NEAR(turned.angles().row(b)[i] - plain.angles().row(b)[i], 1.234, 1e-9);
    }
  }
}

TEST(Oscillators, APatternAndItsOppositeAreOne) {
  Start start = Draw(6, 25, 1);
  Oscillators plain = Make(start, {});
  for (double& bit : start.patterns.row(2)) bit = -bit;
  Oscillators opposite = Make(start, {});
  plain.Step(50);
  opposite.Step(50);
  EXPECT_NEAR(plain.energies()[0], opposite.energies()[0], 1e-12);
  EXPECT_NEAR(plain.OrderParameter(0, 2), opposite.OrderParameter(0, 2), 1e-12);
}

TEST(Oscillators, ReplicasDoNotSeeEachOther) {
  const Start start = Draw(6, 25, 3);
  Oscillators all = Make(start, {});
  all.Step(40);
  for (size_t b = 0; b < 3; ++b) {
    Oscillators alone =
        Make({start.patterns.Clone(), MatrixD::Copy(start.angles.view().slice(b, 1))}, {});
    alone.Step(40);
    EXPECT_NEAR(alone.energies()[0], all.energies()[b], 1e-12);
  }
}

TEST(Oscillators, TheSameSeedGivesTheSameDigits) {
  const Start start = Draw(3, 20, 2);
  const auto run = [&](uint64_t seed) {
    Oscillators made = Make(start, {.temperature = 1, .seed = seed});
    made.Step(20);
    return made.angles().row(1)[7];
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(Oscillators, NoiseAloneDiffusesAsItsTemperatureSays) {
  const Start start = Draw(1, 4000, 1);
  Oscillators made = Make(start, {.couplings = {0, 0}, .temperature = 0.5, .dt = 0.1});
  made.Step(30);
  double square = 0;
  for (size_t i = 0; i < 4000; ++i) {
    const double moved = made.angles().row(0)[i] - start.angles.at(0, i);
    square += moved * moved / 4000;
  }
  EXPECT_NEAR(square, 2 * 0.5 * made.time(), 0.2) << "seed " << kSeed;
  EXPECT_NEAR(made.time(), 3, 1e-12);
}

TEST(Oscillators, FrequenciesTurnThem) {
  const Start start = Draw(1, 5, 1);
  Oscillators made =
      Make(start, {.couplings = {0, 0}, .dt = 0.1, .frequencies = {-2, -1, 0, 1, 2}});
  made.Step(10);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(made.angles().row(0)[i] - start.angles.at(0, i), static_cast<double>(i) - 2, 1e-9);
  }
}

TEST(Oscillators, OrderUnderNoiseIsThatOfTheMeanField) {
  Random random(kSeed);
  MatrixD patterns = RandomPatterns(1, 2000, random);
  MatrixD angles = AnglesOf(patterns, 0, random);
  auto made = Oscillators::Create(std::move(patterns), std::move(angles),
                                  {.couplings = {.k2 = 3, .k4 = 0}, .temperature = 1, .dt = 0.05});
  ASSERT_TRUE(made.ok());
  EXPECT_NEAR(MeanOrder(*made, {.steps = 600, .averaged = 0.5})[0],
              *LockedStates(Disorder::kNoise, 1, {.k2 = 3, .k4 = 0}).stable, 0.02)
      << "seed " << kSeed;
}

TEST(Oscillators, DecodesWhatADamagedCueCameFrom) {
  Random random(kSeed);
  const MatrixD patterns = RandomPatterns(20, 100, random);
  const size_t rows[] = {4};
  const MatrixD cue = FlippedRows(patterns, rows, 0.1, random);
  auto made = Oscillators::Create(patterns.Clone(), AnglesOf(cue, 0.1, random), {.dt = 0.1});
  ASSERT_TRUE(made.ok());
  made->Step(300);
  EXPECT_GT(made->OrderParameter(0, 4), 0.999) << "seed " << kSeed;
  const std::vector<double> bits = made->Decode(0, cue.row(0));
  EXPECT_TRUE(std::equal(bits.begin(), bits.end(), patterns.row(4).begin()));
}

TEST(Oscillators, StopsWhenItIsTold) {
  Oscillators made = Make(Draw(1, 5, 1), {});
  int seen = 0;
  made.Step(100, [&] { return ++seen < 7; });
  EXPECT_EQ(seen, 7);
}

TEST(Oscillators, RefusesWhatItCannotRun) {
  const Start start = Draw(2, 3, 1);
  const auto refuses = [&](OscillatorOptions options) {
    return Oscillators::Create(start.patterns.Clone(), start.angles.Clone(), std::move(options))
               .status()
               .code() == absl::StatusCode::kInvalidArgument;
  };
  EXPECT_TRUE(refuses({.couplings = {.k2 = -1}}));
  EXPECT_TRUE(refuses({.couplings = {.k4 = std::nan("")}}));
  EXPECT_TRUE(refuses({.couplings = {.k4 = 1e20}}));
  EXPECT_TRUE(refuses({.temperature = -1}));
  EXPECT_TRUE(refuses({.dt = -0.1}));
  EXPECT_TRUE(refuses({.couplings = {.k2 = 1, .k4 = 1}, .dt = 0.26}));
  EXPECT_TRUE(refuses({.frequencies = {1, 2}}));
  EXPECT_TRUE(refuses({.frequencies = {1, 2, INFINITY}}));
  EXPECT_FALSE(Oscillators::Create(start.patterns.Clone(), MatrixD(1, 2), {}).ok());
  EXPECT_FALSE(Oscillators::Create(start.patterns.Clone(), MatrixD(), {}).ok());
  EXPECT_FALSE(Oscillators::Create(MatrixD(1, 3), start.angles.Clone(), {}).ok());
  MatrixD broken = start.angles.Clone();
  broken.at(0, 1) = INFINITY;
  EXPECT_FALSE(Oscillators::Create(start.patterns.Clone(), std::move(broken), {}).ok());
  Oscillators made = Make(start, {.dt = 0.1});
  EXPECT_FALSE(made.SetCouplings({.k2 = 6}).ok());
  EXPECT_TRUE(made.SetCouplings({.k2 = 4}).ok());
}

TEST(LorentzianFrequencies, HaveTheirQuartilesAtTheHalfWidth) {
  Random random(kSeed);
  std::vector<double> omega = LorentzianFrequencies(1000, 0.5, random);
  std::sort(omega.begin(), omega.end());
  EXPECT_NEAR(omega[250], -0.5, 0.01);
  EXPECT_NEAR(omega[750], 0.5, 0.01);
  EXPECT_EQ(omega.back(), 40);
  EXPECT_EQ(omega.front(), -40);
}

TEST(Hysteresis, ALoopOpensWhereTwoStatesAreStable) {
  Random random(kSeed);
  const MatrixD patterns = RandomPatterns(1, 400, random);
  const OscillatorOptions options = {.couplings = {.k2 = 0, .k4 = 4}, .temperature = 1, .dt = 0.05};
  auto rising = Oscillators::Create(patterns.Clone(), RandomAngles(1, 400, random), options);
  auto falling = Oscillators::Create(patterns.Clone(), AnglesOf(patterns, 0, random), options);
  const double up[] = {0.5, 1.4}, down[] = {3, 1.4};
  const Plateau plateau = {.steps = 200};
  const auto z_up = FollowPath(*rising, 4, up, plateau);
  const auto z_down = FollowPath(*falling, 4, down, plateau);
  ASSERT_TRUE(z_up.ok() && z_down.ok());
  EXPECT_LT(z_up->back(), 0.2) << "seed " << kSeed;
  EXPECT_GT(z_down->back(), 0.7);
  EXPECT_EQ(FollowPath(*rising, 4, up, plateau, [](double) { return false; }).status().code(),
            absl::StatusCode::kCancelled);
  const double beyond[] = {100};
  EXPECT_FALSE(FollowPath(*rising, 4, beyond, plateau).ok());
}

}  // namespace
}  // namespace mneme::dynamics
