// A training as people see it: the line while it runs, and how it ended.
//
// Threads: one.
#ifndef MNEME_CLIENT_CLI_TRAINING_H_
#define MNEME_CLIENT_CLI_TRAINING_H_

#include <string>

#include "absl/status/status.h"
#include "client/cli/context.h"
#include "mneme/client.h"

namespace mneme::cli {

// "memories/words  ████░░░░  45 %, training, step 45, loss 0.4321, 1:05 left".
std::string TrainLine(const client::TrainProgress& training);

// Waits with a line that shows how it goes, and prints how it ended; an operation that failed is
// the error given. What ^C does while it waits:
enum class OnStop {
  kCancel,  // asks the server to cancel, says so, and waits for the end
  kLeave,   // the operation goes on
};
absl::Status Watch(client::Client& client, const std::string& operation, OnStop on_stop,
                   const Context& context);

// What is known of an operation, as text or JSON.
void PrintOperation(const client::Operation& operation, const Context& context);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_TRAINING_H_
