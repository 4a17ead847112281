// mnemectl operation list|describe|wait|cancel|delete
#include <CLI/CLI.hpp>
#include <functional>
#include <memory>

#include "client/cli/commands.h"
#include "client/cli/json.h"
#include "client/cli/operations.h"
#include "client/cli/say.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

std::string State(const client::Operation& operation) {
  if (!operation.done) return ProgressOf(operation).phase;
  if (operation.error.ok()) return "done";
  return operation.error.code() == absl::StatusCode::kCancelled ? "cancelled" : "failed";
}

absl::Status List(client::Client& client, const Context& context) {
  const auto operations = client.ListOperations(context.call());
  if (!operations.ok()) return operations.status();
  if (context.json) {
    context.io.out << Dump({{"operations", AllToJson(*operations)}}) << "\n";
    return absl::OkStatus();
  }
  Table table(
      {{"NAME"}, {"KIND"}, {"SUBJECT"}, {"STATE"}, {"PROGRESS", Table::Align::kRight}, {"BEGAN"}});
  for (const client::Operation& operation : *operations) {
    const WorkProgress work = ProgressOf(operation);
    table.Add({operation.name, work.kind, work.subject, State(operation), FormatPercent(work.share),
               FormatSeconds(work.start_time)});
  }
  table.Print(context.io.out);
  return absl::OkStatus();
}

void AddList(CLI::App& operation, Context& context) {
  CLI::App* list =
      operation.add_subcommand("list", "Operations under way or ended a while ago, newest first");
  list->footer("Example:\n  mnemectl operation list");
  list->callback([&context] {
    context.action = [&context]() -> absl::Status {
      auto client = MakeClient(context);
      return client.ok() ? List(*client, context) : client.status();
    };
  });
}

// A subcommand about one operation.
void AddOne(CLI::App& operation, Context& context, const std::string& verb,
            const std::string& description,
            std::function<absl::Status(client::Client&, const std::string& name)> run) {
  CLI::App* command = operation.add_subcommand(verb, description);
  command->footer("Example:\n  mnemectl operation " + verb + " operations/7");
  auto name = std::make_shared<std::string>();
  command->add_option("NAME", *name, "As `operation list` shows it")->required();
  command->callback([&context, name, run = std::move(run)] {
    context.action = [&context, name, run]() -> absl::Status {
      auto client = MakeClient(context);
      return client.ok() ? run(*client, *name) : client.status();
    };
  });
}

}  // namespace

void AddOperationCommands(CLI::App& app, Context& context) {
  CLI::App* operation =
      app.add_subcommand("operation", "Watch and cancel long work: trainings, analyses, copies, backups");
  operation->footer("Example:\n  mnemectl operation list");
  operation->require_subcommand(1);
  AddList(*operation, context);
  AddOne(*operation, context, "describe", "How one goes, or how it ended",
         [&context](client::Client& client, const std::string& name) -> absl::Status {
           const auto got = client.GetOperation(name, context.call());
           if (got.ok()) PrintOperation(*got, context);
           return got.status();
         });
  AddOne(*operation, context, "wait", "Show how one goes until it ends; ^C leaves it alone",
         [&context](client::Client& client, const std::string& name) {
           return Watch(client, name, OnStop::kLeave, context);
         });
  AddOne(*operation, context, "cancel", "Ask one to stop",
         [&context](client::Client& client, const std::string& name) {
           return Say(client.CancelOperation(name, context.call()), "cancelled", name,
                      name + " was asked to stop", context);
         });
  AddOne(*operation, context, "delete", "Forget one that has ended",
         [&context](client::Client& client, const std::string& name) {
           return SayDeleted(client.DeleteOperation(name, context.call()), name, context);
         });
}

}  // namespace mneme::cli
