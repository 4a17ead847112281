// Tests of core/filter/attribute_store: views against a plain map, under random writes.
#include "core/filter/attribute_store.h"

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "gtest/gtest.h"
#include "tests/unit/core/filter/attribute_bytes.h"

namespace mneme::filter {
namespace {

using Rows = std::map<uint64_t, std::string>;  // attribute bytes of the rows that have some

Filter Parsed(std::string_view text) { return *ParseFilter(text); }

std::string Item(int64_t number) {
  return AttributeBytes({{"n", number}, {"even", number % 2 == 0}});
}

RowSet Selected(const AttributeView& view, std::string_view text) {
  const auto rows = view.Select(Parsed(text), nullptr);
  EXPECT_TRUE(rows.ok()) << rows.status();
  return rows.value_or(RowSet());
}

// The rows below `end` that pass, by asking about each row by itself.
std::vector<uint64_t> Naively(const Rows& rows, const Filter& filter, uint64_t end) {
  std::vector<uint64_t> out;
  for (uint64_t row = 0; row < end; ++row) {
    const auto found = rows.find(row);
    if (*filter.Matches(found == rows.end() ? "" : found->second)) out.push_back(row);
  }
  return out;
}

std::vector<uint64_t> Passing(const RowSet& set, uint64_t end) {
  std::vector<uint64_t> out;
  for (uint64_t row = 0; row < end; ++row) {
    if (set.Passes(row)) out.push_back(row);
  }
  return out;
}

// A store, and the plain map that says what is in it.
class Twin {
 public:
  explicit Twin(std::shared_ptr<FilterCache> cache) : store(std::move(cache)) {}

  void Append(uint64_t row, const std::string& bytes) {
    ASSERT_TRUE(store.Append(row, bytes).ok());
    if (!bytes.empty()) rows[row] = bytes;
  }
  void Remove(uint64_t row) {
    store.Remove(row);
    rows.erase(row);
  }

  AttributeStore store;
  Rows rows;
};

TEST(AttributeStore, AFilterThatItemsWithoutAttributesFailListsThoseThatPass) {
  Twin twin(std::make_shared<FilterCache>());
  for (uint64_t row = 3; row < 9; ++row) twin.Append(row, Item(static_cast<int64_t>(row)));
  const RowSet set = Selected(twin.store.Publish(), "even = true");
  EXPECT_EQ(set.listed, (std::vector<uint64_t>{4, 6, 8}));
  EXPECT_TRUE(set.listed_pass);
  EXPECT_FALSE(set.Passes(100));
}

TEST(AttributeStore, AFilterThatItemsWithoutAttributesPassListsThoseThatFail) {
  Twin twin(std::make_shared<FilterCache>());
  for (uint64_t row = 3; row < 9; ++row) twin.Append(row, Item(static_cast<int64_t>(row)));
  const RowSet set = Selected(twin.store.Publish(), "NOT even = true");
  EXPECT_EQ(set.listed, (std::vector<uint64_t>{4, 6, 8}));
  EXPECT_FALSE(set.listed_pass);
  EXPECT_TRUE(set.Passes(100));
}

TEST(AttributeStore, AnEmptyViewSaysWhatAnItemWithoutAttributesGets) {
  EXPECT_TRUE(Selected(AttributeView(), "a:*").listed_pass);
  EXPECT_FALSE(Selected(AttributeView(), "NOT a:*").listed_pass);
  AttributeStore store(std::make_shared<FilterCache>());
  EXPECT_TRUE(Selected(store.Publish(), "a:*").listed.empty());
}

TEST(AttributeStore, RefusesDamageAndRowsOutOfOrderAndIsAsBefore) {
  AttributeStore store(std::make_shared<FilterCache>());
  ASSERT_TRUE(store.Append(5, Item(5)).ok());
  EXPECT_TRUE(absl::IsInternal(store.Append(5, Item(6))));
  EXPECT_TRUE(absl::IsInternal(store.Append(4, "")));
  EXPECT_TRUE(absl::IsDataLoss(store.Append(6, Item(6).substr(1))));
  EXPECT_TRUE(store.Append(6, "").ok());
  EXPECT_TRUE(absl::IsInternal(store.Append(6, Item(6))));
  EXPECT_EQ(store.rows(), 1u);
  store.Remove(5);
  EXPECT_TRUE(absl::IsInternal(store.Append(5, Item(5))));  // row numbers are not used again
  store.Remove(5);
  store.Remove(99);
  EXPECT_EQ(store.rows(), 0u);
}

// A view, and for each filter the rows below `end` that pass for ever.
struct Taken {
  AttributeView view;
  uint64_t end = 0;
  std::vector<std::vector<uint64_t>> passing;
};

TEST(AttributeStore, ViewsEqualAPlainMapUnderRandomWrites) {
  constexpr uint64_t kSeed = 31;
  RecordProperty("seed", std::to_string(kSeed));
  Random random(kSeed);
  const auto cache = std::make_shared<FilterCache>();
  Twin twin(cache);
  const std::vector<Filter> filters = {Parsed("n < 300"), Parsed("even = true AND n >= 100"),
                                       Parsed("NOT n < 500"), Parsed("NOT n:* OR n = 7"),
                                       Parsed("other:*")};
  std::vector<Taken> taken;
  uint64_t row = 0;
  for (int round = 0; round < 40; ++round) {
    for (uint64_t more = random.Below(300); more > 0; --more) {
      row += 1 + random.Below(2);
      const bool has = random.Below(5) > 0;
      twin.Append(row, has ? Item(static_cast<int64_t>(random.Below(1000))) : "");
    }
    for (uint64_t less = random.Below(round % 10 == 9 ? 900 : 60); less > 0; --less) {
      twin.Remove(random.Below(row + 1));
    }
    Taken now{.view = twin.store.Publish(), .end = row + 1};
    ASSERT_EQ(now.view.rows(), twin.rows.size());
    for (const Filter& filter : filters) {
      now.passing.push_back(Naively(twin.rows, filter, now.end));
    }
    taken.push_back(std::move(now));
    if (taken.size() > 6) taken.erase(taken.begin() + static_cast<long>(random.Below(6)));
    for (const Taken& one : taken) {
      for (size_t i = 0; i < filters.size(); ++i) {
        const auto set = one.view.Select(filters[i], nullptr);
        ASSERT_TRUE(set.ok()) << set.status();
        ASSERT_EQ(Passing(*set, one.end), one.passing[i])
            << filters[i].text() << " in round " << round;
      }
    }
  }
  EXPECT_GT(twin.rows.size(), 1024u) << "no chunk was ever full";
  EXPECT_GT(cache->bytes(), 0u);
}

TEST(AttributeStore, RemovingLeavesWhatTheCacheKnowsTrue) {
  const auto cache = std::make_shared<FilterCache>();
  Twin twin(cache);
  for (uint64_t row = 0; row < 3000; ++row) twin.Append(row, Item(static_cast<int64_t>(row)));
  const AttributeView before = twin.store.Publish();
  EXPECT_EQ(Selected(before, "n < 2000").listed.size(), 2000u);
  const size_t bytes = cache->bytes();
  EXPECT_GT(bytes, 0u);
  for (uint64_t row = 0; row < 500; ++row) twin.Remove(row);
  EXPECT_EQ(Selected(twin.store.Publish(), "n < 2000").listed.size(), 1500u);
  EXPECT_EQ(cache->bytes(), bytes) << "a removal made a chunk new";
  EXPECT_EQ(Selected(before, "n < 2000").listed.size(), 2000u);
}

TEST(AttributeStore, AWrongTypeIsAnErrorUntilItsItemIsRemoved) {
  Twin twin(std::make_shared<FilterCache>());
  for (uint64_t row = 0; row < 2500; ++row) {
    twin.Append(row,
                row == 700 ? AttributeBytes({{"n", "seven"}}) : Item(static_cast<int64_t>(row)));
  }
  const AttributeView before = twin.store.Publish();
  const auto expect_error = [](const AttributeView& view) {
    const auto set = view.Select(Parsed("n < 2000"), nullptr);
    EXPECT_EQ(
        set.status().message(),
        "row 700: attribute 'n' is of type string, the filter compares it with a whole number");
    EXPECT_EQ(ErrorReason(set.status()), "FILTER_TYPE");
  };
  expect_error(before);
  expect_error(before);  // from the cache
  twin.Remove(700);
  EXPECT_EQ(Selected(twin.store.Publish(), "n < 2000").listed.size(), 1999u);
  expect_error(before);
}

TEST(AttributeStore, AskedToStopItStopsBetweenChunks) {
  Twin twin(std::make_shared<FilterCache>());
  for (uint64_t row = 0; row < 3000; ++row) twin.Append(row, Item(static_cast<int64_t>(row)));
  int asked = 0;
  const auto set = twin.store.Publish().Select(Parsed("n < 5"), [&asked] { return ++asked == 3; });
  EXPECT_TRUE(absl::IsCancelled(set.status()));
  EXPECT_EQ(asked, 3);
}

TEST(AttributeStore, ViewsOutliveTheStore) {
  AttributeView view;
  {
    Twin twin(std::make_shared<FilterCache>());
    for (uint64_t row = 0; row < 1100; ++row) twin.Append(row, Item(static_cast<int64_t>(row)));
    view = twin.store.Publish();
  }
  EXPECT_EQ(Selected(view, "n >= 1090").listed.size(), 10u);
}

TEST(AttributeStore, StoresThatShareACacheKeepTheirAnswersApart) {
  const auto cache = std::make_shared<FilterCache>();
  Twin one(cache), two(cache);
  for (uint64_t row = 0; row < 1024; ++row) {
    one.Append(row, Item(1));
    two.Append(row, Item(2));
  }
  for (int again = 0; again < 2; ++again) {
    EXPECT_EQ(Selected(one.store.Publish(), "n = 1").listed.size(), 1024u);
    EXPECT_EQ(Selected(two.store.Publish(), "n = 1").listed.size(), 0u);
  }
}

TEST(AttributeStore, BytesGrowWithWhatIsKeptAndShrinkWhenItGoes) {
  AttributeStore store(std::make_shared<FilterCache>());
  const std::string item = AttributeBytes({{"text", std::string(1000, 'x')}});
  const uint64_t empty = store.bytes();
  for (uint64_t row = 0; row < 4000; ++row) ASSERT_TRUE(store.Append(row, item).ok());
  const uint64_t full = store.bytes();
  EXPECT_GE(full - empty, 4000 * item.size());
  EXPECT_LE(full - empty, 4000 * item.size() * 5 / 4);
  EXPECT_EQ(store.Publish().bytes(), full);
  for (uint64_t row = 0; row < 4000; ++row) store.Remove(row);
  EXPECT_LT(store.bytes(), empty + 10'000);
}

TEST(AttributeStore, ReadersSeeWholeViewsWhileTheWriterGoesOn) {
  const auto cache = std::make_shared<FilterCache>();
  Mutex mutex;
  AttributeView published;  // guarded by mutex
  std::atomic<bool> done = false;
  std::jthread writer([&] {
    AttributeStore store(cache);
    for (uint64_t row = 0; row < 2500; ++row) {
      ASSERT_TRUE(store.Append(row, Item(static_cast<int64_t>(row))).ok());
      if (row % 3 == 0) store.Remove(row / 2);
      AttributeView view = store.Publish();
      MutexLock lock(&mutex);
      published = std::move(view);
    }
    done = true;
  });
  const Filter filter = Parsed("even = true OR n >= 0");
  for (bool last = false; !last;) {
    last = done;
    AttributeView view;
    {
      MutexLock lock(&mutex);
      view = published;
    }
    const auto set = view.Select(filter, nullptr);
    ASSERT_TRUE(set.ok()) << set.status();
    ASSERT_EQ(set->listed.size(), view.rows());
  }
}

}  // namespace
}  // namespace mneme::filter
