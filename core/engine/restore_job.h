// Restore: a job that brings memories back from a backup, compares them with what was noted of
// them, and shows all of them or none.
#ifndef MNEME_CORE_ENGINE_RESTORE_JOB_H_
#define MNEME_CORE_ENGINE_RESTORE_JOB_H_

#include <string>
#include <utility>
#include <vector>

#include "core/engine/copies.h"
#include "core/engine/manifest.h"
#include "core/storage/backup.h"

namespace mneme::engine {

// What is to come back, and as what.
struct RestorePlan {
  uint32_t backup = 0;
  std::vector<std::pair<ManifestMemory, std::string>> memories;  // with the name each will have
  std::vector<AliasInfo> aliases;                                // whose names may be taken by now
};

// NotFound (NOT_IN_BACKUP), AlreadyExists (a name is taken), InvalidArgument (MEMORY_NAME,
// RESTORE_NAME), FailedPrecondition (DEGRADED_IN_BACKUP).
absl::StatusOr<RestorePlan> PlanRestore(const Manifest& manifest, const RestoreCommand& command,
                                        const Catalogue& catalogue);

// DataLoss: CORRUPT where a file or value of the backup is damaged; RESTORE_DIFFERS where what was
// read back is not what was noted. Nothing of it is left then, nor when it is cancelled.
absl::StatusOr<RestoreReply> RestoreNow(const JobContext& context, storage::BackupStore& store,
                                        const RestorePlan& plan, const JobRunner::Report& report);

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_RESTORE_JOB_H_
