#include "core/engine/usage.h"

#include <algorithm>

#include "core/base/status.h"
#include "core/engine/forecast.h"

namespace mneme::engine {
namespace {

bool GrowsWithItems(std::string_view disk) { return disk != "state" && disk != "log"; }

// Share of the items whose recall ranks first, by theory; nullopt where there is no law.
std::optional<double> Top1(const MemoryInfo& info, uint64_t items) {
  if (!std::holds_alternative<models::LinearSpec>(info.spec.model) || items < 2)
    return std::nullopt;
  models::ModelStats stats = info.stats;
  stats.items = items;
  const ForecastCommand command{.memory = info.name, .list_sizes = {1}, .probe = ProbeMode::kNone};
  const absl::StatusOr<ForecastReply> forecast = MakeForecast(command, info.spec, stats, nullptr);
  if (!forecast.ok()) return std::nullopt;
  for (const ForecastQuantity& quantity : forecast->quantities) {
    if (quantity.quantity == "top1") return quantity.theory;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<MemoryUsage> MeasureUsage(const storage::Storage& storage, const MemoryInfo& info) {
  MemoryUsage usage{.name = info.name, .items = info.stats.items, .memory = info.stats.bytes};
  uint64_t memory_bytes = 0;
  for (const models::ByteAccount& part : usage.memory) memory_bytes += part.bytes;
  usage.memory_bytes_twice = 2 * memory_bytes - std::min(memory_bytes, info.stats.fixed_bytes);
  for (const storage::DiskBytes& part : storage.MemoryDiskBytes(info.uid)) {
    usage.disk.push_back({.what = part.what, .bytes = part.bytes});
    usage.disk_bytes_twice += part.bytes * (GrowsWithItems(part.what) ? 2 : 1);
  }
  MNEME_RETURN_IF_ERROR(
      storage.ReadLog(info.uid, info.checkpoint_position, [&usage](const storage::LogRecord&) {
        ++usage.log_records;
        return absl::OkStatus();
      }));
  usage.top1 = Top1(info, info.stats.items);
  usage.top1_twice = Top1(info, 2 * info.stats.items);
  return usage;
}

}  // namespace mneme::engine
