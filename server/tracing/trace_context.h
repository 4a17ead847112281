// Where a call stands in a trace, as W3C's Trace Context carries it: "00-TRACE-SPAN-FLAGS".
//
// Threads: plain values and pure functions.
#ifndef MNEME_SERVER_TRACING_TRACE_CONTEXT_H_
#define MNEME_SERVER_TRACING_TRACE_CONTEXT_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace mneme::server {

using TraceId = std::array<uint8_t, 16>;
using SpanId = std::array<uint8_t, 8>;

struct TraceContext {
  static constexpr uint8_t kSampled = 1;

  TraceId trace_id = {};
  SpanId span_id = {};  // of the caller's span
  uint8_t flags = 0;

  bool sampled() const { return (flags & kSampled) != 0; }
};

// Nothing where it is not one: other digits than 0-9a-f, an id of zeros, version ff, a version 00
// of another length. Of later versions the part that is known counts.
std::optional<TraceContext> ParseTraceparent(std::string_view traceparent);
std::string FormatTraceparent(const TraceContext& context);
// Lower-case hexadecimal digits.
std::string HexOf(std::span<const uint8_t> bytes);

}  // namespace mneme::server

#endif  // MNEME_SERVER_TRACING_TRACE_CONTEXT_H_
