#include "server/tracing/trace_context.h"

#include <algorithm>

namespace mneme::server {
namespace {

// version "-" trace id "-" span id "-" flags
constexpr size_t kTraceAt = 3;
constexpr size_t kSpanAt = kTraceAt + 2 * sizeof(TraceId) + 1;
constexpr size_t kFlagsAt = kSpanAt + 2 * sizeof(SpanId) + 1;
constexpr size_t kLength = kFlagsAt + 2;

int DigitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool ReadHex(std::string_view digits, std::span<uint8_t> to) {
  for (size_t i = 0; i < to.size(); ++i) {
    const int high = DigitOf(digits[2 * i]);
    const int low = DigitOf(digits[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    to[i] = static_cast<uint8_t>(16 * high + low);
  }
  return true;
}

bool IsZero(std::span<const uint8_t> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; });
}

}  // namespace

std::optional<TraceContext> ParseTraceparent(std::string_view traceparent) {
  TraceContext context;
  uint8_t version = 0;
  if (traceparent.size() < kLength || traceparent[kTraceAt - 1] != '-' ||
      traceparent[kSpanAt - 1] != '-' || traceparent[kFlagsAt - 1] != '-' ||
      !ReadHex(traceparent, {&version, 1}) || version == 0xff ||
      !ReadHex(traceparent.substr(kTraceAt), context.trace_id) ||
      !ReadHex(traceparent.substr(kSpanAt), context.span_id) ||
      !ReadHex(traceparent.substr(kFlagsAt), {&context.flags, 1})) {
    return std::nullopt;
  }
  const bool longer = traceparent.size() > kLength;
  if (longer && (version == 0 || traceparent[kLength] != '-')) return std::nullopt;
  if (IsZero(context.trace_id) || IsZero(context.span_id)) return std::nullopt;
  return context;
}

std::string FormatTraceparent(const TraceContext& context) {
  return "00-" + HexOf(context.trace_id) + "-" + HexOf(context.span_id) + "-" +
         HexOf({&context.flags, 1});
}

std::string HexOf(std::span<const uint8_t> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes.size());
  for (const uint8_t byte : bytes) {
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

}  // namespace mneme::server
