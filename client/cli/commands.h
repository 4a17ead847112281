// The commands of mnemectl, a file each: every function adds its subcommands to the parser, with
// help and examples, and leaves the chosen one in context.action. `context` must outlive the
// parser.
//
// Threads: one.
#ifndef MNEME_CLIENT_CLI_COMMANDS_H_
#define MNEME_CLIENT_CLI_COMMANDS_H_

#include <CLI/App.hpp>

#include "client/cli/context.h"

namespace mneme::cli {

void AddMemoryCommands(CLI::App& app, Context& context);
void AddCareCommands(CLI::App& memory, Context& context);    // below `memory`
void AddSketchCommands(CLI::App& memory, Context& context);  // below `memory`
void AddAuthCommands(CLI::App& app, Context& context);
void AddAliasCommands(CLI::App& app, Context& context);
void AddStoreCommand(CLI::App& app, Context& context);
void AddLoadCommand(CLI::App& app, Context& context);
void AddRetrieveCommand(CLI::App& app, Context& context);
void AddQueryCommand(CLI::App& app, Context& context);
void AddExplainCommand(CLI::App& app, Context& context);
void AddTrainCommand(CLI::App& app, Context& context);
void AddAnalyzeCommands(CLI::App& app, Context& context);
void AddOperationCommands(CLI::App& app, Context& context);
void AddFederationCommands(CLI::App& app, Context& context);
void AddFederationChangeCommands(CLI::App& federation, Context& context);  // below `federation`
void AddForecastCommand(CLI::App& app, Context& context);
void AddItemsCommands(CLI::App& app, Context& context);
void AddBackupCommands(CLI::App& app, Context& context);
void AddRestoreCommand(CLI::App& app, Context& context);
void AddServerCommands(CLI::App& app, Context& context);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_COMMANDS_H_
