#include "core/engine/clone.h"

#include "core/base/status.h"

namespace mneme::engine {
namespace {

// Shares of the whole.
constexpr double kCopied = 0.6;
constexpr double kLoaded = 1.0;

absl::Status SourceGone(const Memory& source) {
  return NotFound(absl::StrFormat("memory '%s' was deleted while it was copied", source.name()),
                  {.reason = "MEMORY_NOT_FOUND",
                   .given = source.name(),
                   .next_step = "See ListMemories for what is there."});
}

}  // namespace

absl::StatusOr<MemoryInfo> CloneNow(const JobContext& context, const Memory& source,
                                    const std::string& name, const JobRunner::Report& report) {
  Copies copies(context);
  const JobPhase copying(report, "copying", 0, kCopied);
  const absl::StatusOr<MemoryUid> uid = copies.Copy(
      context.storage, source.uid(), std::nullopt, "", [&](uint64_t done, uint64_t total) {
        return copying.Report(done, total) && !source.dropped();
      });
  if (source.dropped()) return SourceGone(source);
  if (!uid.ok()) return uid.status();
  const MemoryInfo from = source.info();
  const int64_t now = context.clock.NowUnixNanos();
  MemoryInfo info{.name = name,
                  .uid = *uid,
                  .revision = 1,
                  .create_unix_nanos = now,
                  .update_unix_nanos = now,
                  .labels = from.labels,
                  .spec = from.spec,
                  .item_policy = from.item_policy};
  const JobPhase loading(report, "loading", kCopied, kLoaded);
  MNEME_ASSIGN_OR_RETURN(
      const std::shared_ptr<Memory> memory,
      copies.Recover(std::move(info), MemoryBytes(from.stats), loading.progress()));
  MNEME_RETURN_IF_ERROR(copies.Install({}));
  return memory->info();
}

}  // namespace mneme::engine
