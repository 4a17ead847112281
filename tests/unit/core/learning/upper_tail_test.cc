#include "core/learning/upper_tail.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include "core/base/random.h"
#include "gtest/gtest.h"

namespace mneme::learning {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

template <typename T>
void ExpectExactTail(TailSelector<T>& selector, const std::vector<T>& x, size_t k, T scale) {
  SCOPED_TRACE(::testing::Message() << "n " << x.size() << " k " << k << " scale " << scale);
  auto sorted = x;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  const UpperTail<T> tail = selector.Select(x.data(), x.size(), k, scale);
  EXPECT_EQ(tail.threshold, sorted[k - 1]);
  const double sum = std::accumulate(sorted.begin(), sorted.begin() + k, 0.0);
  // The scale of the terms that are added up: x - threshold, and threshold k times.
  double magnitude = static_cast<double>(k) * std::abs(tail.threshold);
  for (size_t i = 0; i < k; ++i) magnitude += std::abs(sorted[i]);
  EXPECT_NEAR(tail.sum, sum, 5e-7 * magnitude);
}

std::vector<float> Draw(int kind, size_t n, Random& random) {
  std::vector<float> x(n);
  for (float& value : x) {
    const double g = random.Gaussian();
    if (kind == 0) value = static_cast<float>(g);
    if (kind == 1) value = static_cast<float>(std::exp(4 * g));          // a heavy tail
    if (kind == 2) value = static_cast<float>(static_cast<int>(2 * g));  // ties everywhere
    if (kind == 3) value = static_cast<float>(1000 + 1e-3 * g);          // far off the guess
    if (kind == 4) value = 7;
    if (kind == 5) value = random.Below(50) == 0 ? 1e30f : static_cast<float>(1e-30 * g);
  }
  x[random.Below(n)] = -kInfinity;
  return x;
}

// One selector over rows of all kinds, so that its guess is wrong most of the time.
TEST(UpperTail, IsExactWhateverTheRowAndTheGuess) {
  RecordProperty("seed", 31);
  Random random(31);
  TailSelector<float> selector;
  for (int trial = 0; trial < 600; ++trial) {
    const size_t n = 2 + random.Below(trial % 7 == 0 ? 4000 : 300);
    const size_t k = 1 + random.Below(n - 1);
    const auto x = Draw(trial % 6, n, random);
    ExpectExactTail(selector, x, k, trial % 5 == 0 ? 0.0f : 1.0f);
  }
}

TEST(UpperTail, IsExactInDouble) {
  RecordProperty("seed", 32);
  Random random(32);
  TailSelector<double> selector;
  for (int trial = 0; trial < 200; ++trial) {
    const auto row = Draw(trial % 6, 2 + random.Below(500), random);
    const std::vector<double> x(row.begin(), row.end());
    ExpectExactTail(selector, x, 1 + random.Below(x.size() - 1), 1.0);
  }
}

TEST(UpperTail, OfNotANumberIsNotANumber) {
  TailSelector<float> selector;
  const std::vector<float> x(100, std::numeric_limits<float>::quiet_NaN());
  EXPECT_TRUE(std::isnan(selector.Select(x.data(), x.size(), 10, 1.0f).threshold));
  // And the next row is not harmed.
  Random random(33);
  ExpectExactTail(selector, Draw(0, 300, random), 30, 1.0f);
}

TEST(UpperTail, IndicesAreTheFirstOfEqualScores) {
  RecordProperty("seed", 34);
  Random random(34);
  for (int trial = 0; trial < 300; ++trial) {
    SCOPED_TRACE(trial);
    const auto x = Draw(trial % 6, 2 + random.Below(300), random);
    const size_t n = x.size(), k = 1 + random.Below(n - 1);
    std::vector<uint32_t> order(n), index(n + 32);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](uint32_t a, uint32_t b) { return x[a] > x[b]; });
    TailIndices(x.data(), n, k, x[order[k - 1]], index.data());
    index.resize(k), order.resize(k);
    std::sort(order.begin(), order.end());
    EXPECT_EQ(index, order);
  }
}

}  // namespace
}  // namespace mneme::learning
