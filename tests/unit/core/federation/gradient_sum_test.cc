#include "core/federation/gradient_sum.h"

#include <cmath>

#include "core/base/random.h"
#include "core/federation/ball.h"
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

std::vector<float> DenseOf(const GradientSum& sum) {
  std::vector<float> out(kNumbers);
  sum.AddTo(1.0F, out);
  return out;
}

GradUp Sent(const GradientSum& sum) {
  GradUp frame;
  sum.Write(WireType::kFloat32, frame);
  return frame;
}

void ExpectNear(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-5) << i;
}

TEST(GradientSum, FormsAddUpToTheSameMatrix) {
  Random random(1);
  const std::vector<float> dense = Gaussian(kNumbers, random);
  const std::vector<float> errors = Gaussian(kRows, random);
  const std::vector<float> keys = Gaussian(kColumns, random);
  const Sparse<float> sparse{.indices = {20, 3}, .values = {2, -1}};
  std::vector<float> expected = dense;
  AddOuterProducts(errors.data(), keys.data(), 1, kRows, kColumns, expected.data());
  AddSparse(sparse, std::span<float>(expected));
  // Each order meets other forms.
  for (int order = 0; order < 3; ++order) {
    GradientSum sum(kRows, kColumns);
    if (order == 0) sum.AddDense(dense);
    sum.AddFactors(errors, keys, true);
    if (order == 1) sum.AddDense(dense);
    sum.AddSparse(sparse);
    if (order == 2) sum.AddDense(dense);
    ExpectNear(DenseOf(sum), expected);
    GradientSum read(kRows, kColumns);
    read.Read(Sent(sum));
    ExpectNear(DenseOf(read), expected);
    EXPECT_NEAR(read.Norm(), Norm(std::span<const float>(expected)), 1e-5);
  }
}

TEST(GradientSum, KeepsFactorsWhileTheyAreSmallerAndOnlyWhereTheyMayTravel) {
  Random random(2);
  GradientSum kept(kRows, kColumns);
  GradientSum joined(kRows, kColumns);
  std::vector<float> expected(kNumbers);
  for (size_t rank = 1; rank <= 4; ++rank) {
    const std::vector<float> errors = Gaussian(kRows, random);
    const std::vector<float> keys = Gaussian(kColumns, random);
    AddOuterProducts(errors.data(), keys.data(), 1, kRows, kColumns, expected.data());
    kept.AddFactors(errors, keys, true);
    joined.AddFactors(errors, keys, false);
    EXPECT_EQ(kept.form(), FactorsAreSmaller(rank, kRows, kColumns) ? GradientForm::kLowRank
                                                                    : GradientForm::kDense);
    EXPECT_EQ(joined.form(), GradientForm::kDense) << "factors show items one by one";
    ExpectNear(DenseOf(kept), expected);
    GradientSum read(kRows, kColumns);
    read.Read(Sent(kept));
    ExpectNear(DenseOf(read), expected);
  }
}

TEST(GradientSum, SumsThatStayHaveTheNormAndNumbersOfTheirMatrix) {
  Random random(3);
  for (size_t rank = 1; rank <= 3; ++rank) {
    GradientSum factors(kRows, kColumns);
    factors.AddFactors(Gaussian(rank * kRows, random), Gaussian(rank * kColumns, random), true);
    GradientSum sum(kRows, kColumns);
    sum.AddScaled(0.5F, factors);
    sum.AddScaled(-2.0F, factors);
    std::vector<float> expected = DenseOf(factors);
    for (float& value : expected) value *= -1.5F;
    ExpectNear(DenseOf(sum), expected);
    EXPECT_NEAR(sum.Norm(), Norm(std::span<const float>(expected)), 1e-5) << rank;
    EXPECT_EQ(sum.form(), FactorsAreSmaller(2 * rank, kRows, kColumns) ? GradientForm::kLowRank
                                                                       : GradientForm::kDense);
  }
  GradientSum nothing(kRows, kColumns);
  const std::vector<float> key = Gaussian(kColumns, random);
  std::vector<float> error = Gaussian(kRows, random);
  nothing.AddFactors(error, key, true);
  for (float& value : error) value = -value;
  nothing.AddFactors(error, key, true);
  EXPECT_EQ(nothing.form(), GradientForm::kLowRank);
  EXPECT_NEAR(nothing.Norm(), 0, 1e-6) << "what cancels is not NaN";
}

TEST(GradientSum, SparseBecomesDenseAboveAThird) {
  GradientSum sum(kRows, kColumns);
  sum.AddSparse({.indices = {5, 1}, .values = {1, 2}});
  sum.AddSparse({.indices = {1, 7}, .values = {3, 4}});
  EXPECT_EQ(sum.form(), GradientForm::kSparse);
  const GradUp frame = Sent(sum);
  EXPECT_EQ(frame.places.size(), 3 * sizeof(uint32_t));
  EXPECT_EQ(frame.values.bytes.size(), 3 * sizeof(float));
  sum.AddSparse({.indices = {10, 11, 12, 13, 14, 15}, .values = {1, 1, 1, 1, 1, 1}});
  EXPECT_EQ(sum.form(), GradientForm::kDense);
  EXPECT_EQ(DenseOf(sum)[1], 5);
  sum.Clear();
  EXPECT_TRUE(sum.empty());
  sum.AddSparse({.indices = {0}, .values = {9}});
  EXPECT_EQ(DenseOf(sum)[1], 0) << "nothing is left of what was cleared";
}

TEST(GradientSum, SaysWhereItOverflowed) {
  GradientSum sum(kRows, kColumns);
  const std::vector<float> huge(kNumbers, 3e38F);
  sum.AddDense(huge);
  EXPECT_TRUE(sum.Finite());
  EXPECT_TRUE(std::isfinite(sum.Norm()));
  sum.AddDense(huge);
  EXPECT_FALSE(sum.Finite());
}

}  // namespace
}  // namespace mneme::federation
