// Tests of the mergeable summaries: top-K and moments.
#include "core/math/topk.h"

#include <algorithm>
#include <vector>

#include "core/base/random.h"
#include "core/math/moments.h"
#include "gtest/gtest.h"

namespace mneme::math {
namespace {

struct Entry {
  double score = 0;
  int id = 0;
  bool Precedes(const Entry& other) const { return id < other.id; }
  friend bool operator==(const Entry&, const Entry&) = default;
};

std::vector<Entry> RandomEntries(size_t n, Random& random) {
  std::vector<Entry> entries(n);
  for (size_t i = 0; i < n; ++i) {
    // Few distinct scores: most places in the list are ties.
    entries[i] = {static_cast<double>(random.Below(5)), static_cast<int>(i)};
  }
  return entries;
}

TEST(TopK, EqualsTheHeadOfTheSortedList) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    auto entries = RandomEntries(200, random);
    random.Shuffle(std::span<Entry>(entries));
    TopK<Entry> top(30);
    for (const Entry& entry : entries) top.Push(entry);
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
      return a.score != b.score ? a.score > b.score : a.id < b.id;
    });
    entries.resize(30);
    EXPECT_EQ(top.TakeSorted(), entries);
  }
}

TEST(TopK, AnySplitMergesToTheSame) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const auto entries = RandomEntries(300, random);
    TopK<Entry> whole(17);
    std::vector<TopK<Entry>> parts(4, TopK<Entry>(17));
    for (const Entry& entry : entries) {
      whole.Push(entry);
      parts[random.Below(4)].Push(entry);
    }
    random.Shuffle(std::span<TopK<Entry>>(parts));
    TopK<Entry> merged(17);
    for (const auto& part : parts) merged.Merge(part);
    EXPECT_EQ(merged.TakeSorted(), whole.TakeSorted());
  }
}

TEST(TopK, ThresholdSaysWhatCannotGetIn) {
  TopK<Entry> top(2);
  EXPECT_EQ(top.threshold(), -std::numeric_limits<double>::infinity());
  top.Push({1, 1});
  top.Push({3, 2});
  EXPECT_EQ(top.threshold(), 1);
  top.Push({1, 0});  // a tie with a smaller id gets in
  EXPECT_EQ(top.TakeSorted(), (std::vector<Entry>{{3, 2}, {1, 0}}));
  EXPECT_EQ(TopK<Entry>(0).threshold(), std::numeric_limits<double>::infinity());
}

TEST(Moments, AnySplitMergesToTheSame) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Moments whole, a, b, c;
    for (int i = 0; i < 1000; ++i) {
      const double x = 100 + random.Gaussian();
      whole.Add(x);
      (i < 10 ? a : i < 400 ? b : c).Add(x);
    }
    Moments left = a, right = b;
    left.Merge(b);
    left.Merge(c);  // (a + b) + c
    right.Merge(c);
    a.Merge(right);  // a + (b + c)
    for (const Moments& merged : {left, a}) {
      EXPECT_EQ(merged.count, whole.count);
      EXPECT_NEAR(merged.mean, whole.mean, 1e-12 * 100);
      EXPECT_NEAR(merged.m2, whole.m2, 1e-9 * whole.m2);
    }
  }
}

TEST(Moments, EmptyIsTheIdentity) {
  Moments some;
  some.Add(1);
  some.Add(4);
  Moments merged = some;
  merged.Merge({});
  EXPECT_EQ(merged.mean, 2.5);
  Moments other;
  other.Merge(some);
  EXPECT_EQ(other.m2, 4.5);
  EXPECT_EQ(other.Std(), 1.5);
  EXPECT_EQ(Moments{}.Std(), 0);
}

}  // namespace
}  // namespace mneme::math
