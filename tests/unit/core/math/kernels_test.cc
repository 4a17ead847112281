// The vector kernels against the plain loops, over lengths around every vector width.
#include "core/math/kernels.h"

#include <cmath>
#include <limits>
#include <vector>

#include "core/base/random.h"
#include "core/math/reference.h"
#include "gtest/gtest.h"

namespace mneme::math {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
const size_t kLengths[] = {0, 1, 3, 7, 8, 15, 16, 17, 31, 63, 64, 65, 128, 255, 784, 1000};

std::vector<float> Gaussian(size_t n, Random& random) {
  std::vector<float> out(n);
  random.FillGaussian(std::span<float>(out));
  return out;
}

std::vector<double> Widened(const std::vector<float>& x) { return {x.begin(), x.end()}; }

TEST(Kernels, ReductionsAgreeWithTheReferenceInDouble) {
  RecordProperty("seed", 3);
  Random random(3);
  for (const size_t n : kLengths) {
    SCOPED_TRACE(n);
    const auto x = Gaussian(n, random), y = Gaussian(n, random);
    std::vector<float> mask(n);
    for (float& bit : mask) bit = static_cast<float>(random.Below(2));
    const auto xd = Widened(x), yd = Widened(y), maskd = Widened(mask);
    const double tolerance = 1e-6 * (1 + static_cast<double>(n));
    EXPECT_NEAR(Dot(x.data(), y.data(), n), reference::Dot(xd.data(), yd.data(), n), tolerance);
    EXPECT_NEAR(SquaredNorm(x.data(), n), reference::Dot(xd.data(), xd.data(), n), tolerance);
    EXPECT_NEAR(SquaredDistance(x.data(), y.data(), n),
                reference::SquaredDistance(xd.data(), yd.data(), n), tolerance);
    EXPECT_NEAR(L1Distance(x.data(), y.data(), n), reference::L1Distance(xd.data(), yd.data(), n),
                tolerance);
    EXPECT_NEAR(MaskedSquaredDistance(x.data(), y.data(), mask.data(), n),
                reference::MaskedSquaredDistance(xd.data(), yd.data(), maskd.data(), n), tolerance);
    EXPECT_NEAR(MaskedSquaredNorm(x.data(), mask.data(), n),
                reference::MaskedSquaredNorm(xd.data(), maskd.data(), n), tolerance);
  }
}

TEST(Kernels, RowFunctionsGiveTheBitsOfTheSingleRow) {
  RecordProperty("seed", 4);
  Random random(4);
  for (const size_t n : kLengths) {
    SCOPED_TRACE(n);
    constexpr size_t kRows = 5;
    const auto rows = Gaussian(kRows * n, random), x = Gaussian(n, random);
    std::vector<float> dot(kRows), l2(kRows), l1(kRows);
    DotRows(rows.data(), n, kRows, x.data(), n, dot.data());
    SquaredDistanceRows(rows.data(), n, kRows, x.data(), n, l2.data());
    L1DistanceRows(rows.data(), n, kRows, x.data(), n, l1.data());
    for (size_t i = 0; i < kRows; ++i) {
      EXPECT_EQ(dot[i], Dot(x.data(), rows.data() + i * n, n));
      EXPECT_EQ(l2[i], SquaredDistance(x.data(), rows.data() + i * n, n));
      EXPECT_EQ(l1[i], L1Distance(x.data(), rows.data() + i * n, n));
    }
  }
}

TEST(Kernels, WeightedRowsAddUp) {
  RecordProperty("seed", 5);
  Random random(5);
  for (const size_t n : kLengths) {
    for (const size_t count : {0, 1, 3, 4, 6, 9}) {
      SCOPED_TRACE(testing::Message() << n << " numbers, " << count << " rows");
      const auto rows = Gaussian(10 * n, random), weights = Gaussian(count, random);
      std::vector<uint32_t> index(count);
      for (uint32_t& i : index) i = static_cast<uint32_t>(random.Below(10));
      auto y = Gaussian(n, random);
      auto expected = Widened(y);
      const auto rowsd = Widened(rows), weightsd = Widened(weights);
      reference::AddScaledRows(rowsd.data(), n, index.data(), weightsd.data(), count, n,
                               expected.data());
      AddScaledRows(rows.data(), n, index.data(), weights.data(), count, n, y.data());
      for (size_t j = 0; j < n; ++j) EXPECT_NEAR(y[j], expected[j], 1e-5);
    }
  }
}

TEST(Kernels, AffineMaxWithAndWithoutBias) {
  RecordProperty("seed", 6);
  Random random(6);
  for (const size_t n : kLengths) {
    SCOPED_TRACE(n);
    const auto u = Gaussian(n, random), bias = Gaussian(n, random);
    for (const float* b : {bias.data(), static_cast<const float*>(nullptr)}) {
      auto fast = u, slow = u;
      const float best = AffineMax(1.5f, b, fast.data(), n);
      const float expected = reference::AffineMax(1.5f, b, slow.data(), n);
      EXPECT_FLOAT_EQ(best, expected);
      EXPECT_EQ(best, Max(fast.data(), n));
      for (size_t i = 0; i < n; ++i) EXPECT_NEAR(fast[i], slow[i], 1e-6);
    }
  }
  EXPECT_EQ(Max(static_cast<const float*>(nullptr), 0), -kInfinity);
}

TEST(Kernels, ExponentialsAreRightOverTheWholeRange) {
  std::vector<float> u;
  for (float x = -120; x <= 0; x += 0.37f) u.push_back(x);
  u.push_back(-kInfinity);
  auto w = u;
  const float shift = 0.25f;
  const ExpSums<float> sums = ExpShift(shift, w.data(), w.size());
  double sum = 0, squares = 0;
  for (size_t i = 0; i < u.size(); ++i) {
    const float x = u[i] - shift;
    const double exact = std::exp(static_cast<double>(x));
    if (x < -87) {
      EXPECT_EQ(w[i], 0) << "exponent " << x;
    } else {
      EXPECT_NEAR(w[i] / exact, 1, 1e-6) << "exponent " << x;
    }
    sum += exact;
    squares += exact * exact;
  }
  EXPECT_NEAR(sums.sum / sum, 1, 1e-6);
  EXPECT_NEAR(sums.sum_squares / squares, 1, 1e-6);
}

TEST(Kernels, CollectsIndicesInOrder) {
  RecordProperty("seed", 7);
  Random random(7);
  for (const size_t n : kLengths) {
    SCOPED_TRACE(n);
    auto x = Gaussian(n, random);
    if (n > 2) x[2] = -kInfinity;
    for (const float bound : {-100.0f, 0.0f, 1.0f, 100.0f}) {
      std::vector<uint32_t> fast(n + 32), slow(n + 32);
      fast.resize(CollectAtLeast(x.data(), n, bound, fast.data()));
      slow.resize(reference::CollectAtLeast(x.data(), n, bound, slow.data()));
      EXPECT_EQ(fast, slow);
    }
  }
}

TEST(Kernels, MomentsKeepTheirDigitsUnderALargeOffset) {
  RecordProperty("seed", 8);
  Random random(8);
  for (const size_t n : kLengths) {
    SCOPED_TRACE(n);
    auto x = Gaussian(n, random);
    for (float& value : x) value += 1000;
    const Moments fast = MomentsOf(x.data(), n), slow = reference::MomentsOf(x.data(), n);
    EXPECT_EQ(fast.count, slow.count);
    EXPECT_NEAR(fast.mean, slow.mean, 1e-6 * 1000);
    EXPECT_NEAR(fast.m2, slow.m2, 1e-5 * (1 + slow.m2));
  }
}

}  // namespace
}  // namespace mneme::math
