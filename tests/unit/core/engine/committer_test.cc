// Groups, refusals and the end of the log, with writes and a storage made for the test.
#include "core/engine/committer.h"

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>

#include "core/base/status.h"
#include "core/engine/limits.h"
#include "core/engine/ops.h"
#include "gtest/gtest.h"

namespace mneme::engine {
namespace {

class EmptyBatch final : public storage::CommitBatch {
 public:
  void PutMemory(storage::MemoryUid, std::string_view) override {}
  void DropMemory(storage::MemoryUid) override {}
  void AppendLog(storage::MemoryUid, const storage::LogRecord&) override {}
  void PutRow(storage::MemoryUid, const storage::RowView&, const storage::Payload&, bool) override {
  }
  void EraseRow(storage::MemoryUid, uint64_t, const ItemId*) override {}
  void MarkRowRemoved(storage::MemoryUid, const storage::RowView&) override {}
  void PutState(storage::MemoryUid, uint64_t, std::string_view) override { has_state = true; }
  void TrimLog(storage::MemoryUid, uint64_t) override {}
  void PutAlias(const storage::AliasEntry&) override {}
  void EraseAlias(std::string_view) override {}
  void PutRequest(const storage::RequestKey&, const storage::RequestOutcome&) override {}
  void EraseRequest(const storage::RequestKey&) override {}
  size_t bytes() const override { return 0; }

  bool has_state = false;
};

// Commits to nowhere; waits at a gate; fails when told to.
class GatedStorage final : public storage::Storage {
 public:
  std::unique_ptr<storage::CommitBatch> NewBatch() const override {
    return std::make_unique<EmptyBatch>();
  }
  absl::Status Commit(std::unique_ptr<storage::CommitBatch> batch, Sync sync) override {
    last_sync = sync;
    std::unique_lock<std::mutex> lock(mutex);
    const int own = ++entered;
    changed.notify_all();
    changed.wait(lock, [&] { return allowed >= own; });
    const bool grows = static_cast<EmptyBatch&>(*batch).has_state;
    if (full && grows) return ResourceExhausted("no room", {.reason = "FULL"});
    return fail ? Unavailable("fsync failed", {.reason = "LOG_IN_DOUBT"}) : absl::OkStatus();
  }
  absl::Status Flush() override { return absl::OkStatus(); }
  absl::Status FlushTables() override { return absl::OkStatus(); }
  absl::StatusOr<std::vector<CatalogueEntry>> ReadCatalogue() const override {
    return std::vector<CatalogueEntry>();
  }
  absl::Status ReadLog(
      storage::MemoryUid, uint64_t,
      const std::function<absl::Status(const storage::LogRecord&)>&) const override {
    return absl::OkStatus();
  }
  absl::StatusOr<uint64_t> LastPosition(storage::MemoryUid) const override { return 0; }
  absl::Status ScanRows(
      storage::MemoryUid, uint64_t, uint64_t,
      const std::function<absl::Status(const storage::RowView&)>&) const override {
    return absl::OkStatus();
  }
  absl::StatusOr<uint64_t> NextRow(storage::MemoryUid) const override { return 0; }
  absl::StatusOr<std::vector<std::optional<uint64_t>>> FindIds(
      storage::MemoryUid, std::span<const ItemId> ids) const override {
    return std::vector<std::optional<uint64_t>>(ids.size());
  }
  absl::Status ReadRow(storage::MemoryUid, uint64_t,
                       const std::function<absl::Status(const storage::RowView&)>&) const override {
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<storage::OwnedPayload>> ReadPayloads(
      storage::MemoryUid, std::span<const uint64_t> rows) const override {
    return std::vector<storage::OwnedPayload>(rows.size());
  }
  absl::StatusOr<std::optional<storage::StateBlob>> ReadState(storage::MemoryUid) const override {
    return std::optional<storage::StateBlob>();
  }
  absl::StatusOr<std::optional<storage::RequestOutcome>> FindRequest(
      const storage::RequestKey&) const override {
    return std::optional<storage::RequestOutcome>();
  }
  absl::StatusOr<uint64_t> ExpireRequests(int64_t, uint64_t) override { return 0; }
  absl::StatusOr<std::vector<storage::AliasEntry>> ReadAliases() const override {
    return std::vector<storage::AliasEntry>();
  }
  absl::StatusOr<std::vector<storage::MemoryUid>> FindOrphans() const override {
    return std::vector<storage::MemoryUid>();
  }
  absl::StatusOr<bool> IsUsed(storage::MemoryUid) const override { return false; }
  absl::Status ScanAttributes(
      storage::MemoryUid,
      const std::function<absl::Status(uint64_t, std::string_view)>&) const override {
    return absl::OkStatus();
  }
  absl::Status CopyMemory(const storage::Storage&, storage::MemoryUid, storage::MemoryUid,
                          std::string_view, const storage::ProgressFn&) override {
    return absl::OkStatus();
  }
  std::vector<storage::DiskBytes> MemoryDiskBytes(storage::MemoryUid) const override { return {}; }
  uint64_t disk_bytes() const override { return 0; }
  absl::StatusOr<uint64_t> FreeDiskBytes() const override {
    ++disk_checks;
    return free_disk_bytes.load();
  }
  absl::Status Verify(const std::function<void(const storage::Damage&)>&,
                      const storage::ProgressFn&) const override {
    return absl::OkStatus();
  }
  storage::StorageCounters counters() const override { return {}; }

  // Until the n-th commit is under way; until n commits may go on.
  void WaitEntered(int n) {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return entered >= n; });
  }
  void Allow(int n) {
    std::unique_lock<std::mutex> lock(mutex);
    allowed = n;
    changed.notify_all();
  }
  int commits() {
    std::unique_lock<std::mutex> lock(mutex);
    return entered;
  }

  std::mutex mutex;
  std::condition_variable changed;
  int entered = 0;
  int allowed = 0;
  Sync last_sync = Sync::kMemory;
  std::atomic<bool> fail{false};
  std::atomic<bool> full{false};  // for checkpoints: deletes have room kept aside
  std::atomic<uint64_t> free_disk_bytes{uint64_t{1} << 40};
  mutable std::atomic<int> disk_checks{0};
};

struct Trace {
  std::atomic<int> applied{0};
  std::atomic<int> ok{0};
  std::atomic<int> failed{0};
};

class TestOp final : public WriteOp {
 public:
  TestOp(Trace& trace, Sync sync, absl::StatusOr<Prepared> prepared = Prepared::kReady,
         std::promise<absl::Status>* finished = nullptr)
      : trace_(trace), sync_(sync), prepared_(std::move(prepared)), finished_(finished) {}
  size_t bytes() const override { return 1; }
  Sync sync() const override { return sync_; }
  absl::StatusOr<Prepared> Prepare(CommitGroup&) override {
    absl::StatusOr<Prepared> now = prepared_;
    prepared_ = Prepared::kReady;  // the next group takes it
    return now;
  }
  void Apply() override { ++trace_.applied; }
  void Finish(const absl::Status& status, Sync) override {
    ++(status.ok() ? trace_.ok : trace_.failed);
    if (finished_ != nullptr) finished_->set_value(status);
  }

 private:
  Trace& trace_;
  const Sync sync_;
  absl::StatusOr<Prepared> prepared_;
  std::promise<absl::Status>* finished_;
};

class CommitterTest : public ::testing::Test {
 protected:
  std::unique_ptr<WriteOp> Op(Sync sync = Sync::kMemory,
                              absl::StatusOr<Prepared> prepared = Prepared::kReady,
                              std::promise<absl::Status>* finished = nullptr) {
    return std::make_unique<TestOp>(trace_, sync, std::move(prepared), finished);
  }

  Trace trace_;
  ManualClock clock_;
  GatedStorage storage_;
  std::atomic<int> fatal_{0};
};

TEST_F(CommitterTest, WhatQueuesBehindACommitIsTheNextGroup) {
  Committer committer(storage_, clock_, {.on_fatal = [this](const absl::Status&) { ++fatal_; }});
  committer.Submit(Op());
  storage_.WaitEntered(1);
  std::promise<absl::Status> last;
  for (int i = 0; i < 9; ++i) committer.Submit(Op());
  committer.Submit(Op(Sync::kDisk, Prepared::kReady, &last));
  storage_.Allow(2);
  EXPECT_TRUE(last.get_future().get().ok());
  EXPECT_EQ(storage_.commits(), 2);
  EXPECT_EQ(storage_.last_sync, Sync::kDisk);  // the strictest of the group
  committer.Stop();
  EXPECT_EQ(trace_.ok, 11);
  EXPECT_EQ(committer.counters().group_writes_max, 10u);
  EXPECT_EQ(committer.counters().syncs, 1u);
}

TEST_F(CommitterTest, WhatComesWhileItGivesWayJoinsTheGroup) {
  std::promise<void> scan_begun, scan_over;
  std::atomic<bool> once{false};
  Committer committer(storage_, clock_, {.give_way = [&] {
                        if (once.exchange(true)) return;
                        scan_begun.set_value();
                        scan_over.get_future().wait();
                      }});
  storage_.Allow(1);
  committer.Submit(Op());
  scan_begun.get_future().wait();
  for (int i = 0; i < 9; ++i) committer.Submit(Op());
  EXPECT_EQ(storage_.commits(), 0);
  scan_over.set_value();
  committer.Stop();
  EXPECT_EQ(trace_.ok, 10);
  EXPECT_EQ(committer.counters().group_writes_max, 10u);
}

TEST_F(CommitterTest, ARefusedWriteLeavesTheOthersAlone) {
  Committer committer(storage_, clock_, {.on_fatal = [this](const absl::Status&) { ++fatal_; }});
  std::promise<absl::Status> bad, good;
  committer.Submit(Op());
  storage_.WaitEntered(1);
  committer.Submit(Op(Sync::kDisk, absl::InvalidArgumentError("no"), &bad));
  committer.Submit(Op(Sync::kDisk, Prepared::kReady, &good));
  storage_.Allow(2);
  EXPECT_EQ(bad.get_future().get().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(good.get_future().get().ok());
  EXPECT_EQ(trace_.applied, 2);
}

TEST_F(CommitterTest, AWriteThatMustWaitGoesIntoTheNextGroupInOrder) {
  Committer committer(storage_, clock_, {.on_fatal = [this](const absl::Status&) { ++fatal_; }});
  committer.Submit(Op());
  storage_.WaitEntered(1);
  std::promise<absl::Status> last;
  committer.Submit(Op());
  committer.Submit(Op(Sync::kDisk, Prepared::kNextGroup, &last));
  storage_.Allow(3);
  EXPECT_TRUE(last.get_future().get().ok());
  EXPECT_EQ(storage_.commits(), 3);
}

TEST_F(CommitterTest, AfterAFailedCommitNothingMoreIsAcknowledged) {
  Committer committer(storage_, clock_, {.on_fatal = [this](const absl::Status&) { ++fatal_; }});
  std::promise<absl::Status> first, second, third;
  storage_.fail = true;
  committer.Submit(Op(Sync::kDisk, Prepared::kReady, &first));
  storage_.Allow(1);
  const absl::Status unknown = first.get_future().get();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(GetErrorDetail(unknown)->reason, "OUTCOME_UNKNOWN");
  storage_.fail = false;
  committer.Submit(Op(Sync::kDisk, Prepared::kReady, &second));
  const absl::Status stopped = second.get_future().get();
  EXPECT_EQ(GetErrorDetail(stopped)->reason, "LOG_STOPPED");
  committer.Stop();
  EXPECT_EQ(fatal_, 1);
  EXPECT_EQ(storage_.commits(), 1);  // no second try
  EXPECT_EQ(trace_.applied, 0);
}

TEST_F(CommitterTest, WhatItsCheckpointAloneHoldsIsNeitherSeenNorAcknowledgedWhenThatFails) {
  for (const bool fails : {false, true}) {
    SCOPED_TRACE(fails);
    GatedStorage storage;
    Committer committer(storage, clock_, {.on_fatal = [this](const absl::Status&) { ++fatal_; }});
    const models::MemorySpec spec{.key_dim = 2, .response_dim = 2, .model = models::LinearSpec{}};
    auto memory = std::make_shared<Memory>(MemoryInfo{.name = "m", .uid = 1, .spec = spec},
                                           *models::MakeModel(spec));
    memory->Publish();
    const std::shared_ptr<const models::View> before = memory->published().view;
    std::promise<absl::StatusOr<MemoryInfo>> end;
    committer.Submit(MakeModelOp(
        memory, [](Memory&) { return absl::OkStatus(); }, /*checkpoint=*/true,
        [&end](absl::StatusOr<MemoryInfo> info) { end.set_value(std::move(info)); }));
    storage.Allow(1);
    storage.WaitEntered(2);  // the checkpoint
    storage.fail = fails;
    storage.Allow(2);
    const absl::StatusOr<MemoryInfo> info = end.get_future().get();
    EXPECT_EQ(storage.last_sync, Sync::kDisk);
    EXPECT_EQ(info.ok(), !fails);
    EXPECT_EQ(memory->published().view == before, fails);
    EXPECT_EQ(fatal_, fails ? 1 : 0);
    if (fails) {
      EXPECT_EQ(GetErrorDetail(info.status())->reason, "OUTCOME_UNKNOWN");
    }
  }
}

// What was learned is on its way to a disk that is full. A delete that is acknowledged is seen.
TEST_F(CommitterTest, AMemoryThatOwesACheckpointTakesNoWriteBeforeItIsWritten) {
  Committer committer(storage_, clock_, {.on_fatal = [this](const absl::Status&) { ++fatal_; }});
  const models::MemorySpec spec{.key_dim = 2, .response_dim = 2, .model = models::LinearSpec{}};
  auto memory = std::make_shared<Memory>(MemoryInfo{.name = "m", .uid = 1, .spec = spec},
                                         *models::MakeModel(spec));
  memory->Publish();
  const std::shared_ptr<const models::View> before = memory->published().view;
  std::promise<absl::StatusOr<MemoryInfo>> learned;
  committer.Submit(MakeModelOp(
      memory, [](Memory&) { return absl::OkStatus(); }, /*checkpoint=*/true,
      [&learned](absl::StatusOr<MemoryInfo> info) { learned.set_value(std::move(info)); }));
  storage_.Allow(1);
  storage_.WaitEntered(2);  // the checkpoint
  storage_.full = true;
  storage_.Allow(1'000);
  EXPECT_FALSE(learned.get_future().get().ok());

  const auto forget = [&] {
    std::promise<absl::StatusOr<WriteReply>> done;
    committer.Submit(MakeDeleteOp(
        memory, {.memory = "m", .ids = {ItemId("gone")}, .allow_missing = true},
        [&done](absl::StatusOr<WriteReply> reply) { done.set_value(std::move(reply)); }));
    return done.get_future().get().status();
  };
  EXPECT_EQ(GetErrorDetail(forget())->reason, "FULL");
  EXPECT_EQ(memory->published().view, before);
  storage_.full = false;
  EXPECT_EQ(GetErrorDetail(forget())->reason, "FULL");  // not asked for at every write
  clock_.Advance(kDiskCheckMs * 1'000'000);
  EXPECT_TRUE(forget().ok());
  EXPECT_NE(memory->published().view, before);
  EXPECT_FALSE(memory->checkpoint_due);
  EXPECT_EQ(fatal_, 0);
}

TEST_F(CommitterTest, WhatWasWrittenBeforeACheckpointThatMayFailIsInAGroupBeforeIt) {
  Committer committer(storage_, clock_, {});
  const models::MemorySpec spec{.key_dim = 2, .response_dim = 2, .model = models::LinearSpec{}};
  auto memory = std::make_shared<Memory>(MemoryInfo{.name = "m", .uid = 1, .spec = spec},
                                         *models::MakeModel(spec));
  committer.Submit(Op());
  storage_.WaitEntered(1);  // what comes now is queued
  int commits_at_delete = 0;
  committer.Submit(MakeDeleteOp(memory,
                                {.memory = "m", .ids = {ItemId("gone")}, .allow_missing = true},
                                [&](absl::StatusOr<WriteReply> reply) {
                                  EXPECT_TRUE(reply.ok());
                                  commits_at_delete = storage_.commits();
                                }));
  committer.Submit(MakeModelOp(
      memory, [](Memory&) { return absl::OkStatus(); }, /*checkpoint=*/true,
      [](absl::StatusOr<MemoryInfo> info) { EXPECT_TRUE(info.ok()); }));
  storage_.Allow(1'000);
  committer.Stop();
  EXPECT_EQ(commits_at_delete, 2);
  EXPECT_EQ(storage_.commits(), 4);  // the first, the delete, what was learned, its checkpoint
}

TEST_F(CommitterTest, AFullQueueIsBusyWithAdvice) {
  Committer committer(storage_, clock_, {.on_fatal = [this](const absl::Status&) { ++fatal_; }});
  committer.Submit(Op());
  storage_.WaitEntered(1);
  for (size_t i = 0; i < kPendingWritesMax; ++i) committer.Submit(Op());
  std::promise<absl::Status> refused;
  committer.Submit(Op(Sync::kDisk, Prepared::kReady, &refused));
  const absl::Status busy = refused.get_future().get();
  EXPECT_EQ(busy.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(GetErrorDetail(busy)->reason, "BUSY");
  EXPECT_GE(GetErrorDetail(busy)->retry_after_ms, 0);
  storage_.Allow(1'000);
  committer.Stop();
  EXPECT_EQ(trace_.ok, static_cast<int>(kPendingWritesMax) + 1);
  EXPECT_EQ(storage_.commits(), 1 + static_cast<int>(kPendingWritesMax / kGroupWritesMax));
}

TEST_F(CommitterTest, TheBytesThatMayWaitCanBeFewer) {
  Committer committer(storage_, clock_, {.pending_bytes_max = 3});
  committer.Submit(Op());
  storage_.WaitEntered(1);
  for (int i = 0; i < 3; ++i) committer.Submit(Op());  // a byte each
  std::promise<absl::Status> refused;
  committer.Submit(Op(Sync::kDisk, Prepared::kReady, &refused));
  EXPECT_EQ(GetErrorDetail(refused.get_future().get())->reason, "BUSY");
  storage_.Allow(1'000);
}

TEST_F(CommitterTest, FreeDiskIsAskedForNowAndThenAndNotAtEveryCommit) {
  storage_.Allow(1'000);
  Committer committer(storage_, clock_, {.disk_bytes_reserve = 10});
  const auto write = [&] {
    std::promise<absl::Status> done;
    committer.Submit(Op(Sync::kDisk, Prepared::kReady, &done));
    EXPECT_TRUE(done.get_future().get().ok());
  };
  for (int i = 0; i < 10; ++i) write();
  EXPECT_EQ(storage_.disk_checks, 1);
  clock_.Advance(kDiskCheckMs * 1'000'000);
  for (int i = 0; i < 10; ++i) write();
  EXPECT_EQ(storage_.disk_checks, 2);
}

TEST_F(CommitterTest, StopFinishesWhatIsQueuedAndRefusesTheRest) {
  Committer committer(storage_, clock_, {.on_fatal = [this](const absl::Status&) { ++fatal_; }});
  committer.Submit(Op());
  storage_.Allow(1);
  committer.Stop();
  std::promise<absl::Status> late;
  committer.Submit(Op(Sync::kDisk, Prepared::kReady, &late));
  EXPECT_EQ(GetErrorDetail(late.get_future().get())->reason, "STOPPING");
  EXPECT_EQ(trace_.ok, 1);
}

}  // namespace
}  // namespace mneme::engine
