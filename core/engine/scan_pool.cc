#include "core/engine/scan_pool.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include "core/base/status.h"
#include "core/base/turns.h"
#include "core/engine/limits.h"

namespace mneme::engine {
namespace {

// Rates of one thread, for scheduling only: a wrong guess costs a longer slice, never a wrong
// answer.
constexpr double kFlopsPerMicro = 30'000;
constexpr double kBytesPerMicro = 15'000;

double PartMicros(const models::Query& query) {
  return std::max(query.part_flops() / kFlopsPerMicro, query.part_bytes() / kBytesPerMicro) + 0.1;
}

absl::Status CancelledError() {
  return absl::CancelledError("the caller is gone or its deadline has passed");
}

absl::Status Stopping() {
  return Unavailable("the server is stopping",
                     {.reason = "STOPPING", .next_step = "Retry once it is back."});
}

// May tasks be answered by one pass?
bool Compatible(const ScanTask& a, const ScanTask& b) {
  return a.view == b.view && a.cues.mask.empty() == b.cues.mask.empty() &&
         a.spec.BatchesWith(b.spec);
}

}  // namespace

double EstimateMicros(const models::Query& query) {
  return static_cast<double>(query.parts()) * PartMicros(query);
}

absl::StatusOr<models::Answer> RunQuery(models::Query& query,
                                        const std::function<bool()>& cancelled,
                                        Timeline* timeline) {
  PassWatch watch(timeline);
  while (true) {
    watch.Begin(query);
    std::unique_ptr<models::Partial> partial = query.Empty();
    const size_t step = std::max<size_t>(1, static_cast<size_t>(kSliceMicros / PartMicros(query)));
    for (size_t first = 0; first < query.parts(); first += step) {
      if (first > 0 && cancelled && cancelled()) return CancelledError();
      query.Probe(first, std::min(first + step, query.parts()), *partial);
    }
    watch.Probed(1);
    MNEME_ASSIGN_OR_RETURN(const bool done, query.Settle(*partial));
    watch.Settled();
    if (done) return query.TakeAnswer();
    if (cancelled && cancelled()) return CancelledError();
  }
}

// Under mutex_: next_part, probing, phase. Everything else belongs to whoever holds the batch in
// its phase: one thread in kBegin and kSettle, all threads (each its own partial) in kProbe.
struct ScanPool::Batch {
  enum class Phase { kNew, kBegin, kProbe, kSettle };

  std::vector<ScanTask> tasks;
  size_t cue_count = 0;
  // Several tasks: their cues and masks side by side. One task: unused.
  Matrix gathered_cues;
  std::vector<uint8_t> gathered_mask;

  std::optional<Timeline> timeline;  // of the batch, where one of its tasks has one
  PassWatch watch{nullptr};

  std::unique_ptr<models::Query> query;
  std::vector<std::unique_ptr<models::Partial>> partials;  // one a worker
  size_t parts = 0;
  size_t step = 1;

  Phase phase = Phase::kNew;
  size_t next_part = 0;
  size_t probing = 0;
  bool abandoned = false;

  // Every task's wait ends here; what comes is the batch's.
  void BeginTimeline() {
    for (ScanTask& task : tasks) {
      if (task.timeline == nullptr) continue;
      task.timeline->Pass("queue");
      if (!timeline) timeline.emplace(task.timeline->clock(), task.timeline->end_nanos());
    }
    if (timeline) watch = PassWatch(&*timeline);
  }
  void Pass(std::string_view lap) {
    if (timeline) timeline->Pass(lap);
  }

  bool has_work() const {
    return phase == Phase::kNew || (phase == Phase::kProbe && next_part < parts && !abandoned);
  }
};

ScanPool::ScanPool(int threads, int nice) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this, i, nice] {
      TakeShortTurns(nice);
      Run(static_cast<size_t>(i));
    });
  }
}

ScanPool::~ScanPool() { Stop(); }

void ScanPool::WaitIdle(std::chrono::nanoseconds most) {
  MutexLock lock(&mutex_);
  if (!active_.empty() || !pending_.empty()) idle_.WaitFor(&mutex_, most);
}

void ScanPool::Stop() {
  std::deque<ScanTask> pending;
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    pending.swap(pending_);
    wake_.NotifyAll();
  }
  for (ScanTask& task : pending) {
    cues_in_flight_.fetch_sub(task.cues.cues.rows);
    task.done(Stopping());
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void ScanPool::Submit(ScanTask task) {
  const size_t cues = task.cues.cues.rows;
  if (cues_in_flight_.fetch_add(cues) + cues > kPendingCuesMax) {
    cues_in_flight_.fetch_sub(cues);
    task.done(
        ResourceExhausted("too many cues are waiting",
                          {.reason = "BUSY",
                           .given = absl::StrCat(cues, " more cues"),
                           .expected = absl::StrCat("at most ", kPendingCuesMax, " in flight"),
                           .next_step = "Wait and retry.",
                           .retry_after_ms = kBusyRetryMs}));
    return;
  }
  {
    MutexLock lock(&mutex_);
    if (!stopping_) {
      pending_.push_back(std::move(task));
      wake_.NotifyAll();
      return;
    }
  }
  cues_in_flight_.fetch_sub(cues);
  task.done(Stopping());
}

ScanPool::Counters ScanPool::counters() const {
  MutexLock lock(&mutex_);
  return counters_;
}

std::shared_ptr<ScanPool::Batch> ScanPool::GatherBatch() {
  // The oldest task whose memory (view) is not being scanned already; its companions come along.
  for (auto first = pending_.begin(); first != pending_.end(); ++first) {
    const bool scanning =
        std::any_of(active_.begin(), active_.end(), [&](const std::shared_ptr<Batch>& batch) {
          return batch->tasks.front().view == first->view;
        });
    if (scanning) continue;
    auto batch = std::make_shared<Batch>();
    batch->cue_count = first->cues.cues.rows;
    batch->tasks.push_back(std::move(*first));
    auto it = pending_.erase(first);
    while (it != pending_.end() && batch->cue_count < kCuesPerBatchMax) {
      if (Compatible(batch->tasks.front(), *it) &&
          batch->cue_count + it->cues.cues.rows <= kCuesPerBatchMax) {
        batch->cue_count += it->cues.cues.rows;
        batch->tasks.push_back(std::move(*it));
        it = pending_.erase(it);
      } else {
        ++it;
      }
    }
    counters_.cues += batch->cue_count;
    ++counters_.batches;
    batch->BeginTimeline();
    active_.push_back(batch);
    return batch;
  }
  return nullptr;
}

std::shared_ptr<ScanPool::Batch> ScanPool::NextBatch() {
  // What waits becomes a batch before the batches under way go on: a cheap cue must not wait for a
  // whole scan.
  if (!pending_.empty() && active_.size() < kActiveBatchesMax) {
    if (std::shared_ptr<Batch> batch = GatherBatch(); batch != nullptr) return batch;
  }
  for (auto it = active_.begin(); it != active_.end(); ++it) {
    if (!(*it)->has_work()) continue;
    std::shared_ptr<Batch> batch = *it;
    active_.splice(active_.end(), active_, it);  // round-robin
    return batch;
  }
  return nullptr;
}

void ScanPool::Run(size_t worker) {
  while (true) {
    std::shared_ptr<Batch> batch;
    {
      MutexLock lock(&mutex_);
      while ((batch = NextBatch()) == nullptr) {
        if (stopping_ && active_.empty()) return;
        wake_.Wait(&mutex_);
      }
      if (batch->phase == Batch::Phase::kNew) batch->phase = Batch::Phase::kBegin;
    }
    Work(batch, worker);
  }
}

void ScanPool::Work(const std::shared_ptr<Batch>& batch, size_t worker) {
  bool begin;
  size_t first = 0, last = 0;
  {
    MutexLock lock(&mutex_);
    begin = batch->phase == Batch::Phase::kBegin && batch->query == nullptr && batch->probing == 0;
    if (begin) {
      batch->probing = 1;
    } else {
      if (!batch->has_work()) return;  // another thread took the last slice meanwhile
      first = batch->next_part;
      last = std::min(first + batch->step, batch->parts);
      batch->next_part = last;
      ++batch->probing;
    }
  }
  if (begin) {
    Begin(*batch);
    return;
  }
  std::unique_ptr<models::Partial>& partial = batch->partials[worker];
  if (partial == nullptr) partial = batch->query->Empty();
  batch->query->Probe(first, last, *partial);
  EndTurnIfOver();
  const bool gone = std::all_of(batch->tasks.begin(), batch->tasks.end(), [](const ScanTask& task) {
    return task.cancelled && task.cancelled();
  });
  {
    MutexLock lock(&mutex_);
    batch->abandoned = batch->abandoned || gone;
    --batch->probing;
    if (batch->probing > 0 || batch->has_work()) return;
    batch->phase = Batch::Phase::kSettle;  // the last one out settles
  }
  FinishStage(*batch);
}

// Takes out the tasks whose callers have left, unless all have.
void ScanPool::LetGo(Batch& batch) {
  std::vector<ScanTask> gone;
  {
    std::vector<bool> left;
    for (const ScanTask& task : batch.tasks) left.push_back(task.cancelled && task.cancelled());
    if (std::count(left.begin(), left.end(), false) == 0) {
      batch.abandoned = true;
      return;
    }
    std::vector<ScanTask> staying;
    MutexLock lock(&mutex_);
    for (size_t i = 0; i < left.size(); ++i) {
      (left[i] ? gone : staying).push_back(std::move(batch.tasks[i]));
    }
    batch.tasks = std::move(staying);
  }
  for (ScanTask& task : gone) {
    batch.cue_count -= task.cues.cues.rows;
    cues_in_flight_.fetch_sub(task.cues.cues.rows);
    task.done(CancelledError());
  }
}

void ScanPool::Begin(Batch& batch) {
  LetGo(batch);
  if (batch.abandoned) return Answer(batch, CancelledError());
  models::CueBatch cues = batch.tasks.front().cues;
  if (batch.tasks.size() > 1) {
    const size_t cols = cues.cues.cols;
    const size_t mask_bytes = (cols + 7) / 8;
    batch.gathered_cues = Matrix(batch.cue_count, cols);
    size_t row = 0;
    for (const ScanTask& task : batch.tasks) {
      std::memcpy(batch.gathered_cues.row(row).data(), task.cues.cues.data,
                  task.cues.cues.rows * cols * sizeof(float));
      batch.gathered_mask.insert(batch.gathered_mask.end(), task.cues.mask.begin(),
                                 task.cues.mask.end());
      row += task.cues.cues.rows;
    }
    MNEME_CHECK(batch.gathered_mask.empty() ||
                batch.gathered_mask.size() == batch.cue_count * mask_bytes);
    cues = {.cues = batch.gathered_cues, .mask = batch.gathered_mask};
    batch.Pass("gather");
  }
  absl::StatusOr<std::unique_ptr<models::Query>> query =
      batch.tasks.front().view->Begin(cues, batch.tasks.front().spec);
  if (!query.ok()) {
    Answer(batch, query.status());
    return;
  }
  batch.query = *std::move(query);
  batch.partials.resize(threads_.size());
  batch.Pass("begin");
  FinishStage(batch);
}

// Merges what was probed (nothing, right after Begin), settles, and opens the next stage or
// answers.
void ScanPool::FinishStage(Batch& batch) {
  bool probed = batch.phase == Batch::Phase::kSettle;
  while (true) {
    if (probed) {
      if (batch.abandoned) return Answer(batch, CancelledError());
      batch.watch.Probed(static_cast<size_t>(
          std::count_if(batch.partials.begin(), batch.partials.end(),
                        [](const auto& partial) { return partial != nullptr; })));
      std::unique_ptr<models::Partial> merged;
      for (std::unique_ptr<models::Partial>& partial : batch.partials) {
        if (partial == nullptr) continue;
        if (merged == nullptr) {
          merged = std::move(partial);
        } else {
          batch.query->Merge(*merged, *partial);
        }
        partial.reset();
      }
      if (merged == nullptr) merged = batch.query->Empty();
      absl::StatusOr<bool> done = batch.query->Settle(*merged);
      if (!done.ok()) return Answer(batch, done.status());
      batch.watch.Settled();
      if (*done) return Answer(batch, batch.query->TakeAnswer());
    }
    probed = true;
    batch.watch.Begin(*batch.query);
    const size_t parts = batch.query->parts();
    const size_t step =
        std::max<size_t>(1, static_cast<size_t>(kSliceMicros / PartMicros(*batch.query)));
    if (parts == 0) continue;  // a stage over nothing: settle at once
    MutexLock lock(&mutex_);
    batch.parts = parts;
    batch.step = step;
    batch.next_part = 0;
    batch.probing = 0;
    batch.phase = Batch::Phase::kProbe;
    wake_.NotifyAll();
    return;
  }
}

void ScanPool::Answer(Batch& batch, absl::StatusOr<models::Answer> answer) {
  std::vector<ScanTask> tasks;
  {
    MutexLock lock(&mutex_);
    const auto it =
        std::find_if(active_.begin(), active_.end(),
                     [&](const std::shared_ptr<Batch>& other) { return other.get() == &batch; });
    tasks = std::move(batch.tasks);
    active_.erase(it);
    if (active_.empty() && pending_.empty()) idle_.NotifyAll();
    wake_.NotifyAll();
  }
  cues_in_flight_.fetch_sub(batch.cue_count);
  if (batch.timeline) {
    for (ScanTask& task : tasks) {
      if (task.timeline != nullptr) task.timeline->Follow(*batch.timeline);
    }
  }
  if (answer.ok()) {
    answer->plan.batch_cues = static_cast<uint32_t>(batch.cue_count);
    answer->plan.batch_requests = static_cast<uint32_t>(tasks.size());
  }
  if (!answer.ok() || tasks.size() == 1) {
    for (ScanTask& task : tasks)
      task.done(answer.ok() ? std::move(answer) : absl::StatusOr<models::Answer>(answer.status()));
    return;
  }
  size_t row = 0;
  for (ScanTask& task : tasks) {
    const size_t rows = task.cues.cues.rows;
    models::Answer part;
    part.items_scored = answer->items_scored;
    part.proof = answer->proof;
    part.index = answer->index;
    part.plan = answer->plan;
    part.certificates = answer->certificates;
    part.list_size = answer->list_size;
    if (!answer->recalls.empty())
      part.recalls = Matrix::Copy(answer->recalls.view().slice(row, rows));
    for (size_t i = 0; i < rows; ++i) part.cues.push_back(std::move(answer->cues[row + i]));
    row += rows;
    task.done(std::move(part));
  }
}

}  // namespace mneme::engine
