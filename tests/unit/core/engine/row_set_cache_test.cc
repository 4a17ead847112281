#include "core/engine/row_set_cache.h"

#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/engine/expiry_index.h"
#include "gtest/gtest.h"

namespace mneme::engine {
namespace {

TEST(RowSetCache, GivesEqualKeysOneSet) {
  RowSetCache cache;
  const RowSetCache::Key key{.filter = "a = 1", .position = 7};
  EXPECT_EQ(cache.Find(key), nullptr);
  const auto first = cache.Keep(key, {.listed = {1, 2}});
  const auto second = cache.Keep(key, {.listed = {1, 2}});  // of a call that ran at the same time
  EXPECT_EQ(first, second);
  EXPECT_EQ(cache.Find(key), first);
  EXPECT_EQ(cache.Find({.filter = "a = 2", .position = 7}), nullptr);
}

TEST(RowSetCache, TellsWhatWasDueApart) {
  RowSetCache cache;
  const auto due = std::make_shared<const RowSet>(RowSet{.listed = {3}, .listed_pass = false});
  const RowSetCache::Key all{.filter = "a = 1", .position = 7};
  const RowSetCache::Key unexpired{.filter = "a = 1", .position = 7, .unexpired = due};
  cache.Keep(all, {.listed = {1, 3}});
  EXPECT_EQ(cache.Find(unexpired), nullptr);
  cache.Keep(unexpired, {.listed = {1}});
  EXPECT_EQ(cache.Find(all)->listed.size(), 2u);
  EXPECT_EQ(cache.Find(unexpired)->listed.size(), 1u);
}

TEST(RowSetCache, KeepsNothingOfEarlierPositions) {
  RowSetCache cache;
  cache.Keep({.filter = "a = 1", .position = 7}, {.listed = {1}});
  const auto kept = cache.Keep({.filter = "b = 1", .position = 8}, {.listed = {2}});
  EXPECT_EQ(cache.Find({.filter = "a = 1", .position = 7}), nullptr);
  const auto late = cache.Keep({.filter = "a = 1", .position = 7}, {.listed = {1}});
  EXPECT_EQ(late->listed, (std::vector<uint64_t>{1}));  // answered, not kept
  EXPECT_EQ(cache.Find({.filter = "a = 1", .position = 7}), nullptr);
  EXPECT_EQ(cache.Find({.filter = "b = 1", .position = 8}), kept);
}

TEST(RowSetCache, StaysInsideItsBounds) {
  RowSetCache cache;
  const std::vector<uint64_t> many(400'000);  // 3.2 MB
  for (int i = 0; i < 40; ++i) {
    cache.Keep({.filter = std::to_string(i), .position = 1},
               {.listed = i < 20 ? std::vector<uint64_t>{} : many});
    EXPECT_LE(cache.bytes(), RowSetCache::kBytesMax);
  }
  EXPECT_EQ(cache.Find({.filter = "30", .position = 1}), nullptr);
  EXPECT_NE(cache.Find({.filter = "39", .position = 1}), nullptr);
  // A set that is larger than the whole cache is given, and not kept.
  const auto huge =
      cache.Keep({.filter = "huge", .position = 1}, {.listed = std::vector<uint64_t>(3'000'000)});
  EXPECT_EQ(huge->listed.size(), 3'000'000u);
  EXPECT_EQ(cache.bytes(), 0u);
}

TEST(Intersect, PassesWhatBothPass) {
  RecordProperty("seed", "5");
  Random random(5);
  for (int i = 0; i < 200; ++i) {
    RowSet a{.listed_pass = random.Below(2) == 0}, b{.listed_pass = random.Below(2) == 0};
    for (uint64_t row = 0; row < 40; ++row) {
      if (random.Below(3) == 0) a.listed.push_back(row);
      if (random.Below(3) == 0) b.listed.push_back(row);
    }
    const RowSet both = Intersect(a, b);
    for (uint64_t row = 0; row < 45; ++row) {
      ASSERT_EQ(both.Passes(row), a.Passes(row) && b.Passes(row))
          << "round " << i << " row " << row;
    }
  }
}

TEST(ExpiryIndexUnexpired, IsOneSetUntilSomethingChanges) {
  ExpiryIndex index;
  EXPECT_EQ(index.Unexpired(1'000), nullptr);
  index.Add(4, 100);
  index.Add(2, 200);
  index.Add(9, 0);  // for ever
  EXPECT_EQ(index.Unexpired(99), nullptr);
  const auto one = index.Unexpired(100);
  ASSERT_NE(one, nullptr);
  EXPECT_EQ(one->listed, (std::vector<uint64_t>{4}));
  EXPECT_FALSE(one->listed_pass);
  EXPECT_EQ(index.Unexpired(199), one);
  const auto two = index.Unexpired(200);
  EXPECT_EQ(two->listed, (std::vector<uint64_t>{2, 4}));
  EXPECT_EQ(index.Unexpired(100)->listed, (std::vector<uint64_t>{4}));  // a clock that went back
  index.Add(7, 150);
  EXPECT_EQ(index.Unexpired(200)->listed, (std::vector<uint64_t>{2, 4, 7}));
  index.Remove(std::vector<uint64_t>{2, 4});
  EXPECT_EQ(index.Unexpired(200)->listed, (std::vector<uint64_t>{7}));
  index.Remove(std::vector<uint64_t>{7});
  EXPECT_EQ(index.Unexpired(10'000), nullptr);
  EXPECT_EQ(two->listed.size(), 2u);  // what was given stays as it was
}

}  // namespace
}  // namespace mneme::engine
