// The laws of the dense memory's partial: what it means that partial answers add.
#include "core/models/dense/dense_partial.h"

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "gtest/gtest.h"

namespace mneme::models {
namespace {

constexpr size_t kCues = 3, kOutputs = 4, kTop = 5;
constexpr uint64_t kSeeds = 50;

const std::vector<IdCell>& Ids() {
  static const auto* const ids = [] {
    auto* cells = new std::vector<IdCell>;
    for (uint64_t i = 0; i < 1000; ++i) cells->push_back(IdCell(i * 7919 % 1000));
    return cells;
  }();
  return *ids;
}

// One that could have come from a pass; sometimes with cues that saw nothing.
DensePartial RandomPartial(Random& random, uint64_t first_row) {
  DensePartial partial(kCues, kOutputs, kTop);
  for (size_t cue = 0; cue < kCues; ++cue) {
    if (random.Below(5) == 0) continue;
    CueSums& sums = partial.sums[cue];
    sums.m = 50 * random.Gaussian();
    sums.s0 = 1 + 10 * random.Uniform();
    sums.s1 = sums.s0;
    sums.s2 = 1 + random.Uniform();
    sums.turn = random.Gaussian();
    sums.extra = random.Gaussian();
    sums.n = random.Below(100);
    sums.support = random.Next();
    for (int i = 0; i < 7; ++i) sums.scores.Add(random.Gaussian());
    random.FillGaussian(partial.outputs.row(cue));
    for (uint64_t i = 0; i < 8; ++i) {
      const uint64_t row = first_row + i;
      partial.tops[cue].Push(
          {.score = static_cast<double>(random.Below(4)), .id = &Ids()[row], .row_number = row});
    }
  }
  return partial;
}

DensePartial Merged(const DensePartial& a, const DensePartial& b) {
  DensePartial out(kCues, kOutputs, kTop);
  out.Merge(a);
  out.Merge(b);
  return out;
}

void ExpectSame(DensePartial a, DensePartial b) {
  for (size_t cue = 0; cue < kCues; ++cue) {
    SCOPED_TRACE(cue);
    const CueSums &x = a.sums[cue], &y = b.sums[cue];
    EXPECT_EQ(x.m, y.m);
    const double tolerance = 1e-12 * (1 + std::abs(x.s0));
    EXPECT_NEAR(x.s0, y.s0, tolerance);
    EXPECT_NEAR(x.s1, y.s1, tolerance);
    EXPECT_NEAR(x.s2, y.s2, tolerance);
    EXPECT_NEAR(x.turn, y.turn, tolerance);
    EXPECT_NEAR(x.extra, y.extra, tolerance);
    EXPECT_EQ(x.n, y.n);
    EXPECT_EQ(x.support, y.support);
    EXPECT_EQ(x.scores.count, y.scores.count);
    EXPECT_NEAR(x.scores.mean, y.scores.mean, 1e-12);
    EXPECT_NEAR(x.scores.m2, y.scores.m2, 1e-11);
    for (size_t j = 0; j < kOutputs; ++j) {
      EXPECT_NEAR(a.outputs.at(cue, j), b.outputs.at(cue, j), tolerance);
    }
    const auto p = a.tops[cue].TakeSorted(), q = b.tops[cue].TakeSorted();
    ASSERT_EQ(p.size(), q.size());
    for (size_t i = 0; i < p.size(); ++i) EXPECT_EQ(p[i].row_number, q[i].row_number);
  }
}

TEST(DensePartial, MergeIsAssociative) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const auto a = RandomPartial(random, 0), b = RandomPartial(random, 10),
               c = RandomPartial(random, 20);
    ExpectSame(Merged(Merged(a, b), c), Merged(a, Merged(b, c)));
  }
}

TEST(DensePartial, MergeIsCommutative) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const auto a = RandomPartial(random, 0), b = RandomPartial(random, 10);
    ExpectSame(Merged(a, b), Merged(b, a));
  }
}

TEST(DensePartial, EmptyIsTheIdentity) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const auto a = RandomPartial(random, 0);
    const DensePartial empty(kCues, kOutputs, kTop);
    ExpectSame(Merged(a, empty), Merged(empty, a));
    DensePartial same(kCues, kOutputs, kTop);
    same.Merge(a);
    EXPECT_EQ(same.sums[0].s0, a.sums[0].s0);  // not even rounding
    ExpectSame(std::move(same), Merged(a, empty));
  }
  const DensePartial none(kCues, kOutputs, kTop);
  const DensePartial still_none = Merged(none, none);
  EXPECT_EQ(still_none.sums[0].m, -std::numeric_limits<double>::infinity());
  EXPECT_EQ(still_none.sums[0].s0, 0);  // and not a number that is none
}

TEST(DensePartial, FarApartScalesDoNotOverflow) {
  DensePartial low(1, 1, 0), high(1, 1, 0);
  low.sums[0] = {.m = -9000, .s0 = 2, .s1 = 2, .s2 = 2};
  high.sums[0] = {.m = 9000, .s0 = 1, .s1 = 1, .s2 = 1};
  high.outputs.at(0, 0) = 5;
  low.Merge(high);
  EXPECT_EQ(low.sums[0].m, 9000);
  EXPECT_EQ(low.sums[0].s0, 1);
  EXPECT_EQ(low.outputs.at(0, 0), 5);
}

}  // namespace
}  // namespace mneme::models
