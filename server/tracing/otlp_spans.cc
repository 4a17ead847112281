#include "server/tracing/otlp_spans.h"

#include <grpcpp/support/status_code_enum.h>

#include <algorithm>

namespace mneme::server {
namespace {

void AddText(otlp::Span& span, const char* key, std::string value) {
  otlp::KeyValue& attribute = *span.add_attributes();
  attribute.set_key(key);
  attribute.mutable_value()->set_string_value(std::move(value));
}

void AddNumber(otlp::Span& span, const char* key, uint64_t value) {
  otlp::KeyValue& attribute = *span.add_attributes();
  attribute.set_key(key);
  attribute.mutable_value()->set_int_value(static_cast<int64_t>(value));
}

template <typename Id>
std::string BytesOf(const Id& id) {
  return std::string(id.begin(), id.end());
}

// Codes that say something of the server, not of what it was asked.
bool IsServerError(int code) {
  switch (static_cast<grpc::StatusCode>(code)) {
    case grpc::StatusCode::UNKNOWN:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::UNIMPLEMENTED:
    case grpc::StatusCode::INTERNAL:
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DATA_LOSS:
      return true;
    default:
      return false;
  }
}

void SetTimes(const EndedCall& call, int64_t begin_nanos, int64_t end_nanos, otlp::Span& span) {
  const int64_t offset = call.call.begin_unix_nanos - call.begin_nanos;
  span.set_start_time_unix_nano(static_cast<uint64_t>(begin_nanos + offset));
  span.set_end_time_unix_nano(static_cast<uint64_t>(std::max(begin_nanos, end_nanos) + offset));
}

void FillCall(const EndedCall& call, otlp::Span& span) {
  const TracedCall& traced = call.call;
  span.set_span_id(BytesOf(traced.context.span_id));
  if (traced.parent != SpanId{}) span.set_parent_span_id(BytesOf(traced.parent));
  const std::string path(call.method.substr(call.method.find_first_not_of('/')));
  const size_t slash = path.find('/');
  span.set_name(path);
  span.set_kind(otlp::Span::SPAN_KIND_SERVER);
  SetTimes(call, call.begin_nanos, call.end_nanos, span);
  AddText(span, "rpc.system", "grpc");
  AddText(span, "rpc.service", path.substr(0, slash));
  AddText(span, "rpc.method", path.substr(slash + 1));
  AddNumber(span, "rpc.grpc.status_code", static_cast<uint64_t>(call.code));
  AddNumber(span, "mneme.request_bytes", call.bytes_in);
  AddNumber(span, "mneme.response_bytes", call.bytes_out);
  if (!call.memory.empty()) AddText(span, "mneme.memory", call.memory);
  if (!call.plan.empty()) AddText(span, "mneme.plan", call.plan);
  if (IsServerError(call.code)) span.mutable_status()->set_code(otlp::Status::STATUS_CODE_ERROR);
}

void FillLap(const EndedCall& call, const engine::Lap& lap, int64_t begin_nanos, uint64_t id,
             otlp::Span& span) {
  SpanId bytes;
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(id >> (8 * i));
  span.set_span_id(BytesOf(bytes));
  span.set_parent_span_id(BytesOf(call.call.context.span_id));
  span.set_name(std::string(lap.name));
  span.set_kind(otlp::Span::SPAN_KIND_INTERNAL);
  SetTimes(call, begin_nanos, lap.end_nanos, span);
  if (lap.parts == 0) return;
  AddNumber(span, "mneme.parts", lap.parts);
  AddNumber(span, "mneme.bytes", lap.bytes);
  AddNumber(span, "mneme.threads", lap.threads);
}

}  // namespace

otlp::ExportTraceServiceRequest ToOtlp(std::span<const EndedCall> calls,
                                       const TraceResource& resource, const std::string& version,
                                       Random& ids) {
  otlp::ExportTraceServiceRequest request;
  otlp::ResourceSpans& out = *request.add_resource_spans();
  for (const auto& [key, value] : resource) {
    otlp::KeyValue& attribute = *out.mutable_resource()->add_attributes();
    attribute.set_key(key);
    attribute.mutable_value()->set_string_value(value);
  }
  otlp::ScopeSpans& scope = *out.add_scope_spans();
  scope.mutable_scope()->set_name("mneme");
  scope.mutable_scope()->set_version(version);
  for (const EndedCall& call : calls) {
    const auto add = [&]() -> otlp::Span& {
      otlp::Span& span = *scope.add_spans();
      span.set_trace_id(BytesOf(call.call.context.trace_id));
      span.set_trace_state(call.call.state);
      span.set_flags(call.call.context.flags);
      return span;
    };
    FillCall(call, add());
    int64_t begin = call.begin_nanos;
    for (const engine::Lap& lap : call.laps) {
      FillLap(call, lap, begin, ids.Next() | 1, add());  // an id is not zero
      begin = lap.end_nanos;
    }
  }
  return request;
}

}  // namespace mneme::server
