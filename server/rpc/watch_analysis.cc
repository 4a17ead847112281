#include "server/rpc/watch_analysis.h"

#include <utility>

#include "core/base/status.h"
#include "core/engine/limits.h"
#include "server/rpc/convert_analysis.h"
#include "server/rpc/operations_service.h"

namespace mneme::server {
namespace {

absl::Status ClientGone() {
  return Cancelled("the watcher is gone", {.reason = "CANCELLED", .next_step = "Watch again."});
}

absl::Status TooManyWatchers() {
  return ResourceExhausted("too many watch this analysis",
                           {.reason = "BUSY",
                            .given = "one more watcher",
                            .expected = absl::StrCat("at most ", analysis::kWatchersMax),
                            .next_step = "Wait until one has left.",
                            .retry_after_ms = engine::kBusyRetryMs});
}

absl::StatusOr<std::shared_ptr<analysis::SampleRing>> FindSamples(const engine::JobRunner& jobs,
                                                                  const std::string& operation) {
  MNEME_ASSIGN_OR_RETURN(const std::string id, DecodeOperationName(operation));
  MNEME_ASSIGN_OR_RETURN(const engine::JobInfo job, jobs.Get(id));
  if (job.samples != nullptr) return job.samples;
  return FailedPrecondition(
      absl::StrFormat("operation '%s' is no analysis: it gives no samples", operation),
      {.reason = "NOT_AN_ANALYSIS",
       .given = operation,
       .expected = "an operation that Analyze began",
       .next_step = "Wait for it with WaitOperation."});
}

}  // namespace

WatchReactor::WatchReactor(engine::JobRunner& jobs, CallBounds& bounds,
                           grpc::CallbackServerContext* context,
                           const v1::WatchAnalysisRequest& request)
    : gate_(bounds.gate), entry_(bounds, context, RpcOf<v1::WatchAnalysisRequest>()) {
  const auto begin = [&]() -> absl::Status {
    MNEME_RETURN_IF_ERROR(entry_.Admit(request));
    MNEME_ASSIGN_OR_RETURN(samples_, FindSamples(jobs, request.operation()));
    return absl::OkStatus();
  };
  if (const absl::Status begun = begin(); !begun.ok()) {
    End(begun);
  } else {
    Advance();
  }
}

void WatchReactor::Advance() {
  if (const std::optional<analysis::Sample> sample = samples_->Take(next_)) {
    message_.Clear();
    EncodeSample(*sample, &message_);
    if (!named_) {
      for (const std::string& name : samples_->observables()) message_.add_observables(name);
      named_ = true;
    }
    const uint64_t bytes = message_.ByteSizeLong();
    entry_.meter().AddOut(bytes);
    gate_.Charge(entry_.caller(), bytes);
    StartWrite(&message_);
  } else if (samples_->IsOver(next_)) {
    End(absl::OkStatus());
  } else {
    Wait();
  }
}

void WatchReactor::Wait() {
  // Held here, for the reactor may be gone as soon as somebody else ends the wait.
  const std::shared_ptr<Waiting> waiting = waiting_;
  const std::shared_ptr<analysis::SampleRing> samples = samples_;
  const uint64_t next = next_;
  const Waiter<> watcher([this] { Advance(); });
  bool cancelled = false;
  {
    MutexLock lock(&waiting->mutex);
    cancelled = waiting->cancelled;
    if (!cancelled) waiting->last = watcher;
  }
  if (cancelled) return End(ClientGone());
  if (!samples->WhenReady(next, watcher) && watcher.Leave()) End(TooManyWatchers());
}

void WatchReactor::OnWriteDone(bool ok) {
  if (ok) return Advance();
  End(ClientGone());
}

void WatchReactor::OnCancel() {
  std::optional<Waiter<>> watcher;
  {
    MutexLock lock(&waiting_->mutex);
    waiting_->cancelled = true;
    watcher = waiting_->last;
  }
  if (watcher.has_value() && watcher->Leave()) End(ClientGone());
}

}  // namespace mneme::server
