// Copies of memories on their way in: data that is in the storage, but in no catalogue, until all
// of it is there, recovered and found right.
#ifndef MNEME_CORE_ENGINE_COPIES_H_
#define MNEME_CORE_ENGINE_COPIES_H_

#include <memory>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/base/random.h"
#include "core/engine/catalogue.h"
#include "core/engine/committer.h"
#include "core/engine/jobs.h"
#include "core/engine/limits.h"
#include "core/engine/memory_budget.h"
#include "core/engine/types.h"
#include "core/storage/storage.h"

namespace mneme::engine {

// What a job of the engine works with. All outlive the job.
struct JobContext {
  storage::Storage& storage;
  Catalogue& catalogue;
  Committer& committer;
  ItemIdGenerator& item_ids;
  Random& random;  // the job thread's
  const Clock& clock;
  const Limits& limits;
  MemoryBudget& budget;
  uint64_t disk_bytes_reserve = 0;
};

// One share of a job: maps its own progress into the job's.
class JobPhase {
 public:
  // The phase covers [from, to] of the job.
  JobPhase(const JobRunner::Report& report, std::string_view phase, double from, double to)
      : report_(report), phase_(phase), from_(from), to_(to) {}
  // False: stop.
  bool Report(uint64_t done, uint64_t total) const;
  storage::ProgressFn progress() const {
    return [this](uint64_t done, uint64_t total) { return Report(done, total); };
  }

 private:
  const JobRunner::Report& report_;
  const std::string_view phase_;
  const double from_;
  const double to_;
};

// Belongs to the job's thread. Those that were not installed leave the storage with the object.
class Copies {
 public:
  explicit Copies(const JobContext& context) : context_(context) {}
  ~Copies();
  Copies(const Copies&) = delete;
  Copies& operator=(const Copies&) = delete;

  // Copies the data of a memory under `wanted`, unless that uid is or was a memory's here
  // (Storage::IsUsed), else under a fresh one; the outcomes of requests in `scope` come along only
  // with the wanted uid. ResourceExhausted (FULL) before the disk is. Cancelled.
  absl::StatusOr<MemoryUid> Copy(const storage::Storage& source, MemoryUid source_uid,
                                 std::optional<MemoryUid> wanted, std::string_view scope,
                                 const storage::ProgressFn& progress);
  // Reads a copy: `info` says what it will be called, and has its uid; `memory_bytes` is about what
  // it will take. ResourceExhausted (FULL) when there is no such room in main memory.
  absl::StatusOr<std::shared_ptr<Memory>> Recover(MemoryInfo info, uint64_t memory_bytes,
                                                  const storage::ProgressFn& progress);
  // Puts all recovered copies, and the aliases whose names are free, into the catalogue by one
  // commit. AlreadyExists when a name is taken by now: nothing is installed then.
  absl::Status Install(std::vector<AliasInfo> aliases);

 private:
  absl::StatusOr<MemoryUid> ChooseUid(std::optional<MemoryUid> wanted);
  // Whether so many bytes of a copy can still be written without touching the reserve.
  absl::Status CheckDisk(uint64_t bytes) const;

  JobContext context_;
  std::vector<MemoryUid> uids_;
  std::vector<std::shared_ptr<Memory>> memories_;
  std::vector<MemoryBudget::Reservation> room_;  // until the catalogue counts them
};

// Bytes of main memory that a memory takes.
uint64_t MemoryBytes(const models::ModelStats& stats);

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_COPIES_H_
