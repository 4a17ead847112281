// mnemectl memory freeze|unfreeze|clone|calibrate|du: what an administrator does to a memory that
// serves.
#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/describe.h"
#include "client/cli/json.h"
#include "client/cli/operations.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

void AddFreeze(CLI::App& memory, Context& context, bool freeze) {
  const std::string verb = freeze ? "freeze" : "unfreeze";
  CLI::App* command =
      memory.add_subcommand(verb, freeze ? "Make a memory read-only; items still expire"
                                         : "Let a memory be written again");
  command->footer("Example:\n  mnemectl memory " + verb + " faces");
  auto name = std::make_shared<std::string>();
  command->add_option("NAME", *name, "The memory")->required();
  command->callback([&context, name, freeze] {
    context.action = [&context, name, freeze]() -> absl::Status {
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      const auto updated = client->UpdateMemory(*name, {.frozen = freeze}, context.call());
      if (!updated.ok()) return updated.status();
      PrintMemory(*updated, context);
      return absl::OkStatus();
    };
  });
}

void AddClone(CLI::App& memory, Context& context) {
  CLI::App* clone = memory.add_subcommand("clone", "Copy a memory as it is at this moment");
  clone->footer("Example:\n  mnemectl memory clone faces faces-v2");
  struct Flags {
    std::string source;
    std::string name;
    bool wait = true;
  };
  auto flags = std::make_shared<Flags>();
  clone->add_option("SOURCE", flags->source, "The memory")->required();
  clone->add_option("NAME", flags->name, "What the copy shall be called")->required();
  clone->add_flag("--wait,!--no-wait", flags->wait, "Wait for the end (default), or only begin");
  clone->callback([&context, flags] {
    context.action = [&context, flags]() -> absl::Status {
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      const auto begun = client->CloneMemory(flags->source, flags->name, context.call());
      return Follow(*client, begun, flags->wait, context);
    };
  });
}

void AddCalibrate(CLI::App& memory, Context& context) {
  CLI::App* calibrate = memory.add_subcommand(
      "calibrate", "Make the index of a memory, if it is not there, and measure its recall");
  calibrate->footer(
      "The server does so by itself, from 4,096 items on and whenever they have doubled. Lists "
      "are\n"
      "exact until it is done, and where the index falls short of its target.\n"
      "Example:\n  mnemectl memory calibrate faces");
  struct Flags {
    std::string name;
    bool wait = true;
  };
  auto flags = std::make_shared<Flags>();
  calibrate->add_option("NAME", flags->name, "The memory")->required();
  calibrate->add_flag("--wait,!--no-wait", flags->wait,
                      "Wait for the end (default), or only begin");
  calibrate->callback([&context, flags] {
    context.action = [&context, flags]() -> absl::Status {
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      return Follow(*client, client->CalibrateIndex(flags->name, context.call()), flags->wait,
                    context);
    };
  });
}

void PrintUsage(const client::MemoryUsage& usage, std::ostream& out) {
  out << usage.name << ", " << FormatCount(usage.items) << " items\n";
  using Align = Table::Align;
  Table table({{"WHERE"}, {"WHAT"}, {"BYTES", Align::kRight}, {"", Align::kRight}});
  const auto add = [&table](std::string_view where, std::string_view what, uint64_t bytes) {
    table.Add({std::string(where), std::string(what), FormatCount(bytes), FormatBytes(bytes)});
  };
  for (const client::ByteAccount& part : usage.memory) add("memory", part.what, part.bytes);
  add("memory", "all", usage.memory_bytes);
  add("memory", "with twice the items", usage.memory_bytes_twice);
  for (const client::ByteAccount& part : usage.disk) add("disk", part.what, part.bytes);
  add("disk", "all, about", usage.disk_bytes);
  add("disk", "with twice the items", usage.disk_bytes_twice);
  table.Print(out);
  if (usage.log_records > 0) {
    out << FormatCount(usage.log_records) << " records of the log are behind the checkpoint\n";
  }
  if (usage.top1 && usage.top1_twice) {
    out << "by theory " << FormatPercent(*usage.top1) << " of the items rank first now, "
        << FormatPercent(*usage.top1_twice) << " with twice the items\n";
  }
}

absl::Status PrintAllUsage(client::Client& client, const Context& context) {
  const auto memories = client.ListMemories(context.call());
  if (!memories.ok()) return memories.status();
  std::vector<client::MemoryUsage> usages;
  for (const client::Memory& memory : *memories) {
    auto usage = client.GetMemoryUsage(memory.spec.name, context.call());
    if (!usage.ok()) return usage.status();
    usages.push_back(*std::move(usage));
  }
  if (context.json) {
    context.io.out << Dump({{"memories", AllToJson(usages)}}) << "\n";
    return absl::OkStatus();
  }
  using Align = Table::Align;
  Table table({{"NAME"},
               {"ITEMS", Align::kRight},
               {"MEMORY", Align::kRight},
               {"MEMORY WITH TWICE", Align::kRight},
               {"DISK", Align::kRight},
               {"DISK WITH TWICE", Align::kRight}});
  for (const client::MemoryUsage& usage : usages) {
    table.Add({usage.name, FormatCount(usage.items), FormatBytes(usage.memory_bytes),
               FormatBytes(usage.memory_bytes_twice), FormatBytes(usage.disk_bytes),
               FormatBytes(usage.disk_bytes_twice)});
  }
  table.Print(context.io.out);
  return absl::OkStatus();
}

void AddUsage(CLI::App& memory, Context& context) {
  CLI::App* du =
      memory.add_subcommand("du", "Where the bytes are, and how many twice the items take");
  du->footer("Example:\n  mnemectl memory du\n  mnemectl memory du faces");
  auto name = std::make_shared<std::string>();
  du->add_option("NAME", *name, "The memory (default: a line for each)");
  du->callback([&context, name] {
    context.action = [&context, name]() -> absl::Status {
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      if (name->empty()) return PrintAllUsage(*client, context);
      const auto usage = client->GetMemoryUsage(*name, context.call());
      if (!usage.ok()) return usage.status();
      if (context.json) {
        context.io.out << Dump(ToJson(*usage)) << "\n";
      } else {
        PrintUsage(*usage, context.io.out);
      }
      return absl::OkStatus();
    };
  });
}

}  // namespace

void AddCareCommands(CLI::App& memory, Context& context) {
  AddFreeze(memory, context, /*freeze=*/true);
  AddFreeze(memory, context, /*freeze=*/false);
  AddClone(memory, context);
  AddCalibrate(memory, context);
  AddUsage(memory, context);
}

}  // namespace mneme::cli
