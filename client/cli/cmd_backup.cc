// mnemectl backup create|list|describe|delete, mnemectl restore
#include <CLI/CLI.hpp>
#include <memory>

#include "client/cli/backups.h"
#include "client/cli/commands.h"
#include "client/cli/json.h"
#include "client/cli/operations.h"
#include "client/cli/say.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

void AddCreate(CLI::App& backup, Context& context) {
  CLI::App* create = backup.add_subcommand("create", "Back up all memories while they serve");
  create->footer(
      "Only what no earlier backup holds is written. Each memory is read back from the backup, "
      "and\n"
      "answers are recorded that a restore must repeat. ^C cancels.\n"
      "Example:\n"
      "  mnemectl backup create --description 'before the upgrade'");
  struct Flags {
    std::string description;
    bool wait = true;
  };
  auto flags = std::make_shared<Flags>();
  create->add_option("--description", flags->description, "Text for people");
  create->add_flag("--wait,!--no-wait", flags->wait, "Wait for the end (default), or only begin");
  create->callback([&context, flags] {
    context.action = [&context, flags]() -> absl::Status {
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      const auto begun = client->CreateBackup(flags->description, context.call());
      return Follow(*client, begun, flags->wait, context);
    };
  });
}

void AddList(CLI::App& backup, Context& context) {
  CLI::App* list = backup.add_subcommand("list", "List backups, newest first");
  list->footer("Example:\n  mnemectl backup list");
  list->callback([&context] {
    context.action = [&context]() -> absl::Status {
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      const auto backups = client->ListBackups(context.call());
      if (!backups.ok()) return backups.status();
      if (context.json) {
        context.io.out << Dump({{"backups", AllToJson(*backups)}}) << "\n";
        return absl::OkStatus();
      }
      Table table({{"NAME"},
                   {"MADE"},
                   {"MEMORIES", Table::Align::kRight},
                   {"BYTES", Table::Align::kRight},
                   {"NEW", Table::Align::kRight},
                   {"DESCRIPTION"}});
      for (const client::Backup& one : *backups) {
        table.Add({one.name, FormatSeconds(one.create_time), FormatCount(one.memories.size()),
                   FormatBytes(one.bytes), FormatBytes(one.new_bytes), one.description});
      }
      table.Print(context.io.out);
      return absl::OkStatus();
    };
  });
}

void AddDescribe(CLI::App& backup, Context& context) {
  CLI::App* describe =
      backup.add_subcommand("describe", "What a backup holds: memories, items, positions");
  describe->footer("Example:\n  mnemectl backup describe 7");
  auto name = std::make_shared<std::string>();
  describe->add_option("BACKUP", *name, "As `backup list` shows it")->required();
  describe->callback([&context, name] {
    context.action = [&context, name]() -> absl::Status {
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      const auto got = client->GetBackup(*name, context.call());
      if (!got.ok()) return got.status();
      if (context.json) {
        context.io.out << Dump(ToJson(*got)) << "\n";
      } else {
        PrintBackup(*got, context.io.out);
      }
      return absl::OkStatus();
    };
  });
}

void AddDelete(CLI::App& backup, Context& context) {
  CLI::App* remove =
      backup.add_subcommand("delete", "Delete a backup; what others share with it stays");
  remove->footer("Example:\n  mnemectl backup delete 3");
  auto name = std::make_shared<std::string>();
  remove->add_option("BACKUP", *name, "As `backup list` shows it")->required();
  remove->callback([&context, name] {
    context.action = [&context, name]() -> absl::Status {
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      return SayDeleted(client->DeleteBackup(*name, context.call()), *name, context);
    };
  });
}

}  // namespace

void AddBackupCommands(CLI::App& app, Context& context) {
  CLI::App* backup = app.add_subcommand("backup", "Create, list, describe, delete backups");
  backup->footer("Example:\n  mnemectl backup create");
  backup->require_subcommand(1);
  AddCreate(*backup, context);
  AddList(*backup, context);
  AddDescribe(*backup, context);
  AddDelete(*backup, context);
}

void AddRestoreCommand(CLI::App& app, Context& context) {
  CLI::App* restore = app.add_subcommand("restore", "Bring memories back from a backup");
  restore->footer(
      "Counts, checksums and sampled answers are compared with the backup before anything is\n"
      "visible; if one differs nothing comes back. A name that is taken is refused.\n"
      "Example:\n"
      "  mnemectl restore 7\n"
      "  mnemectl restore 7 --memory faces --as faces-before");
  struct Flags {
    std::string backup;
    client::RestoreOptions options;
    bool wait = true;
  };
  auto flags = std::make_shared<Flags>();
  restore->add_option("BACKUP", flags->backup, "As `backup list` shows it")->required();
  restore->add_option("--memory", flags->options.memories,
                      "Only this memory; may be given again (default: all)");
  restore->add_option("--as", flags->options.name, "With one --memory: its name from now on");
  restore->add_flag("--wait,!--no-wait", flags->wait, "Wait for the end (default), or only begin");
  restore->callback([&context, flags] {
    context.action = [&context, flags]() -> absl::Status {
      if (!flags->options.name.empty() && flags->options.memories.size() != 1) {
        return UsageError("--as needs exactly one --memory",
                          std::to_string(flags->options.memories.size()) + " memories",
                          "--memory NAME --as NEW", "Restore the memories one by one.");
      }
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      flags->options.call = context.call();
      const auto begun = client->RestoreBackup(flags->backup, flags->options);
      return Follow(*client, begun, flags->wait, context);
    };
  });
}

}  // namespace mneme::cli
