// ^C and SIGTERM as a stop request, so that calls end in an orderly way; a second signal ends the
// process at once.
//
// Threads: makes one of its own, which lives as long as the process.
#ifndef MNEME_CLIENT_CLI_STOP_H_
#define MNEME_CLIENT_CLI_STOP_H_

#include <stop_token>

namespace mneme::cli {

// To be called once, first thing in main: all threads made later inherit that the signals do not
// reach them.
std::stop_token StopOnSignals();

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_STOP_H_
