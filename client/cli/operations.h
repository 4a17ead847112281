// Long work as people see it (a training, a copy, a backup, a restore): the line while it runs, and
// how it ended.
//
// Threads: one.
#ifndef MNEME_CLIENT_CLI_OPERATIONS_H_
#define MNEME_CLIENT_CLI_OPERATIONS_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/context.h"
#include "mneme/client.h"

namespace mneme::cli {

// What all kinds of long work say of themselves.
struct WorkProgress {
  std::string kind;     // "train", "clone", "backup", "restore"; empty if it is not known here
  std::string subject;  // "memories/words"
  std::string phase;
  double share = 0;
  client::Timestamp start_time;
  std::optional<client::Timestamp> expected_end_time;
};
WorkProgress ProgressOf(const client::Operation& operation);

// "memories/words  ████░░░░  45 %, training, step 45, loss 0.4321, 1:05 left".
std::string ProgressLine(const client::Operation& operation);

// What ^C ends with where the operation goes on.
absl::Status NoLongerWatching(const std::string& operation);

// Waits with a line that shows how it goes, and prints how it ended; an operation that failed is
// the error given. What ^C does while it waits:
enum class OnStop {
  kCancel,  // asks the server to cancel, says so, and waits for the end
  kLeave,   // the operation goes on
};
absl::Status Watch(client::Client& client, const std::string& operation, OnStop on_stop,
                   const Context& context);

// What a command does with the work it has begun: `wait` for its end, ^C cancels; or says its name.
absl::Status Follow(client::Client& client, const absl::StatusOr<client::Operation>& begun,
                    bool wait, const Context& context);

// What is known of an operation, as text or JSON.
void PrintOperation(const client::Operation& operation, const Context& context);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_OPERATIONS_H_
