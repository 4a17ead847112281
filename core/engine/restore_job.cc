#include "core/engine/restore_job.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "core/base/fail_point.h"
#include "core/base/status.h"
#include "core/engine/row_bytes.h"

namespace mneme::engine {
namespace {

// Shares of the whole, then of each memory's part.
constexpr double kVerified = 0.2;
constexpr double kCopied = 0.4;
constexpr double kCompared = 0.6;
constexpr double kLoaded = 0.9;

absl::Status Differs(std::string_view memory, std::string_view what, std::string_view given,
                     std::string_view expected) {
  return DataLoss(
      absl::StrFormat("memory '%s' is not as it was backed up: %s is %s, the backup noted %s",
                      AbslView(memory), AbslView(what), AbslView(given), AbslView(expected)),
      {.reason = "RESTORE_DIFFERS",
       .given = std::string(given),
       .expected = std::string(expected),
       .next_step = "Nothing was restored. Use another backup, or leave this memory out."});
}

class Restorer {
 public:
  Restorer(const JobContext& context, const storage::Storage& backup,
           const JobRunner::Report& report)
      : context_(context), backup_(backup), report_(report), copies_(context) {}

  absl::StatusOr<RestoreReply> Run(const RestorePlan& plan) {
    RestoreReply reply;
    std::vector<std::shared_ptr<Memory>> restored;
    for (size_t i = 0; i < plan.memories.size(); ++i) {
      const auto& [noted, name] = plan.memories[i];
      part_ = (1 - kVerified) / static_cast<double>(plan.memories.size());
      first_ = kVerified + part_ * static_cast<double>(i);
      absl::StatusOr<std::shared_ptr<Memory>> memory = RestoreOne(noted, name);
      if (!memory.ok()) return Annotate(memory.status(), name);
      restored.push_back(*std::move(memory));
      reply.samples_compared += noted.samples.size();
    }
    MNEME_RETURN_IF_ERROR(copies_.Install(plan.aliases));
    for (const std::shared_ptr<Memory>& memory : restored) reply.memories.push_back(memory->info());
    return reply;
  }

 private:
  JobPhase Phase(std::string_view name, double from, double to) const {
    return JobPhase(report_, name, first_ + part_ * from, first_ + part_ * to);
  }

  absl::StatusOr<std::shared_ptr<Memory>> RestoreOne(const ManifestMemory& noted,
                                                     const std::string& name) {
    MemoryInfo info = noted.info;
    const bool keeps_ids = info.spec.retain != models::Retain::kStatistics;
    const JobPhase copying = Phase("copying", 0, kCopied);
    MNEME_ASSIGN_OR_RETURN(info.uid,
                           copies_.Copy(backup_, noted.info.uid, noted.info.uid,
                                        name == noted.info.name ? name : "", copying.progress()));
    MNEME_RETURN_IF_ERROR(MNEME_FAIL_POINT("restore.copied"));
    // Before anything is made of it: reading a memory may write a checkpoint.
    const JobPhase comparing = Phase("verifying", kCopied, kCompared);
    MNEME_ASSIGN_OR_RETURN(
        const MemoryDigest digest,
        DigestMemory(context_.storage, info.uid, keeps_ids, nullptr, comparing.progress()));
    if (digest != noted.digest) {
      return Differs(name, "its data", Difference(digest, noted.digest),
                     "other numbers (see docs/formats/backup.md)");
    }
    info.name = name;
    const uint64_t memory_bytes = std::max(noted.memory_bytes, FixedBytes(info.spec));
    const JobPhase loading = Phase("loading", kCompared, kLoaded);
    MNEME_ASSIGN_OR_RETURN(std::shared_ptr<Memory> memory,
                           copies_.Recover(std::move(info), memory_bytes, loading.progress()));
    if (noted.loaded) MNEME_RETURN_IF_ERROR(CompareAnswers(*memory, noted));
    return memory;
  }

  absl::Status CompareAnswers(const Memory& memory, const ManifestMemory& noted) const {
    const Memory::Published published = memory.published();
    const uint64_t items = published.view->stats().items;
    if (items != noted.items)
      return Differs(memory.name(), "the number of items", absl::StrCat(items),
                     absl::StrCat(noted.items));
    if (published.position != noted.digest.position)
      return Differs(memory.name(), "the position", absl::StrCat(published.position),
                     absl::StrCat(noted.digest.position));
    std::vector<uint64_t> numbers;
    for (const Sample& sample : noted.samples) numbers.push_back(sample.number);
    const JobPhase sampling = Phase("sampling", kLoaded, 1);
    MNEME_ASSIGN_OR_RETURN(const std::vector<Sample> answers,
                           TakeSamples(context_.storage, memory, numbers, noted.seed,
                                       [&] { return !sampling.Report(0, 1); }));
    for (size_t i = 0; i < answers.size(); ++i) {
      const std::optional<SampleDifference> difference = Compare(answers[i], noted.samples[i]);
      if (!difference.has_value()) continue;
      return Differs(memory.name(),
                     absl::StrFormat("the answer to sample %d of %d", i + 1, answers.size()),
                     difference->given, difference->expected);
    }
    return absl::OkStatus();
  }

  const JobContext& context_;
  const storage::Storage& backup_;
  const JobRunner::Report& report_;
  Copies copies_;
  double first_ = 0;  // of the job, for the memory at hand
  double part_ = 0;
};

absl::Status NotInBackup(const std::string& name, const Manifest& manifest) {
  const std::string held = absl::StrJoin(
      manifest.memories, ", ",
      [](std::string* out, const ManifestMemory& memory) { out->append(memory.info.name); });
  return NotFound(absl::StrFormat("memory '%s' is not in the backup, which holds: %s", name, held),
                  {.reason = "NOT_IN_BACKUP",
                   .given = name,
                   .expected = held.empty() ? "a backup with memories" : held.substr(0, 200),
                   .next_step = "Name memories of the backup (GetBackup lists them)."});
}

absl::Status DegradedInBackup(const ManifestMemory& memory) {
  return FailedPrecondition(
      absl::StrFormat("memory '%s' was degraded when the backup was made: %s", memory.info.name,
                      memory.degraded_reason),
      {.reason = "DEGRADED_IN_BACKUP",
       .given = memory.info.name,
       .expected = "memories that were well",
       .next_step = "Name the other memories, or use an older backup for this one."});
}

}  // namespace

absl::StatusOr<RestorePlan> PlanRestore(const Manifest& manifest, const RestoreCommand& command,
                                        const Catalogue& catalogue) {
  RestorePlan plan{.backup = command.backup};
  const auto add = [&](const ManifestMemory& memory) -> absl::Status {
    if (!memory.degraded_reason.empty()) return DegradedInBackup(memory);
    plan.memories.emplace_back(memory, memory.info.name);
    return absl::OkStatus();
  };
  if (command.memories.empty()) {
    for (const ManifestMemory& memory : manifest.memories) MNEME_RETURN_IF_ERROR(add(memory));
  }
  for (const std::string& name : command.memories) {
    const auto it =
        std::find_if(manifest.memories.begin(), manifest.memories.end(),
                     [&](const ManifestMemory& memory) { return memory.info.name == name; });
    if (it == manifest.memories.end()) return NotInBackup(name, manifest);
    const bool twice = std::any_of(plan.memories.begin(), plan.memories.end(),
                                   [&](const auto& memory) { return memory.second == name; });
    if (!twice) MNEME_RETURN_IF_ERROR(add(*it));
  }
  if (!command.name.empty()) {
    MNEME_RETURN_IF_ERROR(ValidateMemoryName(command.name));
    if (plan.memories.size() != 1) {
      return InvalidArgument(
          absl::StrFormat("one new name for %d memories", plan.memories.size()),
          {.reason = "RESTORE_NAME",
           .given = absl::StrCat(plan.memories.size(), " memories"),
           .expected = "exactly one memory with a new name",
           .next_step = "Name one memory, or restore them under their own names."});
    }
    plan.memories.front().second = command.name;
  }
  for (const auto& [memory, name] : plan.memories) MNEME_RETURN_IF_ERROR(catalogue.CheckFree(name));
  for (const AliasInfo& alias : manifest.aliases) {
    const bool comes_back =
        std::any_of(plan.memories.begin(), plan.memories.end(),
                    [&](const auto& memory) { return memory.second == alias.memory; });
    if (comes_back && command.name.empty()) plan.aliases.push_back(alias);
  }
  return plan;
}

absl::StatusOr<RestoreReply> RestoreNow(const JobContext& context, storage::BackupStore& store,
                                        const RestorePlan& plan, const JobRunner::Report& report) {
  const JobPhase verifying(report, "verifying", 0, kVerified);
  MNEME_RETURN_IF_ERROR(store.VerifyFiles(plan.backup, verifying.progress()));
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<storage::Storage> backup, store.Open(plan.backup));
  return Restorer(context, *backup, report).Run(plan);
}

}  // namespace mneme::engine
