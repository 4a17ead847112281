#include "server/peer/call_thread.h"

#include <utility>

namespace mneme::server {

CallThread::CallThread() : thread_([this] { Loop(); }) {}

CallThread::~CallThread() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    wake_.NotifyOne();
  }
  thread_.join();
}

bool CallThread::Run(std::function<void()> call) {
  MutexLock lock(&mutex_);
  if (stopping_ || calls_.size() >= kWaitingCallsMax) return false;
  calls_.push_back(std::move(call));
  wake_.NotifyOne();
  return true;
}

void CallThread::Loop() {
  while (true) {
    std::function<void()> call;
    {
      MutexLock lock(&mutex_);
      while (calls_.empty() && !stopping_) wake_.Wait(&mutex_);
      if (calls_.empty()) return;
      call = std::move(calls_.front());
      calls_.pop_front();
    }
    call();
  }
}

}  // namespace mneme::server
