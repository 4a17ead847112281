// mnemectl memory create|list|describe|update|delete
#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/describe.h"
#include "client/cli/item_policy_flags.h"
#include "client/cli/json.h"
#include "client/cli/say.h"
#include "client/cli/spec_flags.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

using client::Memory;

struct CreateFlags {
  client::MemorySpec spec;
  std::vector<std::string> labels;
  SpecFlags model{Models::kAll};
  ItemPolicyFlags items;
};

// "key=value" pairs.
absl::StatusOr<std::map<std::string, std::string>> ParseLabels(
    const std::vector<std::string>& texts) {
  std::map<std::string, std::string> labels;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return UsageError("not a label", text, "KEY=VALUE", "Write a key, =, and a value.");
    }
    labels[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return labels;
}

void AddCreate(CLI::App& memory, Context& context) {
  CLI::App* create = memory.add_subcommand("create", "Create an empty memory");
  create->footer(
      "Example:\n"
      "  mnemectl memory create faces --dim 784\n"
      "  mnemectl memory create words --dim 300 --similarity cosine --index binary\n"
      "  mnemectl memory create parts --dim 64 --separation relu --no-support nearest\n"
      "  mnemectl memory create bits --dim 256 --state binary\n"
      "  mnemectl memory create noisy --dim 64 --encoder linear\n"
      "  mnemectl memory create classes --model linear --dim 784 --response-dim 10\n"
      "  mnemectl memory create words --model linear --rule tam --list-size 20 --dim 256 \\\n"
      "      --response-dim 256 --load-policy warn --load-limit 0.07\n"
      "  mnemectl memory create seen --model feature --dim 64 --features 8000 --beta 10\n"
      "  mnemectl memory create sessions --dim 64 --ttl 30d --items-max 100000 \\\n"
      "      --full-policy evict-oldest");
  auto flags = std::make_shared<CreateFlags>();
  create->add_option("NAME", flags->spec.name, "[a-z][a-z0-9-]{0,62}")->required();
  create->add_option("--dim,--key-dim", flags->spec.key_dim, "Numbers in a key")->required();
  create->add_option("--response-dim", flags->spec.response_dim,
                     "Numbers in a response (0: the response is the key; not linear)");
  create->add_option("--description", flags->spec.description, "Text for people");
  create->add_option("--label", flags->labels, "KEY=VALUE, may be given again");
  flags->model.AddTo(*create);
  flags->items.AddTo(*create, /*update=*/false);
  create->callback([&context, flags] {
    context.action = [&context, flags]() -> absl::Status {
      client::MemorySpec& spec = flags->spec;
      auto labels = ParseLabels(flags->labels);
      if (!labels.ok()) return labels.status();
      spec.labels = *std::move(labels);
      if (absl::Status status = flags->model.Fill(spec); !status.ok()) return status;
      if (absl::Status s = flags->items.Fill(spec.item_policy); !s.ok()) return s;
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      const auto made = client->CreateMemory(spec, context.call());
      if (!made.ok()) return made.status();
      PrintMemory(*made, context);
      return absl::OkStatus();
    };
  });
}

void AddList(CLI::App& memory, Context& context) {
  CLI::App* list = memory.add_subcommand("list", "List all memories");
  list->footer("Example:\n  mnemectl memory list");
  list->callback([&context] {
    context.action = [&context]() -> absl::Status {
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      const auto memories = client->ListMemories(context.call());
      if (!memories.ok()) return memories.status();
      if (context.json) {
        Json json = Json::array();
        for (const Memory& m : *memories) json.push_back(ToJson(m));
        context.io.out << Dump({{"memories", json}}) << "\n";
        return absl::OkStatus();
      }
      Table table({{"NAME"},
                   {"MODEL"},
                   {"SHAPE"},
                   {"ITEMS", Table::Align::kRight},
                   {"BYTES", Table::Align::kRight},
                   {"HEALTH"}});
      for (const Memory& m : *memories) {
        table.Add({m.spec.name, ModelName(m), Shape(m), FormatCount(m.state.item_count),
                   FormatBytes(m.state.memory_bytes), Name(m.state.health)});
      }
      table.Print(context.io.out);
      return absl::OkStatus();
    };
  });
}

void AddDescribe(CLI::App& memory, Context& context) {
  CLI::App* describe =
      memory.add_subcommand("describe", "Show spec, load, bytes, and what was trained");
  describe->footer("Example:\n  mnemectl memory describe faces");
  auto name = std::make_shared<std::string>();
  describe->add_option("NAME", *name, "The memory")->required();
  describe->callback([&context, name] {
    context.action = [&context, name]() -> absl::Status {
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      const auto got = client->GetMemory(*name, context.call());
      if (!got.ok()) return got.status();
      PrintMemory(*got, context);
      return absl::OkStatus();
    };
  });
}

void AddUpdate(CLI::App& memory, Context& context) {
  CLI::App* update =
      memory.add_subcommand("update", "Change description, labels, lifetimes or caps");
  update->footer(
      "Example:\n"
      "  mnemectl memory update faces --description 'staff, 2024'\n"
      "  mnemectl memory update faces --items-max 1000000 --full-policy evict-least-used");
  struct Flags {
    std::string name;
    std::optional<std::string> description;
    std::vector<std::string> labels;
    bool no_labels = false;
    std::string etag;
    ItemPolicyFlags items;
  };
  auto flags = std::make_shared<Flags>();
  update->add_option("NAME", flags->name, "The memory")->required();
  update->add_option("--description", flags->description, "The new text");
  CLI::Option* labels =
      update->add_option("--label", flags->labels, "KEY=VALUE, in place of all there are");
  update->add_flag("--no-labels", flags->no_labels, "Remove all labels")->excludes(labels);
  update->add_option("--etag", flags->etag, "Change only what still has this etag");
  flags->items.AddTo(*update, /*update=*/true);
  update->callback([&context, flags] {
    context.action = [&context, flags]() -> absl::Status {
      client::MemoryUpdate change{.description = flags->description, .etag = flags->etag};
      auto parsed = ParseLabels(flags->labels);
      if (!parsed.ok()) return parsed.status();
      if (!parsed->empty() || flags->no_labels) change.labels = *std::move(parsed);
      if (absl::Status s = flags->items.Fill(change); !s.ok()) return s;
      if (!change.description && !change.labels && !change.ttl && !change.items_max &&
          !change.bytes_max && !change.full_policy) {
        return UsageError("the update changes nothing", "",
                          "--description, --label, --no-labels, --ttl, --no-ttl, --items-max, "
                          "--bytes-max or --full-policy",
                          "Say what to change.");
      }
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      const auto updated = client->UpdateMemory(flags->name, change, context.call());
      if (!updated.ok()) return updated.status();
      PrintMemory(*updated, context);
      return absl::OkStatus();
    };
  });
}

void AddDelete(CLI::App& memory, Context& context) {
  CLI::App* remove = memory.add_subcommand("delete", "Delete a memory and all its items");
  remove->footer("Example:\n  mnemectl memory delete faces");
  auto name = std::make_shared<std::string>();
  auto options = std::make_shared<client::DeleteMemoryOptions>();
  remove->add_option("NAME", *name, "The memory")->required();
  remove->add_option("--etag", options->etag, "Delete only what still has this etag");
  remove->add_flag("--allow-missing", options->allow_missing, "No error if there is none");
  remove->callback([&context, name, options] {
    context.action = [&context, name, options]() -> absl::Status {
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      options->call = context.call();
      return SayDeleted(client->DeleteMemory(*name, *options), *name, context);
    };
  });
}

}  // namespace

void AddMemoryCommands(CLI::App& app, Context& context) {
  CLI::App* memory = app.add_subcommand(
      "memory", "Create, list, describe, update, freeze, clone, merge, delete memories");
  memory->footer("Example:\n  mnemectl memory create faces --dim 784");
  memory->require_subcommand(1);
  AddCreate(*memory, context);
  AddList(*memory, context);
  AddDescribe(*memory, context);
  AddUpdate(*memory, context);
  AddDelete(*memory, context);
  AddCareCommands(*memory, context);
  AddSketchCommands(*memory, context);
}

}  // namespace mneme::cli
