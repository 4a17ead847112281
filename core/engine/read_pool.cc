#include "core/engine/read_pool.h"

#include <utility>

#include "core/base/status.h"
#include "core/engine/limits.h"

namespace mneme::engine {

ReadPool::ReadPool(int threads) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

ReadPool::~ReadPool() { Stop(); }

void ReadPool::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

absl::Status ReadPool::Submit(std::function<void()> work) {
  MutexLock lock(&mutex_);
  if (stopping_) {
    return Unavailable("the server is stopping",
                       {.reason = "STOPPING", .next_step = "Retry once it is back."});
  }
  if (queue_.size() >= kPendingReadsMax) {
    return ResourceExhausted("too many reads are waiting",
                             {.reason = "BUSY",
                              .given = "one more read",
                              .expected = absl::StrCat("at most ", kPendingReadsMax, " waiting"),
                              .next_step = "Wait and retry.",
                              .retry_after_ms = kBusyRetryMs});
  }
  queue_.push_back(std::move(work));
  wake_.NotifyOne();
  return absl::OkStatus();
}

void ReadPool::Run() {
  while (true) {
    std::function<void()> work;
    {
      MutexLock lock(&mutex_);
      while (queue_.empty() && !stopping_) wake_.Wait(&mutex_);
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

}  // namespace mneme::engine
