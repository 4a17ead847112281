#include "core/federation/ranges.h"

#include <set>

#include "core/base/random.h"
#include "gtest/gtest.h"

namespace mneme::federation {
namespace {

using Parts = std::vector<Ranges::Range>;

TEST(Ranges, GiveWhatIsNewOnce) {
  Ranges ranges;
  EXPECT_EQ(ranges.Add(10, 20), (Parts{{10, 20}}));
  EXPECT_EQ(ranges.Add(10, 20), Parts{});
  EXPECT_EQ(ranges.Add(5, 25), (Parts{{5, 10}, {20, 25}}));
  EXPECT_EQ(ranges.Add(7, 8), Parts{});
  EXPECT_EQ(ranges.Add(30, 30), Parts{});
  EXPECT_EQ(ranges.all().size(), 1U);
  EXPECT_EQ(ranges.end(), 25U);
  EXPECT_TRUE(ranges.Touches(24, 40));
  EXPECT_FALSE(ranges.Touches(25, 40));
  EXPECT_FALSE(ranges.Touches(0, 5));
}

TEST(Ranges, ForgetWhatIsAtAPositionAndBehindIt) {
  Ranges ranges;
  ranges.Add(10, 20);
  ranges.Add(30, 40);
  ranges.ForgetFrom(50);
  EXPECT_EQ(ranges.end(), 40U);
  ranges.ForgetFrom(25);
  EXPECT_EQ(ranges.end(), 20U);
  ranges.ForgetFrom(15);
  EXPECT_EQ(ranges.Add(0, 30), (Parts{{0, 10}, {15, 30}}));
  ranges.ForgetFrom(0);
  EXPECT_TRUE(ranges.all().empty());
}

TEST(Ranges, AgreeWithAPlainSet) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Random random(seed);
    Ranges ranges;
    std::set<uint64_t> plain;
    for (int i = 0; i < 60; ++i) {
      const uint64_t from = random.Below(200);
      const uint64_t to = from + random.Below(12);
      std::set<uint64_t> fresh;
      for (const auto& [begin, end] : ranges.Add(from, to)) {
        for (uint64_t at = begin; at < end; ++at) EXPECT_TRUE(fresh.insert(at).second);
      }
      std::set<uint64_t> expected;
      for (uint64_t at = from; at < to; ++at) {
        if (plain.insert(at).second) expected.insert(at);
      }
      ASSERT_EQ(fresh, expected) << "seed " << seed;
    }
  }
}

TEST(Ranges, AreBoundedAndGiveUpTheOldestGap) {
  Ranges ranges;
  for (uint64_t i = 0; i <= Ranges::kRangesMax; ++i) ranges.Add(10 * i, 10 * i + 5);
  EXPECT_LE(ranges.all().size(), Ranges::kRangesMax);
  EXPECT_EQ(ranges.Add(5, 10), Parts{}) << "the first gap counts as come";
  EXPECT_EQ(ranges.Add(615, 620), (Parts{{615, 620}})) << "a late one is still open";
}

}  // namespace
}  // namespace mneme::federation
