// mnemectl info, mnemectl health, mnemectl reload
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/json.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

// "3 of 10 memories read, 45 % of the rows, memories/faces now, 1:05 left".
std::string StartupText(const client::Startup& startup) {
  if (startup.recovery_mode) return "--recovery: memories can be described and deleted only";
  const auto seconds = [](std::chrono::nanoseconds time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time);
  };
  // 0: there are none, or we are not to know.
  const bool told = startup.memories_total > 0;
  if (startup.done) {
    return absl::StrCat(told ? FormatCount(startup.memories_total) + " memories read in " : "took ",
                        FormatNumber(std::chrono::duration<double>(startup.elapsed).count()), " s");
  }
  std::string text =
      told ? absl::StrCat(startup.memories_done, " of ", startup.memories_total, " memories read")
           : "memories are being read";
  if (startup.rows_total > 0) {
    absl::StrAppend(&text, ", ",
                    FormatPercent(static_cast<double>(startup.rows_done) /
                                  static_cast<double>(startup.rows_total)),
                    " of the rows");
  }
  if (!startup.memory.empty()) absl::StrAppend(&text, ", ", startup.memory, " now");
  if (startup.remaining) {
    absl::StrAppend(&text, ", about ", FormatTimeLeft(seconds(*startup.remaining)), " left");
  }
  return text;
}

void PrintLimits(const client::ServerInfo& info, std::ostream& out) {
  Table table({{"LIMIT"}, {"VALUE", Table::Align::kRight}, {"UNIT"}, {"CONFIGURABLE"}, {"OF"}});
  for (const client::NamedLimit& limit : info.all_limits) {
    table.Add({limit.name, FormatCount(limit.value), limit.unit, limit.configurable ? "yes" : "no",
               limit.description});
  }
  table.Print(out);
}

void PrintInfo(const client::ServerInfo& info, const Context& context) {
  std::ostream& out = context.io.out;
  const auto line = [&out](std::string_view name, const std::string& value) {
    out << "  " << name << std::string(20 - name.size(), ' ') << value << "\n";
  };
  out << "mnemed " << info.version << " at " << context.server << "\n";
  line("up",
       absl::StrCat(FormatTimeLeft(std::chrono::duration_cast<std::chrono::seconds>(info.uptime)),
                    ", since ", FormatSeconds(info.start_time)));
  line("memories", absl::StrCat(info.memory_count, ", ", FormatBytes(info.memory_bytes)));
  line("kernels", absl::StrCat(info.instruction_set, ", BLAS ", info.blas_core, ", ",
                               info.scan_threads, " scan threads"));
  const client::Counters& counters = info.counters;
  line("writes", absl::StrCat(FormatCount(counters.writes), " in ", FormatCount(counters.commits),
                              " commits (at most ", FormatCount(counters.group_writes_max),
                              " in one), ", FormatCount(counters.syncs), " synced"));
  line("cues", absl::StrCat(FormatCount(counters.cues_inline), " answered at once, ",
                            FormatCount(counters.cues_batched), " in ",
                            FormatCount(counters.batches), " batches"));
  const client::Resources& resources = info.resources;
  // What is counted beside the memories is set aside from the start, used or not.
  const uint64_t in_memories = std::min(info.memory_bytes, resources.memory_bytes_used);
  line("main memory",
       absl::StrCat(FormatBytes(in_memories), " in memories, ",
                    FormatBytes(resources.memory_bytes_used - in_memories),
                    " set aside for storage and requests, of ",
                    FormatBytes(resources.memory_bytes_max), " (", resources.memory_limit_source,
                    "); ", FormatBytes(resources.resident_bytes), " resident"));
  line("disk", absl::StrCat(FormatBytes(resources.disk_bytes_used), " used, ",
                            FormatBytes(resources.disk_bytes_free), " free; stores stop below ",
                            FormatBytes(resources.disk_bytes_reserve)));
  line("start", StartupText(info.startup));
  const client::Limits& limits = info.limits;
  out << "limits (all of them: --limits)\n";
  line("rows of a store", FormatCount(limits.rows_per_store_max));
  line("cues of a request", FormatCount(limits.cues_max));
  line("length of a list", FormatCount(limits.list_size_max));
  line("dimension", FormatCount(limits.dimension_max));
  line("payload", FormatBytes(limits.payload_bytes_max));
  line("message", FormatBytes(limits.message_bytes_max));
  line("memories", FormatCount(limits.memories_max));
  line("partitions", FormatCount(limits.partitions_max));
}

void AddInfo(CLI::App& app, Context& context) {
  CLI::App* info = app.add_subcommand("info", "Version, limits and counters of the server");
  info->footer("Example:\n  mnemectl info\n  mnemectl info --limits");
  auto limits = std::make_shared<bool>(false);
  info->add_flag("--limits", *limits, "Every bound of the server, configurable or not");
  info->callback([&context, limits] {
    context.action = [&context, limits]() -> absl::Status {
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      const auto got = client->GetServerInfo(context.call());
      if (!got.ok()) return got.status();
      if (context.json) {
        context.io.out << Dump(ToJson(*got)) << "\n";
      } else if (*limits) {
        PrintLimits(*got, context.io.out);
      } else {
        PrintInfo(*got, context);
      }
      return absl::OkStatus();
    };
  });
}

void AddHealth(CLI::App& app, Context& context) {
  CLI::App* health =
      app.add_subcommand("health", "Is the server ready? Exit code 0 if so, 4 if not");
  health->footer("Example:\n  mnemectl health && mnemectl store faces keys.npy");
  auto service = std::make_shared<std::string>();
  health->add_option("SERVICE", *service, "A gRPC service (default: the server as a whole)");
  health->callback([&context, service] {
    context.action = [&context, service]() -> absl::Status {
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      const auto status = client->CheckHealth(*service, context.call());
      if (!status.ok()) return status.status();
      if (context.json) {
        context.io.out << Dump({{"status", Name(*status)}}) << "\n";
      } else {
        context.io.out << Name(*status) << "\n";
      }
      if (*status == client::ServingStatus::kServing) return absl::OkStatus();
      const auto info = client->GetServerInfo(context.call());
      const bool starting = info.ok() && !info->startup.done;
      return client::MakeError({.code = absl::StatusCode::kUnavailable,
                                .reason = "NOT_SERVING",
                                .message = starting ? absl::StrCat("the server is starting: ",
                                                                   StartupText(info->startup))
                                                    : "the server is not ready",
                                .given = Name(*status),
                                .expected = "SERVING",
                                .next_step = "Wait, or read the server's log."});
    };
  });
}

Json ToJson(const std::vector<client::ConfigChange>& changes) {
  Json out = Json::array();
  for (const client::ConfigChange& one : changes)
    out.push_back({{"name", one.name}, {"was", one.was}, {"now", one.now}});
  return out;
}

void PrintReload(const client::ReloadReport& report, std::ostream& out) {
  Table table({{"KEY"}, {"WAS"}, {"NOW"}, {"IN FORCE"}});
  for (const client::ConfigChange& one : report.changed)
    table.Add({one.name, one.was, one.now, "yes"});
  for (const client::ConfigChange& one : report.needs_restart)
    table.Add({one.name, one.was, one.now, "after a restart"});
  if (report.changed.empty() && report.needs_restart.empty()) {
    out << "no key of the configuration has changed\n";
  } else {
    table.Print(out);
  }
  for (const std::string& part : report.parts) out << part << "\n";
}

void AddReload(CLI::App& app, Context& context) {
  CLI::App* reload = app.add_subcommand(
      "reload", "Have the server read its configuration, certificates and keys again");
  reload->footer(
      "What it cannot read stays as it was; SIGHUP does the same.\n"
      "Example:\n"
      "  mnemectl reload");
  reload->callback([&context] {
    context.action = [&context]() -> absl::Status {
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      const auto report = client->ReloadConfig(context.call());
      if (!report.ok()) return report.status();
      if (context.json) {
        context.io.out << Dump({{"changed", ToJson(report->changed)},
                                {"needs_restart", ToJson(report->needs_restart)},
                                {"parts", report->parts}})
                       << "\n";
      } else {
        PrintReload(*report, context.io.out);
      }
      return absl::OkStatus();
    };
  });
}

}  // namespace

void AddServerCommands(CLI::App& app, Context& context) {
  AddInfo(app, context);
  AddHealth(app, context);
  AddReload(app, context);
}

}  // namespace mneme::cli
