#include "client/cli/app.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "client/cli/commands.h"

namespace mneme::cli {
namespace {

constexpr char kFooter[] =
    "Example:\n"
    "  mnemectl memory create faces --dim 128\n"
    "  mnemectl store faces keys.npy\n"
    "  mnemectl retrieve faces cues.npy --top 3 --out recalls.npy\n"
    "  mnemectl forecast --planned --key-dim 256 --response-dim 256 --items 5000\n"
    "\n"
    "Exit codes:\n"
    "  0 done   1 refused or failed   2 wrong command line or input file\n"
    "  3 no such memory or item   4 no answer, or not in time   130 stopped by ^C\n"
    "\n"
    "--json prints one JSON object; retrieve, query and items list print one a line.";

}  // namespace

ExitCode RunApp(std::vector<std::string> arguments, const Io& io) {
  Context context{.io = io};
  CLI::App app("The command line client of mneme, the associative memory server.", "mnemectl");
  app.footer(kFooter);
  app.set_version_flag("--version", std::string(MNEME_VERSION));
  app.require_subcommand(1);
  app.fallthrough();
  app.option_defaults()->always_capture_default();
  app.add_option("--server,-s", context.server, "Where mnemed listens: HOST:PORT or unix:PATH")
      ->envname("MNEME_SERVER");
  app.add_option("--timeout", context.timeout, "Time for each request, retries included");
  app.add_flag("--json", context.json, "Print JSON for programs instead of text for people");
  AddMemoryCommands(app, context);
  AddAliasCommands(app, context);
  AddStoreCommand(app, context);
  AddLoadCommand(app, context);
  AddRetrieveCommand(app, context);
  AddQueryCommand(app, context);
  AddTrainCommand(app, context);
  AddOperationCommands(app, context);
  AddForecastCommand(app, context);
  AddItemsCommands(app, context);
  AddBackupCommands(app, context);
  AddRestoreCommand(app, context);
  AddServerCommands(app, context);
  try {
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return app.exit(error, io.out, io.err) == 0 ? kExitOk : kExitUsage;
  }
  const absl::Status status = context.action();
  io.out.flush();
  if (!status.ok()) PrintError(status, "mnemectl", context.json, io.err);
  if (status.ok() && !io.out) return kExitError;  // a closed pipe, a full disk
  return ExitCodeOf(status);
}

}  // namespace mneme::cli
