#include "server/rpc/call_meter.h"

#include <algorithm>
#include <iterator>

#include "absl/status/status.h"
#include "core/base/status.h"
#include "server/observe/log.h"

namespace mneme::server {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr size_t kTraceIdBytes = 32;
constexpr size_t kSpanIdBytes = 16;
// Of a memory's name in the log: it is what the caller sent.
constexpr size_t kLoggedNameBytesMax = 128;

// The first memory that a request names; empty where it names none.
std::string MemoryOf(const Rpc& method, const Message& request) {
  for (const std::string& path : method.rule.memories()) {
    const FieldDescriptor* field = request.GetDescriptor()->FindFieldByName(path);
    if (field == nullptr || field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) continue;
    std::string name = request.GetReflection()->GetString(request, field);
    std::replace_if(
        name.begin(), name.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
    if (!name.empty()) return name.substr(0, kLoggedNameBytesMax);
  }
  return "";
}

// How an answer came about, of those that say it: "exactness: EXACTNESS_EXACT proof: ..."
std::string PlanOf(const Message& response) {
  std::string out;
  for (const char* name : {"exactness", "proof", "items_scored", "index"}) {
    const FieldDescriptor* field = response.GetDescriptor()->FindFieldByName(name);
    if (field == nullptr || field->is_repeated()) continue;
    const google::protobuf::Reflection& at = *response.GetReflection();
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
      absl::StrAppend(&out, ", ", name, " ", at.GetEnum(response, field)->name());
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_UINT64) {
      absl::StrAppend(&out, ", ", name, " ", at.GetUInt64(response, field));
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
               at.HasField(response, field)) {
      absl::StrAppend(&out, ", ", name, " {", at.GetMessage(response, field).ShortDebugString(),
                      "}");
    }
  }
  return out;
}

}  // namespace

void CallMeter::Log(int64_t nanos, int code, grpc::CallbackServerContext& context,
                    const Message* request, const Message* response) const {
  const Rpc& method = AllRpcs()[method_];
  std::string line = absl::StrCat("slow: ", method.name());
  const std::string memory = request == nullptr ? "" : MemoryOf(method, *request);
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
  const auto trace = context.client_metadata().find("traceparent");
  if (trace != context.client_metadata().end()) {
    const std::string id = TraceIdOf({trace->second.data(), trace->second.size()});
    if (!id.empty()) absl::StrAppend(&line, ", trace ", id);
  }
  LogWarning(line);
}

std::string TraceIdOf(std::string_view traceparent) {
  const auto is_hex = [](std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  };
  // version "-" trace id "-" span id "-" flags
  constexpr size_t kLength = 2 + 1 + kTraceIdBytes + 1 + kSpanIdBytes + 1 + 2;
  if (traceparent.size() < kLength || traceparent[2] != '-' ||
      traceparent[3 + kTraceIdBytes] != '-' ||
      traceparent[4 + kTraceIdBytes + kSpanIdBytes] != '-') {
    return "";
  }
  const std::string_view id = traceparent.substr(3, kTraceIdBytes);
  const bool zero = id.find_first_not_of('0') == std::string_view::npos;
  return is_hex(id) && !zero ? std::string(id) : "";
}

}  // namespace mneme::server
