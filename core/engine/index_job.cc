#include "core/engine/index_job.h"

#include <algorithm>
#include <utility>

#include "core/base/status.h"
#include "core/engine/blocking.h"
#include "core/engine/engine.h"
#include "core/engine/ops.h"

namespace mneme::engine {
namespace {

// Pieces of work that one job does; what is due then is another's.
constexpr int kPiecesMax = 8;
// Rounds in which an index that is being made may run after the rows that come.
constexpr int kRoundsMax = 16;
// Pauses after the first failure, and at most; and after a user's cancellation.
constexpr int64_t kPauseNanos = 1'000'000'000;
constexpr int64_t kPauseNanosMax = 300 * kPauseNanos;
constexpr int kDoublingsMax = 20;

bool HasReason(const absl::Status& status, std::string_view reason) {
  const std::optional<ErrorDetail> detail = GetErrorDetail(status);
  return detail.has_value() && detail->reason == reason;
}

// Null: it has none.
const models::IndexSpec* IndexOf(const Memory& memory) {
  const auto* dense = std::get_if<models::DenseSpec>(&memory.spec().model);
  return dense != nullptr && dense->index.has_value() ? &*dense->index : nullptr;
}

class IndexJob {
 public:
  IndexJob(const IndexContext& context, std::shared_ptr<Memory> memory,
           const JobRunner::Report& report)
      : context_(context), memory_(std::move(memory)), report_(report) {}

  absl::StatusOr<MemoryInfo> Run(bool measure) {
    for (int piece = 0; piece < kPiecesMax; ++piece) {
      MNEME_RETURN_IF_ERROR(Change([&](Memory& memory) -> absl::Status {
        MNEME_ASSIGN_OR_RETURN(work_, memory.model().BeginIndexWork(measure));
        return absl::OkStatus();
      }));
      if (work_ == nullptr) break;
      const absl::StatusOr<models::Model::Installed> installed = CarryOut();
      if (installed.ok()) {
        if (*installed == models::Model::Installed::kCalibrated) measure = false;
      } else if (!HasReason(installed.status(), "REBUILD_VOID")) {
        Abandon(installed.status());
        return installed.status();
      }
    }
    return memory_->info();
  }

 private:
  absl::Status Change(std::function<absl::Status(Memory&)> change, bool checkpoint = false) {
    Blocking<MemoryInfo> blocking;
    context_.committer.Submit(
        MakeModelOp(memory_, std::move(change), checkpoint, blocking.callback()));
    return blocking.Wait().status();
  }

  void Abandon(const absl::Status& why) {
    // Where the log has stopped, or the memory is gone, there is nothing left to abandon.
    Change([&](Memory& memory) {
      memory.model().AbandonIndexWork(why);
      return absl::OkStatus();
    }).IgnoreError();
  }

  absl::StatusOr<models::Model::Installed> CarryOut() {
    const auto progress = [this](const models::TrainProgress& at) {
      return report_({.phase = std::string(at.phase), .share = at.share}) && !memory_->dropped();
    };
    for (int round = 0; round < kRoundsMax; ++round) {
      MNEME_RETURN_IF_ERROR(work_->Run(context_.clock, progress));
      MNEME_ASSIGN_OR_RETURN(const models::Model::Installed installed, Install());
      if (installed != models::Model::Installed::kMore) return installed;
    }
    return Unavailable(
        absl::StrFormat("items are stored in memory '%s' faster than they are indexed",
                        memory_->name()),
        {.reason = "INDEX_BEHIND",
         .given = absl::StrCat("more items after each of ", kRoundsMax, " rounds"),
         .expected = "fewer than can be taken in at once",
         .next_step = "Wait until the load is over: the index is then made by itself."});
  }

  // A verdict is on disk before anyone sees it.
  absl::StatusOr<models::Model::Installed> Install() {
    models::Model::Installed installed = models::Model::Installed::kMore;
    const auto install = [&](Memory& memory) -> absl::Status {
      MNEME_ASSIGN_OR_RETURN(installed, memory.model().InstallIndexWork(*work_));
      if (installed == models::Model::Installed::kCalibrated) memory.checkpoint_due = true;
      return absl::OkStatus();
    };
    MNEME_RETURN_IF_ERROR(Change(install));
    return installed;
  }

  const IndexContext& context_;
  const std::shared_ptr<Memory> memory_;
  const JobRunner::Report& report_;
  std::unique_ptr<models::IndexWork> work_;
};

}  // namespace

absl::StatusOr<MemoryInfo> WorkOnIndex(const IndexContext& context,
                                       const std::shared_ptr<Memory>& memory, bool measure,
                                       const JobRunner::Report& report) {
  return IndexJob(context, memory, report).Run(measure);
}

bool IndexKeeper::IsPaused(MemoryUid uid) {
  MutexLock lock(&mutex_);
  const auto pause = pauses_.find(uid);
  return pause != pauses_.end() && context_.clock.NowMonotonicNanos() < pause->second.until_nanos;
}

void IndexKeeper::Note(MemoryUid uid, const absl::Status& end) {
  MutexLock lock(&mutex_);
  if (end.ok() || absl::IsNotFound(end)) {  // or there is no such memory any more
    pauses_.erase(uid);
    return;
  }
  Pause& pause = pauses_[uid];
  const int64_t longer = kPauseNanos << std::min(pause.failures, kDoublingsMax);
  const int64_t nanos = absl::IsCancelled(end) ? kPauseNanosMax : std::min(longer, kPauseNanosMax);
  ++pause.failures;
  pause.until_nanos = context_.clock.NowMonotonicNanos() + nanos;
}

bool IndexKeeper::IsDue(const Memory& memory) {
  if (memory.dropped() || !memory.CheckServing().ok()) return false;
  const Memory::Published published = memory.published();
  const std::optional<models::IndexStats>& index = published.view->stats().index;
  return index.has_value() && index->work_due && !IsPaused(memory.uid());
}

void IndexKeeper::Look(const std::vector<std::shared_ptr<Memory>>& memories) {
  std::shared_ptr<Memory> chosen;
  for (const std::shared_ptr<Memory>& memory : memories) {
    const models::IndexSpec* const index = IndexOf(*memory);
    if (index == nullptr || !IsDue(*memory)) continue;
    // Codes take seconds, a graph minutes: the first of the former, else the first of the latter.
    const bool is_quick = std::holds_alternative<models::BinaryIndexSpec>(index->kind);
    if (chosen == nullptr || is_quick) chosen = memory;
    if (is_quick) break;
  }
  if (chosen == nullptr || jobs_.CountPending(JobKind::kIndex) > 0) return;
  const auto work = [this, chosen](const std::string&,
                                   const JobRunner::Report& report) -> absl::StatusOr<JobResult> {
    absl::StatusOr<MemoryInfo> info = WorkOnIndex(context_, chosen, /*measure=*/false, report);
    Note(chosen->uid(), info.status());
    if (!info.ok()) return info.status();
    return *std::move(info);
  };
  // Refused only while the server stops, or by very many jobs: the next look will do.
  jobs_.Submit(JobKind::kIndex, chosen->name(), work).IgnoreError();
}

absl::StatusOr<JobInfo> Engine::CalibrateIndex(CalibrateCommand command) {
  MNEME_ASSIGN_OR_RETURN(std::shared_ptr<Memory> memory, catalogue_.Find(command.memory));
  MNEME_RETURN_IF_ERROR(memory->CheckServing());
  if (IndexOf(*memory) == nullptr) {
    return FailedPrecondition(
        absl::StrFormat("memory '%s' has no index: it answers from all its items", memory->name()),
        {.reason = "NO_INDEX",
         .given = memory->name(),
         .expected = "a dense memory created with an index",
         .next_step = "Create a dense memory with an index and store the items there."});
  }
  if (memory->published().view->stats().items == 0) {
    return FailedPrecondition(
        absl::StrFormat("memory '%s' holds no items to measure its index on", memory->name()),
        {.reason = "NO_ITEMS",
         .given = "0 items",
         .expected = "at least 1",
         .next_step = "Store items first."});
  }
  std::string name = memory->name();
  // What the keeper began is finished first; it may have begun before the last items came.
  return jobs_->SubmitOrJoin(
      JobKind::kIndex, std::move(name),
      [this, memory = std::move(memory)](
          const std::string&, const JobRunner::Report& report) -> absl::StatusOr<JobResult> {
        return WorkOnIndex({.committer = *committer_, .clock = clock_}, memory, /*measure=*/true,
                           report);
      });
}

void Engine::KeepIndexes() { index_keeper_->Look(catalogue_.List("", catalogue_.size())); }

}  // namespace mneme::engine
