// mnemectl as a function: a whole command line in, an exit code out.
//
// Threads: one at a time for each Io.
#ifndef MNEME_CLIENT_CLI_APP_H_
#define MNEME_CLIENT_CLI_APP_H_

#include <string>
#include <vector>

#include "client/cli/context.h"

namespace mneme::cli {

// `arguments` without the program's name.
ExitCode RunApp(std::vector<std::string> arguments, const Io& io);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_APP_H_
