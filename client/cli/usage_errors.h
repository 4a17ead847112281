// What is wrong with a command line, told as all other refusals are, and checks of flags' values.
//
// Threads: one.
#ifndef MNEME_CLIENT_CLI_USAGE_ERRORS_H_
#define MNEME_CLIENT_CLI_USAGE_ERRORS_H_

#include <CLI/App.hpp>
#include <CLI/Error.hpp>
#include <CLI/Validators.hpp>
#include <optional>

#include "absl/status/status.h"

namespace mneme::cli {

// Of the command line that `app` has just refused with `error`: a value that is none, a flag, a
// choice or a subcommand that there is not (with the nearest that there is), what was left out.
// nullopt: it asked for help, or the version.
std::optional<absl::Status> RefusalOf(const CLI::App& app, const CLI::ParseError& error);

// A whole number from 1 on.
CLI::Validator AtLeastOne();

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_USAGE_ERRORS_H_
