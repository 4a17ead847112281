// Waits for the answer of an asynchronous call. For threads that may block: a job's, never the
// committer's or one that receives calls.
#ifndef MNEME_CORE_ENGINE_BLOCKING_H_
#define MNEME_CORE_ENGINE_BLOCKING_H_

#include <optional>
#include <utility>

#include "core/base/mutex.h"
#include "core/engine/types.h"

namespace mneme::engine {

// For one call. Must live until Wait has returned.
template <typename T>
class Blocking {
 public:
  Done<T> callback() {
    return [this](absl::StatusOr<T> result) {
      MutexLock lock(&mutex_);
      result_ = std::move(result);
      wake_.NotifyOne();
    };
  }
  absl::StatusOr<T> Wait() {
    MutexLock lock(&mutex_);
    while (!result_.has_value()) wake_.Wait(&mutex_);
    return *std::move(result_);
  }

 private:
  Mutex mutex_;
  CondVar wake_;
  std::optional<absl::StatusOr<T>> result_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_BLOCKING_H_
