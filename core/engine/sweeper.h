// Calls a function every so often, on a thread of its own, until it is stopped. The waiting is real
// time; what the function does may go by another clock.
//
// Thread-safe.
#ifndef MNEME_CORE_ENGINE_SWEEPER_H_
#define MNEME_CORE_ENGINE_SWEEPER_H_

#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "core/base/mutex.h"
#include "core/engine/committer.h"
#include "core/engine/types.h"

namespace mneme::engine {

class Sweeper {
 public:
  Sweeper(std::chrono::milliseconds interval, std::function<void()> sweep);
  ~Sweeper();  // Stop()
  void Stop();

 private:
  void Run();

  const std::chrono::milliseconds interval_;
  const std::function<void()> sweep_;
  Mutex mutex_;  // never held while `sweep_` runs
  CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: starts when all else is there
};

// Takes out all that is due now in these memories, kRowsPerSweep rows of each at a time. `done`:
// items that went out, or the first error. Memories that do not serve are passed over.
void SweepDue(Committer& committer, const std::vector<std::shared_ptr<Memory>>& memories,
              int64_t now_unix_nanos, Done<uint64_t> done);

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_SWEEPER_H_
