#include "client/cli/operations.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "client/cli/analysis_text.h"
#include "client/cli/backups.h"
#include "client/cli/describe.h"
#include "client/cli/index_flags.h"
#include "client/cli/json.h"
#include "client/cli/progress.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

constexpr size_t kBarWidth = 24;
constexpr std::chrono::milliseconds kCancelTime(10'000);  // for work to stop

// The share that is left of the time that the server expects it to take: no clock of ours, which
// may be another than the server's.
std::optional<std::chrono::seconds> TimeLeft(const WorkProgress& work) {
  if (!work.expected_end_time) return std::nullopt;
  const std::chrono::duration<double> all = *work.expected_end_time - work.start_time;
  const double left = all.count() * (1 - std::clamp(work.share, 0.0, 1.0));
  return std::chrono::seconds(static_cast<int64_t>(std::ceil(std::max(left, 0.0))));
}

absl::Status Cancelled(const std::string& operation) {
  return client::MakeError({.code = absl::StatusCode::kCancelled,
                            .reason = "CANCELLED",
                            .message = absl::StrCat(operation, " was cancelled"),
                            .next_step = "What was served before is served on."});
}

// Asks for the end and waits for it, although the user wants to stop: what he wants to stop is the
// work.
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

absl::Status NoLongerWatching(const std::string& operation) {
  return client::MakeError(
      {.code = absl::StatusCode::kCancelled,
       .reason = "CANCELLED",
       .message = absl::StrCat("no longer watching ", operation, ", which goes on"),
       .next_step =
           absl::StrCat("Watch it again with `mnemectl operation wait ", operation,
                        "`, or stop it with `mnemectl operation cancel ", operation, "`.")});
}

WorkProgress ProgressOf(const client::Operation& operation) {
  if (operation.training) {
    const client::TrainProgress& training = *operation.training;
    return {.kind = "train",
            .subject = training.memory,
            .phase = training.phase,
            .share = training.progress,
            .start_time = training.start_time,
            .expected_end_time = training.expected_end_time};
  }
  if (operation.admin) {
    const client::AdminProgress& admin = *operation.admin;
    return {.kind = admin.kind,
            .subject = admin.subject,
            .phase = admin.phase,
            .share = admin.progress,
            .start_time = admin.start_time,
            .expected_end_time = admin.expected_end_time};
  }
  return {.phase = "under way"};
}

std::string ProgressLine(const client::Operation& operation) {
  const WorkProgress work = ProgressOf(operation);
  std::string line = absl::StrCat(work.subject, "  ", FormatBar(work.share, kBarWidth), " ",
                                  FormatPercent(work.share), ", ", work.phase);
  if (operation.training && operation.training->steps > 0) {
    absl::StrAppend(&line, ", step ", FormatCount(operation.training->steps), ", loss ",
                    FormatNumber(operation.training->loss));
  }
  if (const auto left = TimeLeft(work); left && left->count() > 0) {
    absl::StrAppend(&line, ", ", FormatTimeLeft(*left), " left");
  }
  return line;
}

absl::Status Watch(client::Client& client, const std::string& operation, OnStop on_stop,
                   const Context& context) {
  absl::StatusOr<client::Operation> ended;
  {
    LiveLine line(context.io.err, context.io.err_columns);
    ended = client.WaitOperation(operation, {.observe =
                                                 [&line](const client::Operation& now) {
                                                   if (line.IsDue(now.done)) {
                                                     line.Draw(ProgressLine(now));
                                                   }
                                                 },
                                             .pace = std::chrono::milliseconds(200),
                                             .stop = context.io.stop});
  }
  if (context.io.stop.stop_requested() && !ended.ok()) {
    if (on_stop == OnStop::kLeave) return NoLongerWatching(operation);
    ended = CancelAndWait(client, operation, context.io.err);
  }
  if (!ended.ok()) return ended.status();
  if (ended->error.code() == absl::StatusCode::kCancelled) return Cancelled(operation);
  if (!ended->error.ok()) return ended->error;
  PrintOperation(*ended, context);
  return absl::OkStatus();
}

absl::Status Follow(client::Client& client, const absl::StatusOr<client::Operation>& begun,
                    bool wait, const Context& context) {
  if (!begun.ok()) return begun.status();
  if (wait) return Watch(client, begun->name, OnStop::kCancel, context);
  PrintOperation(*begun, context);
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
  const WorkProgress work = ProgressOf(operation);
  fields.Add("kind", work.kind);
  fields.Add("subject", work.subject);
  if (!work.kind.empty()) {
    fields.Add("phase", absl::StrCat(work.phase, ", ", FormatPercent(work.share)));
    fields.Add("began", FormatSeconds(work.start_time));
    if (const auto left = TimeLeft(work); left && !operation.done) {
      fields.Add("time left", FormatTimeLeft(*left));
    }
  }
  // Closed forms take none.
  if (operation.training && operation.training->steps > 0) {
    fields.Add("steps", absl::StrCat(FormatCount(operation.training->steps), ", loss ",
                                     FormatNumber(operation.training->loss)));
  }
  if (!operation.error.ok()) {
    const client::Error error = client::GetError(operation.error);
    fields.Add("failed", absl::StrCat(error.message, " (", absl::StatusCodeToString(error.code),
                                      error.reason.empty() ? "" : ", ", error.reason, ")"));
    fields.Add("next step", error.next_step);
  }
  if (operation.memory && operation.memory->state.encoder) {
    AddEncoder(*operation.memory->state.encoder, fields);
  }
  if (operation.memory && operation.memory->state.trained) {
    AddTrained(*operation.memory->state.trained, fields);
  }
  if (operation.memory && operation.admin) {
    fields.Add("memory", absl::StrCat(operation.memory->spec.name, ", ",
                                      FormatCount(operation.memory->state.item_count), " items"));
    if (operation.memory->state.index) AddIndex(*operation.memory->state.index, fields);
  }
  if (operation.report) PrintReport(*operation.report, out);
  if (operation.backup) PrintBackup(*operation.backup, out);
  if (operation.restored) PrintRestored(*operation.restored, out);
}

}  // namespace mneme::cli
