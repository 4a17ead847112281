// Admission by bytes: the sums, what is refused and why, and a disk that is nearly full.
#include "core/engine/memory_budget.h"

#include <atomic>
#include <deque>
#include <future>

#include "core/engine/row_bytes.h"
#include "core/models/store/explicit_store.h"
#include "tests/unit/core/engine/engine_fixture.h"
#include "tests/unit/core/engine/storage_wrapper.h"

namespace mneme::engine {
namespace {

using Account = MemoryBudget::Account;

TEST(MemoryBudget, CountsWhatIsHeldAndWhatIsPromised) {
  MemoryBudget budget(1'000, 100);
  EXPECT_EQ(budget.used(), 100u);
  {
    Account one(budget), two(budget);
    one.Set(200, 0);
    two.Set(300, 0);
    one.Set(150, 0);
    EXPECT_EQ(budget.used(), 550u);
    Account moved = std::move(one);
    EXPECT_EQ(budget.used(), 550u);
    auto room = budget.Reserve("a test", 450, 0);
    ASSERT_TRUE(room.ok());
    EXPECT_EQ(budget.used(), 1'000u);
    room->Release();
    room->Release();
    EXPECT_EQ(budget.used(), 550u);
    room = budget.Reserve("a test", 10, 0);
  }
  EXPECT_EQ(budget.used(), 100u);
}

TEST(MemoryBudget, SaysWhetherWaitingHelps) {
  MemoryBudget budget(1'000, 0);
  Account memory(budget);
  memory.Set(600, 0);
  auto first = budget.Reserve("a test", 300, 0);
  ASSERT_TRUE(first.ok());
  const absl::Status busy = budget.Reserve("a test", 200, 0).status();
  EXPECT_EQ(Reason(busy), "BUSY");
  EXPECT_GE(GetErrorDetail(busy)->retry_after_ms, 0);
  const absl::Status full = budget.Reserve("a test", 401, 0).status();
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Reason(full), "FULL");
  EXPECT_EQ(GetErrorDetail(full)->retry_after_ms, -1);
  EXPECT_EQ(GetErrorDetail(full)->given, "401 bytes");
  EXPECT_EQ(GetErrorDetail(full)->expected, "at most 400 bytes");
  first->Release();
  EXPECT_TRUE(budget.Reserve("a test", 200, 0).ok());
}

TEST(MemoryBudget, KeepsRoomForTheLargestPassingNeedAndNoMore) {
  MemoryBudget budget(1'000, 0);
  Account small(budget), large(budget);
  small.Set(100, 300);
  large.Set(100, 500);
  EXPECT_EQ(Reason(budget.Reserve("a test", 301, 0).status()), "FULL");
  EXPECT_TRUE(budget.Reserve("a test", 300, 400).ok());
  EXPECT_EQ(Reason(budget.Reserve("a test", 300, 501).status()), "FULL");
  large = Account();
  EXPECT_TRUE(budget.Reserve("a test", 600, 0).ok());
}

TEST(MemoryBudget, WithoutALimitNothingIsRefused) {
  MemoryBudget budget(0, 0);
  EXPECT_TRUE(budget.Reserve("a test", uint64_t{1} << 60, 0).ok());
}

TEST(RowBytes, GrowthCountsTheRoomForRowsToCome) {
  const models::MemorySpec spec = DenseSpecOf(16);
  const uint64_t row = RowBytes(spec);
  EXPECT_EQ(GrowthBytes(spec, 1, 0, 1), 16 * row);
  EXPECT_EQ(GrowthBytes(spec, 1, 1, 15), 0u);
  EXPECT_EQ(GrowthBytes(spec, 1, 16, 1), 16 * row);
  EXPECT_EQ(GrowthBytes(spec, 1, 1'024, 1), 64 * row);
  EXPECT_EQ(GrowthBytes(spec, 1, 1'024'000, 1), 1'024 * row);
  EXPECT_EQ(GrowthBytes(spec, 1, 0, 3'000), models::StoreRoom(3'000) * row);
}

class BudgetTest : public EngineTest {
 protected:
  static constexpr size_t kDim = 64;
  static constexpr size_t kRows = 1'024;

  void Limit(uint64_t bytes) {
    options_.memory_bytes_max = bytes;
    Reopen(true);
  }
  absl::StatusOr<WriteReply> StoreRows(uint64_t first_id) {
    keys_.push_back(UnitRows(kRows, kDim, first_id + 1));
    return Store({.memory = "m", .keys = keys_.back().view(), .ids = Numbers(first_id, kRows)});
  }

 private:
  std::deque<Matrix> keys_;
};

TEST_F(BudgetTest, AStoreThatWouldNotFitIsRefusedAndDeletesMakeRoomAgain) {
  const uint64_t batch = kRows * kDim * sizeof(float);
  const uint64_t tile = kRows * RowBytes(DenseSpecOf(kDim));
  Limit(4 * tile + 2 * batch + 100'000);
  ASSERT_TRUE(Create("m", DenseSpecOf(kDim)).ok());
  uint64_t first = 0;
  absl::Status status;
  for (; first < 100 * kRows && status.ok(); first += kRows) status = StoreRows(first).status();
  EXPECT_EQ(Reason(status), "FULL");
  EXPECT_EQ(engine_->GetMemory("m")->stats.items, 4 * kRows);
  EXPECT_LE(engine_->resources().memory_bytes_used, options_.memory_bytes_max);
  EXPECT_TRUE(Delete({.memory = "m", .ids = Numbers(0, kRows)}).ok());
  EXPECT_TRUE(Delete({.memory = "m", .ids = Numbers(kRows, kRows)}).ok());
  // Tiles are built anew beside the old ones: there must be room for both.
  ASSERT_TRUE(Delete({.memory = "m", .ids = Numbers(2 * kRows, kRows)}).ok());
  EXPECT_TRUE(StoreRows(first).ok());
}

TEST_F(BudgetTest, WhatIsCountedIsWhatTheMemoriesHold) {
  ASSERT_TRUE(Create("m", DenseSpecOf(kDim)).ok());
  ASSERT_TRUE(Create("w", LinearSpecOf(kDim, kDim, models::LinearRule::kRidge)).ok());
  ASSERT_TRUE(StoreRows(0).ok());
  const auto held = [this](const std::string& name) {
    const models::ModelStats stats = engine_->GetMemory(name)->stats;
    return stats.fixed_bytes + stats.row_bytes;
  };
  EXPECT_EQ(engine_->resources().memory_bytes_used, held("m") + held("w"));
  Reopen(false);
  EXPECT_EQ(engine_->resources().memory_bytes_used, held("m") + held("w"));
  const uint64_t left = held("w");
  ASSERT_TRUE(Drop("m").ok());
  EXPECT_EQ(engine_->resources().memory_bytes_used, left);
}

TEST_F(BudgetTest, AMemoryWhoseMatricesDoNotFitIsNotCreated) {
  const models::MemorySpec spec = LinearSpecOf(kDim, kDim, models::LinearRule::kCmm);
  Limit(4 * FixedBytes(spec) + FixedBytes(spec) / 2);
  ASSERT_TRUE(Create("a", spec).ok());
  const absl::Status status = Create("b", spec).status();
  EXPECT_EQ(Reason(status), "FULL");
  ASSERT_TRUE(Drop("a").ok());
  EXPECT_TRUE(Create("b", spec).ok());
}

// Holds commits up until the test lets them through.
class GatedCommits final : public StorageWrapper {
 public:
  using StorageWrapper::StorageWrapper;
  absl::Status Commit(std::unique_ptr<storage::CommitBatch> batch, storage::Sync sync) override {
    if (closed_.exchange(false)) {
      reached_.set_value();
      opened_.wait();
    }
    return StorageWrapper::Commit(std::move(batch), sync);
  }

  void CloseOnce() { closed_ = true; }
  void WaitUntilReached() { reached_.get_future().wait(); }
  void Open() { gate_.set_value(); }

 private:
  std::atomic<bool> closed_{false};
  std::promise<void> reached_, gate_;
  std::shared_future<void> opened_ = gate_.get_future().share();
};

// The room is taken, then the frequencies are drawn, then the write is submitted.
TEST_F(BudgetTest, AFeatureMemoryIsMadeBeforeTheCommitterHearsOfIt) {
  GatedCommits* gate = nullptr;
  wrap_ = [&gate](std::unique_ptr<storage::Storage> storage) {
    auto gated = std::make_unique<GatedCommits>(std::move(storage));
    gate = gated.get();
    return gated;
  };
  const models::MemorySpec spec = {.key_dim = kDim,
                                   .retain = models::Retain::kStatistics,
                                   .model = models::FeatureSpec{.features = 512, .beta = 1}};
  Limit(6 * FixedBytes(spec));
  ASSERT_TRUE(Create("a", spec).ok());
  gate->CloseOnce();
  std::promise<absl::Status> update;
  engine_->UpdateMemory({.name = "a", .description = "d"},
                        [&update](const auto& done) { update.set_value(done.status()); });
  gate->WaitUntilReached();  // the committer is busy
  models::MemorySpec large = spec;
  std::get<models::FeatureSpec>(large.model).features = 4'096;
  EXPECT_EQ(Reason(Create("b", large).status()), "FULL");
  gate->Open();
  EXPECT_TRUE(update.get_future().get().ok());
  // A name that is taken is refused as ever, and what was made for a refused write is given back.
  EXPECT_EQ(Create("a", large).status().code(), absl::StatusCode::kAlreadyExists);
  ASSERT_TRUE(Drop("a").ok());
  EXPECT_TRUE(Create("b", spec).ok());
}

TEST_F(BudgetTest, ATrainingTakesRoomForItsRowsAndGivesItBack) {
  models::MemorySpec spec = DenseSpecOf(kDim);
  spec.model = models::DenseSpec{.similarity = models::Similarity::kCosine,
                                 .encoder = models::Encoder::kLinear};
  ASSERT_TRUE(Create("m", spec).ok());
  ASSERT_TRUE(StoreRows(0).ok());
  const uint64_t held = engine_->resources().memory_bytes_used;
  const TrainCommand command{.memory = "m", .spec = {.encoder = models::EncoderGoal::kWhiten}};
  Limit(held + 100'000);
  EXPECT_EQ(Reason(engine_->Train(command).status()), "FULL");
  Limit(8 * held);
  const auto job = engine_->Train(command);
  ASSERT_TRUE(job.ok()) << job.status();
  std::promise<JobInfo> end;
  ASSERT_TRUE(engine_->jobs().Wait(job->id, [&end](JobInfo info) { end.set_value(info); }).ok());
  const JobInfo ended = end.get_future().get();
  EXPECT_TRUE(ended.status.ok()) << ended.status;
  const models::ModelStats stats = engine_->GetMemory("m")->stats;
  EXPECT_EQ(engine_->resources().memory_bytes_used, stats.fixed_bytes + stats.row_bytes);
}

TEST_F(BudgetTest, ARetryOfADoneStoreIsAnsweredAlthoughThereIsNoRoomAnyMore) {
  ASSERT_TRUE(Create("m", DenseSpecOf(kDim)).ok());
  const Matrix keys = UnitRows(kRows, kDim, 1);
  const StoreCommand command{.memory = "m", .keys = keys.view(), .request_id = "once"};
  ASSERT_TRUE(Store(command).ok());
  Limit(1'000);
  EXPECT_EQ(Reason(StoreRows(kRows).status()), "FULL");
  const auto retried = Store(command);
  ASSERT_TRUE(retried.ok()) << retried.status();
  EXPECT_TRUE(retried->replayed);
}

TEST_F(BudgetTest, ANearlyFullDiskRefusesWhatGrowsAndNothingElse) {
  std::atomic<uint64_t> free{1'000'000};
  wrap_ = [&free](std::unique_ptr<storage::Storage> storage) {
    return std::make_unique<DiskGauge>(std::move(storage), [&free] { return free.load(); });
  };
  options_.disk_bytes_reserve = 1'000;
  Reopen(true);
  const auto wait = [this] { clock_.Advance(kDiskCheckMs * 1'000'000); };
  ASSERT_TRUE(Create("m", DenseSpecOf(kDim)).ok());
  const Matrix keys = UnitRows(3, kDim, 1);
  StoreCommand mortal{.memory = "m",
                      .keys = keys.view(),
                      .ids = Numbers(0, 3),
                      .expire_unix_nanos = {clock_.NowUnixNanos() + 1'000'000'000, 0, 0},
                      .request_id = "once"};
  ASSERT_TRUE(Store(mortal).ok());

  free = 999;
  wait();
  const absl::Status full = StoreRows(10).status();
  EXPECT_EQ(Reason(full), "FULL");
  EXPECT_EQ(GetErrorDetail(full)->given, "999 bytes of free disk");
  EXPECT_GE(GetErrorDetail(full)->retry_after_ms, 0);
  EXPECT_EQ(Reason(Create("n", DenseSpecOf(kDim)).status()), "FULL");
  EXPECT_EQ(engine_->resources().disk_bytes_free, 999u);
  EXPECT_TRUE(Store(mortal)->replayed);  // done before
  EXPECT_TRUE(GetItem("m", ItemId(1)).ok());
  EXPECT_TRUE(Delete({.memory = "m", .ids = Numbers(1, 1)}).ok());
  EXPECT_TRUE(Update({.name = "m", .description = "d"}).ok());
  clock_.Advance(1'000'000'000);
  EXPECT_EQ(*Sweep(), 1u);

  free = 1'000;
  wait();
  EXPECT_TRUE(StoreRows(10).ok());
  EXPECT_TRUE(Drop("m").ok());
}

// Finds no room for a commit while a test says so.
class FullDisk final : public StorageWrapper {
 public:
  FullDisk(std::unique_ptr<storage::Storage> inner, const std::atomic<bool>& full)
      : StorageWrapper(std::move(inner)), full_(full) {}
  absl::Status Commit(std::unique_ptr<storage::CommitBatch> batch, storage::Sync sync) override {
    if (!full_) return StorageWrapper::Commit(std::move(batch), sync);
    return ResourceExhausted("full", {.reason = "FULL", .retry_after_ms = 0});
  }

 private:
  const std::atomic<bool>& full_;
};

TEST_F(BudgetTest, ACommitThatFindsNoRoomChangesNothingAndEndsNothing) {
  std::atomic<bool> full{false};
  std::atomic<int> fatal{0};
  wrap_ = [&full](std::unique_ptr<storage::Storage> storage) {
    return std::make_unique<FullDisk>(std::move(storage), full);
  };
  options_.on_fatal = [&fatal](const absl::Status&) { ++fatal; };
  Reopen(true);
  const auto wait = [this] { clock_.Advance(kDiskCheckMs * 1'000'000); };
  constexpr uint64_t kItemsMax = 6;
  ASSERT_TRUE(
      Create({.name = "m",
              .spec = DenseSpecOf(kDim),
              .item_policy = {.items_max = kItemsMax, .full_policy = FullPolicy::kEvictOldest}})
          .ok());
  const Matrix keys = UnitRows(4, kDim, 1);
  const StoreCommand first{.memory = "m", .keys = keys.view(), .ids = Numbers(0, 4)};
  const auto before = Store(first);
  ASSERT_TRUE(before.ok());

  // It replaces one of the four items and takes the place of another.
  const StoreCommand command{.memory = "m",
                             .keys = keys.view(),
                             .ids = Numbers(3, 4),
                             .upsert = true,
                             .request_id = "once"};
  full = true;
  EXPECT_EQ(Reason(Store(command).status()), "FULL");  // by its commit
  EXPECT_EQ(Reason(Store(command).status()), "FULL");  // before it is prepared
  EXPECT_EQ(Reason(Delete({.memory = "m", .ids = Numbers(0, 1)}).status()), "FULL");
  EXPECT_EQ(Reason(Drop("m").status()), "FULL");
  wait();
  EXPECT_EQ(Reason(Create("n", DenseSpecOf(kDim)).status()), "FULL");
  EXPECT_FALSE(engine_->GetMemory("n").ok());
  EXPECT_TRUE(GetItem("m", ItemId(0)).ok());

  full = false;
  EXPECT_TRUE(Delete({.memory = "m", .ids = Numbers(1, 1)}).ok()) << "at once";
  wait();
  const auto stored = Store(command);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_FALSE(stored->replayed);
  EXPECT_EQ(stored->position, before->position + 2);
  EXPECT_EQ(stored->replaced, 1u);
  EXPECT_EQ(stored->item_count, kItemsMax);
  EXPECT_TRUE(Store(command)->replayed);
  // The oldest goes, although its turn came before, in a commit that was not.
  ASSERT_TRUE(Store({.memory = "m", .keys = keys.view(), .ids = Numbers(10, 4)}).ok());
  EXPECT_EQ(Reason(GetItem("m", ItemId(0)).status()), "ITEM_NOT_FOUND");
  EXPECT_EQ(fatal, 0);
  Reopen(false);
  EXPECT_EQ(engine_->GetMemory("m")->stats.items, kItemsMax);
}

}  // namespace
}  // namespace mneme::engine
