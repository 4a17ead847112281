// Long work beside serving: threads of the lowest priority carry out jobs in the order in which
// they came, one those on indexes, which may be many and nobody waits for, one the analyses, which
// change nothing and may take long, and one all others: backups and copies before trainings.
// Each is an operation that may be watched, waited for and cancelled, while it waits, while it
// runs, and for a while after it ended (kJobsKept of them; main memory only).
//
// One job a memory at a time, besides one on its index and one analysis; the making of a backup is
// a job of "backups/new", so there is one of these at a time too.
//
// Thread-safe. Who waits for a job is called on its thread, or at once, and must not block.
#ifndef MNEME_CORE_ENGINE_JOBS_H_
#define MNEME_CORE_ENGINE_JOBS_H_

#include <array>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "core/analysis/report.h"
#include "core/analysis/sample_ring.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/base/waiters.h"
#include "core/engine/types.h"

namespace mneme::engine {

// Jobs of one kind waiting or running: further ones of it are BUSY, and no other is kept out.
inline constexpr size_t kPendingJobsMax = 64;
// Jobs that ended and can still be looked at; the oldest go first.
inline constexpr size_t kJobsKept = 1'000;
// ... and of these analyses, with their reports and samples.
inline constexpr size_t kAnalysesKept = 64;
// Callers waiting for jobs to end, of all jobs: further ones are BUSY.
inline constexpr size_t kJobWaitersMax = 1'024;

enum class JobKind { kTrain, kClone, kBackup, kRestore, kIndex, kAnalyze };

inline constexpr size_t kJobKinds = static_cast<size_t>(JobKind::kAnalyze) + 1;

struct JobEnds {
  uint64_t done = 0;
  uint64_t cancelled = 0;
  uint64_t failed = 0;
};

// What a job that was carried out gives: a memory (kTrain, kClone, kIndex), or what its kind says.
using JobResult = std::variant<std::monostate, MemoryInfo, BackupInfo, RestoreReply,
                               std::shared_ptr<const analysis::Report>>;

struct JobProgress {
  std::string phase = "queued";
  double share = 0;  // 0 to 1, an estimate
  int steps = 0;
  double loss = 0;
};

// What not every job has.
struct JobExtras {
  std::shared_ptr<analysis::SampleRing> samples = nullptr;  // end with the job
  std::vector<std::string> others = {};
};

struct JobInfo {
  std::string id;
  uint64_t number = 0;  // 1, 2, ... in the order in which they came
  JobKind kind = JobKind::kTrain;
  std::string memory;  // what it is about: a memory, or backups/7, or backups/new
  // Further memories whose names it tells, in its result or in an error.
  std::vector<std::string> others;
  JobProgress progress;
  int64_t start_unix_nanos = 0;
  int64_t expected_end_unix_nanos = 0;  // 0: not known yet
  bool done = false;
  absl::Status status;                            // of a job that is done
  JobResult result;                               // of one that was carried out
  std::shared_ptr<analysis::SampleRing> samples;  // kAnalyze: what it observes

  // All names that it tells, what it is about first.
  std::vector<std::string> names() const;
};

// Is told how the job ended.
using JobWaiter = Waiter<JobInfo>;

class JobRunner {
 public:
  // Tells how far it is; false: stop.
  using Report = std::function<bool(const JobProgress&)>;
  using Work = std::function<absl::StatusOr<JobResult>(const std::string& id, const Report&)>;

  explicit JobRunner(const Clock& clock, int nice);
  ~JobRunner();  // Stop()

  // FailedPrecondition (JOB_RUNNING): the memory has one already. ResourceExhausted (BUSY).
  absl::StatusOr<JobInfo> Submit(JobKind kind, std::string memory, Work work,
                                 JobExtras extras = {});
  // As Submit, but where the memory has a job of this kind already, that one carries out `work` too
  // before it ends, on what is there by then, and ends as `work` does: who asks last is answered
  // for what they asked. Several such works that wait are one, the latest.
  absl::StatusOr<JobInfo> SubmitOrJoin(JobKind kind, std::string memory, Work work);
  absl::StatusOr<JobInfo> Get(std::string_view id) const;  // NotFound
  // Newest first, those that came before the one of this number (0: all), at most `most`.
  std::vector<JobInfo> List(uint64_t before, size_t most) const;
  // Jobs of the kind that wait or run.
  size_t CountPending(JobKind kind) const;
  // How jobs of the kind have ended, since the start.
  JobEnds CountEnded(JobKind kind) const;
  // A job that has ended stays as it is.
  absl::Status Cancel(std::string_view id);
  // FailedPrecondition (JOB_RUNNING) until it has ended.
  absl::Status Forget(std::string_view id);
  // Calls `waiter` once the job has ended, unless he leaves before; at once if it has ended.
  // NotFound; ResourceExhausted (BUSY): too many wait. He is not called after an error.
  absl::Status Wait(std::string_view id, JobWaiter waiter);
  // Cancels what waits and what runs, and refuses more; returns at once.
  void CancelAll();
  // CancelAll, then ends the threads.
  void Stop();

 private:
  struct Job {
    JobInfo info;
    Work work;  // null while it is carried out
    bool cancelled = false;
    bool running = false;
    int64_t run_start_unix_nanos = 0;
  };

  // Carries out the jobs of a lane.
  void Run(int lane);
  bool Note(Job& job, const JobProgress& progress);
  // Ends the job with `result`, unless somebody has joined it: then returns their work, which is
  // to be carried out first. Does nothing to a job that has ended.
  Work End(const std::shared_ptr<Job>& job, absl::StatusOr<JobResult> result);
  // Forgets the oldest of those that have ended.
  void ForgetOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<JobInfo> Add(JobKind kind, std::string memory, Work work, JobExtras extras)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::shared_ptr<Job> Find(std::string_view id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::shared_ptr<Job>> FindOrError(std::string_view id) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock& clock_;
  mutable Mutex mutex_;
  CondVar wake_;
  std::list<std::shared_ptr<Job>> jobs_ ABSL_GUARDED_BY(mutex_);  // newest first
  uint64_t made_ ABSL_GUARDED_BY(mutex_) = 0;
  std::array<JobEnds, kJobKinds> ended_ ABSL_GUARDED_BY(mutex_);
  Waiters<const Job*, JobInfo> waiters_ ABSL_GUARDED_BY(mutex_){kJobWaitersMax};  // for its end
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;  // last: they start when all else is there
};

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_JOBS_H_
