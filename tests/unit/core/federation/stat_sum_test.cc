#include "core/federation/stat_sum.h"

#include "core/base/random.h"
#include "core/federation/losses.h"
#include "gtest/gtest.h"

namespace mneme::federation {
namespace {

constexpr size_t kRows = 4;
constexpr size_t kColumns = 6;
constexpr size_t kNumbers = kRows * kColumns;

std::vector<float> Gaussian(size_t count, Random& random) {
  std::vector<float> out(count);
  random.FillGaussian(std::span<float>(out));
  return out;
}

void ExpectNear(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-5) << i;
}

Batch RandomBatch(size_t count, Random& random) {
  return {.count = count,
          .keys = Gaussian(count * kColumns, random),
          .responses = Gaussian(count * kRows, random),
          .gates = std::vector<float>(count, 0.5F)};
}

TEST(StatSum, GivesLossAndGradientOfItsItemsAtAnyMemory) {
  Random random(3);
  Spec spec{.d_k = kColumns, .d_v = kRows};
  const std::vector<float> memory = Gaussian(kNumbers, random);
  StatSum sum(kRows, kColumns);
  std::vector<float> expected(kNumbers);
  double loss = 0;
  for (const size_t count : {1, 5}) {
    const Batch batch = RandomBatch(count, random);
    sum.AddBatch(batch, 0.25);
    std::vector<float> errors(count * kRows);
    const double share = 0.25 / static_cast<double>(count);
    loss +=
        share * WeightedErrors<float>(spec, memory.data(), batch.keys.data(),
                                      batch.responses.data(), batch.gates, count, errors.data());
    for (float& error : errors) error *= static_cast<float>(share);
    AddOuterProducts(errors.data(), batch.keys.data(), count, kRows, kColumns, expected.data());
  }
  StatUp frame;
  sum.Write(WireType::kFloat32, frame);
  StatSum read(kRows, kColumns);
  read.Read(frame);
  StatSum both(kRows, kColumns);
  both.Add(read);
  std::vector<float> gradient(kNumbers);
  both.AddGradient(memory, gradient);
  ExpectNear(gradient, expected);
  EXPECT_NEAR(both.LossAt(memory), loss, 1e-5);
}

TEST(StatSum, WithoutSquaresIsTheInnerProductLoss) {
  Random random(4);
  Spec spec{.d_k = kColumns, .d_v = kRows, .loss = Loss::kInnerProduct};
  const std::vector<float> memory = Gaussian(kNumbers, random);
  const Batch batch = RandomBatch(1, random);
  StatSum sum(kRows, kColumns);
  sum.AddBatch(batch, 1);
  sum.ForgetSquares();
  std::vector<float> errors(kRows);
  const double loss = WeightedErrors<float>(spec, memory.data(), batch.keys.data(),
                                            batch.responses.data(), batch.gates, 1, errors.data());
  std::vector<float> expected(kNumbers);
  AddOuterProducts(errors.data(), batch.keys.data(), 1, kRows, kColumns, expected.data());
  std::vector<float> gradient(kNumbers);
  sum.AddGradient(memory, gradient);
  ExpectNear(gradient, expected);
  EXPECT_NEAR(sum.LossAt(memory), loss, 1e-5);
}

}  // namespace
}  // namespace mneme::federation
