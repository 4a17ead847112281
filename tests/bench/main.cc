// mneme-bench: measures mneme beside a floor measured in the same run.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <string>

#include "tests/bench/bench.h"
#include "tests/support/daemon.h"

int main(int argc, char** argv) {
  using namespace mneme;
  // A shell's OPENBLAS_ settings must not decide a comparison.
  for (const char* name : {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS"})
    unsetenv(name);
  CLI::App app{
      "mneme-bench: benchmarks with a floor in the same run\n\nExample:\n  mneme-bench latency "
      "--rounds=40 --json"};
  app.require_subcommand(1);
  bench::Environment environment{.mnemed = test::ProgramDirectory() + "/mnemed"};
  app.add_option("--mnemed", environment.mnemed, "Path of the daemon [beside this program]");
  app.add_flag("--json", environment.json, "Print JSON");

  bench::LatencyOptions latency;
  CLI::App* latency_command = app.add_subcommand(
      "latency", "A Retrieve of one cue beside a bare gRPC echo of the same sizes");
  latency_command->add_option("--items", latency.items, "Items in the memory [100]")
      ->check(CLI::Range(1, 16384));
  latency_command->add_option("--dim", latency.dim, "Numbers in a key [128]")
      ->check(CLI::Range(1, 16384));
  latency_command->add_option("--rounds", latency.rounds, "Alternating rounds [40]")
      ->check(CLI::Range(1, 100000));
  latency_command->add_option("--calls", latency.calls, "Calls of each kind in a round [250]")
      ->check(CLI::Range(1, 100000));

  bench::GroupCommitOptions group;
  CLI::App* group_command = app.add_subcommand("group-commit", "fsyncs of many small Stores");
  group_command->add_option("--stores", group.stores, "Stores [1000]")
      ->check(CLI::Range(10, 1000000));
  group_command
      ->add_option("--clients", group.clients, "Clients with one Store in flight each [64]")
      ->check(CLI::Range(1, 1024));
  group_command->add_option("--dim", group.dim, "Numbers in a key [128]")
      ->check(CLI::Range(1, 16384));

  bench::LinearOptions linear;
  CLI::App* linear_command = app.add_subcommand(
      "linear", "Store and recall of a linear memory beside the bare BLAS calls of their shapes");
  linear_command->add_option("--rounds", linear.rounds, "Alternating rounds [15]")
      ->check(CLI::Range(1, 100000));

  std::string port_file;
  CLI::App* echo = app.add_subcommand("echo-server", "The floor of `latency`; started by it");
  echo->add_option("port_file", port_file)->required();
  for (CLI::App* sub : {latency_command, group_command, linear_command}) sub->fallthrough();
  CLI11_PARSE(app, argc, argv);

  if (echo->parsed()) return bench::RunEchoServer(port_file);
  if (linear_command->parsed()) return bench::RunLinear(environment, linear);
  return latency_command->parsed() ? bench::RunLatency(environment, latency)
                                   : bench::RunGroupCommit(environment, group);
}
