#include "core/engine/jobs.h"
#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/base/status.h"
#include "core/base/turns.h"
#include "core/engine/limits.h"

namespace mneme::engine {
namespace {

// Jobs of one lane are carried out one after another.
constexpr int kLanes = 3;
int LaneOf(JobKind kind) {
  if (kind == JobKind::kIndex) return 1;
  return kind == JobKind::kAnalyze ? 2 : 0;
}

// Of those that wait in a lane, the oldest copy goes before trainings, of which one caller may have
// queued very many.
bool GoesBefore(JobKind kind, JobKind other) {
  return kind != JobKind::kTrain && other == JobKind::kTrain;
}

absl::Status StoppedByUser() {
  return Cancelled("the job was cancelled; nothing was changed",
                   {.reason = "CANCELLED", .next_step = "Start it again when it is wanted."});
}

absl::Status StillRunning(const JobInfo& job, std::string_view next_step) {
  return FailedPrecondition(absl::StrFormat("job '%s' of '%s' is under way", job.id, job.memory),
                            {.reason = "JOB_RUNNING",
                             .given = job.memory,
                             .expected = "a job that has ended",
                             .next_step = std::string(next_step)});
}

absl::Status TooManyWait() {
  return ResourceExhausted("too many callers wait for jobs to end",
                           {.reason = "BUSY",
                            .given = "one more",
                            .expected = absl::StrCat("at most ", kJobWaitersMax),
                            .next_step = "Ask how the job is without waiting, or retry.",
                            .retry_after_ms = kBusyRetryMs});
}

}  // namespace

JobRunner::JobRunner(const Clock& clock, int nice) : clock_(clock) {
  for (int lane = 0; lane < kLanes; ++lane) {
    threads_.emplace_back([this, nice, lane] {
      TakeShortTurns(nice);
      Run(lane);
    });
  }
}

JobRunner::~JobRunner() { Stop(); }

void JobRunner::CancelAll() {
  MutexLock lock(&mutex_);
  stopping_ = true;
  for (const std::shared_ptr<Job>& job : jobs_) job->cancelled = true;
  wake_.NotifyAll();
}

void JobRunner::Stop() {
  CancelAll();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

std::vector<std::string> JobInfo::names() const {
  std::vector<std::string> out = {memory};
  out.insert(out.end(), others.begin(), others.end());
  return out;
}

std::shared_ptr<JobRunner::Job> JobRunner::Find(std::string_view id) const {
  for (const std::shared_ptr<Job>& job : jobs_) {
    if (job->info.id == id) return job;
  }
  return nullptr;
}

absl::StatusOr<std::shared_ptr<JobRunner::Job>> JobRunner::FindOrError(std::string_view id) const {
  std::shared_ptr<Job> job = Find(id);
  if (job != nullptr) return job;
  return NotFound(absl::StrFormat("there is no operation '%s'", AbslView(id)),
                  {.reason = "OPERATION_NOT_FOUND",
                   .given = std::string(id),
                   .expected = "an operation since the server's start",
                   .next_step = "List the operations; after a restart there are none."});
}

absl::StatusOr<JobInfo> JobRunner::Submit(JobKind kind, std::string memory, Work work,
                                          JobExtras extras) {
  MutexLock lock(&mutex_);
  return Add(kind, std::move(memory), std::move(work), std::move(extras));
}

absl::StatusOr<JobInfo> JobRunner::SubmitOrJoin(JobKind kind, std::string memory, Work work) {
  MutexLock lock(&mutex_);
  for (const std::shared_ptr<Job>& job : jobs_) {
    if (job->info.done || job->cancelled || job->info.kind != kind || job->info.memory != memory)
      continue;
    job->work = std::move(work);
    return job->info;
  }
  return Add(kind, std::move(memory), std::move(work), {});
}

absl::StatusOr<JobInfo> JobRunner::Add(JobKind kind, std::string memory, Work work,
                                       JobExtras extras) {
  if (stopping_) {
    return Unavailable("the server is stopping",
                       {.reason = "STOPPING", .next_step = "Retry once it is back."});
  }
  size_t pending = 0;
  for (const std::shared_ptr<Job>& job : jobs_) {
    if (job->info.done) continue;
    if (job->info.kind == kind) ++pending;
    if (job->info.memory == memory && LaneOf(job->info.kind) == LaneOf(kind)) {
      return StillRunning(job->info, "Wait for it, or cancel it first.");
    }
  }
  if (pending >= kPendingJobsMax) {
    return ResourceExhausted("too many jobs of this kind are waiting",
                             {.reason = "BUSY",
                              .given = "one more job",
                              .expected = absl::StrCat("at most ", kPendingJobsMax, " of a kind"),
                              .next_step = "Wait until one has ended, or cancel one.",
                              .retry_after_ms = kBusyRetryMs});
  }
  auto job = std::make_shared<Job>();
  const int64_t now = clock_.NowUnixNanos();
  ++made_;
  job->info = {.id = absl::StrFormat("%x-%x", now, made_),
               .number = made_,
               .kind = kind,
               .memory = std::move(memory),
               .others = std::move(extras.others),
               .start_unix_nanos = now,
               .samples = std::move(extras.samples)};
  job->work = std::move(work);
  jobs_.push_front(job);
  wake_.NotifyAll();
  return job->info;
}

absl::StatusOr<JobInfo> JobRunner::Get(std::string_view id) const {
  MutexLock lock(&mutex_);
  MNEME_ASSIGN_OR_RETURN(const std::shared_ptr<Job> job, FindOrError(id));
  return job->info;
}

std::vector<JobInfo> JobRunner::List(uint64_t before, size_t most) const {
  MutexLock lock(&mutex_);
  std::vector<JobInfo> out;
  for (const std::shared_ptr<Job>& job : jobs_) {
    if (out.size() == most) break;
    if (before == 0 || job->info.number < before) out.push_back(job->info);
  }
  return out;
}

size_t JobRunner::CountPending(JobKind kind) const {
  MutexLock lock(&mutex_);
  return static_cast<size_t>(
      std::count_if(jobs_.begin(), jobs_.end(), [kind](const std::shared_ptr<Job>& job) {
        return job->info.kind == kind && !job->info.done;
      }));
}

JobEnds JobRunner::CountEnded(JobKind kind) const {
  MutexLock lock(&mutex_);
  return ended_[static_cast<size_t>(kind)];
}

absl::Status JobRunner::Cancel(std::string_view id) {
  std::shared_ptr<Job> job;
  {
    MutexLock lock(&mutex_);
    MNEME_ASSIGN_OR_RETURN(job, FindOrError(id));
    job->cancelled = true;
    if (job->info.done || job->running) return absl::OkStatus();
  }
  End(job, StoppedByUser());
  return absl::OkStatus();
}

absl::Status JobRunner::Forget(std::string_view id) {
  MutexLock lock(&mutex_);
  MNEME_ASSIGN_OR_RETURN(const std::shared_ptr<Job> job, FindOrError(id));
  if (!job->info.done) return StillRunning(job->info, "Cancel it first.");
  jobs_.remove(job);
  return absl::OkStatus();
}

absl::Status JobRunner::Wait(std::string_view id, JobWaiter waiter) {
  JobInfo info;
  {
    MutexLock lock(&mutex_);
    MNEME_ASSIGN_OR_RETURN(const std::shared_ptr<Job> job, FindOrError(id));
    if (!job->info.done) {
      return waiters_.Add(job.get(), std::move(waiter)) ? absl::OkStatus() : TooManyWait();
    }
    info = job->info;
  }
  waiter.Call(info);
  return absl::OkStatus();
}

bool JobRunner::Note(Job& job, const JobProgress& progress) {
  EndTurnIfOver();
  const int64_t now = clock_.NowUnixNanos();
  MutexLock lock(&mutex_);
  job.info.progress = progress;
  if (progress.share > 0.01) {
    const double spent = static_cast<double>(now - job.run_start_unix_nanos);
    job.info.expected_end_unix_nanos =
        now + static_cast<int64_t>(spent * (1 - progress.share) / progress.share);
  }
  return !job.cancelled;
}

JobRunner::Work JobRunner::End(const std::shared_ptr<Job>& job, absl::StatusOr<JobResult> result) {
  std::vector<JobWaiter> waiters;
  JobInfo info;
  {
    MutexLock lock(&mutex_);
    if (job->info.done) return nullptr;
    if (!job->cancelled && job->work != nullptr) return std::exchange(job->work, nullptr);
    job->info.done = true;
    job->running = false;
    job->info.status = result.status();
    job->info.expected_end_unix_nanos = clock_.NowUnixNanos();
    JobEnds& ends = ended_[static_cast<size_t>(job->info.kind)];
    ++(result.ok() ? ends.done : absl::IsCancelled(result.status()) ? ends.cancelled : ends.failed);
    if (result.ok()) {
      job->info.progress.phase = "done";
      job->info.progress.share = 1;
      job->info.result = *std::move(result);
    }
    waiters = waiters_.Take([&job](const Job* waited_for) { return waited_for == job.get(); });
    info = job->info;
    ForgetOldest();
  }
  if (info.samples != nullptr) info.samples->End();
  for (const JobWaiter& waiter : waiters) waiter.Call(info);
  return nullptr;
}

void JobRunner::ForgetOldest() {
  size_t ended = 0, analyses = 0;
  jobs_.remove_if([&](const std::shared_ptr<Job>& kept) {
    if (!kept->info.done) return false;
    const bool is_analysis = kept->info.kind == JobKind::kAnalyze;
    return ++ended > kJobsKept || (is_analysis && ++analyses > kAnalysesKept);
  });
}

void JobRunner::Run(int lane) {
  while (true) {
    std::shared_ptr<Job> job;
    {
      MutexLock lock(&mutex_);
      while (true) {
        for (const std::shared_ptr<Job>& waiting : jobs_) {
          if (waiting->info.done || LaneOf(waiting->info.kind) != lane) continue;
          // The last one found is the oldest.
          if (job == nullptr || !GoesBefore(job->info.kind, waiting->info.kind)) job = waiting;
        }
        if (job != nullptr || stopping_) break;
        wake_.Wait(&mutex_);
      }
      if (job == nullptr) return;
      job->running = true;
      job->run_start_unix_nanos = clock_.NowUnixNanos();
    }
    const auto report = [&](const JobProgress& progress) { return Note(*job, progress); };
    Work work = End(job, StoppedByUser());  // null: cancelled before its turn
    while (work != nullptr) {
      absl::StatusOr<JobResult> result = work(job->info.id, report);
      // Whatever the work made of being stopped, its user hears the same.
      if (absl::IsCancelled(result.status())) result = StoppedByUser();
      work = End(job, std::move(result));
    }
  }
}

}  // namespace mneme::engine
