// Caps: what is refused, what goes out to make room, and that a restart changes nothing of it.
#include "core/engine/eviction.h"

#include <deque>
#include <map>
#include <set>

#include "core/engine/limits.h"
#include "core/engine/row_bytes.h"
#include "core/engine/usage_clock.h"
#include "tests/unit/core/engine/engine_fixture.h"

namespace mneme::engine {
namespace {

constexpr size_t kDim = 16;
constexpr int64_t kSecond = 1'000'000'000;

enum class Kind { kDense, kLinear };

class EvictionTest : public EngineTest, public ::testing::WithParamInterface<Kind> {
 protected:
  absl::StatusOr<MemoryInfo> CreateCapped(ItemPolicy policy) {
    const bool dense = GetParam() == Kind::kDense;
    return Create(
        {.name = "m",
         .spec = dense ? DenseSpecOf(kDim) : LinearSpecOf(kDim, kDim, models::LinearRule::kRidge),
         .item_policy = policy});
  }
  StoreCommand Rows(uint64_t first_id, size_t count) {
    keys_.push_back(UnitRows(count, kDim, first_id + 1));
    for (size_t i = 0; i < count; ++i) key_of_[first_id + i] = keys_.back().view().slice(i, 1);
    StoreCommand command{
        .memory = "m", .keys = keys_.back().view(), .ids = Numbers(first_id, count)};
    if (GetParam() == Kind::kLinear) command.responses = command.keys;
    return command;
  }
  std::set<uint64_t> Ids() {
    std::set<uint64_t> out;
    const auto page = Await<ItemPage>(
        [&](auto done) { engine_->ListItems({.memory = "m", .page_size = 1'000}, done); });
    for (const ItemRecord& item : page->items) out.insert(item.id.number());
    EXPECT_EQ(engine_->GetMemory("m")->stats.items, out.size());
    return out;
  }
  // An answer names these items.
  void Use(std::vector<uint64_t> ids) {
    for (const uint64_t id : ids) {
      const auto reply = Query({.memory = "m",
                                .cues = {.cues = key_of_.at(id)},
                                .spec = {.kind = models::QueryKind::kList, .top = 1}});
      ASSERT_TRUE(reply.ok()) << reply.status();
      ASSERT_EQ(reply->answer.cues[0].top[0].id, ItemId(id));
    }
  }

 private:
  std::deque<Matrix> keys_;
  std::map<uint64_t, MatrixView> key_of_;
};

INSTANTIATE_TEST_SUITE_P(Models, EvictionTest, ::testing::Values(Kind::kDense, Kind::kLinear),
                         [](const auto& tested) {
                           return tested.param == Kind::kDense ? "Dense" : "Linear";
                         });

using Set = std::set<uint64_t>;

TEST_P(EvictionTest, AStorePastTheCapIsRefusedAndSaysWhichCap) {
  ASSERT_TRUE(CreateCapped({.items_max = 3}).ok());
  ASSERT_TRUE(Store(Rows(0, 3)).ok());
  const absl::Status status = Store(Rows(3, 1)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Reason(status), "FULL");
  EXPECT_NE(GetErrorDetail(status)->expected.find("items_max"), std::string::npos);
  EXPECT_EQ(GetErrorDetail(status)->given, "4 items");
  EXPECT_EQ(Ids(), (Set{0, 1, 2}));
  StoreCommand replace = Rows(2, 1);
  replace.upsert = true;
  EXPECT_TRUE(Store(replace).ok());  // it does not grow
  ASSERT_TRUE(Delete({.memory = "m", .ids = Numbers(0, 1)}).ok());
  EXPECT_TRUE(Store(Rows(3, 1)).ok());
}

TEST_P(EvictionTest, WhatIsDueMakesRoomBeforeAnythingIsRefused) {
  ASSERT_TRUE(CreateCapped({.items_max = 3}).ok());
  StoreCommand mortal = Rows(0, 3);
  mortal.expire_unix_nanos = {0, clock_.NowUnixNanos() + kSecond, 0};
  ASSERT_TRUE(Store(mortal).ok());
  clock_.Advance(kSecond);
  const auto stored = Store(Rows(3, 1));
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->evicted, 0u);
  EXPECT_EQ(Ids(), (Set{0, 2, 3}));
  EXPECT_EQ(engine_->GetMemory("m")->expired, 1u);
}

TEST_P(EvictionTest, TheOldestGoOutInTheSameCommit) {
  ASSERT_TRUE(CreateCapped({.items_max = 4, .full_policy = FullPolicy::kEvictOldest}).ok());
  ASSERT_TRUE(Store(Rows(0, 4)).ok());
  ASSERT_TRUE(Delete({.memory = "m", .ids = Numbers(1, 1)}).ok());
  const auto stored = Store(Rows(4, 3));
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->evicted, 2u);
  EXPECT_EQ(stored->item_count, 4u);
  EXPECT_EQ(Ids(), (Set{3, 4, 5, 6}));
  EXPECT_EQ(engine_->GetMemory("m")->evicted, 2u);
  for (const bool clean : {false, true}) {
    Reopen(clean);
    EXPECT_EQ(Ids(), (Set{3, 4, 5, 6}));
  }
  ASSERT_TRUE(Store(Rows(7, 1)).ok());
  EXPECT_EQ(Ids(), (Set{4, 5, 6, 7}));
}

TEST_P(EvictionTest, AReplacedItemIsAsYoungAsItsReplacement) {
  ASSERT_TRUE(CreateCapped({.items_max = 3, .full_policy = FullPolicy::kEvictOldest}).ok());
  ASSERT_TRUE(Store(Rows(0, 3)).ok());
  StoreCommand batch = Rows(0, 1);
  batch.upsert = true;
  ASSERT_TRUE(Store(batch).ok());
  ASSERT_TRUE(Store(Rows(3, 1)).ok());
  EXPECT_EQ(Ids(), (Set{0, 2, 3}));
}

TEST_P(EvictionTest, ABatchDoesNotEvictItsOwnRowsAndMustFitTheCap) {
  ASSERT_TRUE(CreateCapped({.items_max = 3, .full_policy = FullPolicy::kEvictOldest}).ok());
  ASSERT_TRUE(Store(Rows(0, 2)).ok());
  EXPECT_EQ(Reason(Store(Rows(10, 4)).status()), "FULL");
  EXPECT_EQ(Ids(), (Set{0, 1}));
  StoreCommand mixed = Rows(1, 3);  // replaces 1, brings 2 and 3
  mixed.upsert = true;
  const auto stored = Store(mixed);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->replaced, 1u);
  EXPECT_EQ(stored->evicted, 1u);
  EXPECT_EQ(Ids(), (Set{1, 2, 3}));
}

TEST_P(EvictionTest, TheLeastUsedGoOutFirst) {
  ASSERT_TRUE(CreateCapped({.items_max = 4, .full_policy = FullPolicy::kEvictLeastUsed}).ok());
  ASSERT_TRUE(Store(Rows(0, 4)).ok());
  Use({0, 2});
  ASSERT_TRUE(Store(Rows(4, 1)).ok());
  EXPECT_EQ(Ids(), (Set{0, 2, 3, 4}));  // 1: stored before 3, and never used
  ASSERT_TRUE(Store(Rows(5, 1)).ok());
  EXPECT_EQ(Ids(), (Set{0, 2, 4, 5}));
  Use({0});
  ASSERT_TRUE(Store(Rows(6, 1)).ok());
  EXPECT_EQ(Ids(), (Set{0, 4, 5, 6}));  // 2: used before 4 was stored
}

TEST_P(EvictionTest, UseStartsAnewWithTheServer) {
  ASSERT_TRUE(CreateCapped({.items_max = 3, .full_policy = FullPolicy::kEvictLeastUsed}).ok());
  ASSERT_TRUE(Store(Rows(0, 3)).ok());
  Use({0});
  Reopen(true);
  ASSERT_TRUE(Store(Rows(3, 1)).ok());
  EXPECT_EQ(Ids(), (Set{1, 2, 3}));
}

TEST_P(EvictionTest, ALowerCapIsReachedByTheNextStores) {
  ASSERT_TRUE(CreateCapped({.items_max = 10, .full_policy = FullPolicy::kEvictOldest}).ok());
  ASSERT_TRUE(Store(Rows(0, 10)).ok());
  ASSERT_TRUE(Update({.name = "m", .items_max = 4}).ok());
  EXPECT_EQ(Ids().size(), 10u);
  ASSERT_TRUE(Store(Rows(10, 1)).ok());
  EXPECT_EQ(Ids(), (Set{7, 8, 9, 10}));
}

TEST_P(EvictionTest, AByteCapCountsWhatItemsTakeInMainMemory) {
  const models::MemorySpec spec = GetParam() == Kind::kDense
                                      ? DenseSpecOf(kDim)
                                      : LinearSpecOf(kDim, kDim, models::LinearRule::kRidge);
  const uint64_t bytes = FixedBytes(spec) + 5 * RowBytes(spec);
  ASSERT_TRUE(CreateCapped({.bytes_max = bytes + RowBytes(spec) - 1}).ok());
  ASSERT_TRUE(Store(Rows(0, 5)).ok());
  const absl::Status status = Store(Rows(5, 1)).status();
  EXPECT_EQ(Reason(status), "FULL");
  EXPECT_NE(GetErrorDetail(status)->expected.find("bytes_max"), std::string::npos) << status;
}

TEST_P(EvictionTest, ConcurrentStoresOfOneGroupKeepTheCapToo) {
  ASSERT_TRUE(CreateCapped({.items_max = 5, .full_policy = FullPolicy::kEvictOldest}).ok());
  constexpr size_t kStores = 64;
  std::vector<StoreCommand> commands;
  for (size_t i = 0; i < kStores; ++i) commands.push_back(Rows(i, 1));
  std::vector<std::future<absl::StatusOr<WriteReply>>> replies;
  for (StoreCommand& command : commands) {
    auto promise = std::make_shared<std::promise<absl::StatusOr<WriteReply>>>();
    replies.push_back(promise->get_future());
    engine_->Store(command, [promise](auto reply) { promise->set_value(std::move(reply)); });
  }
  for (auto& reply : replies) {
    const auto stored = reply.get();
    ASSERT_TRUE(stored.ok()) << stored.status();
    EXPECT_LE(stored->item_count, 5u);
  }
  EXPECT_EQ(Ids(), (Set{59, 60, 61, 62, 63}));
}

TEST_F(EngineTest, MatricesThatTakeMoreThanTheByteCapAreRefusedAtOnce) {
  EXPECT_EQ(Reason(Create({.name = "m",
                           .spec = LinearSpecOf(64, 64, models::LinearRule::kRidge),
                           .item_policy = {.bytes_max = 1'000}})
                       .status()),
            "ITEM_POLICY");
}

TEST_F(EngineTest, WithoutRowsToForgetByACapCanOnlyRefuse) {
  const auto spec = LinearSpecOf(kDim, kDim, models::LinearRule::kCmm, models::Retain::kStatistics);
  EXPECT_EQ(
      Reason(Create({.name = "m",
                     .spec = spec,
                     .item_policy = {.items_max = 2, .full_policy = FullPolicy::kEvictOldest}})
                 .status()),
      "ITEM_POLICY");
  ASSERT_TRUE(Create({.name = "m", .spec = spec, .item_policy = {.items_max = 2}}).ok());
  const Matrix rows = UnitRows(3, kDim, 1);
  const MatrixView all = rows.view();
  EXPECT_EQ(Reason(Store({.memory = "m", .keys = all, .responses = all}).status()), "FULL");
  EXPECT_TRUE(Store({.memory = "m", .keys = all.slice(0, 2), .responses = all.slice(0, 2)}).ok());
}

TEST(RowBytes, AreWhatFullTilesTake) {
  for (const models::MemorySpec& spec :
       {DenseSpecOf(48, 24), DenseSpecOf(33), LinearSpecOf(16, 40, models::LinearRule::kRidge),
        LinearSpecOf(16, 40, models::LinearRule::kCmm, models::Retain::kResponses)}) {
    auto model = *models::MakeModel(spec);
    constexpr size_t kRows = 4'096;
    Matrix keys(kRows, spec.key_dim), responses(kRows, spec.response_dim);
    Random random(7);
    for (size_t i = 0; i < kRows; ++i) {
      random.FillUnit(keys.row(i));
      if (spec.response_dim > 0) random.FillUnit(responses.row(i));
    }
    std::vector<ItemId> ids;
    std::vector<uint64_t> numbers;
    for (size_t i = 0; i < kRows; ++i) {
      ids.emplace_back(i);
      numbers.push_back(i);
    }
    models::RowBlock block{.keys = keys.view(), .ids = ids, .row_numbers = numbers};
    if (spec.response_dim > 0) block.responses = responses.view();
    ASSERT_TRUE(model->Absorb(block).ok());
    const double counted = static_cast<double>(model->Publish()->stats().row_bytes) / kRows;
    EXPECT_NEAR(static_cast<double>(RowBytes(spec)), counted, 0.01 * counted);
  }
}

TEST(UsageClock, OrdersByTheLastUse) {
  UsageClock clock;
  clock.Note(std::vector<uint64_t>{1});
  EXPECT_TRUE(clock.LeastUsed(10).empty());  // off
  clock.Turn(true);
  clock.Advance(10);
  clock.Note(std::vector<uint64_t>{1, 2, 3});
  clock.Advance(20);
  clock.Note(std::vector<uint64_t>{1});
  clock.Remove(std::vector<uint64_t>{3, 9});
  const auto uses = clock.LeastUsed(10);
  ASSERT_EQ(uses.size(), 2u);
  EXPECT_EQ(uses[0].row, 2u);
  EXPECT_EQ(uses[0].time, 10u);
  EXPECT_EQ(uses[1].row, 1u);
  EXPECT_EQ(uses[1].time, 20u);
  EXPECT_EQ(clock.LeastUsed(1).size(), 1u);
}

TEST(UsageClock, ForgetsWhatWasUsedLongestAgoAtItsBound) {
  UsageClock clock;
  clock.Turn(true);
  for (uint64_t row = 0; row < kUsageEntriesMax + 3; ++row) clock.Note({&row, 1});
  EXPECT_FALSE(clock.Contains(2));
  EXPECT_TRUE(clock.Contains(3));
  EXPECT_EQ(clock.LeastUsed(2 * kUsageEntriesMax).size(), kUsageEntriesMax);
  EXPECT_EQ(clock.TakeLowestForgotten(), 0u);
  EXPECT_EQ(clock.TakeLowestForgotten(), ~uint64_t{0});
}

}  // namespace
}  // namespace mneme::engine
