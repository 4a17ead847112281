#include "core/federation/regret.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "core/base/random.h"

namespace mneme::federation {
namespace {

TEST(Hindsight, OfOneMapHasNoLoss) {
  Random random(1);
  std::vector<double> map(3 * 5), key(5), response(3);
  random.FillGaussian(std::span(map));
  Hindsight sums(5, 3);
  for (int i = 0; i < 50; ++i) {
    random.FillGaussian(std::span(key));
    for (size_t r = 0; r < 3; ++r) {
      response[r] = 0;
      for (size_t c = 0; c < 5; ++c) response[r] += map[r * 5 + c] * key[c];
    }
    sums.Add(key, response, 0.5);
  }
  EXPECT_NEAR(*sums.BestLoss(), 0, 1e-6);
}

// One key with two responses: the best answer is their weighted mean.
TEST(Hindsight, IsTheWeightedMeanOfContradictions) {
  Hindsight a(1, 1), b(1, 1), both(1, 1);
  a.Add(std::vector<double>{1}, std::vector<double>{3}, 1);
  b.Add(std::vector<double>{1}, std::vector<double>{-1}, 1);
  both.Add(a, 3);
  both.Add(b, 1);
  // Mean 2: (3 * 1 + 1 * 9) / 2.
  EXPECT_NEAR(*both.BestLoss(), 6, 1e-6);
  EXPECT_NEAR(*a.BestLoss(), 0, 1e-6);
}

TEST(Hindsight, SaysSoWhereThereIsNone) {
  Hindsight sums(2, 1);
  EXPECT_NEAR(*sums.BestLoss(), 0, 1e-12);  // nothing came
  sums.Add(std::vector<double>{std::numeric_limits<double>::infinity(), 0}, std::vector<double>{1},
           1);
  EXPECT_EQ(sums.BestLoss(), std::nullopt);
}

}  // namespace
}  // namespace mneme::federation
