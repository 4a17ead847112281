// Sends ended calls to a collector, on a thread of its own.
//
//   Take ─► queue (kSpansWaitingMax) ─► batch (kSpansPerBatch, or a pause) ─► Export ─► again after
//   a while, where the collector does not answer
//
// Take never waits. What finds the queue full is dropped, and so is a batch that the collector
// refuses, or does not answer in several tries: the figures say how many spans of each.
//
// Thread-safe.
#ifndef MNEME_SERVER_TRACING_SPAN_EXPORTER_H_
#define MNEME_SERVER_TRACING_SPAN_EXPORTER_H_

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/random.h"
#include "otlp.pb.h"
#include "server/tracing/otlp_spans.h"
#include "server/tracing/tracer.h"

namespace mneme::server {

namespace otlp = ::opentelemetry::proto::collector::trace::v1;

inline constexpr size_t kSpansWaitingMax = 16'384;
inline constexpr size_t kSpansPerBatch = 512;
inline constexpr int kExportTriesMax = 5;

struct SpanExporterOptions {
  std::string endpoint;  // for the log
  TraceResource resource;
  std::string version;
  uint64_t seed = 0;                         // of the laps' span ids, and of how long retries wait
  std::chrono::milliseconds pause{1000};     // a batch that is not full waits so long
  std::chrono::milliseconds answer{10'000};  // for the collector's
  // Before another try: doubled each time, and a random share of it.
  std::chrono::milliseconds backoff_least{250};
  std::chrono::milliseconds backoff_most{8'000};
  std::chrono::milliseconds flush{2'000};  // what is left at the end has so long
};

struct SpanCounts {
  uint64_t exported = 0;
  uint64_t dropped_full = 0;         // the queue had no room
  uint64_t dropped_refused = 0;      // the collector did not want them
  uint64_t dropped_unreachable = 0;  // it did not answer, or not before the end
  uint64_t exports = 0;              // requests that it took
  uint64_t failures = 0;             // tries that failed
  uint64_t waiting = 0;              // now
};

class SpanExporter final : public SpanSink {
 public:
  SpanExporter(std::shared_ptr<grpc::Channel> channel, SpanExporterOptions options);
  ~SpanExporter() override;  // Stop()

  void Take(EndedCall call) override;
  // Sends what waits, for options.flush at most; then drops the rest. Later calls are dropped.
  void Stop();
  SpanCounts counts() const;

 private:
  enum class Sent { kTaken, kRefused, kNoAnswer };

  void Run();
  // Waits until a batch is full, or for a pause; empty: stopped, and nothing is left.
  std::vector<EndedCall> TakeBatch();
  void Send(const std::vector<EndedCall>& batch);
  Sent Try(const grpc::ByteBuffer& request, uint64_t spans);
  // False: there is no time for another try.
  bool WaitForNextTry(int tries);
  void Count(uint64_t SpanCounts::*figure, uint64_t spans);
  // The end of this try at the latest; nothing where the time is over.
  std::optional<std::chrono::system_clock::time_point> Deadline() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Says in the log when the collector goes and when it is back.
  void NoteHealth(const grpc::Status& status);

  const SpanExporterOptions options_;
  // Requests go as bytes: batches are not made into messages first (otlp_spans.h).
  grpc::TemplatedGenericStub<grpc::ByteBuffer, otlp::ExportTraceServiceResponse> stub_;
  mutable Mutex mutex_;
  CondVar wake_;
  std::deque<EndedCall> queue_ ABSL_GUARDED_BY(mutex_);
  SpanCounts counts_ ABSL_GUARDED_BY(mutex_);
  grpc::ClientContext* under_way_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;  // the thread is done
  std::optional<std::chrono::steady_clock::time_point> flush_end_
      ABSL_GUARDED_BY(mutex_);  // stopping: send until then
  // The thread's own.
  Random random_;
  bool healthy_ = true;
  std::thread thread_;  // last: starts when all else is there
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_TRACING_SPAN_EXPORTER_H_
