#include "core/dynamics/probed_memories.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "core/dynamics/pattern_generator.h"
#include "tests/unit/core/dynamics/dynamics_testing.h"

namespace mneme::dynamics {
namespace {

std::vector<std::pair<std::string, std::unique_ptr<ProbedMemory>>> AllMemories() {
  std::vector<std::pair<std::string, std::unique_ptr<ProbedMemory>>> out;
  const auto add = [&](const char* name, ProbedMemoryOr memory) {
    ASSERT_TRUE(memory.ok()) << memory.status();
    out.emplace_back(name, std::move(memory).value());
  };
  add("binary", MakeProbed(BinaryRule{.separation = BinarySeparation::kPower, .power = 2}));
  add("lse", MakeProbed(ProbedLse{}));
  add("lsr", MakeProbed(ProbedLsr{}));
  add("features", MakeProbed(ProbedFeatures{.features = 400, .steps = 30}));
  add("oscillators", MakeProbed(ProbedOscillators{.couplings = {.k2 = 1, .k4 = 0}}));
  return out;
}

double ErrorOf(const ProbedMemory& memory, MatrixViewD patterns, double flip) {
  Random random(9);
  std::vector<size_t> targets(std::min<size_t>(patterns.rows, 16));
  std::iota(targets.begin(), targets.end(), size_t{0});
  const MatrixD cues = FlippedRows(patterns, targets, flip, random);
  const auto error = memory.Error(patterns, cues, targets, random);
  EXPECT_TRUE(error.ok()) << error.status();
  return error.ok() ? *error : std::nan("");
}

TEST(ProbedMemories, OnePatternComesBackFromAnyOfThem) {
  Random random(4);
  const MatrixD patterns = RandomPatterns(1, 64, random);
  for (const auto& [name, memory] : AllMemories()) {
    EXPECT_LT(ErrorOf(*memory, patterns, 0), 0.01) << name << ", seed 4";
  }
}

TEST(ProbedMemories, CopiesOfAPatternAreNoError) {
  Random random(4);
  const MatrixD one = RandomPatterns(1, 64, random);
  const std::vector<size_t> copies(5, 0);
  const MatrixD patterns = FlippedRows(one, copies, 0, random);
  for (const auto& [name, memory] : AllMemories()) {
    EXPECT_LT(ErrorOf(*memory, patterns, 0), 0.01) << name << ", seed 4";
  }
}

TEST(ProbedMemories, TooManyPatternsAndTooMuchDamageAreSeen) {
  Random random(4);
  const MatrixD patterns = RandomPatterns(200, 64, random);
  for (const auto& [name, memory] : AllMemories()) {
    EXPECT_GT(ErrorOf(*memory, patterns, 0.45), 0.1) << name << ", seed 4";
  }
}

TEST(ProbedMemories, LsrIsExactWithoutDamageAndBlindBeyondItsRadius) {
  Random random(4);
  const MatrixD patterns = RandomPatterns(200, 64, random);
  const auto memory = MakeProbed(ProbedLsr{.radius = 0.5});
  ASSERT_TRUE(memory.ok());
  EXPECT_EQ(ErrorOf(**memory, patterns, 0), 0);
  EXPECT_EQ(ErrorOf(**memory, patterns, 0.4), 1);
}

TEST(ProbedMemories, RefuseOptionsOutOfRange) {
  EXPECT_FALSE(MakeProbed(BinaryRule{.beta = -1}).ok());
  EXPECT_FALSE(MakeProbed(ProbedLse{.beta = 0}).ok());
  EXPECT_FALSE(MakeProbed(ProbedLse{.beta = std::nan("")}).ok());
  EXPECT_FALSE(MakeProbed(ProbedLse{.steps_max = 0}).ok());
  EXPECT_FALSE(MakeProbed(ProbedLsr{.radius = 0}).ok());
  EXPECT_FALSE(MakeProbed(ProbedFeatures{.features = 0}).ok());
  EXPECT_FALSE(MakeProbed(ProbedFeatures{.beta = 1e20}).ok());
  EXPECT_FALSE(MakeProbed(ProbedOscillators{.couplings = {.k4 = -1}}).ok());
  EXPECT_FALSE(MakeProbed(ProbedOscillators{.dt = 1}).ok());
}

}  // namespace
}  // namespace mneme::dynamics
