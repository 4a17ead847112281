#include "client/cli/training.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "client/cli/describe.h"
#include "client/cli/json.h"
#include "client/cli/progress.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

constexpr size_t kBarWidth = 24;
constexpr std::chrono::milliseconds kCancelTime(10'000);  // for a training to stop

// The share that is left of the time that the server expects it to take: no clock of ours, which
// may be another than the server's.
std::optional<std::chrono::seconds> TimeLeft(const client::TrainProgress& training) {
  if (!training.expected_end_time) return std::nullopt;
  const std::chrono::duration<double> all = *training.expected_end_time - training.start_time;
  const double left = all.count() * (1 - std::clamp(training.progress, 0.0, 1.0));
  return std::chrono::seconds(static_cast<int64_t>(std::ceil(std::max(left, 0.0))));
}

absl::Status Cancelled(const std::string& operation) {
  return client::MakeError({.code = absl::StatusCode::kCancelled,
                            .reason = "CANCELLED",
                            .message = absl::StrCat(operation, " was cancelled"),
                            .next_step = "The memory serves on with the weights it had."});
}

absl::Status Left(const std::string& operation) {
  return client::MakeError(
      {.code = absl::StatusCode::kCancelled,
       .reason = "CANCELLED",
       .message = absl::StrCat("no longer watching ", operation, ", which goes on"),
       .next_step =
           absl::StrCat("Watch it again with `mnemectl operation wait ", operation,
                        "`, or stop it with `mnemectl operation cancel ", operation, "`.")});
}

// Asks for the end and waits for it, although the user wants to stop: what he wants to stop is the
// training.
absl::StatusOr<client::Operation> CancelAndWait(client::Client& client,
                                                const std::string& operation, std::ostream& err) {
  err << "stopping: asking the server to cancel " << operation << "\n";
  if (absl::Status status = client.CancelOperation(operation, {.timeout = kCancelTime});
      !status.ok()) {
    return status;
  }
  return client.WaitOperation(operation, {.timeout = kCancelTime});
}

}  // namespace

std::string TrainLine(const client::TrainProgress& training) {
  std::string line = absl::StrCat(training.memory, "  ", FormatBar(training.progress, kBarWidth),
                                  " ", FormatPercent(training.progress), ", ", training.phase);
  if (training.steps > 0) {
    absl::StrAppend(&line, ", step ", FormatCount(training.steps), ", loss ",
                    FormatNumber(training.loss));
  }
  if (const auto left = TimeLeft(training); left && left->count() > 0) {
    absl::StrAppend(&line, ", ", FormatTimeLeft(*left), " left");
  }
  return line;
}

absl::Status Watch(client::Client& client, const std::string& operation, OnStop on_stop,
                   const Context& context) {
  absl::StatusOr<client::Operation> ended;
  {
    LiveLine line(context.io.err, context.io.err_is_terminal);
    ended = client.WaitOperation(operation, {.observe =
                                                 [&line](const client::Operation& now) {
                                                   if (now.training && line.IsDue(now.done)) {
                                                     line.Draw(TrainLine(*now.training));
                                                   }
                                                 },
                                             .pace = std::chrono::milliseconds(200),
                                             .stop = context.io.stop});
  }
  if (context.io.stop.stop_requested() && !ended.ok()) {
    if (on_stop == OnStop::kLeave) return Left(operation);
    ended = CancelAndWait(client, operation, context.io.err);
  }
  if (!ended.ok()) return ended.status();
  if (ended->error.code() == absl::StatusCode::kCancelled) return Cancelled(operation);
  if (!ended->error.ok()) return ended->error;
  PrintOperation(*ended, context);
  return absl::OkStatus();
}

void PrintOperation(const client::Operation& operation, const Context& context) {
  std::ostream& out = context.io.out;
  if (context.json) {
    out << Dump(ToJson(operation)) << "\n";
    return;
  }
  out << operation.name << "\n";
  Fields fields(out);
  if (operation.training) {
    const client::TrainProgress& training = *operation.training;
    fields.Add("memory", training.memory);
    fields.Add("phase", absl::StrCat(training.phase, ", ", FormatPercent(training.progress)));
    fields.Add("steps",
               absl::StrCat(FormatCount(training.steps), ", loss ", FormatNumber(training.loss)));
    fields.Add("began", FormatSeconds(training.start_time));
    if (const auto left = TimeLeft(training); left && !operation.done) {
      fields.Add("time left", FormatTimeLeft(*left));
    }
  }
  if (!operation.error.ok()) {
    const client::Error error = client::GetError(operation.error);
    fields.Add("failed", absl::StrCat(error.message, " (", absl::StatusCodeToString(error.code),
                                      error.reason.empty() ? "" : ", ", error.reason, ")"));
    fields.Add("next step", error.next_step);
  }
  if (operation.memory && operation.memory->state.trained) {
    AddTrained(*operation.memory->state.trained, fields);
  }
}

}  // namespace mneme::cli
