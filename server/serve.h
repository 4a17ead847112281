// Serving: opens the data, listens, reads the memories, and stops as it was asked to.
#ifndef MNEME_SERVER_SERVE_H_
#define MNEME_SERVER_SERVE_H_

#include "absl/status/status.h"
#include "server/config/config.h"
#include "server/config/reload.h"

namespace mneme::server {

// What mnemed leaves with; in the help text, so that scripts can rely on it.
enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,   // could not start, could not save on the way out, or had to leave calls behind
  kExitUsage = 2,    // flags or configuration
  kExitDataDir = 3,  // locked, foreign, newer or damaged data directory
  kExitListen = 4,   // address in use or not ours
  kExitLogInDoubt =
      5,  // a write to disk failed: what was in flight is unknown; start again to recover
};

// Prints the status and its next step to stderr; gives `code`.
int Fail(ExitCode code, const absl::Status& status);

// Until SIGTERM or SIGINT; SIGHUP reads the configuration again, by `load`. With `recovery_mode`
// memories are listed, described and dropped, not loaded. The exit code.
int Serve(const Config& config, Reloader::Load load, bool recovery_mode);

}  // namespace mneme::server

#endif  // MNEME_SERVER_SERVE_H_
