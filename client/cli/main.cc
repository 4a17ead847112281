// mnemectl: see app.h.
#include <grpc/support/log.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "client/cli/app.h"
#include "client/cli/stop.h"
#include "client/cli/terminal.h"

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  // What gRPC would print of a failed handshake is told by the error, in a sentence.
  if (std::getenv("GRPC_VERBOSITY") == nullptr) gpr_set_log_function([](gpr_log_func_args*) {});
  const mneme::cli::Io io{.in = std::cin,
                          .out = std::cout,
                          .err = std::cerr,
                          .err_columns = mneme::cli::ColumnsOf(STDERR_FILENO),
                          .stop = mneme::cli::StopOnSignals()};
  return mneme::cli::RunApp({argv + 1, argv + argc}, io);
}
