#include "client/cpp/src/split.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <random>
#include <set>

namespace mneme::client {
namespace {

size_t OneByte(size_t) { return 1; }

TEST(SplitRows, KeepsOneRangeWhenAllFits) {
  const auto ranges = SplitRows(10, 10, 10, OneByte);
  ASSERT_EQ(ranges.size(), 1u);
  EXPECT_EQ(ranges[0].begin, 0u);
  EXPECT_EQ(ranges[0].end, 10u);
}

TEST(SplitRows, GivesOneEmptyRangeForNoRows) {
  const auto ranges = SplitRows(0, 10, 10, OneByte);
  ASSERT_EQ(ranges.size(), 1u);
  EXPECT_EQ(ranges[0].rows(), 0u);
}

TEST(SplitRows, CoversAllRowsOnceWithinBothLimits) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 200; ++round) {
    const size_t rows = random() % 300 + 1;
    const size_t rows_max = random() % 40 + 1;
    const size_t bytes_max = random() % 500 + 1;
    std::vector<size_t> bytes(rows);
    for (size_t& b : bytes) b = random() % 200;
    size_t next = 0;
    for (const RowRange& range :
         SplitRows(rows, rows_max, bytes_max, [&](size_t row) { return bytes[row]; })) {
      ASSERT_EQ(range.begin, next);
      ASSERT_GT(range.rows(), 0u);
      ASSERT_LE(range.rows(), rows_max);
      size_t sum = 0;
      for (size_t row = range.begin; row < range.end; ++row) sum += bytes[row];
      ASSERT_TRUE(sum <= bytes_max || range.rows() == 1) << sum << " > " << bytes_max;
      next = range.end;
    }
    ASSERT_EQ(next, rows);
  }
}

TEST(RunSplit, HasAsManyInFlightAsAllowedAndNoMore) {
  std::latch all_here(3);
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  const auto ranges = SplitRows(12, 1, 100, OneByte);
  const absl::Status status = RunSplit(ranges, 3, {}, [&](const RowRange& range) {
    const int now = ++running;
    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
    }
    if (range.index < 3) all_here.arrive_and_wait();  // hangs unless three run together
    --running;
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(most, 3);
}

TEST(RunSplit, ReportsProgressThatNeverFallsAndEndsAtAll) {
  std::vector<uint64_t> done;
  const auto progress = [&done](uint64_t d, uint64_t total) {
    EXPECT_EQ(total, 100u);
    done.push_back(d);
  };
  const absl::Status status = RunSplit(SplitRows(100, 7, 1000, OneByte), 4, progress,
                                       [](const RowRange&) { return absl::OkStatus(); });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
  EXPECT_EQ(done.back(), 100u);
}

TEST(RunSplit, StopsAfterAnErrorAndSaysWhatFailedAndWhatWasDone) {
  std::atomic<int> calls = 0;
  const absl::Status status =
      RunSplit(SplitRows(50, 10, 1000, OneByte), 1, {}, [&](const RowRange& range) -> absl::Status {
        ++calls;
        if (range.index == 2) return absl::AbortedError("raced");
        return absl::OkStatus();
      });
  EXPECT_EQ(calls, 3);
  const Error error = GetError(status);
  EXPECT_EQ(error.code, absl::StatusCode::kAborted);
  EXPECT_EQ(error.message, "rows 20 to 29: raced");
  EXPECT_EQ(error.rows_done, 20u);
}

TEST(RunSplit, CountsTheRowToBlameFromTheFirstOfAll) {
  const absl::Status status =
      RunSplit(SplitRows(50, 10, 1000, OneByte), 1, {}, [&](const RowRange& range) -> absl::Status {
        if (range.index < 2) return absl::OkStatus();
        return MakeError({.code = absl::StatusCode::kInvalidArgument,
                          .message = "key of row 3 is the zero vector",
                          .given = "key of row 3: all 0"});
      });
  EXPECT_EQ(GetError(status).message, "key of row 23 is the zero vector");
  EXPECT_EQ(GetError(status).given, "key of row 23: all 0");
  EXPECT_EQ(GetError(status).rows_done, 20u);
}

TEST(RunSplit, LeavesTheErrorOfASingleRequestAsItIs) {
  const absl::Status status = RunSplit(SplitRows(5, 10, 1000, OneByte), 4, {}, [](const RowRange&) {
    return absl::NotFoundError("no memory 'x'");
  });
  EXPECT_EQ(status, absl::NotFoundError("no memory 'x'"));
}

}  // namespace
}  // namespace mneme::client
