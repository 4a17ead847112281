#include "client/cli/app.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "client/cli/commands.h"
#include "client/cli/completion.h"
#include "client/cli/connection_flags.h"
#include "client/cli/server_words.h"
#include "client/cli/usage_errors.h"

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

void AddCompletionCommand(CLI::App& app, Context& context) {
  CLI::App* completion =
      app.add_subcommand("completion", "Print the script by which a shell completes mnemectl");
  completion->footer(
      "Examples:\n"
      "  mnemectl completion bash > /etc/bash_completion.d/mnemectl\n"
      "  mnemectl completion zsh > /usr/local/share/zsh/site-functions/_mnemectl\n"
      "  mnemectl completion fish > ~/.config/fish/completions/mnemectl.fish");
  auto shell = std::make_shared<std::string>();
  completion->add_option("SHELL", *shell, "bash, zsh or fish")->required();
  completion->callback([&app, &context, shell] {
    context.action = [&app, &context, shell]() -> absl::Status {
      const absl::StatusOr<std::string> script = CompletionScript(app, *shell);
      if (script.ok()) context.io.out << *script;
      return script.status();
    };
  });
}

}  // namespace

ExitCode RunApp(std::vector<std::string> arguments, const Io& io) {
  const bool json = std::ranges::count(arguments, "--json") > 0;
  Context context{.io = io};
  CLI::App app("The command line client of mneme, the associative memory server.", "mnemectl");
  app.footer(kFooter);
  app.set_help_all_flag("--help-all", "Print the help of all commands");
  app.set_version_flag("--version", std::string(MNEME_VERSION));
  app.require_subcommand(1);
  app.fallthrough();
  app.option_defaults()->always_capture_default();
  AddConnectionFlags(app, context);
  app.add_option("--traceparent", context.traceparent,
                 "Where the requests stand in a trace (W3C Trace Context)")
      ->envname("TRACEPARENT");
  app.add_flag("--json", context.json, "Print JSON for programs instead of text for people");
  AddMemoryCommands(app, context);
  AddAliasCommands(app, context);
  AddStoreCommand(app, context);
  AddLoadCommand(app, context);
  AddRetrieveCommand(app, context);
  AddQueryCommand(app, context);
  AddExplainCommand(app, context);
  AddTrainCommand(app, context);
  AddAnalyzeCommands(app, context);
  AddOperationCommands(app, context);
  AddForecastCommand(app, context);
  AddFederationCommands(app, context);
  AddItemsCommands(app, context);
  AddBackupCommands(app, context);
  AddRestoreCommand(app, context);
  AddServerCommands(app, context);
  AddAuthCommands(app, context);
  AddCompletionCommand(app, context);
  try {
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    const std::optional<absl::Status> refusal = RefusalOf(app, error);
    if (!refusal) return app.exit(error, io.out, io.err) == 0 ? kExitOk : kExitUsage;
    PrintError(*refusal, "mnemectl", json, io.err);
    return kExitUsage;
  }
  const absl::Status status = InWordsOf(app, context.action());
  io.out.flush();
  if (!status.ok()) PrintError(status, "mnemectl", context.json, io.err);
  if (status.ok() && !io.out) return kExitError;  // a closed pipe, a full disk
  return ExitCodeOf(status);
}

}  // namespace mneme::cli
