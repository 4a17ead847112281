// mnemectl info, mnemectl health
#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/json.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

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
  const client::Limits& limits = info.limits;
  out << "limits\n";
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
  info->footer("Example:\n  mnemectl info --json");
  info->callback([&context] {
    context.action = [&context]() -> absl::Status {
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      const auto got = client->GetServerInfo(context.call());
      if (!got.ok()) return got.status();
      if (context.json) {
        context.io.out << Dump(ToJson(*got)) << "\n";
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
      return client::MakeError({.code = absl::StatusCode::kUnavailable,
                                .reason = "NOT_SERVING",
                                .message = "the server is not ready",
                                .given = Name(*status),
                                .expected = "SERVING",
                                .next_step = "Wait, or read the server's log."});
    };
  });
}

}  // namespace

void AddServerCommands(CLI::App& app, Context& context) {
  AddInfo(app, context);
  AddHealth(app, context);
}

}  // namespace mneme::cli
