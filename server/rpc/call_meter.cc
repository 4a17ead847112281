#include "server/rpc/call_meter.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "core/base/status.h"
#include "server/auth/methods.h"
#include "server/observe/log.h"

namespace mneme::server {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr absl::string_view kPlanSeparator = ", ";

// The first memory that a request names, as one may print it; empty where it names none.
std::string MemoryOf(const Message& request) {
  static const MethodTable methods;
  const Method* const method = methods.Find(request.GetDescriptor());
  if (method == nullptr) return "";
  std::string name = LoggedName(*method, request);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return name;
}

// How an answer came about, of those that say it: "exactness: EXACTNESS_EXACT proof: ..."
std::string PlanOf(const Message& response) {
  std::string out;
  for (const char* name : {"exactness", "proof", "items_scored", "index"}) {
    const FieldDescriptor* field = response.GetDescriptor()->FindFieldByName(name);
    if (field == nullptr || field->is_repeated()) continue;
    const google::protobuf::Reflection& at = *response.GetReflection();
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
      absl::StrAppend(&out, kPlanSeparator, name, " ", at.GetEnum(response, field)->name());
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_UINT64) {
      absl::StrAppend(&out, kPlanSeparator, name, " ", at.GetUInt64(response, field));
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
               at.HasField(response, field)) {
      absl::StrAppend(&out, kPlanSeparator, name, " {",
                      at.GetMessage(response, field).ShortDebugString(), "}");
    }
  }
  return out;
}

}  // namespace

std::string_view CallMeter::HeaderOf(const char* name) const {
  if (context_ == nullptr) return {};
  const auto found = context_->client_metadata().find(name);
  if (found == context_->client_metadata().end()) return {};
  return {found->second.data(), found->second.size()};
}

void CallMeter::BeginTrace() {
  std::optional<TracedCall> traced =
      observer_.tracer->Begin(HeaderOf("traceparent"), HeaderOf("tracestate"));
  if (!traced.has_value()) return;
  Watch();
  watched_->traced = std::move(traced);
}

engine::Timeline& CallMeter::Watch() {
  if (watched_ == nullptr) {
    watched_.reset(new Watched{.timeline = engine::Timeline(observer_.clock, begin_nanos_)});
  }
  return watched_->timeline;
}

void CallMeter::End(int code, const Message* request, const Message* response) {
  ended_ = true;
  const int64_t nanos = observer_.clock.NowMonotonicNanos() - begin_nanos_;
  observer_.counters.End(method_, code, nanos, bytes_in_, bytes_out_);
  const bool slow = slow_nanos() > 0 && nanos >= slow_nanos();
  if (slow && request != nullptr && !AllRpcs()[method_].waits())
    Log(nanos, code, *request, response);
  if (watched_ != nullptr && watched_->traced) EndTrace(nanos, code, request, response);
}

void CallMeter::EndTrace(int64_t nanos, int code, const Message* request, const Message* response) {
  std::string plan = response != nullptr && code == 0 ? PlanOf(*response) : "";
  if (!plan.empty()) plan.erase(0, kPlanSeparator.size());
  observer_.tracer->End({.call = *std::move(watched_->traced),
                         .method = AllRpcs()[method_].path,
                         .code = code,
                         .memory = request == nullptr ? "" : MemoryOf(*request),
                         .plan = std::move(plan),
                         .bytes_in = bytes_in_,
                         .bytes_out = bytes_out_,
                         .begin_nanos = begin_nanos_,
                         .end_nanos = begin_nanos_ + nanos,
                         .laps = watched_->timeline.TakeLaps()});
  watched_->traced.reset();
}

void CallMeter::Log(int64_t nanos, int code, const Message& request,
                    const Message* response) const {
  const Rpc& method = AllRpcs()[method_];
  std::string line = absl::StrCat("slow: ", method.name());
  const std::string memory = MemoryOf(request);
  if (!memory.empty()) absl::StrAppend(&line, " of ", memory);
  const auto millis = [](int64_t ns) { return static_cast<double>(ns) / 1e6; };
  absl::StrAppendFormat(&line, " took %.3f ms", millis(nanos));
  const int64_t decoded = passed_[static_cast<size_t>(CallStage::kDecoded)];
  const int64_t answered = passed_[static_cast<size_t>(CallStage::kAnswered)];
  if (decoded != 0 && answered != 0) {
    absl::StrAppendFormat(&line, " (decode %.3f, engine %.3f, encode %.3f)",
                          millis(decoded - begin_nanos_), millis(answered - decoded),
                          millis(begin_nanos_ + nanos - answered));
  }
  absl::StrAppend(&line, ", ", absl::StatusCodeToString(static_cast<absl::StatusCode>(code)), ", ",
                  bytes_in_, " bytes in, ", bytes_out_, " out");
  if (response != nullptr && code == 0) line += PlanOf(*response);
  if (const auto trace = ParseTraceparent(HeaderOf("traceparent")); trace.has_value()) {
    absl::StrAppend(&line, ", trace ", HexOf(trace->trace_id));
  } else if (watched_ != nullptr && watched_->traced) {
    absl::StrAppend(&line, ", trace ", HexOf(watched_->traced->context.trace_id));
  }
  LogWarning(line);
}

}  // namespace mneme::server
