// A caller that does not know whether its request was done asks again, after a kill and a restart,
// and learns it.
#include "tests/unit/core/engine/engine_fixture.h"

namespace mneme::engine {
namespace {

constexpr size_t kDim = 8;

class RetryTest : public EngineTest {
 protected:
  // Whether the answer got lost on its way or the server was killed just after it.
  void LoseTheAnswer() { Reopen(/*clean=*/false); }
};

TEST_F(RetryTest, ACreateIsDoneOnce) {
  const CreateCommand command{
      .name = "m", .spec = DenseSpecOf(kDim), .request_id = "create", .body_hash = 1};
  const auto first = Create(command);
  ASSERT_TRUE(first.ok());
  LoseTheAnswer();
  const auto again = Create(command);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->uid, first->uid);
  CreateCommand other = command;
  other.request_id = "another";
  EXPECT_EQ(Reason(Create(other).status()), "MEMORY_EXISTS");
  other = command;
  other.body_hash = 2;
  EXPECT_EQ(Reason(Create(other).status()), "REQUEST_ID_REUSED");
  other.name = "elsewhere";
  EXPECT_EQ(Reason(Create(other).status()), "REQUEST_ID_REUSED");
  // Nor does it make again what was deleted in between.
  ASSERT_TRUE(Drop("m").ok());
  LoseTheAnswer();
  EXPECT_EQ(Reason(Create(command).status()), "DELETED_SINCE");
  clock_.Advance(1);  // of the uid
  other = command;
  other.request_id = "another";
  ASSERT_TRUE(Create(other).ok());
  EXPECT_EQ(Reason(Create(command).status()), "DELETED_SINCE");
}

TEST_F(RetryTest, AStoreIsDoneOnce) {
  ASSERT_TRUE(Create({.name = "m",
                      .spec = DenseSpecOf(kDim),
                      .item_policy = {.items_max = 3, .full_policy = FullPolicy::kEvictOldest}})
                  .ok());
  const Matrix keys = UnitRows(2, kDim, 1);
  ASSERT_TRUE(Store({.memory = "m", .keys = keys.view(), .ids = Numbers(0, 2)}).ok());
  const StoreCommand command{
      .memory = "m", .keys = keys.view(), .ids = Numbers(2, 2), .request_id = "store"};
  const auto first = Store(command);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->evicted, 1u);
  LoseTheAnswer();
  const auto again = Store(command);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->replayed);
  EXPECT_EQ(again->position, first->position);
  EXPECT_EQ(again->evicted, 1u);
  EXPECT_EQ(engine_->GetMemory("m")->position, first->position);
  EXPECT_EQ(engine_->GetMemory("m")->stats.items, 3u);
}

TEST_F(RetryTest, ADeleteIsDoneOnce) {
  ASSERT_TRUE(Create("m", DenseSpecOf(kDim)).ok());
  const Matrix keys = UnitRows(2, kDim, 1);
  ASSERT_TRUE(Store({.memory = "m", .keys = keys.view(), .ids = Numbers(0, 2)}).ok());
  const DeleteCommand command{.memory = "m", .ids = Numbers(0, 1), .request_id = "delete"};
  ASSERT_TRUE(Delete(command).ok());
  LoseTheAnswer();
  const auto again = Delete(command);  // without the outcome: ITEM_NOT_FOUND
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->replayed);
  EXPECT_EQ(again->deleted, 1u);
  EXPECT_EQ(engine_->GetMemory("m")->stats.items, 1u);
}

TEST_F(RetryTest, AnUpdateThatWasDoneIsToldByItsEtag) {
  ASSERT_TRUE(Create("m", DenseSpecOf(kDim)).ok());
  const UpdateCommand command{
      .name = "m", .etag = EtagOf(*engine_->GetMemory("m")), .items_max = 5, .frozen = true};
  ASSERT_TRUE(Update(command).ok());
  LoseTheAnswer();
  EXPECT_EQ(Reason(Update(command).status()), "ETAG");
  const MemoryInfo info = *engine_->GetMemory("m");
  EXPECT_EQ(info.revision, 2u);
  EXPECT_EQ(info.item_policy.items_max, 5u);
  EXPECT_TRUE(info.frozen);
}

TEST_F(RetryTest, ADropThatWasDoneIsNotFound) {
  ASSERT_TRUE(Create("m", DenseSpecOf(kDim)).ok());
  ASSERT_TRUE(Drop("m").ok());
  LoseTheAnswer();
  EXPECT_EQ(Reason(Drop("m").status()), "MEMORY_NOT_FOUND");
}

}  // namespace
}  // namespace mneme::engine
