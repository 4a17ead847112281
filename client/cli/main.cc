// mnemectl: see app.h.
#include <unistd.h>

#include <iostream>

#include "client/cli/app.h"
#include "client/cli/stop.h"

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  const mneme::cli::Io io{.in = std::cin,
                          .out = std::cout,
                          .err = std::cerr,
                          .err_is_terminal = isatty(STDERR_FILENO) != 0,
                          .stop = mneme::cli::StopOnSignals()};
  return mneme::cli::RunApp({argv + 1, argv + argc}, io);
}
