// Freezing, the etags of items, and how policies are changed and kept.
#include <deque>

#include "tests/unit/core/engine/engine_fixture.h"

namespace mneme::engine {
namespace {

constexpr size_t kDim = 8;
constexpr int64_t kSecond = 1'000'000'000;

class ItemPolicyTest : public EngineTest {
 protected:
  StoreCommand Rows(uint64_t first_id, size_t count) {
    keys_.push_back(UnitRows(count, kDim, first_id + 1));
    return {.memory = "m", .keys = keys_.back().view(), .ids = Numbers(first_id, count)};
  }
  ItemEtag EtagOfItem(uint64_t id) {
    return {engine_->GetMemory("m")->uid, GetItem("m", ItemId(id))->row};
  }

 private:
  std::deque<Matrix> keys_;
};

TEST_F(ItemPolicyTest, AFrozenMemoryTakesNoChangesButItsItemsExpire) {
  ASSERT_TRUE(Create("m", DenseSpecOf(kDim)).ok());
  StoreCommand rows = Rows(0, 2);
  rows.expire_unix_nanos = {clock_.NowUnixNanos() + kSecond, 0};
  ASSERT_TRUE(Store(rows).ok());
  const auto frozen = Update({.name = "m", .frozen = true});
  ASSERT_TRUE(frozen.ok()) << frozen.status();
  EXPECT_TRUE(frozen->frozen);
  EXPECT_EQ(Reason(Store(Rows(5, 1)).status()), "FROZEN");
  EXPECT_EQ(Reason(Delete({.memory = "m", .ids = Numbers(1, 1)}).status()), "FROZEN");
  Reopen(true);
  EXPECT_TRUE(engine_->GetMemory("m")->frozen);
  EXPECT_EQ(Reason(Store(Rows(5, 1)).status()), "FROZEN");
  clock_.Advance(kSecond);
  EXPECT_EQ(*Sweep(), 1u);
  ASSERT_TRUE(Update({.name = "m", .frozen = false}).ok());
  EXPECT_TRUE(Store(Rows(5, 1)).ok());
}

TEST_F(ItemPolicyTest, ARetryOnAFrozenMemoryIsStillAnswered) {
  ASSERT_TRUE(Create("m", DenseSpecOf(kDim)).ok());
  StoreCommand rows = Rows(0, 1);
  rows.request_id = "once";
  ASSERT_TRUE(Store(rows).ok());
  ASSERT_TRUE(Update({.name = "m", .frozen = true}).ok());
  const auto retried = Store(rows);
  ASSERT_TRUE(retried.ok()) << retried.status();
  EXPECT_TRUE(retried->replayed);
}

TEST_F(ItemPolicyTest, AFrozenMemoryIsNotTrained) {
  ASSERT_TRUE(Create("m", LinearSpecOf(kDim, kDim, models::LinearRule::kTam)).ok());
  ASSERT_TRUE(Update({.name = "m", .frozen = true}).ok());
  EXPECT_EQ(Reason(engine_->Train({.memory = "m"}).status()), "FROZEN");
}

TEST_F(ItemPolicyTest, AnUpdateChangesTheFieldsThatItNames) {
  ASSERT_TRUE(Create({.name = "m",
                      .spec = DenseSpecOf(kDim),
                      .item_policy = {.ttl_nanos = kSecond, .items_max = 5}})
                  .ok());
  const auto updated =
      Update({.name = "m", .items_max = 7, .full_policy = FullPolicy::kEvictOldest});
  ASSERT_TRUE(updated.ok());
  const ItemPolicy expected{
      .ttl_nanos = kSecond, .items_max = 7, .full_policy = FullPolicy::kEvictOldest};
  EXPECT_EQ(updated->item_policy, expected);
  EXPECT_EQ(updated->revision, 2u);
  Reopen(false);
  EXPECT_EQ(engine_->GetMemory("m")->item_policy, expected);
}

TEST_F(ItemPolicyTest, AnEtagOfTheItemAsItIsLetsTheBatchThrough) {
  ASSERT_TRUE(Create("m", DenseSpecOf(kDim)).ok());
  ASSERT_TRUE(Store(Rows(0, 2)).ok());
  StoreCommand replace = Rows(0, 2);
  replace.upsert = true;
  replace.etags = {EtagOfItem(0), std::nullopt};
  const auto replaced = Store(replace);
  ASSERT_TRUE(replaced.ok()) << replaced.status();
  EXPECT_EQ(replaced->replaced, 2u);
  const auto deleted =
      Delete({.memory = "m", .ids = Numbers(0, 2), .etags = {EtagOfItem(0), EtagOfItem(1)}});
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->deleted, 2u);
}

TEST_F(ItemPolicyTest, AnEtagOfAReplacedItemStopsTheWholeBatch) {
  ASSERT_TRUE(Create("m", DenseSpecOf(kDim)).ok());
  ASSERT_TRUE(Store(Rows(0, 2)).ok());
  const ItemEtag old = EtagOfItem(1);
  StoreCommand replace = Rows(1, 1);
  replace.upsert = true;
  ASSERT_TRUE(Store(replace).ok());
  const ItemEtag present = EtagOfItem(1);

  StoreCommand raced = Rows(0, 2);
  raced.upsert = true;
  raced.etags = {std::nullopt, old};
  const absl::Status status = Store(raced).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(Reason(status), "ETAG");
  EXPECT_NE(status.message().find("'1'"), absl::string_view::npos) << status;
  EXPECT_EQ(EtagOfItem(0).row, 0u);  // not replaced either
  EXPECT_EQ(EtagOfItem(1), present);

  EXPECT_EQ(
      Reason(Delete({.memory = "m", .ids = Numbers(0, 2), .etags = {std::nullopt, old}}).status()),
      "ETAG");
  EXPECT_TRUE(GetItem("m", ItemId(0)).ok());
}

TEST_F(ItemPolicyTest, AnEtagOfAnAbsentOrDueItemStopsTheBatch) {
  ASSERT_TRUE(Create("m", DenseSpecOf(kDim)).ok());
  StoreCommand mortal = Rows(0, 1);
  mortal.ttl_nanos = kSecond;
  ASSERT_TRUE(Store(mortal).ok());
  const ItemEtag etag = EtagOfItem(0);
  clock_.Advance(kSecond);
  StoreCommand due = Rows(0, 1);
  due.upsert = true;
  due.etags = {etag};
  EXPECT_EQ(Reason(Store(due).status()), "ETAG");
  StoreCommand absent = Rows(7, 1);
  absent.upsert = true;
  absent.etags = {etag};
  EXPECT_EQ(Reason(Store(absent).status()), "ETAG");
  EXPECT_EQ(
      Reason(Delete({.memory = "m", .ids = Numbers(7, 1), .etags = {etag}, .allow_missing = true})
                 .status()),
      "ETAG");
}

TEST_F(ItemPolicyTest, EtagsNeedIdsAndUpsert) {
  ASSERT_TRUE(Create("m", DenseSpecOf(kDim)).ok());
  StoreCommand plain = Rows(0, 1);
  plain.etags = {std::nullopt};
  EXPECT_EQ(Reason(Store(plain).status()), "ETAG_WITHOUT_UPSERT");
  plain.upsert = true;
  plain.ids.clear();
  EXPECT_EQ(Reason(Store(plain).status()), "ETAG_WITHOUT_ID");
  StoreCommand two = Rows(0, 2);
  two.upsert = true;
  two.etags = {std::nullopt};
  EXPECT_EQ(Reason(Store(two).status()), "SHAPE");
}

}  // namespace
}  // namespace mneme::engine
