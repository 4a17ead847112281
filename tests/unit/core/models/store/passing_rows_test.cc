// Tests of core/models/store/passing_rows: which rows a view under a RowSet holds, and as what.
#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "core/models/store/explicit_store.h"
#include "gtest/gtest.h"

namespace mneme::models {
namespace {

// One row under each number; all its columns follow from the number.
void Append(ExplicitStore& store, const std::vector<uint64_t>& numbers) {
  for (const uint64_t number : numbers) {
    Matrix key(1, 2), value(1, 1);
    key.at(0, 0) = static_cast<float>(number);
    key.at(0, 1) = 1;
    value.at(0, 0) = static_cast<float>(number) * 2;
    const float log_weight = static_cast<float>(number % 7);
    const std::vector<ItemId> id = {number % 2 == 0 ? ItemId(number)
                                                    : ItemId("t" + std::to_string(number))};
    ASSERT_TRUE(store
                    .Append({.keys = key,
                             .values = value,
                             .log_weights = {&log_weight, 1},
                             .ids = id,
                             .row_numbers = {&number, 1}})
                    .ok());
  }
}

std::vector<uint64_t> LiveRows(const StoreView& view) {
  std::vector<uint64_t> live;
  size_t rows = 0;
  for (size_t t = 0; t < view.tiles(); ++t) {
    const TileView tile = view.tile(t);
    rows += tile.rows;
    EXPECT_GT(tile.rows, tile.dead_count()) << "tile " << t << " has no live row";
    std::vector<size_t> visited;
    tile.VisitLive([&](size_t row) { visited.push_back(row); });
    EXPECT_EQ(visited.size(), tile.rows - tile.dead_count());
    for (const size_t row : visited) {
      EXPECT_FALSE(tile.IsDead(row));
      const uint64_t number = tile.row_numbers[row];
      EXPECT_EQ(tile.keys[row * 2], static_cast<float>(number));
      EXPECT_EQ(tile.values[row], static_cast<float>(number) * 2);
      EXPECT_EQ(tile.log_weights[row], static_cast<float>(number % 7));
      EXPECT_EQ(tile.squared_norms[row],
                static_cast<float>(number) * static_cast<float>(number) + 1);
      EXPECT_EQ(tile.ids[row].ToItemId(),
                number % 2 == 0 ? ItemId(number) : ItemId("t" + std::to_string(number)));
      live.push_back(number);
    }
  }
  EXPECT_EQ(rows, view.rows());
  EXPECT_EQ(live.size(), view.live_rows());
  return live;
}

TEST(PassingRows, AreThoseOfTheSetThatLive) {
  for (const uint64_t seed : {1, 2, 3, 4, 5, 6}) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    std::vector<uint64_t> numbers;
    uint64_t next = random.Below(10);
    const bool gaps = seed % 2 == 0;
    for (size_t i = 0; i < 3 * kTileRows + 100; ++i) {
      numbers.push_back(next);
      next += gaps ? 1 + random.Below(40) : 1;
    }
    ExplicitStore store(2, 1);
    Append(store, numbers);
    std::set<uint64_t> removed;
    for (size_t i = 0; i < 200; ++i) removed.insert(numbers[random.Below(numbers.size())]);
    ASSERT_TRUE(store.Remove(std::vector<uint64_t>(removed.begin(), removed.end())).ok());
    const StoreView view = store.Publish();
    for (const double share : {0.0, 0.0005, 0.01, 0.3, 0.9, 1.0}) {
      for (const bool listed_pass : {true, false}) {
        SCOPED_TRACE(testing::Message() << "share " << share << " pass " << listed_pass);
        RowSet set{.listed_pass = listed_pass};
        for (uint64_t row = 0; row < next + 5; ++row) {  // numbers that no row has, too
          if (random.Uniform() < share) set.listed.push_back(row);
        }
        std::vector<uint64_t> expected;
        for (const uint64_t number : numbers) {
          if (removed.count(number) == 0 && set.Passes(number)) expected.push_back(number);
        }
        const StoreView only = view.Only(set);
        EXPECT_EQ(LiveRows(only), expected);
        for (const uint64_t number : numbers) {
          const bool there = std::binary_search(expected.begin(), expected.end(), number);
          ASSERT_EQ(only.Find(number).has_value(), there) << number;
        }
      }
    }
    EXPECT_EQ(view.live_rows(), numbers.size() - removed.size());  // untouched
  }
}

TEST(PassingRows, OfOneTileLeaveTheOthersOut) {
  ExplicitStore store(2, 1);
  std::vector<uint64_t> numbers(4 * kTileRows);
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = i;
  Append(store, numbers);
  RowSet set;
  for (uint64_t row = 2 * kTileRows; row < 3 * kTileRows; row += 2) set.listed.push_back(row);
  const StoreView only = store.Publish().Only(set);
  EXPECT_EQ(only.tiles(), 1u);
  EXPECT_EQ(only.rows(), kTileRows);
  EXPECT_EQ(LiveRows(only), set.listed);
}

TEST(PassingRows, WhenFewAreCopiedTogether) {
  ExplicitStore store(2, 1);
  std::vector<uint64_t> numbers(4 * kTileRows);
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = i;
  Append(store, numbers);
  RowSet set;
  for (uint64_t row = 0; row < numbers.size(); row += 40) set.listed.push_back(row);
  const StoreView only = store.Publish().Only(set);
  EXPECT_EQ(only.rows(), set.listed.size());  // no dead rows to step over
  EXPECT_EQ(LiveRows(only), set.listed);
}

TEST(PassingRows, OutliveTheirStore) {
  StoreView only;
  {
    ExplicitStore store(2, 1);
    Append(store, {3, 4, 5});
    only = store.Publish().Only({.listed = {4}, .listed_pass = false});
  }
  EXPECT_EQ(LiveRows(only), (std::vector<uint64_t>{3, 5}));
}

}  // namespace
}  // namespace mneme::models
