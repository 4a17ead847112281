// Work on the indexes of memories, beside serving: making them from rows, making them anew,
// measuring their recall. Jobs of kind kIndex, which users begin (CalibrateIndex) or the keeper.
#ifndef MNEME_CORE_ENGINE_INDEX_JOB_H_
#define MNEME_CORE_ENGINE_INDEX_JOB_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/engine/committer.h"
#include "core/engine/jobs.h"
#include "core/engine/types.h"

namespace mneme::engine {

struct IndexContext {
  Committer& committer;
  const Clock& clock;
};

// Does all that is due for the memory's index, and with `measure` makes and measures it in any
// case. On a job's thread.
//
// Errors   FailedPrecondition (NO_INDEX). Cancelled, also when the memory is deleted. Whatever kept
//          the index from being made: describe shows it, and answers are exact. Unavailable
//          (INDEX_BEHIND): items are stored faster than they are indexed.
absl::StatusOr<MemoryInfo> WorkOnIndex(const IndexContext& context,
                                       const std::shared_ptr<Memory>& memory, bool measure,
                                       const JobRunner::Report& report);

// Begins what is due, one memory at a time, binary indexes before graphs. After a job that failed
// or was cancelled the memory is left alone for a while, longer each time.
//
// Thread-safe.
class IndexKeeper {
 public:
  IndexKeeper(JobRunner& jobs, const IndexContext& context) : jobs_(jobs), context_(context) {}

  // Begins a job for one of these memories, if none is under way.
  void Look(const std::vector<std::shared_ptr<Memory>>& memories);

 private:
  struct Pause {
    int failures = 0;
    int64_t until_nanos = 0;  // monotonic
  };

  bool IsDue(const Memory& memory);
  bool IsPaused(MemoryUid uid);
  void Note(MemoryUid uid, const absl::Status& end);

  JobRunner& jobs_;
  const IndexContext context_;
  Mutex mutex_;  // a leaf
  absl::flat_hash_map<MemoryUid, Pause> pauses_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_INDEX_JOB_H_
