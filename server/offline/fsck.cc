#include "core/engine/fsck.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/status.h"
#include "server/offline/offline.h"

namespace mneme::server {
namespace {

constexpr char kAdvice[] =
    "restore it from a backup (mnemectl restore), or start mnemed --recovery and delete it";
constexpr char kSharedAdvice[] =
    "restore the data directory from a backup into an empty one; keep this one until that is done";

nlohmann::json JsonOf(const engine::FsckReport& report) {
  nlohmann::json memories = nlohmann::json::array();
  for (const engine::CheckedMemory& memory : report.memories) {
    memories.push_back({{"memory", memory.name},
                        {"uid", absl::StrFormat("%016x", memory.uid)},
                        {"items", memory.items},
                        {"position", memory.position},
                        {"checkpoint_position", memory.checkpoint_position},
                        {"damage", memory.damage}});
  }
  return {{"clean", report.clean()},
          {"memories", memories},
          {"damage", report.shared},
          {"aliases", report.aliases},
          {"orphans", report.orphans}};
}

void PrintTable(const engine::FsckReport& report, std::ostream& out) {
  size_t width = 6;
  for (const engine::CheckedMemory& memory : report.memories)
    width = std::max(width, memory.name.size());
  const int name_width = static_cast<int>(width);
  out << absl::StrFormat("%-*s  %12s  %12s  %12s  %s\n", name_width, "MEMORY", "ITEMS", "POSITION",
                         "CHECKPOINT", "DAMAGE");
  for (const engine::CheckedMemory& memory : report.memories) {
    const std::string damage =
        memory.damage.empty() ? "none" : absl::StrCat(memory.damage.size(), " (below)");
    out << absl::StrFormat("%-*s  %12d  %12d  %12d  %s\n", name_width, memory.name, memory.items,
                           memory.position, memory.checkpoint_position, damage);
  }
  for (const engine::CheckedMemory& memory : report.memories) {
    for (const std::string& damage : memory.damage)
      out << absl::StrFormat("%s: %s\n  -> %s\n", memory.name, damage, kAdvice);
  }
  for (const std::string& damage : report.shared)
    out << absl::StrFormat("%s\n  -> %s\n", damage, kSharedAdvice);
  if (report.orphans > 0) {
    out << absl::StrFormat("%d copies were cut short; the next start of mnemed drops them\n",
                           report.orphans);
  }
}

}  // namespace

absl::StatusOr<OfflineData> OpenOffline(const std::string& directory, uint64_t memory_bytes_max) {
  OfflineData data;
  MNEME_ASSIGN_OR_RETURN(data.lock, storage::DirectoryLock::TakeWithDatabase(directory));
  MNEME_ASSIGN_OR_RETURN(
      data.storage,
      storage::OpenRocksDbStorage(
          {.directory = directory, .memory_bytes_max = memory_bytes_max, .read_only = true}));
  return data;
}

absl::Status RunFsck(storage::Storage& storage, bool json, std::ostream& out,
                     std::ostream& progress) {
  std::string last;
  const auto show = [&](std::string_view phase, double share) {
    std::string line = absl::StrFormat("%s: %.0f %%", AbslView(phase), 100 * share);
    if (line == last) return;
    progress << "\r" << line << "   " << std::flush;
    last = std::move(line);
  };
  MNEME_ASSIGN_OR_RETURN(const engine::FsckReport report,
                         engine::CheckDataDirectory(storage, Clock::Real(), show));
  progress << "\r" << std::string(last.size() + 3, ' ') << "\r" << std::flush;
  if (json) {
    out << JsonOf(report).dump() << "\n";
  } else {
    PrintTable(report, out);
  }
  if (report.clean()) return absl::OkStatus();
  return DataLoss("the data directory is damaged",
                  {.reason = "DAMAGED", .next_step = "See the damage listed."});
}

}  // namespace mneme::server
