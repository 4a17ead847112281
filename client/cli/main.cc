// mnemectl. ^C and SIGTERM end calls in an orderly way; a second one ends the process at once.
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <iostream>
#include <thread>

#include "client/cli/app.h"

namespace {

// Turns signals into a stop request. Must run before any other thread is made, so that all inherit
// the mask.
std::stop_token StopOnSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::stop_source source;
  std::thread([signals, source]() mutable {
    int signal = 0;
    sigwait(&signals, &signal);
    source.request_stop();
    sigwait(&signals, &signal);
    _exit(mneme::cli::kExitStopped);
  }).detach();
  return source.get_token();
}

}  // namespace

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  const mneme::cli::Io io{.in = std::cin,
                          .out = std::cout,
                          .err = std::cerr,
                          .err_is_terminal = isatty(STDERR_FILENO) != 0,
                          .stop = StopOnSignals()};
  return mneme::cli::RunApp({argv + 1, argv + argc}, io);
}
