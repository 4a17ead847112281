#include "client/cli/context.h"

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace mneme::cli {
namespace {

constexpr char kUsageReason[] = "USAGE";
constexpr int kShortWorkAttemptsMax = 4;  // within half a second
constexpr int kLongWorkAttemptsMax = 12;  // within about ten seconds

// Bytes that are not UTF-8 replaced: errors travel as protobuf's strings, and what a file holds or
// a text cut in two ends with may be anything.
std::string ToUtf8(std::string_view text) {
  using nlohmann::json;
  const std::string quoted = json(text).dump(-1, ' ', false, json::error_handler_t::replace);
  return json::parse(quoted).get<std::string>();
}

// A file of the user's that will not do: exit code 2, whatever is wrong with it.
absl::Status AsUsage(const absl::Status& status) {
  const client::Error error = client::GetError(status);
  return UsageError(error.message, error.given, error.expected, error.next_step);
}

}  // namespace

absl::Status UsageError(std::string_view message, std::string_view given, std::string_view expected,
                        std::string_view next_step) {
  return client::MakeError({.code = absl::StatusCode::kInvalidArgument,
                            .reason = kUsageReason,
                            .message = ToUtf8(message),
                            .given = ToUtf8(given),
                            .expected = std::string(expected),
                            .next_step = std::string(next_step)});
}

absl::StatusOr<std::chrono::milliseconds> ParseTimeout(const std::string& text) {
  absl::Duration duration;
  double seconds = 0;
  if (absl::SimpleAtod(text, &seconds)) {
    duration = absl::Seconds(seconds);
  } else if (!absl::ParseDuration(text, &duration)) {
    duration = absl::ZeroDuration();
  }
  if (duration <= absl::ZeroDuration()) {
    return UsageError("the timeout is not a positive time", text, "a time like 30s, 500ms or 2m",
                      "Give a time with its unit.");
  }
  return absl::ToChronoMilliseconds(std::min(duration, absl::Hours(24 * 365)));
}

namespace {

bool WantsTls(const Context& context) {
  return context.tls || !context.tls_ca.empty() || !context.tls_certificate.empty() ||
         !context.tls_key.empty();
}

// A key or a token; empty: calls carry none. What the command line says wins over the environment.
absl::StatusOr<std::string> ApiKeyOf(const Context& context) {
  std::string key;
  const std::string& file = context.token_file.empty() ? context.api_key_file : context.token_file;
  if (!file.empty()) {
    auto read = client::ReadApiKey(file);
    if (!read.ok()) return AsUsage(read.status());
    key = *std::move(read);
  } else {
    // One that is empty says no more than one that is not there.
    for (const char* name : {"MNEME_TOKEN", "MNEME_API_KEY"}) {
      const char* const value = std::getenv(name);
      if (key.empty() && value != nullptr) key = value;
    }
  }
  const bool is_safe = WantsTls(context) || client::IsLocal(context.server);
  if (key.empty() || is_safe || context.allow_plaintext_key) return key;
  return UsageError("the key would go to another machine in plain text", context.server,
                    "TLS, or a server on this machine",
                    "Add --tls-ca FILE (or --tls); --allow-plaintext-key sends it all the same.");
}

}  // namespace

absl::StatusOr<client::Client> MakeClient(const Context& context, Patience patience) {
  const auto timeout = ParseTimeout(context.timeout);
  if (!timeout.ok()) return timeout.status();
  const int attempts_max =
      patience == Patience::kLong ? kLongWorkAttemptsMax : kShortWorkAttemptsMax;
  client::ClientOptions options{
      .target = context.server, .timeout = *timeout, .retry = {.attempts_max = attempts_max}};
  if (WantsTls(context)) {
    auto credentials = client::MakeTlsCredentials(
        {.ca = context.tls_ca, .certificate = context.tls_certificate, .key = context.tls_key});
    if (!credentials.ok()) return AsUsage(credentials.status());
    options.credentials = *std::move(credentials);
  }
  auto key = ApiKeyOf(context);
  if (!key.ok()) return key.status();
  options.api_key = *std::move(key);
  return client::Client(std::move(options));
}

ExitCode ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return kExitOk;
  if (client::GetError(status).reason == kUsageReason) return kExitUsage;
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kExitUnavailable;
    case absl::StatusCode::kCancelled:
      return kExitStopped;
    default:
      return kExitError;
  }
}

void PrintError(const absl::Status& status, std::string_view program, bool json,
                std::ostream& err) {
  const client::Error error = client::GetError(status);
  if (json) {
    nlohmann::ordered_json fields{{"code", absl::StatusCodeToString(error.code)},
                                  {"reason", error.reason},
                                  {"message", error.message},
                                  {"given", error.given},
                                  {"expected", error.expected},
                                  {"next_step", error.next_step}};
    if (error.retry_after) fields["retry_after_ms"] = error.retry_after->count();
    if (error.rows_done) fields["rows_done"] = *error.rows_done;
    err << nlohmann::ordered_json{{"error", fields}}.dump(-1, ' ', false,
                                                          nlohmann::json::error_handler_t::replace)
        << "\n";
    return;
  }
  err << program << ": " << error.message << " (" << absl::StatusCodeToString(error.code);
  if (!error.reason.empty()) err << ", " << error.reason;
  err << ")\n";
  if (!error.given.empty()) err << "  given:     " << error.given << "\n";
  if (!error.expected.empty()) err << "  expected:  " << error.expected << "\n";
  if (error.rows_done.value_or(0) > 0) err << "  rows done: " << *error.rows_done << "\n";
  if (!error.next_step.empty()) err << "  next step: " << error.next_step << "\n";
}

void PrintWarnings(const std::vector<client::Warning>& warnings, std::ostream& err) {
  for (const client::Warning& warning : warnings) {
    err << "warning: " << warning.message << " (" << warning.reason << ")\n";
    if (!warning.next_step.empty()) err << "  next step: " << warning.next_step << "\n";
  }
}

}  // namespace mneme::cli
