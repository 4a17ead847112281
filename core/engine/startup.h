// How far the reading of the memories is, for those who ask and for those who are refused
// meanwhile.
//
// Thread-safe: one thread reports, any thread asks. The lock is held for a copy only.
#ifndef MNEME_CORE_ENGINE_STARTUP_H_
#define MNEME_CORE_ENGINE_STARTUP_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/engine/types.h"

namespace mneme::engine {

class StartupProgress {
 public:
  StartupProgress(const Clock& clock, bool recovery_mode);

  void SetTotals(uint32_t memories, uint64_t rows);
  // This memory is being read; `rows` of it are done.
  void Report(std::string_view memory, uint64_t rows);
  // It has been read, with all its rows.
  void FinishMemory(uint64_t rows);
  void Finish();

  Startup Get() const;
  // Unavailable (STARTING): a memory that was not read yet is asked for.
  absl::Status StillStarting(std::string_view memory) const;

 private:
  const Clock& clock_;
  const int64_t start_nanos_;
  mutable Mutex mutex_;  // a leaf
  Startup startup_ ABSL_GUARDED_BY(mutex_);
  uint64_t rows_before_ ABSL_GUARDED_BY(mutex_) = 0;  // of the memories that are done
};

// FailedPrecondition (RECOVERY_MODE).
absl::Status RefusedInRecoveryMode();

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_STARTUP_H_
