// DeleteItems by filter.
#include <deque>
#include <set>

#include "tests/unit/core/engine/engine_fixture.h"
#include "tests/unit/core/filter/attribute_bytes.h"

namespace mneme::engine {
namespace {

using filter::AttributeBytes;

constexpr size_t kDim = 8;
constexpr int64_t kSecond = 1'000'000'000;

enum class Kind { kDense, kLinear };

class DeleteFilterTest : public EngineTest, public ::testing::WithParamInterface<Kind> {
 protected:
  void CreateIt() {
    ASSERT_TRUE(Create("m", GetParam() == Kind::kDense
                                ? DenseSpecOf(kDim)
                                : LinearSpecOf(kDim, kDim, models::LinearRule::kRidge))
                    .ok());
  }
  // Items first ... first + count - 1; each has its id as `n`, but the last, which has nothing.
  StoreCommand Rows(uint64_t first, size_t count) {
    keys_.push_back(UnitRows(count, kDim, first + 1));
    StoreCommand command{.memory = "m", .keys = keys_.back().view(), .ids = Numbers(first, count)};
    if (GetParam() == Kind::kLinear) command.responses = command.keys;
    for (size_t i = 0; i < count; ++i) {
      const int64_t n = static_cast<int64_t>(first + i);
      texts_.push_back(i + 1 < count ? AttributeBytes({{"n", n}}) : std::string());
      command.payloads.push_back({.attributes = texts_.back()});
    }
    return command;
  }
  std::set<uint64_t> Ids() {
    std::set<uint64_t> out;
    const auto page = Await<ItemPage>(
        [&](auto done) { engine_->ListItems({.memory = "m", .page_size = 1'000}, done); });
    for (const ItemRecord& item : page->items) out.insert(item.id.number());
    return out;
  }

 private:
  std::deque<Matrix> keys_;
  std::deque<std::string> texts_;
};

INSTANTIATE_TEST_SUITE_P(Models, DeleteFilterTest, ::testing::Values(Kind::kDense, Kind::kLinear),
                         [](const auto& tested) {
                           return tested.param == Kind::kDense ? "Dense" : "Linear";
                         });

using Set = std::set<uint64_t>;

TEST_P(DeleteFilterTest, WhatMatchesGoesOutAndStaysOut) {
  CreateIt();
  ASSERT_TRUE(Store(Rows(0, 6)).ok());
  const auto deleted = Delete({.memory = "m", .filter = "n >= 2 AND n < 4"});
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->deleted, 2u);
  EXPECT_EQ(deleted->item_count, 4u);
  EXPECT_FALSE(deleted->more);
  EXPECT_EQ(Ids(), (Set{0, 1, 4, 5}));
  Reopen(false);
  EXPECT_EQ(Ids(), (Set{0, 1, 4, 5}));
  const auto none = Delete({.memory = "m", .filter = "n = 2"});
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(none->deleted, 0u);
}

TEST_P(DeleteFilterTest, ItemsWithoutAttributesMatchToo) {
  CreateIt();
  ASSERT_TRUE(Store(Rows(0, 4)).ok());
  ASSERT_TRUE(Store(Rows(10, 2)).ok());
  const auto deleted = Delete({.memory = "m", .filter = "NOT n:*"});
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->deleted, 2u);
  EXPECT_EQ(Ids(), (Set{0, 1, 2, 10}));
}

TEST_P(DeleteFilterTest, OneCallDeletesAsManyAsABatchMayHaveAndSaysThatThereAreMore) {
  limits_.rows_per_store_max = 3;
  Reopen(true);
  CreateIt();
  ASSERT_TRUE(Store(Rows(0, 3)).ok());
  ASSERT_TRUE(Store(Rows(10, 3)).ok());
  for (const std::string filter : {"n >= 1", "NOT n = 0"}) {
    SCOPED_TRACE(filter);
    auto deleted = Delete({.memory = "m", .filter = filter});
    ASSERT_TRUE(deleted.ok()) << deleted.status();
    if (filter == "n >= 1") {
      EXPECT_EQ(deleted->deleted, 3u);  // 1, 10, 11
      EXPECT_FALSE(deleted->more);
      EXPECT_EQ(Ids(), (Set{0, 2, 12}));
      ASSERT_TRUE(Store(Rows(20, 3)).ok());
      continue;
    }
    EXPECT_EQ(deleted->deleted, 3u);  // the first three of 2, 12, 20, 21, 22
    EXPECT_TRUE(deleted->more);
    EXPECT_EQ(Ids(), (Set{0, 21, 22}));
    deleted = Delete({.memory = "m", .filter = filter});
    ASSERT_TRUE(deleted.ok());
    EXPECT_EQ(deleted->deleted, 2u);
    EXPECT_FALSE(deleted->more);
  }
}

TEST_P(DeleteFilterTest, ARetryIsAnsweredWithTheFirstOutcome) {
  CreateIt();
  ASSERT_TRUE(Store(Rows(0, 4)).ok());
  const DeleteCommand command{.memory = "m", .filter = "n >= 1", .request_id = "r"};
  EXPECT_EQ(Delete(command)->deleted, 2u);
  ASSERT_TRUE(Store(Rows(10, 2)).ok());
  Reopen(true);
  const auto retried = Delete(command);
  ASSERT_TRUE(retried.ok()) << retried.status();
  EXPECT_TRUE(retried->replayed);
  EXPECT_EQ(retried->deleted, 2u);
  EXPECT_EQ(Ids(), (Set{0, 3, 10, 11}));
}

TEST_P(DeleteFilterTest, WhatIsDueIsTheSweepsAffair) {
  CreateIt();
  StoreCommand mortal = Rows(0, 3);
  mortal.ttl_nanos = kSecond;
  ASSERT_TRUE(Store(mortal).ok());
  ASSERT_TRUE(Store(Rows(10, 3)).ok());
  clock_.Advance(kSecond);
  EXPECT_EQ(Delete({.memory = "m", .filter = "n:*"})->deleted, 2u);
  EXPECT_EQ(*Sweep(), 3u);
  EXPECT_EQ(Ids(), (Set{12}));
}

TEST_P(DeleteFilterTest, ABadFilterDeletesNothing) {
  CreateIt();
  ASSERT_TRUE(Store(Rows(0, 3)).ok());
  EXPECT_EQ(Reason(Delete({.memory = "m", .filter = "n >="}).status()), "FILTER");
  EXPECT_EQ(Reason(Delete({.memory = "m", .filter = "n = \"x\""}).status()), "FILTER_TYPE");
  EXPECT_EQ(Reason(Delete({.memory = "m", .ids = Numbers(0, 1), .filter = "n = 0"}).status()),
            "IDS_AND_FILTER");
  EXPECT_EQ(Ids().size(), 3u);
}

TEST_F(EngineTest, WithoutVectorsAFilterCannotDelete) {
  ASSERT_TRUE(
      Create("m", LinearSpecOf(kDim, kDim, models::LinearRule::kCmm, models::Retain::kResponses))
          .ok());
  EXPECT_EQ(Reason(Delete({.memory = "m", .filter = "n = 0"}).status()), "VECTORS_NEEDED");
}

}  // namespace
}  // namespace mneme::engine
