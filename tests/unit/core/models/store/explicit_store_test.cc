// Tests of core/models/store: what a view sees, and what writers leave alone.
#include "core/models/store/explicit_store.h"

#include <algorithm>
#include <atomic>
#include <numeric>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "gtest/gtest.h"

namespace mneme::models {
namespace {

constexpr size_t kDim = 3;

// A row whose numbers all follow from its row number.
struct Rows {
  explicit Rows(std::vector<uint64_t> numbers_in)
      : numbers(std::move(numbers_in)), keys(numbers.size(), kDim), values(numbers.size(), 1) {
    for (size_t i = 0; i < numbers.size(); ++i) {
      for (size_t j = 0; j < kDim; ++j) keys.at(i, j) = static_cast<float>(numbers[i] * 10 + j);
      values.at(i, 0) = static_cast<float>(numbers[i]);
      ids.push_back(numbers[i] % 2 == 0 ? ItemId(numbers[i])
                                        : ItemId("text " + std::to_string(numbers[i])));
      log_weights.push_back(static_cast<float>(numbers[i]) / 2);
    }
  }
  StoreRows view() const {
    return {.keys = keys,
            .values = values,
            .log_weights = log_weights,
            .ids = ids,
            .row_numbers = numbers};
  }

  std::vector<uint64_t> numbers;
  Matrix keys, values;
  std::vector<ItemId> ids;
  std::vector<float> log_weights;
};

std::vector<uint64_t> Range(uint64_t first, uint64_t last) {
  std::vector<uint64_t> out(last - first);
  std::iota(out.begin(), out.end(), first);
  return out;
}

// The live row numbers of a view, each row checked against what was stored under its number.
std::vector<uint64_t> LiveRows(const StoreView& view) {
  std::vector<uint64_t> live;
  for (size_t t = 0; t < view.tiles(); ++t) {
    const TileView tile = view.tile(t);
    for (size_t i = 0; i < tile.rows; ++i) {
      if (tile.IsDead(i)) continue;
      const Rows expected({tile.row_numbers[i]});
      EXPECT_EQ(tile.keys[i * kDim + 1], expected.keys.at(0, 1));
      EXPECT_EQ(tile.values[i], expected.values.at(0, 0));
      EXPECT_EQ(tile.ids[i].ToItemId(), expected.ids[0]);
      EXPECT_EQ(tile.log_weights[i], expected.log_weights[0]);
      float norm = 0;
      for (size_t j = 0; j < kDim; ++j) norm += expected.keys.at(0, j) * expected.keys.at(0, j);
      EXPECT_FLOAT_EQ(tile.squared_norms[i], norm);
      live.push_back(tile.row_numbers[i]);
    }
  }
  return live;
}

TEST(ExplicitStore, KeepsAllColumnsAcrossTiles) {
  ExplicitStore store(kDim, 1);
  uint64_t first = 0;
  for (const uint64_t last : {1, 5, 40, 900, 2500, 3000}) {  // grows the first tile, then adds more
    ASSERT_TRUE(store.Append(Rows(Range(first, last)).view()).ok());
    first = last;
    EXPECT_EQ(LiveRows(store.Publish()), Range(0, last));
  }
  EXPECT_EQ(store.Publish().tiles(), 3u);
}

TEST(ExplicitStore, ViewsDoNotSeeLaterWrites) {
  ExplicitStore store(kDim, 1);
  ASSERT_TRUE(store.Append(Rows(Range(0, 10)).view()).ok());
  const StoreView ten = store.Publish();
  ASSERT_TRUE(store.Append(Rows(Range(10, 1500)).view()).ok());
  const std::vector<uint64_t> gone = {3, 7};
  ASSERT_TRUE(store.Remove(gone).ok());
  const StoreView more = store.Publish();
  const std::vector<uint64_t> also_gone = {4};
  ASSERT_TRUE(store.Remove(also_gone).ok());
  const StoreView last = store.Publish();
  EXPECT_EQ(LiveRows(ten), Range(0, 10));
  EXPECT_EQ(more.live_rows(), 1498u);
  EXPECT_TRUE(more.Find(4).has_value());
  EXPECT_FALSE(more.Find(3).has_value());
  EXPECT_FALSE(last.Find(4).has_value());
  EXPECT_TRUE(ten.Find(3).has_value());
}

TEST(ExplicitStore, FindsRowsByNumberWhereNumbersHaveGaps) {
  ExplicitStore store(kDim, 1);
  std::vector<uint64_t> numbers;
  for (uint64_t i = 0; i < 3000; ++i) numbers.push_back(5 + 3 * i);
  ASSERT_TRUE(store.Append(Rows(numbers).view()).ok());
  const StoreView view = store.Publish();
  for (const size_t i : {0, 1, 1023, 1024, 2047, 2048, 2999}) {
    const auto at = view.Find(numbers[i]);
    ASSERT_TRUE(at.has_value());
    EXPECT_EQ(at->tile * kTileRows + at->row, i);
    EXPECT_FALSE(view.Find(numbers[i] + 1).has_value());
  }
  EXPECT_FALSE(view.Find(0).has_value());
  EXPECT_FALSE(StoreView().Find(0).has_value());
}

TEST(ExplicitStore, CompactsBeyondAQuarterOfTombstonesAndKeepsTheOrder) {
  ExplicitStore store(kDim, 1);
  ASSERT_TRUE(store.Append(Rows(Range(0, 4096)).view()).ok());
  const StoreView before = store.Publish();
  std::vector<uint64_t> left;
  for (uint64_t i = 0; i < 4096; ++i) {
    if (i % 3 == 0) {
      const std::vector<uint64_t> one = {i};
      ASSERT_TRUE(store.Remove(one).ok());
      const StoreView view = store.Publish();
      EXPECT_LE((view.rows() - view.live_rows()) * 4, view.rows());
    } else {
      left.push_back(i);
    }
  }
  const StoreView after = store.Publish();
  EXPECT_EQ(LiveRows(after), left);
  EXPECT_LT(after.rows(), 4096u);
  EXPECT_LT(after.bytes(), before.bytes());
  EXPECT_EQ(LiveRows(before), Range(0, 4096));
  ASSERT_TRUE(store.Append(Rows(Range(5000, 5010)).view()).ok());  // goes on after the last row
  EXPECT_EQ(store.Publish().live_rows(), left.size() + 10);
}

TEST(ExplicitStore, EmptiedStoreTakesRowsAgain) {
  ExplicitStore store(kDim, 1);
  ASSERT_TRUE(store.Append(Rows(Range(0, 20)).view()).ok());
  ASSERT_TRUE(store.Remove(Range(0, 20)).ok());
  EXPECT_EQ(store.Publish().rows(), 0u);
  EXPECT_EQ(store.Publish().tiles(), 0u);
  ASSERT_TRUE(store.Append(Rows(Range(20, 22)).view()).ok());
  EXPECT_EQ(LiveRows(store.Publish()), Range(20, 22));
}

TEST(ExplicitStore, RefusesWhatItsCallerMustNotDoAndChangesNothing) {
  ExplicitStore store(kDim, 1);
  ASSERT_TRUE(store.Append(Rows(Range(5, 8)).view()).ok());
  EXPECT_EQ(store.Append(Rows({7, 8}).view()).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(store.Append(Rows({9, 9}).view()).code(), absl::StatusCode::kInternal);
  StoreRows no_values = Rows({9}).view();
  no_values.values = {};
  EXPECT_EQ(store.Append(no_values).code(), absl::StatusCode::kInternal);
  const std::vector<uint64_t> unknown = {5, 100}, twice = {6, 6};
  EXPECT_EQ(store.Remove(unknown).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(store.Remove(twice).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(LiveRows(store.Publish()), Range(5, 8));
}

TEST(ExplicitStore, SmallMemoriesAreSmall) {
  ExplicitStore store(128, 0);
  Matrix key(1, 128);
  const std::vector<uint64_t> number = {1};
  ASSERT_TRUE(store.Append({.keys = key, .row_numbers = number}).ok());
  EXPECT_LT(store.Publish().bytes(), 16u * 128 * 4 + 4096);
}

// However rows come, there is room for a sixteenth more than there are, or for 16.
TEST(ExplicitStore, RoomFollowsTheNumberOfRows) {
  constexpr size_t kColumns = 12;
  constexpr uint64_t kRowBytes = (kColumns + 3) * sizeof(float) + sizeof(uint64_t) + sizeof(IdCell);
  const Matrix keys(3000, kColumns);
  const std::vector<uint64_t> numbers = Range(0, 3000);
  const auto rows = [&](size_t first, size_t count) {
    return StoreRows{.keys = keys.view().slice(first, count),
                     .row_numbers = std::span(numbers).subspan(first, count)};
  };
  ExplicitStore one_by_one(kColumns, 0);
  for (size_t n = 1; n <= 3000; ++n) {
    ASSERT_TRUE(one_by_one.Append(rows(n - 1, 1)).ok());
    EXPECT_LE(StoreRoom(n), n + std::max<uint64_t>(16, n / 16));
    if (n % 97 != 0) continue;
    ExplicitStore at_once(kColumns, 0);
    ASSERT_TRUE(at_once.Append(rows(0, n)).ok());
    const uint64_t expected = (n + 1023) / 1024 * sizeof(Tile) + StoreRoom(n) * kRowBytes;
    EXPECT_EQ(at_once.Publish().bytes(), expected) << n;
    EXPECT_EQ(one_by_one.Publish().bytes(), expected) << n;
  }
  EXPECT_EQ(StoreRoom(0), 0u);
  EXPECT_EQ(StoreRoom(1'000'000) % kTileRows, 0u);
}

// Room is made by copying; views hold on to the smaller tile.
TEST(ExplicitStore, ViewsStayWhileTheLastTileGrows) {
  ExplicitStore store(kDim, 1);
  std::vector<StoreView> views;
  for (uint64_t n = 0; n < 2100; ++n) {
    ASSERT_TRUE(store.Append(Rows({n}).view()).ok());
    if (n % 150 == 0) views.push_back(store.Publish());
  }
  for (size_t i = 0; i < views.size(); ++i) EXPECT_EQ(LiveRows(views[i]), Range(0, i * 150 + 1));
}

TEST(IdCell, OrdersAsItemIdDoes) {
  const std::string a = "a", b = "b";
  const IdCell ordered[] = {IdCell(uint64_t{1}), IdCell(uint64_t{300}), IdCell(std::string_view(a)),
                            IdCell(std::string_view(b))};
  for (const IdCell& x : ordered) {
    for (const IdCell& y : ordered) EXPECT_EQ(x <=> y, x.ToItemId() <=> y.ToItemId());
  }
}

// Under ThreadSanitizer this shows that a reader never touches what the writer writes.
TEST(ExplicitStore, ReadersWalkTheirViewsWhileRowsComeAndGo) {
  ExplicitStore store(kDim, 1);
  ASSERT_TRUE(store.Append(Rows(Range(0, 8)).view()).ok());
  Mutex mutex;
  StoreView shared = store.Publish();
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int r = 0; r < 2; ++r) {
    readers.emplace_back([&] {
      while (!done.load()) {
        StoreView view;
        {
          MutexLock lock(&mutex);
          view = shared;
        }
        EXPECT_EQ(LiveRows(view).size(), view.live_rows());
      }
    });
  }
  for (uint64_t i = 8; i < 2000; i += 8) {
    ASSERT_TRUE(store.Append(Rows(Range(i, i + 8)).view()).ok());
    const std::vector<uint64_t> gone = {i, i + 3, i + 5};
    ASSERT_TRUE(store.Remove(gone).ok());
    StoreView view = store.Publish();
    MutexLock lock(&mutex);
    shared = std::move(view);
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace mneme::models
