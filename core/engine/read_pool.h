// A few threads for reads that touch the disk, so that no thread which receives calls waits for it.
// Thread-safe.
#ifndef MNEME_CORE_ENGINE_READ_POOL_H_
#define MNEME_CORE_ENGINE_READ_POOL_H_

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "core/base/mutex.h"

namespace mneme::engine {

class ReadPool {
 public:
  explicit ReadPool(int threads);
  ~ReadPool();  // Stop()

  // ResourceExhausted (BUSY) when kPendingReadsMax wait already; `work` is then dropped.
  // Unavailable (STOPPING) after Stop.
  absl::Status Submit(std::function<void()> work);
  // Runs what is queued, then ends the threads.
  void Stop();

 private:
  void Run();

  Mutex mutex_;
  CondVar wake_;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_READ_POOL_H_
