// The one writer: merges the writes that are queued, of all memories, into one commit; applies them
// in order; publishes; answers.
//
//   Submit ─► queue ─► [ Prepare each: check, number, add to the batch ] ─► Commit (one fsync) ─► [
//   Apply each ] ─► Publish
//                                                                                              ─► [
//                                                                                              Finish
//                                                                                              each
//                                                                                              ]
//
// While one group is on its way to the disk the next one gathers, so the more writers wait, the
// larger the group and the fewer fsyncs a write costs. No lock is held over disk or arithmetic.
//
// A write that fails in Prepare has changed nothing. A Commit that finds no room on the disk has
// changed nothing either: the memories are taken back to where they were, the writes of the group
// end with ResourceExhausted (FULL), and what grows is refused until there is room. After any other
// failed Commit the outcome of the group is unknown: its writes end with Unavailable
// (OUTCOME_UNKNOWN), every later one with Unavailable (LOG_STOPPED), and `on_fatal` is called once.
//
// Thread-safe.
#ifndef MNEME_CORE_ENGINE_COMMITTER_H_
#define MNEME_CORE_ENGINE_COMMITTER_H_

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/engine/limits.h"
#include "core/engine/memory.h"
#include "core/engine/timeline.h"
#include "core/engine/types.h"
#include "core/storage/storage.h"

namespace mneme::engine {

// What the writes of one commit share while they are prepared.
struct CommitGroup {
  storage::Storage& storage;
  storage::CommitBatch& batch;
  int64_t now_unix_nanos = 0;
  size_t memories_created = 0;
  absl::Status disk;  // ResourceExhausted (FULL) while free disk is short: nothing may grow
  // Ids, request ids and names that a write of this group has touched: a second one waits for the
  // next group, because what it must look up is not on disk yet.
  absl::flat_hash_set<std::string> touched;
  std::vector<std::shared_ptr<Memory>> memories;  // to maintain and publish; may repeat
  // What the memories had given out before; each is to be noted before it gives out more.
  absl::flat_hash_map<std::shared_ptr<Memory>, Memory::GivenOut> given_out;
};

enum class Prepared { kReady, kNextGroup };

// One write, of any kind. Called by the committer's thread only, in the order Prepare, Apply,
// Finish.
class WriteOp {
 public:
  virtual ~WriteOp() = default;
  virtual size_t bytes() const = 0;
  virtual Sync sync() const { return Sync::kDisk; }
  // Of the call, until Finish; null: nobody asks.
  virtual Timeline* timeline() const { return nullptr; }
  // It makes the server hold more: refused in Prepare while CommitGroup::disk is not OK.
  virtual bool grows() const { return false; }
  // Checks against the state as it is and adds to the batch. An error, or kNextGroup, means that
  // nothing was added.
  virtual absl::StatusOr<Prepared> Prepare(CommitGroup& group) = 0;
  // After the commit. An error is a bug or a damaged model: the memory is degraded by the op
  // itself.
  virtual void Apply() = 0;
  // Answers the caller. `reached`: how safe the commit is.
  virtual void Finish(const absl::Status& status, Sync reached) = 0;
};

struct CommitterOptions {
  size_t pending_bytes_max = kPendingWriteBytesMax;
  uint64_t disk_bytes_reserve = 0;  // less free disk than this is short
  // Called before each group is taken, on the committer's thread. May wait a little: what is
  // submitted meanwhile joins the group.
  std::function<void()> give_way = [] {};
  // Called once, on the committer's thread, when the log is in doubt.
  std::function<void(const absl::Status&)> on_fatal = [](const absl::Status&) {};
};

class Committer {
 public:
  Committer(storage::Storage& storage, const Clock& clock, CommitterOptions options);
  ~Committer();  // Stop()

  // Queues the write; its Finish is called exactly once, at once when the queue is full or the
  // committer has stopped.
  void Submit(std::unique_ptr<WriteOp> op);
  // Finishes what is queued, then ends the thread. Later writes are refused.
  void Stop();

  EngineCounters counters() const;
  // Why the log has stopped; OK while it has not.
  absl::Status fatal() const;

 private:
  using Ops = std::vector<std::unique_ptr<WriteOp>>;

  void Run();
  // Takes ops until the group is full; false when stopped and empty.
  // Waits until there is a write; false once there is none and this was stopped.
  bool WaitQueued();
  void TakeQueued(Ops* ops);
  void CommitOps(Ops ops);
  void CountCommit(size_t writes, Sync sync, int64_t nanos);
  // OK, or why nothing may grow; asks the storage every kDiskCheckMs.
  const absl::Status& CheckDisk();
  // Nothing grows until the storage is asked again.
  void NoteFull(const absl::Status& full);
  void PublishGroup(CommitGroup& group);
  void PublishMemory(const std::shared_ptr<Memory>& memory);
  // Publishes the memories whose checkpoints found the disk full, once it is not. While a memory
  // owes one, Memory::checkpoint_due is set and CommitGroup::disk is not OK.
  void SettleOwed();
  void ExpireRequests();
  void FailAll(Ops& ops, const absl::Status& status);
  // Ends a lap of each.
  static void Pass(const Ops& ops, std::string_view lap);
  // The log is in doubt: nothing more is acknowledged.
  void GoFatal(const absl::Status& status);

  storage::Storage& storage_;
  const Clock& clock_;
  const CommitterOptions options_;

  mutable Mutex mutex_;
  CondVar wake_;
  std::deque<std::unique_ptr<WriteOp>> queue_ ABSL_GUARDED_BY(mutex_);
  size_t queue_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  EngineCounters counters_ ABSL_GUARDED_BY(mutex_);
  absl::Status fatal_ ABSL_GUARDED_BY(mutex_);
  // The thread's own.
  int64_t next_expiry_nanos_ = 0;
  std::optional<int64_t> next_disk_check_nanos_;  // never checked yet
  absl::Status disk_;
  std::vector<std::shared_ptr<Memory>> owed_;  // a checkpoint each; see SettleOwed
  std::thread thread_;                         // last: starts when all else is there
};

// Writes a checkpoint of a memory's model: everything up to its applied position. The writer's
// thread only.
absl::Status WriteCheckpoint(storage::Storage& storage, Memory& memory, Sync sync);

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_COMMITTER_H_
