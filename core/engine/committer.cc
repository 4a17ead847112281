#include "core/engine/committer.h"

#include <algorithm>
#include <utility>

#include "core/base/fail_point.h"
#include "core/engine/catalogue_entry.h"
#include "core/engine/limits.h"

namespace mneme::engine {
namespace {

constexpr int64_t kExpiryIntervalNanos = 60ll * 1'000'000'000;
// The record of the group is written; with the first, it is on stable storage, too.
constexpr std::string_view kSyncedLap = "commit.fsync";
constexpr std::string_view kWrittenLap = "commit";

absl::Status Busy(size_t waiting, size_t bytes_max) {
  return ResourceExhausted(
      absl::StrFormat("%d writes are waiting already", waiting),
      {.reason = "BUSY",
       .given = absl::StrCat(waiting + 1, " writes in flight"),
       .expected = absl::StrCat("at most ", kPendingWritesMax, " writes or ", bytes_max, " bytes"),
       .next_step = "Wait and retry; send larger batches rather than more of them.",
       .retry_after_ms = kBusyRetryMs});
}

absl::Status DiskFull(uint64_t free, uint64_t reserve) {
  return ResourceExhausted(
      absl::StrFormat("the disk is nearly full: %d bytes are free, %d are kept in reserve", free,
                      reserve),
      {.reason = "FULL",
       .given = absl::StrFormat("%d bytes of free disk", free),
       .expected = absl::StrFormat("at least %d", reserve),
       .next_step = "Free disk, or delete items or memories: reads and deletes go on, and writes "
                    "come back by themselves.",
       .retry_after_ms = kDiskRetryMs});
}

absl::Status Stopped(const absl::Status& cause) {
  return Unavailable(
      cause.ok() ? std::string("the server is stopping; the write was not done")
                 : absl::StrCat("the log has stopped; the write was not done: ", cause.message()),
      {.reason = cause.ok() ? "STOPPING" : "LOG_STOPPED",
       .next_step = "Retry with the same request id once the server is back."});
}

}  // namespace

Committer::Committer(storage::Storage& storage, const Clock& clock, CommitterOptions options)
    : storage_(storage), clock_(clock), options_(std::move(options)), thread_([this] { Run(); }) {}

Committer::~Committer() { Stop(); }

void Committer::Submit(std::unique_ptr<WriteOp> op) {
  absl::Status refused;
  {
    MutexLock lock(&mutex_);
    if (stopping_ || !fatal_.ok()) {
      refused = Stopped(fatal_);
    } else if (queue_.size() >= kPendingWritesMax ||
               (!queue_.empty() && queue_bytes_ + op->bytes() > options_.pending_bytes_max)) {
      refused = Busy(queue_.size(), options_.pending_bytes_max);
    } else {
      queue_bytes_ += op->bytes();
      queue_.push_back(std::move(op));
      wake_.NotifyOne();
      return;
    }
  }
  op->Finish(refused, Sync::kMemory);
}

void Committer::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

absl::Status Committer::fatal() const {
  MutexLock lock(&mutex_);
  return fatal_;
}

EngineCounters Committer::counters() const {
  MutexLock lock(&mutex_);
  EngineCounters out = counters_;
  out.writes_waiting = queue_.size();
  out.write_bytes_waiting = queue_bytes_;
  return out;
}

bool Committer::WaitQueued() {
  MutexLock lock(&mutex_);
  while (queue_.empty() && !stopping_) wake_.Wait(&mutex_);
  return !queue_.empty();
}

void Committer::TakeQueued(Ops* ops) {
  MutexLock lock(&mutex_);
  size_t bytes = 0;
  while (!queue_.empty() && ops->size() < kGroupWritesMax) {
    const size_t op_bytes = queue_.front()->bytes();
    if (!ops->empty() && bytes + op_bytes > kGroupBytesMax) break;
    bytes += op_bytes;
    ops->push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  queue_bytes_ -= bytes;
}

void Committer::Run() {
  Ops ops;
  while (WaitQueued()) {
    options_.give_way();
    TakeQueued(&ops);
    Pass(ops, "queue");
    absl::Status fatal;
    {
      MutexLock lock(&mutex_);
      fatal = fatal_;
    }
    if (fatal.ok()) {
      CommitOps(std::move(ops));
    } else {
      FailAll(ops, Stopped(fatal));
    }
    ops.clear();
  }
}

void Committer::FailAll(Ops& ops, const absl::Status& status) {
  for (auto& op : ops) op->Finish(status, Sync::kMemory);
  ops.clear();
}

void Committer::Pass(const Ops& ops, std::string_view lap) {
  for (const auto& op : ops) {
    if (Timeline* const timeline = op->timeline(); timeline != nullptr) timeline->Pass(lap);
  }
}

void Committer::GoFatal(const absl::Status& status) {
  {
    MutexLock lock(&mutex_);
    if (!fatal_.ok()) return;
    fatal_ = status;
  }
  options_.on_fatal(status);
}

void Committer::CommitOps(Ops ops) {
  size_t next = 0;
  while (next < ops.size()) {
    SettleOwed();
    std::unique_ptr<storage::CommitBatch> batch = storage_.NewBatch();
    CommitGroup group{
        .storage = storage_, .batch = *batch, .now_unix_nanos = clock_.NowUnixNanos()};
    group.disk = CheckDisk();
    Ops ready;
    Sync sync = Sync::kMemory;
    for (; next < ops.size(); ++next) {
      absl::StatusOr<Prepared> prepared = ops[next]->Prepare(group);
      if (!prepared.ok()) {
        ops[next]->Finish(prepared.status(), Sync::kMemory);
        continue;
      }
      if (*prepared == Prepared::kNextGroup) break;
      sync = std::max(sync, ops[next]->sync());
      ready.push_back(std::move(ops[next]));
    }
    if (ready.empty()) continue;

    Pass(ready, "prepare");
    const int64_t begin_nanos = clock_.NowMonotonicNanos();
    absl::Status committed = storage_.Commit(std::move(batch), sync);
    if (absl::IsResourceExhausted(committed)) {
      for (auto& [memory, before] : group.given_out) memory->TakeBack(before);
      NoteFull(committed);
      FailAll(ready, committed);
      continue;
    }
    if (!committed.ok()) {
      GoFatal(committed);
      FailAll(ready,
              Unavailable(
                  absl::StrCat("it is not known whether the write was done: ", committed.message()),
                  {.reason = "OUTCOME_UNKNOWN",
                   .next_step = "Retry with the same request id once the server is back."}));
      Ops rest;
      for (; next < ops.size(); ++next) rest.push_back(std::move(ops[next]));
      FailAll(rest, Stopped(committed));
      return;
    }
    CountCommit(ready.size(), sync, clock_.NowMonotonicNanos() - begin_nanos);
    Pass(ready, sync == Sync::kDisk ? kSyncedLap : kWrittenLap);
    MNEME_PASS_FAIL_POINT("commit.before_apply");
    for (auto& op : ready) op->Apply();
    Pass(ready, "apply");
    MNEME_PASS_FAIL_POINT("commit.before_publish");
    PublishGroup(group);
    Pass(ready, "publish");
    MNEME_PASS_FAIL_POINT("commit.before_answer");
    for (auto& op : ready) op->Finish(absl::OkStatus(), sync);
  }
  if (clock_.NowMonotonicNanos() >= next_expiry_nanos_) ExpireRequests();
}

void Committer::CountCommit(size_t writes, Sync sync, int64_t nanos) {
  const auto place = [](const auto& bounds, auto value) {
    return static_cast<size_t>(std::lower_bound(bounds.begin(), bounds.end(), value) -
                               bounds.begin());
  };
  MutexLock lock(&mutex_);
  ++counters_.commits;
  counters_.syncs += sync == Sync::kDisk;
  counters_.writes += writes;
  counters_.group_writes_max = std::max<uint64_t>(counters_.group_writes_max, writes);
  counters_.commit_nanos += static_cast<uint64_t>(nanos);
  ++counters_.commit_times[place(kCommitNanos, nanos)];
  ++counters_.group_writes[place(kGroupWrites, uint64_t{writes})];
}

const absl::Status& Committer::CheckDisk() {
  const int64_t now = clock_.NowMonotonicNanos();
  if (next_disk_check_nanos_.has_value() && now < *next_disk_check_nanos_) return disk_;
  next_disk_check_nanos_ = now + kDiskCheckMs * 1'000'000;
  const absl::StatusOr<uint64_t> free = storage_.FreeDiskBytes();
  // Where it cannot be told, the write itself will show.
  const bool full = free.ok() && *free < options_.disk_bytes_reserve;
  disk_ = full ? DiskFull(*free, options_.disk_bytes_reserve) : absl::OkStatus();
  return disk_;
}

void Committer::NoteFull(const absl::Status& full) {
  disk_ = full;
  next_disk_check_nanos_ = clock_.NowMonotonicNanos() + kDiskCheckMs * 1'000'000;
}

// A failure leaves outcomes for the next round; a broken log shows itself at the next commit.
void Committer::ExpireRequests() {
  const absl::StatusOr<uint64_t> dropped =
      storage_.ExpireRequests(clock_.NowUnixNanos() - kRequestRetentionNanos, kRequestsExpiredMax);
  // A sweep that was full has more to do: many keyed writes a second must not outrun it.
  const bool more = dropped.ok() && *dropped > kRequestsExpiredMax / 2;
  next_expiry_nanos_ = clock_.NowMonotonicNanos() + (more ? 0 : kExpiryIntervalNanos);
}

void Committer::PublishGroup(CommitGroup& group) {
  std::sort(group.memories.begin(), group.memories.end());
  group.memories.erase(std::unique(group.memories.begin(), group.memories.end()),
                       group.memories.end());
  for (const std::shared_ptr<Memory>& memory : group.memories) PublishMemory(memory);
}

void Committer::PublishMemory(const std::shared_ptr<Memory>& memory) {
  if (memory->dropped() || !memory->CheckServing().ok()) return;
  const bool durable = std::exchange(memory->checkpoint_due, false);
  const bool save = memory->Maintain() || durable;
  // What Maintain found must be repeated by replay, so it is logged before anyone can see it. It
  // needs no fsync of its own: later writes sync it, and if it is lost, so are they, and recovery
  // computes it again from the same rows.
  const bool due = memory->rows_since_checkpoint >= kRowsPerCheckpoint;
  absl::Status written;
  const bool rows_are_state = memory->law() == models::Law::kAnswersAdd;
  // One that is due by its rows may wait for room: the log holds them.
  if (save || (due && !rows_are_state && disk_.ok())) {
    written = WriteCheckpoint(storage_, *memory, durable ? Sync::kDisk : Sync::kOs);
    MutexLock lock(&mutex_);
    ++counters_.checkpoints;
  } else if (due && rows_are_state) {
    // The rows of a scan model are its state: no record of its log is ever read again.
    std::unique_ptr<storage::CommitBatch> batch = storage_.NewBatch();
    batch->TrimLog(memory->uid(), memory->applied_position);
    written = storage_.Commit(std::move(batch), Sync::kOs);
    memory->rows_since_checkpoint = 0;
  }
  if (!written.ok()) {
    NoteFull(written);
    if (!absl::IsResourceExhausted(written)) GoFatal(written);
    // What is nowhere but in this checkpoint must not be seen: its op answers that it failed.
    if (durable) {
      memory->checkpoint_due = true;
      owed_.push_back(memory);
      return;
    }
  }
  memory->Publish();
}

void Committer::SettleOwed() {
  if (owed_.empty() || !CheckDisk().ok()) return;
  std::vector<std::shared_ptr<Memory>> owed;
  owed.swap(owed_);
  for (const std::shared_ptr<Memory>& memory : owed) PublishMemory(memory);
}

absl::Status WriteCheckpoint(storage::Storage& storage, Memory& memory, Sync sync) {
  constexpr size_t kRowsPerBatch = 1'024;
  std::unique_ptr<storage::CommitBatch> batch = storage.NewBatch();
  batch->PutState(memory.uid(), memory.applied_position,
                  EncodeCheckpoint(memory.next_row, memory.SaveModel()));
  batch->TrimLog(memory.uid(), memory.applied_position);
  for (uint64_t row : memory.removed_rows) batch->EraseRow(memory.uid(), row, nullptr);
  MNEME_PASS_FAIL_POINT("checkpoint.before_commit");
  MNEME_RETURN_IF_ERROR(storage.Commit(std::move(batch), sync));
  MNEME_PASS_FAIL_POINT("checkpoint.after_commit");
  memory.removed_rows.clear();

  // Rows (or keys) that the memory's retain does not keep leave the disk now that the checkpoint
  // covers them. Each batch may be lost: the first checkpoint after a restart goes over all rows
  // again.
  if (!memory.keeps_keys()) {
    batch = storage.NewBatch();
    size_t pending = 0;
    MNEME_RETURN_IF_ERROR(storage.ScanRows(
        memory.uid(), memory.purged_row, memory.next_row,
        [&](const storage::RowView& row) -> absl::Status {
          if (memory.keeps_ids()) {
            if (row.key.empty()) return absl::OkStatus();
            storage::RowView kept = row;
            kept.key = {};
            batch->PutRow(memory.uid(), kept, {}, /*keep_id=*/false);
          } else {
            batch->EraseRow(memory.uid(), row.row, nullptr);
          }
          if (++pending < kRowsPerBatch) return absl::OkStatus();
          pending = 0;
          MNEME_PASS_FAIL_POINT("checkpoint.purge");
          std::unique_ptr<storage::CommitBatch> full = std::exchange(batch, storage.NewBatch());
          return storage.Commit(std::move(full), sync);
        }));
    if (pending > 0) MNEME_RETURN_IF_ERROR(storage.Commit(std::move(batch), sync));
  }
  memory.checkpoint_position = memory.applied_position;
  memory.checkpoint_next_row = memory.next_row;
  memory.purged_row = memory.next_row;
  memory.rows_since_checkpoint = 0;
  return absl::OkStatus();
}

}  // namespace mneme::engine
