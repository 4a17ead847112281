// Backup: a job that copies the files of the data directory, then reads every memory back from the
// copy and notes what it holds and what it answers.
#ifndef MNEME_CORE_ENGINE_BACKUP_JOB_H_
#define MNEME_CORE_ENGINE_BACKUP_JOB_H_

#include <string>

#include "core/engine/copies.h"
#include "core/engine/manifest.h"
#include "core/storage/backup.h"

namespace mneme::engine {

// Answers that a backup notes: over all memories, in proportion to their rows, and at least so many
// of each as long as there is room.
inline constexpr size_t kBackupSamples = 1'000;
inline constexpr size_t kSamplesPerMemory = 10;

struct BackupRequest {
  std::string description;
  std::string server_version;
};

// Consistent while writes go on. Memories whose data is damaged are noted as degraded; if it is
// cancelled or fails, nothing of it is left. One memory at a time is in main memory a second time.
absl::StatusOr<BackupInfo> BackUpNow(const JobContext& context, storage::BackupStore& store,
                                     const BackupRequest& request, const JobRunner::Report& report);

// How many of a memory's answers are noted.
size_t SampleQuota(uint64_t rows, uint64_t rows_total, size_t memories);

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_BACKUP_JOB_H_
