// What a command says of what it has done or found: text for people, or JSON with --json.
//
// Threads: plain functions.
#ifndef MNEME_CLIENT_CLI_SAY_H_
#define MNEME_CLIENT_CLI_SAY_H_

#include <string>

#include "absl/status/status.h"
#include "client/cli/context.h"

namespace mneme::cli {

// That it is done: `sentence`, or {VERB: NAME}. Where it is not, nothing: the status goes on.
absl::Status Say(const absl::Status& status, const std::string& verb, const std::string& name,
                 const std::string& sentence, const Context& context);

// Say, of what was deleted.
absl::Status SayDeleted(const absl::Status& status, const std::string& name,
                        const Context& context);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_SAY_H_
