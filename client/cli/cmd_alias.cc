// mnemectl alias set|list|delete
#include <CLI/CLI.hpp>
#include <memory>

#include "client/cli/commands.h"
#include "client/cli/json.h"
#include "client/cli/say.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

void AddSet(CLI::App& alias, Context& context) {
  CLI::App* set = alias.add_subcommand("set", "Make an alias, or point it at another memory");
  set->footer(
      "All calls that come after see the other memory at once: rebuild beside, then swap.\n"
      "Example:\n"
      "  mnemectl alias set faces faces-v2 --expect faces-v1");
  struct Flags {
    std::string alias;
    std::string memory;
    std::string expected;
  };
  auto flags = std::make_shared<Flags>();
  set->add_option("ALIAS", flags->alias, "A name that no memory has")->required();
  set->add_option("MEMORY", flags->memory, "What it stands for")->required();
  set->add_option("--expect", flags->expected, "Only if it stands for this memory now");
  set->callback([&context, flags] {
    context.action = [&context, flags]() -> absl::Status {
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      const auto made =
          client->SetAlias(flags->alias, flags->memory, flags->expected, context.call());
      if (!made.ok()) return made.status();
      if (context.json) {
        context.io.out << Dump(ToJson(*made)) << "\n";
      } else {
        context.io.out << made->name << " is " << made->memory << "\n";
      }
      return absl::OkStatus();
    };
  });
}

void AddList(CLI::App& alias, Context& context) {
  CLI::App* list = alias.add_subcommand("list", "List all aliases");
  list->footer("Example:\n  mnemectl alias list");
  list->callback([&context] {
    context.action = [&context]() -> absl::Status {
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      const auto aliases = client->ListAliases(context.call());
      if (!aliases.ok()) return aliases.status();
      if (context.json) {
        context.io.out << Dump({{"aliases", AllToJson(*aliases)}}) << "\n";
        return absl::OkStatus();
      }
      Table table({{"ALIAS"}, {"MEMORY"}, {"SET"}});
      for (const client::Alias& one : *aliases) {
        table.Add({one.name, one.memory, FormatSeconds(one.update_time)});
      }
      table.Print(context.io.out);
      return absl::OkStatus();
    };
  });
}

void AddDelete(CLI::App& alias, Context& context) {
  CLI::App* remove = alias.add_subcommand("delete", "Delete an alias; the memory stays");
  remove->footer("Example:\n  mnemectl alias delete faces");
  auto name = std::make_shared<std::string>();
  auto allow_missing = std::make_shared<bool>(false);
  remove->add_option("ALIAS", *name, "The alias")->required();
  remove->add_flag("--allow-missing", *allow_missing, "No error if there is none");
  remove->callback([&context, name, allow_missing] {
    context.action = [&context, name, allow_missing]() -> absl::Status {
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      return SayDeleted(client->DeleteAlias(*name, *allow_missing, context.call()), *name, context);
    };
  });
}

}  // namespace

void AddAliasCommands(CLI::App& app, Context& context) {
  CLI::App* alias = app.add_subcommand("alias", "Set, list, delete other names of memories");
  alias->footer("Example:\n  mnemectl alias set faces faces-v2");
  alias->require_subcommand(1);
  AddSet(*alias, context);
  AddList(*alias, context);
  AddDelete(*alias, context);
}

}  // namespace mneme::cli
