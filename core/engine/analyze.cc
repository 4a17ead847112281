// Analyze: a job that studies a memory as it is at one moment, beside serving.
#include <utility>
#include <vector>

#include "core/analysis/analysis.h"
#include "core/analysis/sample_ring.h"
#include "core/base/status.h"
#include "core/engine/engine.h"
#include "core/engine/memory_budget.h"
#include "core/engine/scan_pool.h"
#include "core/engine/validate.h"

namespace mneme::engine {
namespace {

absl::Status RowGone(uint64_t row) {
  return NotFound(absl::StrFormat("row %d holds no item any more", row),
                  {.reason = "ITEM_NOT_FOUND", .next_step = "Ask for another item."});
}

// The view is pinned; keys are read from the storage as they were stored.
class MemorySubject final : public analysis::Subject {
 public:
  MemorySubject(const storage::Storage& storage, MemoryBudget& budget, const Memory& memory,
                std::function<bool()> cancelled)
      : storage_(storage),
        budget_(budget),
        memory_(memory),
        published_(memory.published()),
        cancelled_(std::move(cancelled)) {}

  const models::MemorySpec& spec() const override { return memory_.spec(); }
  uint64_t items() const override { return published_.view->stats().items; }
  double beta() const override { return published_.view->stats().beta; }

  absl::StatusOr<models::Answer> Ask(const models::CueBatch& cues,
                                     const models::QuerySpec& spec) override {
    MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<models::Query> query,
                           published_.view->Begin(cues, spec));
    return RunQuery(*query, cancelled_);
  }

  absl::Status VisitItems(const VisitFn& visit) override {
    return storage_.ScanRows(memory_.uid(), 0, published_.next_row,
                             [&](const storage::RowView& row) -> absl::Status {
                               if (row.flags != 0 || row.key.empty()) return absl::OkStatus();
                               return visit(row.row, row.id, row.key);
                             });
  }

  absl::StatusOr<std::vector<float>> KeyOf(uint64_t row) override {
    std::vector<float> key;
    MNEME_RETURN_IF_ERROR(
        storage_.ReadRow(memory_.uid(), row, [&](const storage::RowView& view) -> absl::Status {
          if (view.flags != 0 || view.key.empty()) return RowGone(row);
          key.assign(view.key.begin(), view.key.end());
          return absl::OkStatus();
        }));
    return key;
  }

  absl::Status Reserve(uint64_t bytes) override {
    if (bytes > analysis::kAnalysisBytesMax - bytes_) {
      return OverLimit("bytes of numbers in one analysis", bytes_ + bytes,
                       analysis::kAnalysisBytesMax, "Ask for fewer patterns, items or steps.");
    }
    MNEME_ASSIGN_OR_RETURN(MemoryBudget::Reservation room,
                           budget_.Reserve("an analysis", bytes, /*peak=*/0));
    bytes_ += bytes;
    rooms_.push_back(std::move(room));
    return absl::OkStatus();
  }

 private:
  const storage::Storage& storage_;
  MemoryBudget& budget_;
  const Memory& memory_;
  const Memory::Published published_;
  const std::function<bool()> cancelled_;
  uint64_t bytes_ = 0;
  std::vector<MemoryBudget::Reservation> rooms_;
};

class AnalyzeJob final : public analysis::Host {
 public:
  AnalyzeJob(const storage::Storage& storage, MemoryBudget& budget, std::shared_ptr<Memory> memory,
             analysis::AnalysisSpec spec)
      : storage_(storage), budget_(budget), memory_(std::move(memory)), spec_(std::move(spec)) {}

  const std::shared_ptr<analysis::SampleRing>& samples() const { return samples_; }

  absl::StatusOr<JobResult> Run(const JobRunner::Report& report) {
    report_ = &report;
    MemorySubject subject(storage_, budget_, *memory_, [this] { return !Going(); });
    absl::StatusOr<analysis::Report> found = analysis::Analyze(spec_, subject, *this);
    if (memory_->dropped()) return Deleted();
    MNEME_RETURN_IF_ERROR(memory_->NoteRead(found.status()));
    return std::make_shared<const analysis::Report>(*std::move(found));
  }

  absl::Status Progress(std::string_view phase, double share) override {
    progress_ = {.phase = std::string(phase), .share = share};
    return Going() ? absl::OkStatus() : Deleted();
  }

  void Observe(uint64_t step, std::span<const double> values) override {
    samples_->Add(step, values);
  }

 private:
  bool Going() const { return (*report_)(progress_) && !memory_->dropped(); }
  // JobRunner says the rest: cancelled, or the memory is gone.
  static absl::Status Deleted() { return absl::CancelledError("stopped"); }

  const storage::Storage& storage_;
  MemoryBudget& budget_;
  const std::shared_ptr<Memory> memory_;
  const analysis::AnalysisSpec spec_;
  const std::shared_ptr<analysis::SampleRing> samples_ =
      std::make_shared<analysis::SampleRing>(analysis::ObservablesOf(spec_));
  const JobRunner::Report* report_ = nullptr;
  JobProgress progress_;
};

}  // namespace

absl::StatusOr<JobInfo> Engine::Analyze(AnalyzeCommand command) {
  MNEME_ASSIGN_OR_RETURN(std::shared_ptr<Memory> memory, catalogue_.Find(command.memory));
  MNEME_RETURN_IF_ERROR(memory->CheckServing());
  MNEME_RETURN_IF_ERROR(analysis::Check(command.spec, memory->spec()));
  const std::string name = memory->name();
  auto job =
      std::make_shared<AnalyzeJob>(*storage_, budget_, std::move(memory), std::move(command.spec));
  return jobs_->Submit(
      JobKind::kAnalyze, name,
      [job](const std::string&, const JobRunner::Report& report) { return job->Run(report); },
      {.samples = job->samples()});
}

}  // namespace mneme::engine
