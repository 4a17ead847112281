// mneme-bench: measures mneme beside its peers and beside what the machine can do.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/math/blas.h"
#include "tests/bench/case.h"
#include "tests/bench/floors.h"
#include "tests/bench/machine.h"
#include "tests/bench/output.h"
#include "tests/bench/page.h"
#include "tests/support/daemon.h"

namespace mneme::bench {
namespace {

struct RunOptions {
  std::vector<std::string> names;  // empty: all
  bool json = false;
  std::string out;
};

int List() {
  for (const Case& one : Cases()) {
    std::printf("%-16.*s %.*s\n%-16s goal: %.*s\n", static_cast<int>(one.name.size()),
                one.name.data(), static_cast<int>(one.what.size()), one.what.data(), "",
                static_cast<int>(one.goal.size()), one.goal.data());
  }
  return 0;
}

bool Known(const std::string& name) {
  return std::ranges::any_of(Cases(), [&](const Case& one) { return one.name == name; });
}

// A case that failed does not keep the others from running; the exit code tells.
int Run(const Context& context, const RunOptions& options) {
  for (const std::string& name : options.names) {
    if (Known(name)) continue;
    std::fprintf(stderr, "mneme-bench: there is no case '%s'; see mneme-bench list\n",
                 name.c_str());
    return 2;
  }
  nlohmann::json run = {{"machine", DescribeMachine()},
                        {"quick", context.quick},
                        {"repeats", context.repeats},
                        {"cases", nlohmann::json::array()}};
  if (run["machine"].contains("warning")) {
    std::fprintf(stderr, "mneme-bench: %s\n\n",
                 run["machine"]["warning"].get<std::string>().c_str());
  }
  bool failed = false;
  for (const Case& one : Cases()) {
    if (!options.names.empty() && std::ranges::count(options.names, one.name) == 0) continue;
    Report report;
    const double start = NowMicros();
    const absl::Status status = one.run(context, report);
    failed |= !status.ok();
    const nlohmann::json result = ToJson(one, report, status, (NowMicros() - start) / 1e6);
    std::fputs(ToText(result).c_str(), options.json ? stderr : stdout);
    std::fflush(stdout);
    run["cases"].push_back(result);
    // After each case: a run that is ended has not been for nothing.
    if (!options.out.empty() && !(std::ofstream(options.out) << run.dump(2) << "\n")) {
      std::fprintf(stderr, "mneme-bench: cannot write %s\n", options.out.c_str());
      return 1;
    }
  }
  if (options.json) std::printf("%s\n", run.dump(2).c_str());
  return failed ? 1 : 0;
}

int MakePage(const std::string& from, const std::string& page, const std::string& charts) {
  std::ifstream file(from);
  const nlohmann::json run = nlohmann::json::parse(file, nullptr, false);
  if (run.is_discarded()) {
    std::fprintf(stderr, "mneme-bench: %s is not the JSON of a run (mneme-bench run --out)\n",
                 from.c_str());
    return 1;
  }
  const absl::Status status = WritePage(run, page, charts);
  if (!status.ok()) std::fprintf(stderr, "mneme-bench: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}

// A shell's settings must decide neither our speed nor a peer's.
void CleanEnvironment() {
  for (const char* name : {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS",
                           "GOTO_NUM_THREADS", "OMP_NUM_THREADS"}) {
    unsetenv(name);
  }
  math::ReselectBlasKernels();
  math::SetBlasThreads(1);
}

}  // namespace
}  // namespace mneme::bench

int main(int argc, char** argv) {
  using namespace mneme;
  bench::CleanEnvironment();
  CLI::App app{
      "mneme-bench: mneme beside its peers, and beside what this machine can do\n\nExample:\n"
      "  mneme-bench run --out run.json && mneme-bench report --from run.json"};
  app.require_subcommand(1);
  const std::string here = test::ProgramDirectory();
  bench::Context context{.mnemed = here + "/mnemed",
                         .peer = here + "/mneme-bench-peer",
                         .self = here + "/mneme-bench",
                         .data = here + "/../../data"};
  bench::RunOptions options;
  const CLI::App* list = app.add_subcommand("list", "The cases and their goals");
  CLI::App* run = app.add_subcommand("run", "Runs cases");
  run->add_option("case", options.names, "Which [all]");
  run->add_flag("--quick", context.quick, "Smaller sizes: a look, not a figure to quote");
  run->add_option("--repeats", context.repeats, "Rounds that count [5]")
      ->check(CLI::Range(1, 1000));
  run->add_flag("--json", options.json, "Print JSON; the text goes to the error output");
  run->add_option("--out", options.out, "Also write the JSON to this file");
  run->add_option("--mnemed", context.mnemed, "Path of the daemon [beside this program]");
  run->add_option("--data", context.data,
                  "Folder of the data that tests/tools fetches [../../data from this program]");
  std::string from = "run.json", page = "docs/benchmarks.md", charts = "docs/charts";
  CLI::App* report = app.add_subcommand("report", "Writes the page and the pictures of a run");
  report->add_option("--from", from, "JSON of the run [run.json]");
  report->add_option("--page", page, "[docs/benchmarks.md]");
  report->add_option("--charts", charts, "Folder of the pictures [docs/charts]");
  std::string port_file;
  CLI::App* echo = app.add_subcommand("echo-server", "A bare gRPC server; started by `run`");
  echo->add_option("port_file", port_file)->required();
  CLI11_PARSE(app, argc, argv);
  if (echo->parsed()) return bench::RunEchoServer(port_file);
  if (list->parsed()) return bench::List();
  if (report->parsed()) return bench::MakePage(from, page, charts);
  return bench::Run(context, options);
}
