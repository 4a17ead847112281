// Calls that wait for somebody else (etcd) run here, one after another, and not on gRPC's threads.
//
// Thread-safe.
#ifndef MNEME_SERVER_PEER_CALL_THREAD_H_
#define MNEME_SERVER_PEER_CALL_THREAD_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>

#include "core/base/mutex.h"

namespace mneme::server {

inline constexpr size_t kWaitingCallsMax = 64;

class CallThread {
 public:
  CallThread();
  ~CallThread();  // after all that wait
  CallThread(const CallThread&) = delete;
  CallThread& operator=(const CallThread&) = delete;

  // False, and it is not run: too many wait.
  [[nodiscard]] bool Run(std::function<void()> call);

 private:
  void Loop();

  Mutex mutex_;  // a leaf
  CondVar wake_;
  std::deque<std::function<void()>> calls_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: starts when all else is there
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_PEER_CALL_THREAD_H_
