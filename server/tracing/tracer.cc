#include "server/tracing/tracer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace mneme::server {
namespace {

constexpr uint64_t kGoldenGamma = 0x9e3779b97f4a7c15u;

}  // namespace

Tracer::Tracer(SpanSink& sink, const Clock& clock, double sample_ratio, uint64_t seed)
    : sink_(sink), clock_(clock), random_(seed) {
  SetSampleRatio(sample_ratio);
}

void Tracer::SetSampleRatio(double ratio) {
  sample_all_.store(ratio >= 1, std::memory_order_relaxed);
  const double below = std::ldexp(std::clamp(ratio, 0.0, 1.0), 64);
  sampled_below_.store(ratio >= 1 ? 0 : static_cast<uint64_t>(below), std::memory_order_relaxed);
}

// splitmix64, whose state is a counter: threads share it without a lock.
uint64_t Tracer::NextRandom() {
  uint64_t x = random_.fetch_add(kGoldenGamma, std::memory_order_relaxed) + kGoldenGamma;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

SpanId Tracer::NextSpanId() {
  SpanId id = {};
  uint64_t random = 0;
  while (random == 0) random = NextRandom();
  std::memcpy(id.data(), &random, sizeof(random));
  return id;
}

std::optional<TracedCall> Tracer::Begin(std::string_view traceparent, std::string_view tracestate) {
  TracedCall call;
  std::optional<TraceContext> parent;
  if (!traceparent.empty()) parent = ParseTraceparent(traceparent);
  if (parent.has_value()) {
    if (!parent->sampled()) return std::nullopt;
    call.context = *parent;
    call.parent = parent->span_id;
    if (tracestate.size() <= kTraceStateBytesMax) call.state = tracestate;
  } else {
    const uint64_t random = NextRandom();
    if (random >= sampled_below_.load(std::memory_order_relaxed) &&
        !sample_all_.load(std::memory_order_relaxed)) {
      return std::nullopt;
    }
    const SpanId low = NextSpanId();  // not zero, so the id is not
    std::memcpy(call.context.trace_id.data(), &random, sizeof(random));
    std::copy(low.begin(), low.end(), call.context.trace_id.begin() + sizeof(random));
    call.context.flags = TraceContext::kSampled;
  }
  call.context.span_id = NextSpanId();
  call.begin_unix_nanos = clock_.NowUnixNanos();
  return call;
}

}  // namespace mneme::server
