// One WatchAnalysis: the samples of an analysis, one message each, as fast as the client takes
// them.
//
// The ring keeps the newest; a slow client misses some and is told how many. Between messages the
// stream waits in the ring, for the next sample or the end, and costs nothing.
//
// Invariants: (1) at most one write is under way, and while it is nothing else is started.
// (2) Of a wait the first one goes on: the ring's thread, which calls the waiter, or the one that
// tells that the client is gone, which leaves in his name. (3) After Finish nothing is touched.
#ifndef MNEME_SERVER_RPC_WATCH_ANALYSIS_H_
#define MNEME_SERVER_RPC_WATCH_ANALYSIS_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>

#include "core/analysis/sample_ring.h"
#include "core/base/mutex.h"
#include "core/base/waiters.h"
#include "core/engine/jobs.h"
#include "mneme/v1/admin_service.pb.h"
#include "mneme/v1/analysis.pb.h"
#include "server/rpc/call_entry.h"

namespace mneme::server {

// Owns itself: gone when gRPC is done with it.
class WatchReactor final : public grpc::ServerWriteReactor<v1::AnalysisSample> {
 public:
  // `request` outlives it, as gRPC's do.
  WatchReactor(engine::JobRunner& jobs, CallBounds& bounds, grpc::CallbackServerContext* context,
               const v1::WatchAnalysisRequest& request);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override { delete this; }

 private:
  // May outlive the reactor: who begins a wait may be the last to let go of the lock.
  struct Waiting {
    Mutex mutex;
    std::optional<Waiter<>> last ABSL_GUARDED_BY(mutex);
    bool cancelled ABSL_GUARDED_BY(mutex) = false;
  };

  ~WatchReactor() override = default;
  void End(const absl::Status& status) { Finish(entry_.End(status, nullptr)); }
  // Writes the next sample, ends, or waits.
  void Advance();
  void Wait();

  const Gate& gate_;
  CallEntry entry_;
  std::shared_ptr<analysis::SampleRing> samples_;  // from the beginning, unless it is refused
  const std::shared_ptr<Waiting> waiting_ = std::make_shared<Waiting>();
  uint64_t next_ = 0;
  bool named_ = false;  // the observables were told
  v1::AnalysisSample message_;
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_WATCH_ANALYSIS_H_
