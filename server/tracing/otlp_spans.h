// Ended calls in OTLP's words.
//
// Names and attributes are those of OpenTelemetry's conventions where there are any (rpc.*,
// service.*); the others begin with "mneme.".
//
// Threads: a pure function.
#ifndef MNEME_SERVER_TRACING_OTLP_SPANS_H_
#define MNEME_SERVER_TRACING_OTLP_SPANS_H_

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "server/tracing/tracer.h"

namespace mneme::server {

// Who sends: "service.name", "service.instance.id", ...
using TraceResource = std::vector<std::pair<std::string, std::string>>;

// Bytes of an ExportTraceServiceRequest (otlp.proto). `ids`: makes the ids of the laps' spans.
std::string ToOtlp(std::span<const EndedCall> calls, const TraceResource& resource,
                   const std::string& version, Random& ids);

}  // namespace mneme::server

#endif  // MNEME_SERVER_TRACING_OTLP_SPANS_H_
