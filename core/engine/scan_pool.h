// Answers cues that are too dear for the thread that received them.
//
// What queues behind a running scan of a memory becomes its next batch: cues of the same view and
// spec are answered together, by one pass. Threads work in slices of about 200 us, round-robin over
// the batches under way, so that a cheap cue never waits for a whole scan of another memory. There
// is no timed window: an idle pool starts at once.
//
//   Submit ─► pending ─► [ batch: Begin ─► slices: Probe ... Probe ─► merge, Settle ─► next stage |
//   done ] ─► done callbacks
//
// Thread-safe. Deadlines and cancellation are looked at between slices. The mutex is held for
// bookkeeping only.
#ifndef MNEME_CORE_ENGINE_SCAN_POOL_H_
#define MNEME_CORE_ENGINE_SCAN_POOL_H_

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/engine/timeline.h"
#include "core/engine/types.h"

namespace mneme::engine {

// Estimated time of all parts of the present stage on one thread, in microseconds.
double EstimateMicros(const models::Query& query);

// Runs a query to its end on the calling thread. `timeline`: takes its passes; may be null.
absl::StatusOr<models::Answer> RunQuery(models::Query& query,
                                        const std::function<bool()>& cancelled,
                                        Timeline* timeline = nullptr);

struct ScanTask {
  std::shared_ptr<const models::View> view;
  models::CueBatch cues;  // borrowed until done
  models::QuerySpec spec;
  std::function<bool()> cancelled;  // may be empty
  Done<models::Answer> done;
  Timeline* timeline = nullptr;  // borrowed until done
};

class ScanPool {
 public:
  // `nice`: added to the scheduling priority of the threads (0 leaves it).
  ScanPool(int threads, int nice);
  ~ScanPool();  // Stop()

  // done is called exactly once, on a pool thread (or at once when the queue is full: BUSY, or
  // after Stop).
  void Submit(ScanTask task);
  // Fails what is pending, finishes what runs, ends the threads. Later tasks are refused with
  // STOPPING.
  void Stop();
  // Returns once nothing waits and nothing runs, or after `most`, or a little earlier.
  void WaitIdle(std::chrono::nanoseconds most);
  // Nothing waits and nothing runs: a cheap cue may as well run where it is.
  bool idle() const { return cues_in_flight() == 0; }
  // That wait, or are being answered.
  size_t cues_in_flight() const { return cues_in_flight_.load(std::memory_order_relaxed); }

  struct Counters {
    uint64_t cues = 0;
    uint64_t batches = 0;
  };
  Counters counters() const;
  int threads() const { return static_cast<int>(threads_.size()); }

 private:
  struct Batch;

  void Run(size_t worker);
  // A batch with work for this thread, or null; makes new batches out of pending tasks.
  std::shared_ptr<Batch> NextBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::shared_ptr<Batch> GatherBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Work(const std::shared_ptr<Batch>& batch, size_t worker);
  void Begin(Batch& batch);
  void LetGo(Batch& batch);
  void FinishStage(Batch& batch);
  void Answer(Batch& batch, absl::StatusOr<models::Answer> answer);

  mutable Mutex mutex_;
  CondVar wake_;
  CondVar idle_;  // there is no task any more
  std::deque<ScanTask> pending_ ABSL_GUARDED_BY(mutex_);
  std::list<std::shared_ptr<Batch>> active_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  Counters counters_ ABSL_GUARDED_BY(mutex_);
  std::atomic<size_t> cues_in_flight_{0};
  std::vector<std::thread> threads_;
};

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_SCAN_POOL_H_
