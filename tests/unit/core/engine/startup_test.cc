// Start-up: every memory serves as soon as it has been read; what goes on meanwhile; what one
// damaged memory does to the others; a server that loads none.
#include "core/engine/startup.h"

#include <thread>

#include "gmock/gmock.h"
#include "tests/unit/core/engine/engine_fixture.h"
#include "tests/unit/core/engine/storage_wrapper.h"

namespace mneme::engine {
namespace {

// The rows of one memory are not given before the gate is open.
class GatedStorage final : public StorageWrapper {
 public:
  using StorageWrapper::StorageWrapper;
  absl::Status ScanRows(Uid uid, uint64_t first, uint64_t last,
                        const RowVisit& visit) const override {
    if (uid == closed_) {
      reached_.set_value();
      opened_.wait();
    }
    return StorageWrapper::ScanRows(uid, first, last, visit);
  }

  void Close(Uid uid) { closed_ = uid; }
  void WaitUntilReached() { reached_.get_future().wait(); }
  void Open() { gate_.set_value(); }

 private:
  Uid closed_ = 0;
  mutable std::promise<void> reached_;
  std::promise<void> gate_;
  std::shared_future<void> opened_ = gate_.get_future().share();
};

class DamagedStorage final : public StorageWrapper {
 public:
  DamagedStorage(std::unique_ptr<storage::Storage> inner, Uid damaged)
      : StorageWrapper(std::move(inner)), damaged_(damaged) {}
  absl::Status ScanRows(Uid uid, uint64_t first, uint64_t last,
                        const RowVisit& visit) const override {
    if (uid == damaged_)
      return DataLoss("row 3 is damaged", {.reason = "CORRUPT", .next_step = "Restore it."});
    return StorageWrapper::ScanRows(uid, first, last, visit);
  }

 private:
  const Uid damaged_;
};

class StartupTest : public EngineTest {
 protected:
  StartupTest() {
    EXPECT_TRUE(Create("small", DenseSpecOf(8)).ok());
    EXPECT_TRUE(Create("large", DenseSpecOf(8)).ok());
    EXPECT_TRUE(Store({.memory = "small", .keys = keys_.view().slice(0, 5)}).ok());
    EXPECT_TRUE(Store({.memory = "large", .keys = keys_}).ok());
    large_ = engine_->GetMemory("large")->uid;
    EXPECT_TRUE(engine_->Close().ok());
    engine_.reset();
  }

  std::unique_ptr<storage::Storage> OpenStorage() {
    auto storage = storage::OpenRocksDbStorage({.directory = directory_ + "/data"});
    MNEME_CHECK(storage.ok());
    return *std::move(storage);
  }
  // Begins an engine whose recovery stops at the large memory.
  void BeginGated() {
    auto gated = std::make_unique<GatedStorage>(OpenStorage());
    gate_ = gated.get();
    gate_->Close(large_);
    Begin(std::move(gated));
  }
  void Begin(std::unique_ptr<storage::Storage> storage) {
    auto engine = Engine::Begin(std::move(storage), clock_, options_);
    ASSERT_TRUE(engine.ok()) << engine.status();
    engine_ = *std::move(engine);
  }
  absl::Status Ask(const std::string& memory) {
    return Query({.memory = memory, .cues = {.cues = cue_}, .spec = {.top = 1}}).status();
  }

  const Matrix keys_ = UnitRows(100, 8, 3);
  const Matrix cue_ = UnitRows(1, 8, 4);
  MemoryUid large_ = 0;
  GatedStorage* gate_ = nullptr;
};

TEST_F(StartupTest, AMemoryServesAsSoonAsItIsReadAndTheOthersSayHowFarItIs) {
  BeginGated();
  EXPECT_EQ(engine_->ListMemories("", 10).size(), 2u);
  EXPECT_EQ(Reason(Ask("small")), "STARTING");
  absl::Status recovered;
  std::thread recovery([&] { recovered = engine_->Recover(); });
  gate_->WaitUntilReached();  // smallest first: the small one is done
  clock_.Advance(1'000'000'000);

  EXPECT_TRUE(Ask("small").ok()) << Ask("small");
  EXPECT_EQ(engine_->GetMemory("small")->health, Health::kServing);
  EXPECT_TRUE(Store({.memory = "small", .keys = keys_.view().slice(5, 1)}).ok());
  const absl::Status refused = Ask("large");
  EXPECT_TRUE(absl::IsUnavailable(refused)) << refused;
  EXPECT_EQ(Reason(refused), "STARTING");
  EXPECT_GT(GetErrorDetail(refused)->retry_after_ms, 0);
  EXPECT_EQ(engine_->GetMemory("large")->health, Health::kStarting);
  EXPECT_EQ(Reason(Store({.memory = "large", .keys = keys_}).status()), "STARTING");
  EXPECT_EQ(Reason(GetItem("large", ItemId(uint64_t{1})).status()), "STARTING");
  EXPECT_EQ(Reason(Drop("large").status()), "STARTING");
  EXPECT_EQ(Reason(Update({.name = "large", .description = "x"}).status()), "STARTING");
  EXPECT_EQ(Reason(engine_->UsageOf("large").status()), "STARTING");
  const Startup startup = engine_->startup();
  EXPECT_FALSE(startup.done);
  EXPECT_EQ(startup.memories_done, 1u);
  EXPECT_EQ(startup.memories_total, 2u);
  EXPECT_EQ(startup.rows_done, 5u);
  EXPECT_EQ(startup.rows_total, 105u);
  EXPECT_EQ(startup.memory, "large");
  ASSERT_TRUE(startup.remaining_nanos.has_value());
  EXPECT_NEAR(static_cast<double>(*startup.remaining_nanos), 20e9,
              1e6);  // 5 rows in 1 s, 100 to go

  gate_->Open();
  recovery.join();
  EXPECT_TRUE(recovered.ok()) << recovered;
  EXPECT_TRUE(Ask("large").ok());
  EXPECT_TRUE(engine_->startup().done);
  EXPECT_EQ(engine_->GetMemory("large")->stats.items, 100u);
}

TEST_F(StartupTest, IdsMadeWhileOthersAreReadDoNotClash) {
  BeginGated();
  std::thread recovery([&] { EXPECT_TRUE(engine_->Recover().ok()); });
  gate_->WaitUntilReached();
  // The clock stands still, so a generator that forgot would give the large memory's ids again.
  auto small = Store({.memory = "small", .keys = keys_});
  ASSERT_TRUE(small.ok()) << small.status();
  gate_->Open();
  recovery.join();
  auto large = Store({.memory = "large", .keys = keys_});
  ASSERT_TRUE(large.ok()) << large.status();
  EXPECT_EQ(engine_->GetMemory("large")->stats.items, 200u);
}

TEST_F(StartupTest, IsStoppedAndNothingIsLost) {
  Open();
  ASSERT_TRUE(Create("largest", DenseSpecOf(8)).ok());
  ASSERT_TRUE(Store({.memory = "largest", .keys = keys_}).ok());
  ASSERT_TRUE(Store({.memory = "largest", .keys = keys_}).ok());
  ASSERT_TRUE(engine_->Close().ok());
  engine_.reset();
  BeginGated();
  absl::Status recovered;
  std::thread recovery([&] { recovered = engine_->Recover(); });
  gate_->WaitUntilReached();
  engine_->StopRecovery();
  gate_->Open();
  recovery.join();
  EXPECT_TRUE(absl::IsCancelled(recovered)) << recovered;
  EXPECT_EQ(Reason(Ask("largest")), "STARTING");
  EXPECT_TRUE(engine_->Close().ok());
  engine_.reset();
  Open();
  EXPECT_EQ(engine_->GetMemory("largest")->stats.items, 200u);
  EXPECT_EQ(engine_->GetMemory("large")->stats.items, 100u);
  EXPECT_EQ(engine_->GetMemory("small")->stats.items, 5u);
}

TEST_F(StartupTest, CloseWaitsForItToStop) {
  BeginGated();
  std::thread recovery([&] { engine_->Recover().IgnoreError(); });
  gate_->WaitUntilReached();
  std::thread closing([&] { EXPECT_TRUE(engine_->Close().ok()); });
  gate_->Open();
  closing.join();
  recovery.join();
  engine_.reset();
  Open();
  EXPECT_EQ(engine_->GetMemory("large")->stats.items, 100u);
}

TEST_F(StartupTest, ADamagedMemoryIsDegradedAndTheOthersServe) {
  Begin(std::make_unique<DamagedStorage>(OpenStorage(), large_));
  ASSERT_TRUE(engine_->Recover().ok());
  EXPECT_TRUE(Ask("small").ok());
  EXPECT_EQ(Reason(Ask("large")), "DEGRADED");
  const auto info = engine_->GetMemory("large");
  EXPECT_EQ(info->health, Health::kDegraded);
  EXPECT_THAT(info->health_reason, ::testing::HasSubstr("row 3"));
  EXPECT_TRUE(engine_->startup().done);
  EXPECT_TRUE(Drop("large").ok());
}

TEST_F(StartupTest, InRecoveryModeMemoriesAreListedAndDroppedNotLoaded) {
  options_.recovery_mode = true;
  // Not one row is read: a memory that breaks the reader can be dropped.
  Begin(std::make_unique<DamagedStorage>(OpenStorage(), large_));
  ASSERT_TRUE(engine_->Recover().ok());
  EXPECT_EQ(engine_->ListMemories("", 10).size(), 2u);
  EXPECT_EQ(engine_->GetMemory("small")->health, Health::kUnloaded);
  EXPECT_TRUE(engine_->startup().recovery_mode);
  EXPECT_EQ(Reason(Ask("small")), "RECOVERY_MODE");
  EXPECT_EQ(Reason(Store({.memory = "small", .keys = keys_}).status()), "RECOVERY_MODE");
  EXPECT_EQ(Reason(Create("new", DenseSpecOf(8)).status()), "RECOVERY_MODE");
  EXPECT_EQ(Reason(Update({.name = "small", .description = "x"}).status()), "RECOVERY_MODE");
  EXPECT_EQ(Reason(engine_->CloneMemory({.source = "small", .name = "copy"}).status()),
            "RECOVERY_MODE");
  EXPECT_TRUE(Await<AliasInfo>([&](auto done) {
                engine_->SetAlias({.alias = "a", .memory = "small"}, done);
              }).ok());
  EXPECT_TRUE(Drop("large").ok());
  EXPECT_TRUE(engine_->Close().ok());
  engine_.reset();
  options_.recovery_mode = false;
  Open();
  EXPECT_EQ(engine_->ListMemories("", 10).size(), 1u);
  EXPECT_TRUE(Ask("a").ok());
}

TEST_F(StartupTest, WhatACopyThatWasCutShortLeftIsDropped) {
  constexpr MemoryUid kOrphan = 4711;
  {
    const std::unique_ptr<storage::Storage> storage = OpenStorage();
    ASSERT_TRUE(storage->CopyMemory(*storage, large_, kOrphan, "", nullptr).ok());
    ASSERT_EQ(storage->FindOrphans()->size(), 1u);
  }
  Open();
  EXPECT_TRUE(engine_->Close().ok());
  engine_.reset();
  const std::unique_ptr<storage::Storage> storage = OpenStorage();
  EXPECT_TRUE(storage->FindOrphans()->empty());
  EXPECT_EQ(*storage->NextRow(kOrphan), 0u);
  EXPECT_EQ(*storage->NextRow(large_), 100u);
}

// What was replayed once at length is in a checkpoint, and is not replayed again.
TEST_F(EngineTest, ALongReplayWritesACheckpoint) {
  constexpr size_t kBatch = 2'048, kBatches = 9;  // more than kReplayRowsLong together
  const Matrix keys = UnitRows(kBatch, 4, 5), responses = UnitRows(kBatch, 3, 6);
  ASSERT_TRUE(Create("m", LinearSpecOf(4, 3, models::LinearRule::kCmm)).ok());
  for (size_t i = 0; i < kBatches; ++i) {
    ASSERT_TRUE(Store({.memory = "m",
                       .keys = keys,
                       .responses = responses,
                       .ids = Numbers(1 + i * kBatch, kBatch)})
                    .ok());
  }
  EXPECT_EQ(engine_->GetMemory("m")->checkpoint_position, 0u);
  Reopen(/*clean=*/false);
  const auto info = engine_->GetMemory("m");
  EXPECT_EQ(info->position, kBatches);
  EXPECT_EQ(info->checkpoint_position, kBatches);
  EXPECT_EQ(engine_->UsageOf("m")->log_records, 0u);
}

}  // namespace
}  // namespace mneme::engine
