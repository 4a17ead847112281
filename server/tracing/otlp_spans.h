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
#include "otlp.pb.h"
#include "server/tracing/tracer.h"

namespace mneme::server {

namespace otlp = ::opentelemetry::proto::collector::trace::v1;

// Who sends: "service.name", "service.instance.id", ...
using TraceResource = std::vector<std::pair<std::string, std::string>>;

// `ids`: makes the ids of the laps' spans.
otlp::ExportTraceServiceRequest ToOtlp(std::span<const EndedCall> calls,
                                       const TraceResource& resource, const std::string& version,
                                       Random& ids);

}  // namespace mneme::server

#endif  // MNEME_SERVER_TRACING_OTLP_SPANS_H_
