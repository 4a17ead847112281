#include "core/federation/memory_changes.h"

#include "core/base/random.h"
#include "gtest/gtest.h"

namespace mneme::federation {
namespace {

constexpr size_t kRows = 8;
constexpr size_t kColumns = 6;
constexpr size_t kRankMax = 3;  // 4 * 14 is more than 48
constexpr uint64_t kSeed = 11;

GradientSum Gradient(size_t rank, Random& random) {
  std::vector<float> errors(rank * kRows);
  std::vector<float> keys(rank * kColumns);
  random.FillGaussian(std::span<float>(errors));
  random.FillGaussian(std::span<float>(keys));
  GradientSum out(kRows, kColumns);
  out.AddFactors(errors, keys, true);
  return out;
}

// memory = scale memory + factor gradient.
void Step(float scale, float factor, const GradientSum& gradient, std::vector<float>& memory) {
  for (float& value : memory) value *= scale;
  gradient.AddTo(factor, memory);
}

void ExpectNear(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-5) << i;
}

TEST(MemoryChanges, LeadFromEachMemoryToTheNewest) {
  Random random(kSeed);
  MemoryChanges changes(kRows, kColumns);
  std::vector<float> memory(kRows * kColumns, 1);
  changes.Restart(4);
  std::vector<std::vector<float>> history = {memory};
  for (uint64_t round = 5; round <= 7; ++round) {
    const GradientSum gradient = Gradient(1, random);
    const float scale = round == 6 ? 0.5F : 1;
    Step(scale, -0.1F, gradient, memory);
    changes.AddStep(scale, -0.1F, gradient, WireType::kFloat32);
    changes.Seal(round);
    history.push_back(memory);
  }
  EXPECT_EQ(changes.newest(), 7U);
  for (uint64_t from = 4; from < 7; ++from) {
    const auto change = changes.Since(from);
    ASSERT_TRUE(change.has_value()) << from;
    EXPECT_EQ(change->rank(), 7 - from);
    EXPECT_TRUE(IsChange(*change, kRows, kColumns));
    std::vector<float> there = history[from - 4];
    ApplyChange(*change, kRows, kColumns, there);
    ExpectNear(there, memory);
  }
  EXPECT_EQ(changes.Since(4)->steps.size(), 2U) << "steps that scale nothing join";
  EXPECT_FALSE(changes.Since(3).has_value());
  EXPECT_FALSE(changes.Since(7).has_value()) << "no change";
  // One more is no smaller than a memory: the oldest goes.
  changes.AddStep(1, 1, Gradient(1, random), WireType::kFloat32);
  changes.Seal(9);
  EXPECT_FALSE(changes.Since(4).has_value());
  EXPECT_EQ(changes.Since(5)->rank(), kRankMax);
}

TEST(MemoryChanges, ThoseThatWereNoFactorsAreForgottenWithAllBefore) {
  Random random(kSeed);
  MemoryChanges changes(kRows, kColumns);
  changes.Restart(1);
  changes.AddStep(1, 1, Gradient(1, random), WireType::kFloat32);
  changes.Seal(2);
  GradientSum dense(kRows, kColumns);
  dense.AddDense(std::vector<float>(kRows * kColumns, 1));
  changes.AddStep(1, 1, dense, WireType::kFloat32);
  changes.AddStep(1, 1, Gradient(1, random), WireType::kFloat32);
  changes.Seal(3);
  EXPECT_FALSE(changes.Since(1).has_value());
  EXPECT_FALSE(changes.Since(2).has_value());
  EXPECT_EQ(changes.start(), 3U);
  changes.AddStep(1, 1, Gradient(1, random), WireType::kFloat32);
  changes.Seal(4);
  EXPECT_TRUE(changes.Since(3).has_value());
  changes.Seal(5);
  EXPECT_FALSE(changes.Since(3).has_value()) << "it moved without a step";
}

TEST(MemoryChanges, OneThatAnotherNodeSentIsPassedOnAsItCame) {
  Random random(kSeed);
  MemoryChanges root(kRows, kColumns);
  root.Restart(0);
  root.AddStep(0.25F, -1, Gradient(2, random), WireType::kBfloat16);
  root.Seal(1);
  MemoryChanges relay(kRows, kColumns);
  relay.Restart(0);
  relay.Add(1, *root.Since(0));
  EXPECT_EQ(relay.Since(0), root.Since(0));
}

}  // namespace
}  // namespace mneme::federation
