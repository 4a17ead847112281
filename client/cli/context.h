// What every command of mnemectl works with: where it reads and writes, the flags that all have,
// and how it ends.
//
// A command only registers flags and an action; the action runs after the command line has been
// read as a whole, and gives a status. Nothing here is global, so that tests run whole command
// lines in their own process.
//
// Threads: one.
#ifndef MNEME_CLIENT_CLI_CONTEXT_H_
#define MNEME_CLIENT_CLI_CONTEXT_H_

#include <functional>
#include <istream>
#include <ostream>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "client/cli/terminal.h"
#include "mneme/client.h"

namespace mneme::cli {

enum ExitCode {
  kExitOk = 0,
  kExitError = 1,        // the server refused, or something else went wrong
  kExitUsage = 2,        // the command line or an input file is wrong
  kExitNotFound = 3,     // no such memory or item
  kExitUnavailable = 4,  // no answer, or not in time
  kExitStopped = 130,    // by ^C
};

struct Io {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  Columns err_columns;   // empty: no terminal, and no progress is drawn
  std::stop_token stop;  // ^C
};

struct Context {
  Io io;
  std::string server = "127.0.0.1:7411";
  std::string timeout = "30s";
  bool json = false;
  bool tls = false;  // also where one of its files is named
  std::string tls_ca;
  std::string tls_certificate;
  std::string tls_key;
  std::string api_key_file;
  std::string token_file;  // not both
  bool allow_plaintext_key = false;
  std::string traceparent;
  std::function<absl::Status()> action;

  client::CallOptions call() const { return {.stop = io.stop, .traceparent = traceparent}; }
};

// A mistake in what the user typed or in a file he gave.
absl::Status UsageError(std::string_view message, std::string_view given, std::string_view expected,
                        std::string_view next_step);

// "30s", "1m30s", "500ms", or a number of seconds.
absl::StatusOr<std::chrono::milliseconds> ParseTimeout(const std::string& text);

// How long a command puts up with a server that does not answer: a person waits for a second, an
// import survives a restart of the server.
enum class Patience { kShort, kLong };

// A client for the server that the flags name.
absl::StatusOr<client::Client> MakeClient(const Context& context,
                                          Patience patience = Patience::kShort);

ExitCode ExitCodeOf(const absl::Status& status);

// What was wrong, what was given and expected, what to do next; as text after the program's name,
// or as one JSON object.
void PrintError(const absl::Status& status, std::string_view program, bool json, std::ostream& err);

// What a user should know although all went well.
void PrintWarnings(const std::vector<client::Warning>& warnings, std::ostream& err);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_CONTEXT_H_
