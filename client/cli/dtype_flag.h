// In which type vectors travel: the flag of all commands that send some.
//
// Threads: one.
#ifndef MNEME_CLIENT_CLI_DTYPE_FLAG_H_
#define MNEME_CLIENT_CLI_DTYPE_FLAG_H_

#include <CLI/App.hpp>
#include <string>

#include "mneme/types.h"

namespace mneme::cli {

// Sets `dtype`, which must outlive the command.
void AddDtypeFlag(CLI::App& command, const std::string& flag, const std::string& help,
                  client::Dtype& dtype);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_DTYPE_FLAG_H_
