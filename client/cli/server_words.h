// Errors of the server, in words of the command line: the server names fields of the API, the user
// typed flags and files.
//
// Threads: any.
#ifndef MNEME_CLIENT_CLI_SERVER_WORDS_H_
#define MNEME_CLIENT_CLI_SERVER_WORDS_H_

#include <CLI/App.hpp>

#include "absl/status/status.h"

namespace mneme::cli {

// `status` as `app`, which was parsed, should tell it:
//  1. what it blames in the request is named as it was typed: "ids.txt: row 3 ..." for "ids[3]
//  ...";
//  2. fields that are flags of the command are called so: "--steps-max" for "steps_max";
//  3. advice names commands of mnemectl for RPCs.
// Errors that are mnemectl's own stay as they are.
absl::Status InWordsOf(const CLI::App& app, const absl::Status& status);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_SERVER_WORDS_H_
