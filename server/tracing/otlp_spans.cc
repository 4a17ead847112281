#include "server/tracing/otlp_spans.h"

#include <grpcpp/support/status_code_enum.h>

#include <algorithm>
#include <string_view>

#include "otlp.pb.h"
#include "server/tracing/proto_writer.h"

namespace mneme::server {
namespace {

namespace otlp = ::opentelemetry::proto::collector::trace::v1;
using otlp::AnyValue;
using otlp::KeyValue;
using otlp::Span;

// OTLP has the flags of a span say whether its parent is known to be elsewhere.
constexpr uint32_t kParentIsKnown = 0x100;
constexpr uint32_t kParentIsRemote = 0x200;
// Of a span with its ids and times, for the buffer's first size.
constexpr size_t kSpanBytesTypical = 128;

std::string_view BytesOf(std::span<const uint8_t> id) {
  return {reinterpret_cast<const char*>(id.data()), id.size()};
}

void AddAttribute(int field, std::string_view key, std::string_view value, ProtoWriter& out) {
  const size_t attribute = out.Open(field);
  out.Bytes(KeyValue::kKeyFieldNumber, key);
  const size_t any = out.Open(KeyValue::kValueFieldNumber);
  out.Bytes(AnyValue::kStringValueFieldNumber, value);
  out.Close(any);
  out.Close(attribute);
}

void AddText(std::string_view key, std::string_view value, ProtoWriter& out) {
  AddAttribute(Span::kAttributesFieldNumber, key, value, out);
}

void AddNumber(std::string_view key, uint64_t value, ProtoWriter& out) {
  const size_t attribute = out.Open(Span::kAttributesFieldNumber);
  out.Bytes(KeyValue::kKeyFieldNumber, key);
  const size_t any = out.Open(KeyValue::kValueFieldNumber);
  out.Number(AnyValue::kIntValueFieldNumber, value);
  out.Close(any);
  out.Close(attribute);
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

// What a call's span and those of its laps have in common.
struct Common {
  SpanId id = {};
  SpanId parent = {};  // zero: none
  std::string_view name;
  Span::SpanKind kind = Span::SPAN_KIND_UNSPECIFIED;
  int64_t begin_nanos = 0;
  int64_t end_nanos = 0;
  uint32_t flags = 0;  // beside the call's
};

void AddCommon(const EndedCall& call, const Common& span, ProtoWriter& out) {
  const TracedCall& traced = call.call;
  out.Bytes(Span::kTraceIdFieldNumber, BytesOf(traced.context.trace_id));
  out.Bytes(Span::kSpanIdFieldNumber, BytesOf(span.id));
  if (!traced.state.empty()) out.Bytes(Span::kTraceStateFieldNumber, traced.state);
  if (span.parent != SpanId{}) out.Bytes(Span::kParentSpanIdFieldNumber, BytesOf(span.parent));
  out.Bytes(Span::kNameFieldNumber, span.name);
  out.Number(Span::kKindFieldNumber, span.kind);
  const int64_t offset = traced.begin_unix_nanos - call.begin_nanos;
  const int64_t end_nanos = std::max(span.begin_nanos, span.end_nanos);
  out.Fixed64(Span::kStartTimeUnixNanoFieldNumber,
              static_cast<uint64_t>(span.begin_nanos + offset));
  out.Fixed64(Span::kEndTimeUnixNanoFieldNumber, static_cast<uint64_t>(end_nanos + offset));
  out.Fixed32(Span::kFlagsFieldNumber, traced.context.flags | span.flags);
}

void AddCall(const EndedCall& call, ProtoWriter& out) {
  const TracedCall& traced = call.call;
  const std::string_view path = call.method.substr(call.method.find_first_not_of('/'));
  const size_t slash = path.find('/');
  AddCommon(call,
            {.id = traced.context.span_id,
             .parent = traced.parent,
             .name = path,
             .kind = Span::SPAN_KIND_SERVER,
             .begin_nanos = call.begin_nanos,
             .end_nanos = call.end_nanos,
             .flags = traced.parent == SpanId{} ? 0 : kParentIsKnown | kParentIsRemote},
            out);
  AddText("rpc.system", "grpc", out);
  AddText("rpc.service", path.substr(0, slash), out);
  AddText("rpc.method", path.substr(slash + 1), out);
  AddNumber("rpc.grpc.status_code", static_cast<uint64_t>(call.code), out);
  AddNumber("mneme.request_bytes", call.bytes_in, out);
  AddNumber("mneme.response_bytes", call.bytes_out, out);
  if (!call.memory.empty()) AddText("mneme.memory", call.memory, out);
  if (!call.plan.empty()) AddText("mneme.plan", call.plan, out);
  if (!IsServerError(call.code)) return;
  const size_t status = out.Open(Span::kStatusFieldNumber);
  out.Number(otlp::Status::kCodeFieldNumber, otlp::Status::STATUS_CODE_ERROR);
  out.Close(status);
}

void AddLap(const EndedCall& call, const engine::Lap& lap, int64_t begin_nanos, uint64_t id,
            ProtoWriter& out) {
  Common span{.parent = call.call.context.span_id,
              .name = lap.name,
              .kind = Span::SPAN_KIND_INTERNAL,
              .begin_nanos = begin_nanos,
              .end_nanos = lap.end_nanos,
              .flags = kParentIsKnown};
  for (size_t i = 0; i < span.id.size(); ++i) span.id[i] = static_cast<uint8_t>(id >> (8 * i));
  AddCommon(call, span, out);
  if (lap.parts == 0) return;
  AddNumber("mneme.parts", lap.parts, out);
  AddNumber("mneme.bytes", lap.bytes, out);
  AddNumber("mneme.threads", lap.threads, out);
}

}  // namespace

std::string ToOtlp(std::span<const EndedCall> calls, const TraceResource& resource,
                   const std::string& version, Random& ids) {
  size_t spans = 0;
  for (const EndedCall& call : calls) spans += call.spans();
  ProtoWriter out(spans * kSpanBytesTypical);
  const size_t of_resource = out.Open(otlp::ExportTraceServiceRequest::kResourceSpansFieldNumber);
  const size_t who = out.Open(otlp::ResourceSpans::kResourceFieldNumber);
  for (const auto& [key, value] : resource) {
    AddAttribute(otlp::Resource::kAttributesFieldNumber, key, value, out);
  }
  out.Close(who);
  const size_t of_scope = out.Open(otlp::ResourceSpans::kScopeSpansFieldNumber);
  const size_t scope = out.Open(otlp::ScopeSpans::kScopeFieldNumber);
  out.Bytes(otlp::InstrumentationScope::kNameFieldNumber, "mneme");
  out.Bytes(otlp::InstrumentationScope::kVersionFieldNumber, version);
  out.Close(scope);
  for (const EndedCall& call : calls) {
    const size_t span = out.Open(otlp::ScopeSpans::kSpansFieldNumber);
    AddCall(call, out);
    out.Close(span);
    int64_t begin = call.begin_nanos;
    for (const engine::Lap& lap : call.laps) {
      const size_t below = out.Open(otlp::ScopeSpans::kSpansFieldNumber);
      AddLap(call, lap, begin, ids.Next() | 1, out);  // an id is not zero
      out.Close(below);
      begin = lap.end_nanos;
    }
  }
  out.Close(of_scope);
  out.Close(of_resource);
  return out.Take();
}

}  // namespace mneme::server
