// Errors: absl::Status everywhere, made by the functions below so that each one says what was
// wrong, what was given, what was expected and what to do next, in a form that a program can read
// as well.
//
// Debian 12's Abseil (20220623) has no status macros and its string_view is not std::string_view;
// both facts are hidden here.
#ifndef MNEME_CORE_BASE_STATUS_H_
#define MNEME_CORE_BASE_STATUS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace mneme {

inline absl::string_view AbslView(std::string_view s) { return {s.data(), s.size()}; }
inline std::string_view StdView(absl::string_view s) { return {s.data(), s.size()}; }

// The machine-readable half of an error; travels as a payload of absl::Status and becomes
// google.rpc.ErrorInfo, Help and RetryInfo on the wire (server/rpc/status.cc).
struct ErrorDetail {
  std::string reason;     // UPPER_SNAKE_CASE, stable: scripts switch on it. "SHAPE", "NOT_FINITE",
                          // "LIMIT", ...
  std::string given;      // what the caller sent, e.g. "127"
  std::string expected;   // what would have been right, e.g. "128"
  std::string next_step;  // one sentence, imperative: "Send keys of 128 columns."
  int64_t retry_after_ms = -1;  // >= 0 where waiting helps
};

// absl::Status with the detail attached.
//   return MakeError(absl::StatusCode::kInvalidArgument, "query row 3 has 127 columns, memory
//   'faces' has 128",
//                    {.reason = "SHAPE", .given = "127", .expected = "128", .next_step = "..."});
absl::Status MakeError(absl::StatusCode code, std::string_view message, const ErrorDetail& detail);

absl::Status InvalidArgument(std::string_view message, const ErrorDetail& detail);
absl::Status NotFound(std::string_view message, const ErrorDetail& detail);
absl::Status AlreadyExists(std::string_view message, const ErrorDetail& detail);
absl::Status FailedPrecondition(std::string_view message, const ErrorDetail& detail);
absl::Status ResourceExhausted(std::string_view message, const ErrorDetail& detail);
absl::Status Aborted(std::string_view message, const ErrorDetail& detail);
absl::Status Unavailable(std::string_view message, const ErrorDetail& detail);
absl::Status Unimplemented(std::string_view message, const ErrorDetail& detail);
absl::Status Cancelled(std::string_view message, const ErrorDetail& detail);
absl::Status DataLoss(std::string_view message, const ErrorDetail& detail);
absl::Status Internal(std::string_view message);

// The detail of a status made above; nullopt for one that came from elsewhere.
std::optional<ErrorDetail> GetErrorDetail(const absl::Status& status);

// The same status with `context: ` put before its message; the detail is kept.
absl::Status Annotate(const absl::Status& status, std::string_view context);

// Ends the process with the place and the text. For our own mistakes, never for input.
[[noreturn]] void CheckFailed(const char* file, int line, const char* what);

}  // namespace mneme

#define MNEME_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::mneme::CheckFailed(__FILE__, __LINE__, #condition))
#ifdef NDEBUG
#define MNEME_DCHECK(condition) static_cast<void>(sizeof(!(condition)))
#else
#define MNEME_DCHECK(condition) MNEME_CHECK(condition)
#endif

#define MNEME_CONCAT_INNER_(a, b) a##b
#define MNEME_CONCAT_(a, b) MNEME_CONCAT_INNER_(a, b)

#define MNEME_RETURN_IF_ERROR(expression)                                                     \
  do {                                                                                        \
    if (absl::Status mneme_status_ = (expression); !mneme_status_.ok()) return mneme_status_; \
  } while (false)

#define MNEME_ASSIGN_OR_RETURN(lhs, expression) \
  MNEME_ASSIGN_OR_RETURN_IMPL_(MNEME_CONCAT_(mneme_or_, __LINE__), lhs, expression)
#define MNEME_ASSIGN_OR_RETURN_IMPL_(temporary, lhs, expression) \
  auto temporary = (expression);                                 \
  if (!temporary.ok()) return std::move(temporary).status();     \
  lhs = std::move(temporary).value()

#endif  // MNEME_CORE_BASE_STATUS_H_
