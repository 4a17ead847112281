#include "core/base/status.h"

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/str_split.h"

namespace mneme {
namespace {

constexpr char kDetailUrl[] = "mneme/error_detail";
constexpr char kSeparator = '\x1f';  // cannot occur: removed from the fields below

std::string Clean(std::string_view s) {
  std::string out(s);
  for (char& c : out) {
    if (c == kSeparator) c = ' ';
  }
  return out;
}

}  // namespace

absl::Status MakeError(absl::StatusCode code, std::string_view message, const ErrorDetail& detail) {
  absl::Status status(code, AbslView(message));
  std::string packed;
  for (std::string_view field :
       {std::string_view(detail.reason), std::string_view(detail.given),
        std::string_view(detail.expected), std::string_view(detail.next_step)}) {
    packed += Clean(field);
    packed += kSeparator;
  }
  packed += std::to_string(detail.retry_after_ms);
  status.SetPayload(kDetailUrl, absl::Cord(packed));
  return status;
}

absl::Status InvalidArgument(std::string_view message, const ErrorDetail& detail) {
  return MakeError(absl::StatusCode::kInvalidArgument, message, detail);
}
absl::Status NotFound(std::string_view message, const ErrorDetail& detail) {
  return MakeError(absl::StatusCode::kNotFound, message, detail);
}
absl::Status AlreadyExists(std::string_view message, const ErrorDetail& detail) {
  return MakeError(absl::StatusCode::kAlreadyExists, message, detail);
}
absl::Status FailedPrecondition(std::string_view message, const ErrorDetail& detail) {
  return MakeError(absl::StatusCode::kFailedPrecondition, message, detail);
}
absl::Status ResourceExhausted(std::string_view message, const ErrorDetail& detail) {
  return MakeError(absl::StatusCode::kResourceExhausted, message, detail);
}
absl::Status Aborted(std::string_view message, const ErrorDetail& detail) {
  return MakeError(absl::StatusCode::kAborted, message, detail);
}
absl::Status Unavailable(std::string_view message, const ErrorDetail& detail) {
  return MakeError(absl::StatusCode::kUnavailable, message, detail);
}
absl::Status Unimplemented(std::string_view message, const ErrorDetail& detail) {
  return MakeError(absl::StatusCode::kUnimplemented, message, detail);
}
absl::Status Cancelled(std::string_view message, const ErrorDetail& detail) {
  return MakeError(absl::StatusCode::kCancelled, message, detail);
}
absl::Status DataLoss(std::string_view message, const ErrorDetail& detail) {
  return MakeError(absl::StatusCode::kDataLoss, message, detail);
}
absl::Status Internal(std::string_view message) {
  return MakeError(
      absl::StatusCode::kInternal, message,
      {.reason = "BUG", .next_step = "Report this with the server's log; it is our fault."});
}

std::optional<ErrorDetail> GetErrorDetail(const absl::Status& status) {
  absl::optional<absl::Cord> payload = status.GetPayload(kDetailUrl);
  if (!payload.has_value()) return std::nullopt;
  std::vector<std::string> fields = absl::StrSplit(std::string(*payload), kSeparator);
  if (fields.size() != 5) return std::nullopt;
  return ErrorDetail{.reason = fields[0],
                     .given = fields[1],
                     .expected = fields[2],
                     .next_step = fields[3],
                     .retry_after_ms = std::strtoll(fields[4].c_str(), nullptr, 10)};
}

absl::Status Annotate(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  absl::Status out(status.code(), absl::StrCat(AbslView(context), ": ", status.message()));
  status.ForEachPayload(
      [&out](absl::string_view url, const absl::Cord& payload) { out.SetPayload(url, payload); });
  return out;
}

void CheckFailed(const char* file, int line, const char* what) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, what);
  std::fflush(stderr);
  std::abort();
}

}  // namespace mneme
