#include "core/federation/item_log.h"

#include <algorithm>

#include "gtest/gtest.h"

namespace mneme::federation {
namespace {

// Row i is (i) -> (-i).
void Fill(ItemLog& log, uint64_t first, uint64_t count) {
  std::vector<float> keys;
  std::vector<float> responses;
  for (uint64_t i = first; i < first + count; ++i) {
    keys.push_back(static_cast<float>(i));
    responses.push_back(-static_cast<float>(i));
  }
  log.Append(first, keys, responses, {});
}

TEST(ItemLog, GivesTheOldestFirstAndMovesOn) {
  ItemLog log(1, 1, 1000);
  Fill(log, 0, 300);
  Random random(1);
  Batch batch;
  log.Take(0, 256, 4096, random, batch);
  EXPECT_EQ(batch.count, 256U);
  EXPECT_EQ(batch.to, 256U);
  EXPECT_EQ(batch.keys[255], 255);
  EXPECT_EQ(batch.responses[255], -255);
  log.Take(batch.to, 256, 4096, random, batch);
  EXPECT_EQ(batch.count, 44U);
  EXPECT_EQ(batch.to, 300U);
  log.Take(batch.to, 256, 4096, random, batch);
  EXPECT_EQ(batch.count, 0U);
  log.Take(900, 256, 4096, random, batch);
  EXPECT_EQ(batch.count, 0U) << "a cursor ahead of what was replayed so far";
}

TEST(ItemLog, PassesOverWhatItKnowsAndStartsAnewBehindAGap) {
  ItemLog log(1, 1, 100);
  Fill(log, 0, 10);
  Fill(log, 5, 10);
  EXPECT_EQ(log.head(), 15U);
  EXPECT_EQ(log.size(), 15U);
  Fill(log, 50, 1);
  EXPECT_EQ(log.tail(), 50U);
  EXPECT_EQ(log.head(), 51U);
}

TEST(ItemLog, IsBoundedAndLetsTheOldestGo) {
  ItemLog log(1, 1, 100);
  Fill(log, 0, 250);
  EXPECT_EQ(log.size(), 100U);
  EXPECT_EQ(log.tail(), 150U);
  Random random(1);
  Batch batch;
  log.Take(150, 100, 4096, random, batch);
  for (size_t i = 0; i < 100; ++i) ASSERT_EQ(batch.keys[i], static_cast<float>(150 + i));
  log.Release(200);
  EXPECT_EQ(log.tail(), 200U);
  log.Release(10);
  EXPECT_EQ(log.tail(), 200U);
  log.Release(1'000);
  EXPECT_EQ(log.tail(), log.head());
}

TEST(ItemLog, SamplesEvenlyWhereItLags) {
  ItemLog log(1, 1, 1000);
  Fill(log, 0, 1000);
  double sum = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Random random(seed);
    Batch batch;
    log.Take(0, 10, 500, random, batch);
    ASSERT_EQ(batch.count, 10U);
    ASSERT_EQ(batch.to, 1000U);
    ASSERT_TRUE(std::ranges::is_sorted(batch.keys));
    ASSERT_EQ(std::ranges::adjacent_find(batch.keys), batch.keys.end());
    for (const float key : batch.keys) sum += key;
  }
  EXPECT_NEAR(sum / 2000, 499.5, 26) << "four standard errors";
}

}  // namespace
}  // namespace mneme::federation
