// Items with lifetimes: gone for readers and writers at once, out of the memory with the next
// sweep, and the same after a restart.
#include <deque>
#include <thread>

#include "core/engine/expiry_index.h"
#include "tests/unit/core/engine/engine_fixture.h"

namespace mneme::engine {
namespace {

constexpr size_t kDim = 16;
constexpr int64_t kSecond = 1'000'000'000;

// The two kinds of memory whose items can expire.
enum class Kind { kDense, kLinear };

models::MemorySpec SpecOf(Kind kind) {
  if (kind == Kind::kDense) return DenseSpecOf(kDim);
  return LinearSpecOf(kDim, kDim, models::LinearRule::kRidge);
}

class ExpiryTest : public EngineTest, public ::testing::WithParamInterface<Kind> {
 protected:
  StoreCommand Rows(uint64_t first_id, size_t count) {
    keys_.push_back(UnitRows(count, kDim, first_id + 1));
    StoreCommand command{
        .memory = "m", .keys = keys_.back().view(), .ids = Numbers(first_id, count)};
    if (GetParam() == Kind::kLinear) command.responses = command.keys;
    return command;
  }
  uint64_t Items() { return engine_->GetMemory("m")->stats.items; }
  int64_t now() const { return clock_.NowUnixNanos(); }

 private:
  std::deque<Matrix> keys_;
};

INSTANTIATE_TEST_SUITE_P(Models, ExpiryTest, ::testing::Values(Kind::kDense, Kind::kLinear),
                         [](const auto& tested) {
                           return tested.param == Kind::kDense ? "Dense" : "Linear";
                         });

TEST_P(ExpiryTest, TheSweepTakesOutWhatIsDueAndNothingElse) {
  ASSERT_TRUE(Create({.name = "m", .spec = SpecOf(GetParam())}).ok());
  StoreCommand command = Rows(0, 3);
  command.expire_unix_nanos = {now() + 5 * kSecond, 0, now() + 10 * kSecond};
  ASSERT_TRUE(Store(command).ok());
  EXPECT_EQ(*Sweep(), 0u);
  clock_.Advance(5 * kSecond);
  EXPECT_EQ(*Sweep(), 1u);
  EXPECT_EQ(Items(), 2u);
  EXPECT_EQ(Reason(GetItem("m", ItemId(0)).status()), "ITEM_NOT_FOUND");
  EXPECT_TRUE(GetItem("m", ItemId(1)).ok());
  clock_.Advance(5 * kSecond);
  EXPECT_EQ(*Sweep(), 1u);
  EXPECT_EQ(Items(), 1u);
  EXPECT_EQ(engine_->GetMemory("m")->expired, 2u);
  EXPECT_EQ(*Sweep(), 0u);
}

TEST_P(ExpiryTest, ARowsOwnTimeComesBeforeTheBatchsAndThatBeforeTheMemorys) {
  ASSERT_TRUE(
      Create({.name = "m", .spec = SpecOf(GetParam()), .item_policy = {.ttl_nanos = 10 * kSecond}})
          .ok());
  ASSERT_TRUE(Store(Rows(0, 1)).ok());  // 10 s
  StoreCommand batch = Rows(10, 2);
  batch.ttl_nanos = 20 * kSecond;
  batch.expire_unix_nanos = {now() + 5 * kSecond, 0};  // 5 s, 20 s
  ASSERT_TRUE(Store(batch).ok());
  StoreCommand ever = Rows(20, 1);
  ever.ttl_nanos = 0;
  ASSERT_TRUE(Store(ever).ok());
  std::vector<uint64_t> left;
  for (int i = 0; i < 4; ++i) {
    clock_.Advance(5 * kSecond);
    ASSERT_TRUE(Sweep().ok());
    left.push_back(Items());
  }
  EXPECT_EQ(left, (std::vector<uint64_t>{3, 2, 2, 1}));
  EXPECT_TRUE(GetItem("m", ItemId(20)).ok());
}

TEST_P(ExpiryTest, ATimeInThePastIsRefusedAndNamesItsRow) {
  ASSERT_TRUE(Create({.name = "m", .spec = SpecOf(GetParam())}).ok());
  StoreCommand command = Rows(0, 3);
  command.expire_unix_nanos = {0, now(), now() + 1};
  const absl::Status status = Store(command).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Reason(status), "EXPIRED");
  EXPECT_NE(status.message().find("row 1"), absl::string_view::npos) << status;
  EXPECT_EQ(Items(), 0u);
}

TEST_P(ExpiryTest, AnIdThatIsDueIsFreeBeforeTheSweep) {
  ASSERT_TRUE(Create({.name = "m", .spec = SpecOf(GetParam())}).ok());
  StoreCommand first = Rows(0, 2);
  first.ttl_nanos = kSecond;
  ASSERT_TRUE(Store(first).ok());
  EXPECT_EQ(Reason(Store(Rows(1, 1)).status()), "ITEM_EXISTS");
  clock_.Advance(kSecond);
  const auto again = Store(Rows(1, 1));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->stored, 1u);
  EXPECT_EQ(again->replaced, 0u);
  EXPECT_EQ(again->item_count, 2u);  // the new one, and one that the sweep has yet to take out
  EXPECT_EQ(engine_->GetMemory("m")->expired, 1u);
  EXPECT_EQ(*Sweep(), 1u);
  EXPECT_EQ(Items(), 1u);
  EXPECT_TRUE(GetItem("m", ItemId(1)).ok());
}

TEST_P(ExpiryTest, ADueItemCannotBeDeletedAnyMore) {
  ASSERT_TRUE(Create({.name = "m", .spec = SpecOf(GetParam())}).ok());
  StoreCommand first = Rows(0, 2);
  first.expire_unix_nanos = {now() + kSecond, 0};
  ASSERT_TRUE(Store(first).ok());
  clock_.Advance(kSecond);
  EXPECT_EQ(Reason(Delete({.memory = "m", .ids = Numbers(0, 2)}).status()), "ITEM_NOT_FOUND");
  const auto skipped = Delete({.memory = "m", .ids = Numbers(0, 2), .allow_missing = true});
  ASSERT_TRUE(skipped.ok());
  EXPECT_EQ(skipped->deleted, 1u);
  EXPECT_EQ(skipped->missing, 1u);
  EXPECT_EQ(*Sweep(), 1u);
  EXPECT_EQ(Items(), 0u);
}

TEST_P(ExpiryTest, MoreThanOneCommitTakesIsSweptAllTheSame) {
  ASSERT_TRUE(Create({.name = "m", .spec = SpecOf(GetParam())}).ok());
  StoreCommand many = Rows(0, kRowsPerSweep + 10);
  many.ttl_nanos = kSecond;
  ASSERT_TRUE(Store(many).ok());
  clock_.Advance(kSecond);
  EXPECT_EQ(*Sweep(), kRowsPerSweep + 10);
  EXPECT_EQ(Items(), 0u);
}

TEST_P(ExpiryTest, LifetimesAndWhatHasExpiredSurviveARestart) {
  for (const bool clean : {true, false}) {
    SCOPED_TRACE(clean ? "clean" : "killed");
    ASSERT_TRUE(Create({.name = "m", .spec = SpecOf(GetParam())}).ok());
    StoreCommand command = Rows(0, 4);
    command.expire_unix_nanos = {now() + kSecond, now() + 2 * kSecond, 0, now() + 3 * kSecond};
    ASSERT_TRUE(Store(command).ok());
    clock_.Advance(kSecond);
    ASSERT_EQ(*Sweep(), 1u);
    clock_.Advance(kSecond);  // the second is due while nobody sweeps
    const uint64_t position = engine_->GetMemory("m")->position;
    Reopen(clean);
    EXPECT_EQ(engine_->GetMemory("m")->position, position);
    EXPECT_EQ(Items(), 3u);
    EXPECT_EQ(*Sweep(), 1u);
    clock_.Advance(kSecond);
    EXPECT_EQ(*Sweep(), 1u);
    EXPECT_EQ(Items(), 1u);
    EXPECT_TRUE(GetItem("m", ItemId(2)).ok());
    ASSERT_TRUE(Drop("m").ok());
  }
}

TEST_P(ExpiryTest, ARetryIsAnsweredFromItsOutcomeAlthoughItsItemsAreGone) {
  ASSERT_TRUE(Create({.name = "m", .spec = SpecOf(GetParam())}).ok());
  StoreCommand command = Rows(0, 1);
  command.expire_unix_nanos = {now() + kSecond};
  command.request_id = "r";
  ASSERT_TRUE(Store(command).ok());
  clock_.Advance(kSecond);
  ASSERT_EQ(*Sweep(), 1u);
  Reopen(true);
  const auto retried = Store(command);
  ASSERT_TRUE(retried.ok()) << retried.status();
  EXPECT_TRUE(retried->replayed);
  EXPECT_EQ(Items(), 0u);
}

TEST_F(EngineTest, TheThreadSweepsByItself) {
  options_.sweep_ms = 1;
  Reopen(true);
  ASSERT_TRUE(Create({.name = "m", .spec = DenseSpecOf(kDim)}).ok());
  const Matrix keys = UnitRows(2, kDim, 1);
  ASSERT_TRUE(
      Store(
          {.memory = "m", .keys = keys.view(), .expire_unix_nanos = {clock_.NowUnixNanos() + 1, 0}})
          .ok());
  clock_.Advance(1);
  while (engine_->GetMemory("m")->expired == 0) std::this_thread::yield();
  EXPECT_EQ(engine_->GetMemory("m")->stats.items, 1u);
}

TEST_F(EngineTest, WhereItemsCannotBeForgottenByIdTheyHaveNoLifetime) {
  const auto statistics =
      LinearSpecOf(kDim, kDim, models::LinearRule::kCmm, models::Retain::kStatistics);
  const auto responses =
      LinearSpecOf(kDim, kDim, models::LinearRule::kCmm, models::Retain::kResponses);
  for (const models::MemorySpec& spec : {statistics, responses}) {
    EXPECT_EQ(
        Reason(Create({.name = "m", .spec = spec, .item_policy = {.ttl_nanos = kSecond}}).status()),
        "ITEM_POLICY");
    ASSERT_TRUE(Create({.name = "m", .spec = spec}).ok());
    EXPECT_EQ(Reason(Update({.name = "m", .ttl_nanos = kSecond}).status()), "ITEM_POLICY");
    const Matrix rows = UnitRows(1, kDim, 1);
    EXPECT_EQ(Reason(Store({.memory = "m",
                            .keys = rows.view(),
                            .responses = rows.view(),
                            .ttl_nanos = kSecond})
                         .status()),
              "ITEM_POLICY");
    EXPECT_EQ(Reason(Store({.memory = "m",
                            .keys = rows.view(),
                            .responses = rows.view(),
                            .expire_unix_nanos = {clock_.NowUnixNanos() + kSecond}})
                         .status()),
              "ITEM_POLICY");
    ASSERT_TRUE(Drop("m").ok());
  }
}

TEST_F(EngineTest, ALifetimeOutOfRangeIsRefused) {
  for (const int64_t ttl : {int64_t{-1}, kTtlNanosMax + 1}) {
    EXPECT_EQ(
        Reason(Create({.name = "m", .spec = DenseSpecOf(kDim), .item_policy = {.ttl_nanos = ttl}})
                   .status()),
        "ITEM_POLICY");
  }
}

TEST(ExpiryIndex, GivesWhatIsDueFirstInTheOrderOfRows) {
  ExpiryIndex index;
  EXPECT_EQ(index.earliest(), ExpiryIndex::kNever);
  index.Add(1, 30);
  index.Add(2, 10);
  index.Add(3, 20);
  index.Add(4, 0);
  EXPECT_EQ(index.earliest(), 10);
  EXPECT_EQ(index.Due(9, 10), std::vector<uint64_t>());
  EXPECT_EQ(index.Due(30, 2), (std::vector<uint64_t>{2, 3}));
  EXPECT_EQ(index.Due(30, 10), (std::vector<uint64_t>{1, 2, 3}));
  index.Remove(std::vector<uint64_t>{2, 4, 9});
  EXPECT_EQ(index.earliest(), 20);
  index.Remove(std::vector<uint64_t>{1, 3});
  EXPECT_EQ(index.earliest(), ExpiryIndex::kNever);
  EXPECT_EQ(index.bytes(), 0u);
}

}  // namespace
}  // namespace mneme::engine
