// The kernels on upper tails against the plain loops, over lengths around every vector width.
#include <limits>
#include <vector>

#include "core/base/random.h"
#include "core/math/kernels.h"
#include "core/math/reference.h"
#include "gtest/gtest.h"

namespace mneme::math {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
const size_t kLengths[] = {0, 1, 3, 15, 16, 17, 63, 64, 65, 255, 1000, 1024, 1025, 3277};
const float kBounds[] = {-kInfinity, -100.0f, -0.5f, 0.0f, 1.0f, 100.0f, kInfinity};

// With ties, and the one minus infinity that masks an item's own score.
std::vector<float> Scores(size_t n, Random& random) {
  std::vector<float> out(n);
  random.FillGaussian(std::span<float>(out));
  for (size_t i = 0; i < n; i += 5) out[i] = 1.0f;
  if (n > 2) out[2] = -kInfinity;
  return out;
}

TEST(TailKernels, CountWhatTheReferenceCounts) {
  RecordProperty("seed", 21);
  Random random(21);
  for (const size_t n : kLengths) {
    const auto x = Scores(n, random);
    for (const float bound : kBounds) {
      SCOPED_TRACE(::testing::Message() << "n " << n << " bound " << bound);
      EXPECT_EQ(CountAtLeast(x.data(), n, bound), reference::CountAtLeast(x.data(), n, bound));
    }
  }
}

TEST(TailKernels, CollectAHalfOpenBandInOrder) {
  RecordProperty("seed", 22);
  Random random(22);
  for (const size_t n : kLengths) {
    const auto x = Scores(n, random);
    for (const float low : kBounds) {
      for (const float high : kBounds) {
        SCOPED_TRACE(::testing::Message() << "n " << n << " band " << low << " to " << high);
        std::vector<float> fast(n + 32), slow(n + 32);
        fast.resize(CollectBand(x.data(), n, low, high, fast.data()));
        slow.resize(reference::CollectBand(x.data(), n, low, high, slow.data()));
        EXPECT_EQ(fast, slow);
      }
    }
  }
}

TEST(TailKernels, SumTheExcessOverABound) {
  RecordProperty("seed", 23);
  Random random(23);
  for (const size_t n : kLengths) {
    const auto x = Scores(n, random);
    for (const float bound : {-0.5f, 0.0f, 1.0f, 100.0f}) {
      SCOPED_TRACE(::testing::Message() << "n " << n << " bound " << bound);
      const double slow = reference::SumExcess(x.data(), n, bound);
      EXPECT_NEAR(SumExcess(x.data(), n, bound), slow, 1e-6 * (1 + slow));
    }
  }
}

TEST(TailKernels, MaskStrictlyAboveABound) {
  RecordProperty("seed", 24);
  Random random(24);
  for (const size_t n : kLengths) {
    for (const float bound : kBounds) {
      SCOPED_TRACE(::testing::Message() << "n " << n << " bound " << bound);
      auto fast = Scores(n, random), slow = fast;
      MaskAbove(bound, -0.25f, fast.data(), n);
      reference::MaskAbove(bound, -0.25f, slow.data(), n);
      EXPECT_EQ(fast, slow);
    }
  }
}

TEST(TailKernels, AddRowsByTheirIndices) {
  RecordProperty("seed", 25);
  Random random(25);
  constexpr size_t kRows = 9;
  for (const size_t n : kLengths) {
    SCOPED_TRACE(n);
    std::vector<float> rows(kRows * n), fast(n), ones(5, 1.0f);
    random.FillGaussian(std::span<float>(rows));
    random.FillGaussian(std::span<float>(fast));
    auto slow = fast;
    const std::vector<uint32_t> index = {0, 2, 2, 5, 8};
    AddRows(rows.data(), n, index.data(), index.size(), n, fast.data());
    reference::AddScaledRows(rows.data(), n, index.data(), ones.data(), index.size(), n,
                             slow.data());
    for (size_t i = 0; i < n; ++i) EXPECT_NEAR(fast[i], slow[i], 1e-5);
  }
}

}  // namespace
}  // namespace mneme::math
