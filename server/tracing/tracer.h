// Decides which calls are traced.
//
// A call that comes with a W3C traceparent is traced if its caller's flag says so, and is part of
// his trace; one that comes without begins a trace of its own, as often as the sampling ratio says.
//
// Thread-safe.
#ifndef MNEME_SERVER_TRACING_TRACER_H_
#define MNEME_SERVER_TRACING_TRACER_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine/timeline.h"
#include "server/tracing/trace_context.h"

namespace mneme::server {

// Of the header tracestate, which is handed on to the collector as it came; a longer one is not.
inline constexpr size_t kTraceStateBytesMax = 512;

// A call that is traced, from its beginning.
struct TracedCall {
  TraceContext context;  // its own span
  SpanId parent = {};    // the caller's; zero: it begins the trace
  std::string state;     // the header tracestate
  int64_t begin_unix_nanos = 0;
};

// The same at its end: a span for the call, and one below it for each lap.
struct EndedCall {
  TracedCall call;
  std::string_view method;  // "/mneme.v1.MemoryService/Retrieve"; static
  int code = 0;             // of gRPC
  std::string memory;       // the name that the request gives; empty: none
  std::string plan;         // how the answer came about; empty: it does not say
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  int64_t begin_nanos = 0;  // of Clock::NowMonotonicNanos, as are the laps'
  int64_t end_nanos = 0;
  std::vector<engine::Lap> laps;

  size_t spans() const { return 1 + laps.size(); }
};

// Where ended calls go. Must not wait.
class SpanSink {
 public:
  virtual ~SpanSink() = default;
  virtual void Take(EndedCall call) = 0;
};

class Tracer {
 public:
  // `sink` and `clock` must outlive it. `seed`: of ids and of the choice of calls.
  Tracer(SpanSink& sink, const Clock& clock, double sample_ratio, uint64_t seed);

  // From now on; in [0, 1].
  void SetSampleRatio(double ratio);
  // Nothing where the call is not traced: that costs no more than reading what came.
  std::optional<TracedCall> Begin(std::string_view traceparent, std::string_view tracestate);
  void End(EndedCall call) { sink_.Take(std::move(call)); }

 private:
  uint64_t NextRandom();
  SpanId NextSpanId();

  SpanSink& sink_;
  const Clock& clock_;
  std::atomic<uint64_t> random_;
  std::atomic<uint64_t> sampled_below_{0};  // of a random number
  std::atomic<bool> sample_all_{false};
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_TRACING_TRACER_H_
