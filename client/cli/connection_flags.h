// The flags that say which server to talk to, how safely, and as whom.
#ifndef MNEME_CLIENT_CLI_CONNECTION_FLAGS_H_
#define MNEME_CLIENT_CLI_CONNECTION_FLAGS_H_

#include <CLI/App.hpp>

#include "client/cli/context.h"

namespace mneme::cli {

void AddConnectionFlags(CLI::App& app, Context& context);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_CONNECTION_FLAGS_H_
