// What administrators ask of the engine: aliases, copies, backups, usage.
#include <utility>

#include "core/engine/alias_ops.h"
#include "core/engine/backup_job.h"
#include "core/engine/clone.h"
#include "core/engine/copies.h"
#include "core/engine/engine.h"
#include "core/engine/restore_job.h"
#include "core/engine/usage.h"
#include "core/engine/validate.h"

namespace mneme::engine {
namespace {

// The subject of the job that makes a backup: there is one at a time.
constexpr char kNewBackup[] = "backups/new";

std::string BackupName(uint32_t id) { return absl::StrCat("backups/", id); }

}  // namespace

JobContext Engine::job_context() {
  return {.storage = *storage_,
          .catalogue = catalogue_,
          .committer = *committer_,
          .item_ids = item_ids_,
          .random = job_random_,
          .clock = clock_,
          .limits = options_.limits,
          .budget = budget_,
          .disk_bytes_reserve = options_.disk_bytes_reserve};
}

void Engine::SetAlias(SetAliasCommand command, Done<AliasInfo> done) {
  if (absl::Status status = ValidateMemoryName(command.alias); !status.ok()) return done(status);
  committer_->Submit(MakeSetAliasOp(catalogue_, options_.limits.memories_max, std::move(command),
                                    std::move(done)));
}

void Engine::DropAlias(DropAliasCommand command, Done<bool> done) {
  committer_->Submit(MakeDropAliasOp(catalogue_, std::move(command), std::move(done)));
}

std::vector<AliasInfo> Engine::ListAliases(std::string_view after, size_t most) const {
  return catalogue_.ListAliases(after, most);
}

absl::StatusOr<MemoryUsage> Engine::UsageOf(std::string_view name) const {
  MNEME_ASSIGN_OR_RETURN(const std::shared_ptr<Memory> memory, catalogue_.Find(name));
  MNEME_RETURN_IF_ERROR(memory->CheckServing());
  return MeasureUsage(*storage_, memory->info());
}

absl::StatusOr<JobInfo> Engine::CloneMemory(CloneCommand command) {
  MNEME_RETURN_IF_ERROR(CheckLoaded());
  MNEME_RETURN_IF_ERROR(ValidateMemoryName(command.name));
  MNEME_ASSIGN_OR_RETURN(std::shared_ptr<Memory> source, catalogue_.Find(command.source));
  MNEME_RETURN_IF_ERROR(source->CheckServing());
  MNEME_RETURN_IF_ERROR(catalogue_.CheckFree(command.name));
  std::string subject = source->name();
  return jobs_->Submit(
      JobKind::kClone, std::move(subject),
      [this, source = std::move(source), name = command.name](
          const std::string&, const JobRunner::Report& report) -> absl::StatusOr<JobResult> {
        return CloneNow(job_context(), *source, name, report);
      },
      {.others = {command.name}});
}

absl::StatusOr<storage::BackupStore*> Engine::Backups() {
  if (options_.backup_dir.empty()) {
    return FailedPrecondition("the server has no folder for backups",
                              {.reason = "NO_BACKUP_DIR",
                               .given = "no data.backup_dir",
                               .expected = "a folder on another disk than the data",
                               .next_step = "Set data.backup_dir in the server's configuration "
                                            "and restart it."});
  }
  MutexLock lock(&backups_mutex_);
  if (backups_ == nullptr) {
    MNEME_ASSIGN_OR_RETURN(backups_, storage::OpenBackupStore(options_.backup_dir, clock_,
                                                              options_.disk_bytes_reserve));
  }
  return backups_.get();
}

absl::StatusOr<JobInfo> Engine::CreateBackup(std::string description) {
  MNEME_RETURN_IF_ERROR(CheckLoaded());
  MNEME_RETURN_IF_ERROR(ValidateLabels({.description = description}));
  MNEME_ASSIGN_OR_RETURN(storage::BackupStore* const store, Backups());
  BackupRequest request{.description = std::move(description),
                        .server_version = options_.server_version};
  return jobs_->Submit(
      JobKind::kBackup, kNewBackup,
      [this, store, request = std::move(request)](
          const std::string&, const JobRunner::Report& report) -> absl::StatusOr<JobResult> {
        return BackUpNow(job_context(), *store, request, report);
      });
}

absl::StatusOr<JobInfo> Engine::RestoreBackup(RestoreCommand command) {
  MNEME_RETURN_IF_ERROR(CheckLoaded());
  MNEME_ASSIGN_OR_RETURN(storage::BackupStore* const store, Backups());
  MNEME_ASSIGN_OR_RETURN(const storage::BackupEntry entry, store->Get(command.backup));
  MNEME_ASSIGN_OR_RETURN(const Manifest manifest, DecodeManifest(entry.manifest));
  MNEME_ASSIGN_OR_RETURN(RestorePlan plan, PlanRestore(manifest, command, catalogue_));
  return jobs_->Submit(
      JobKind::kRestore, BackupName(command.backup),
      [this, store, plan = std::move(plan)](const std::string&, const JobRunner::Report& report)
          -> absl::StatusOr<JobResult> { return RestoreNow(job_context(), *store, plan, report); });
}

absl::StatusOr<BackupInfo> Engine::GetBackup(uint32_t id) {
  MNEME_ASSIGN_OR_RETURN(storage::BackupStore* const store, Backups());
  MNEME_ASSIGN_OR_RETURN(const storage::BackupEntry entry, store->Get(id));
  return DescribeBackup(entry);
}

absl::StatusOr<std::vector<BackupInfo>> Engine::ListBackups() {
  MNEME_ASSIGN_OR_RETURN(storage::BackupStore* const store, Backups());
  MNEME_ASSIGN_OR_RETURN(const std::vector<storage::BackupEntry> entries, store->List());
  std::vector<BackupInfo> out;
  for (const storage::BackupEntry& entry : entries) {
    absl::StatusOr<BackupInfo> info = DescribeBackup(entry);
    // One that cannot be read does not hide the others; asked for alone it says why.
    if (!info.ok()) {
      info = BackupInfo{.id = entry.id,
                        .create_unix_nanos = entry.create_unix_nanos,
                        .bytes = entry.bytes,
                        .new_bytes = entry.new_bytes,
                        .description = std::string(info.status().message())};
    }
    out.push_back(*std::move(info));
  }
  return out;
}

absl::Status Engine::DeleteBackup(uint32_t id) {
  MNEME_ASSIGN_OR_RETURN(storage::BackupStore* const store, Backups());
  const std::vector<JobInfo> jobs = jobs_->List(0, kJobKinds * kPendingJobsMax + kJobsKept);
  for (const JobInfo& job : jobs) {
    if (job.done || job.memory != BackupName(id)) continue;
    return FailedPrecondition(absl::StrFormat("backup %d is being restored", id),
                              {.reason = "JOB_RUNNING",
                               .given = BackupName(id),
                               .expected = "a backup that no job reads",
                               .next_step = "Wait for the restore, or cancel it first."});
  }
  return store->Delete(id);
}

}  // namespace mneme::engine
