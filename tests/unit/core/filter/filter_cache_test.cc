// Tests of core/filter/filter_cache: what it knows, forgets, and how large it gets.
#include "core/filter/filter_cache.h"

#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace mneme::filter {
namespace {

ChunkAnswer Answer(size_t row) {
  ChunkAnswer answer;
  answer.passes.Set(row % kChunkRows);
  return answer;
}

TEST(FilterCache, KnowsEachFilterOfEachChunk) {
  FilterCache cache;
  const uint64_t one = cache.NewChunkNumber();
  const uint64_t two = cache.NewChunkNumber();
  EXPECT_NE(one, two);
  cache.Put("a = 1", one, Answer(1));
  cache.Put("a = 1", two, Answer(2));
  cache.Put("b = 1", one, Answer(3));
  EXPECT_EQ(cache.Get("a = 1", one), Answer(1));
  EXPECT_EQ(cache.Get("a = 1", two), Answer(2));
  EXPECT_EQ(cache.Get("b = 1", one), Answer(3));
  EXPECT_EQ(cache.Get("b = 1", two), std::nullopt);
  EXPECT_EQ(cache.Get("c = 1", one), std::nullopt);
}

TEST(FilterCache, StaysInsideItsBoundAndForgetsWhatWasUsedLongestAgo) {
  FilterCache probe;
  probe.Put("f", 1, Answer(0));
  const size_t first = probe.bytes();
  probe.Put("f", 2, Answer(0));
  const size_t each = probe.bytes() - first;

  FilterCache cache(first + 2 * each);  // three answers of one filter
  for (uint64_t chunk = 1; chunk <= 3; ++chunk) cache.Put("f", chunk, Answer(chunk));
  EXPECT_EQ(cache.bytes(), first + 2 * each);
  EXPECT_TRUE(cache.Get("f", 1).has_value());  // now 2 is the oldest
  cache.Put("f", 4, Answer(4));
  EXPECT_EQ(cache.bytes(), cache.bytes_max());
  EXPECT_EQ(cache.Get("f", 1), Answer(1));
  EXPECT_EQ(cache.Get("f", 2), std::nullopt);
  EXPECT_EQ(cache.Get("f", 3), Answer(3));
  EXPECT_EQ(cache.Get("f", 4), Answer(4));
}

TEST(FilterCache, TextsOfFiltersCountAndGoWithTheirLastAnswer) {
  FilterCache cache(20'000);
  for (uint64_t i = 0; i < 1000; ++i) {
    const std::string text = std::to_string(i) + std::string(3000, 'x');
    cache.Put(text, 1, Answer(i));
    ASSERT_LE(cache.bytes(), cache.bytes_max());
    ASSERT_EQ(cache.Get(text, 1), Answer(i));
  }
  const std::string too_long(30'000, 'x');
  cache.Put(too_long, 1, Answer(1));
  EXPECT_EQ(cache.Get(too_long, 1), std::nullopt);
  EXPECT_EQ(cache.bytes(), 0u);
}

TEST(FilterCache, PutTwiceCountsOnce) {
  FilterCache cache;
  cache.Put("f", 1, Answer(7));
  const size_t bytes = cache.bytes();
  cache.Put("f", 1, Answer(7));
  EXPECT_EQ(cache.bytes(), bytes);
}

TEST(FilterCache, ManyThreadsGetWhatWasPutForTheirChunk) {
  FilterCache cache(100'000);
  std::vector<std::jthread> threads;
  for (uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&cache, thread] {
      const std::string text = "filter " + std::to_string(thread % 2);
      for (uint64_t i = 0; i < 2000; ++i) {
        const uint64_t chunk = i * 7 % 300;
        const auto known = cache.Get(text, chunk);
        if (known.has_value()) {
          EXPECT_EQ(*known, Answer(chunk + thread % 2));
        } else {
          cache.Put(text, chunk, Answer(chunk + thread % 2));
        }
      }
    });
  }
  threads.clear();
  EXPECT_LE(cache.bytes(), cache.bytes_max());
}

}  // namespace
}  // namespace mneme::filter
