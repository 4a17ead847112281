#include "core/engine/startup.h"

#include <algorithm>

#include "core/base/status.h"

namespace mneme::engine {
namespace {

constexpr int64_t kNanosPerMilli = 1'000'000;
// What STARTING advises while the end is not known, and the most that it advises.
constexpr int64_t kRetryMs = 1'000;
constexpr int64_t kRetryMsMax = 60'000;

double Share(const Startup& startup) {
  if (startup.rows_total > 0)
    return static_cast<double>(startup.rows_done) / static_cast<double>(startup.rows_total);
  return startup.memories_total == 0 ? 1.0
                                     : static_cast<double>(startup.memories_done) /
                                           static_cast<double>(startup.memories_total);
}

}  // namespace

StartupProgress::StartupProgress(const Clock& clock, bool recovery_mode)
    : clock_(clock), start_nanos_(clock.NowMonotonicNanos()) {
  startup_.recovery_mode = recovery_mode;
}

void StartupProgress::SetTotals(uint32_t memories, uint64_t rows) {
  MutexLock lock(&mutex_);
  startup_.memories_total = memories;
  startup_.rows_total = rows;
}

void StartupProgress::Report(std::string_view memory, uint64_t rows) {
  MutexLock lock(&mutex_);
  startup_.memory = memory;
  startup_.rows_done = std::min(rows_before_ + rows, startup_.rows_total);
}

void StartupProgress::FinishMemory(uint64_t rows) {
  MutexLock lock(&mutex_);
  rows_before_ += rows;
  startup_.rows_done = std::min(rows_before_, startup_.rows_total);
  ++startup_.memories_done;
}

void StartupProgress::Finish() {
  MutexLock lock(&mutex_);
  startup_.done = true;
  startup_.memory.clear();
  startup_.elapsed_nanos = clock_.NowMonotonicNanos() - start_nanos_;
}

Startup StartupProgress::Get() const {
  MutexLock lock(&mutex_);
  Startup out = startup_;
  if (out.done) return out;
  out.elapsed_nanos = clock_.NowMonotonicNanos() - start_nanos_;
  const double share = Share(out);
  if (share > 0) {
    out.remaining_nanos =
        static_cast<int64_t>(static_cast<double>(out.elapsed_nanos) * (1 - share) / share);
  }
  return out;
}

absl::Status StartupProgress::StillStarting(std::string_view memory) const {
  const Startup startup = Get();
  std::string message = absl::StrFormat(
      "memory '%s' is still being read: start-up has read %d of %d memories, %.0f %% of the rows",
      AbslView(memory), startup.memories_done, startup.memories_total, 100 * Share(startup));
  int64_t retry_ms = kRetryMs;
  if (startup.remaining_nanos.has_value()) {
    retry_ms =
        std::clamp<int64_t>(*startup.remaining_nanos / kNanosPerMilli, kRetryMs / 10, kRetryMsMax);
    absl::StrAppend(&message, absl::StrFormat("; about %.1f s to go",
                                              static_cast<double>(*startup.remaining_nanos) / 1e9));
  }
  return Unavailable(message, {.reason = "STARTING",
                               .given = std::string(memory),
                               .expected = "a memory in health SERVING",
                               .next_step = "Retry: each memory serves as soon as it has been read "
                                            "(GetServerInfo shows how far start-up is).",
                               .retry_after_ms = retry_ms});
}

absl::Status RefusedInRecoveryMode() {
  return FailedPrecondition(
      "the server runs for recovery only: no memory is loaded",
      {.reason = "RECOVERY_MODE",
       .given = "a call that needs loaded memories",
       .expected = "listing, describing or dropping memories, or a change of aliases",
       .next_step = "Drop what breaks, then start mnemed without --recovery."});
}

}  // namespace mneme::engine
