// Scripts by which shells complete a command line, made from the parser itself: no list to keep.
#ifndef MNEME_CLIENT_CLI_COMPLETION_H_
#define MNEME_CLIENT_CLI_COMPLETION_H_

#include <CLI/App.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace mneme::cli {

// `shell`: bash, zsh or fish. InvalidArgument for another one. Commands and flags are completed;
// where neither fits, files.
absl::StatusOr<std::string> CompletionScript(const CLI::App& app, std::string_view shell);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_COMPLETION_H_
