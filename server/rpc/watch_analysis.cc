#include "server/rpc/watch_analysis.h"

#include <utility>

#include "core/base/status.h"
#include "core/engine/limits.h"
#include "server/rpc/convert_analysis.h"
#include "server/rpc/status.h"

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

}  // namespace

WatchReactor::WatchReactor(std::shared_ptr<analysis::SampleRing> samples,
                           const grpc::Status& refusal, const CallBounds& bounds, Caller caller)
    : samples_(std::move(samples)),
      gate_(bounds.gate),
      caller_(std::move(caller)),
      meter_(bounds.observer, RpcOf<v1::WatchAnalysisRequest>()) {
  if (samples_ == nullptr) {
    End(refusal);
  } else {
    Advance();
  }
}

void WatchReactor::End(const grpc::Status& status) {
  meter_.End(status.error_code());
  Finish(status);
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
    meter_.AddOut(bytes);
    gate_.Charge(caller_, bytes);
    StartWrite(&message_);
  } else if (samples_->IsOver(next_)) {
    End(grpc::Status::OK);
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
  if (cancelled) return End(ToGrpc(ClientGone()));
  if (!samples->WhenReady(next, watcher) && watcher.Leave()) End(ToGrpc(TooManyWatchers()));
}

void WatchReactor::OnWriteDone(bool ok) {
  if (ok) return Advance();
  End(ToGrpc(ClientGone()));
}

void WatchReactor::OnCancel() {
  std::optional<Waiter<>> watcher;
  {
    MutexLock lock(&waiting_->mutex);
    waiting_->cancelled = true;
    watcher = waiting_->last;
  }
  if (watcher.has_value() && watcher->Leave()) End(ToGrpc(ClientGone()));
}

}  // namespace mneme::server
