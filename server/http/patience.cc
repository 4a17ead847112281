#include "server/http/patience.h"

#include <sys/socket.h>

#include <chrono>

namespace mneme::server {

Patience::Patience(const Clock& clock, int64_t most)
    : clock_(clock), most_(most), thread_([this] { Run(); }) {}

Patience::~Patience() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    stop_.NotifyAll();
  }
  thread_.join();
}

Patience::Ticket Patience::Open(int socket) {
  const int64_t now = clock_.NowMonotonicNanos();
  MutexLock lock(&mutex_);
  return waits_.insert(waits_.end(), {.socket = socket, .since_nanos = now});
}

void Patience::Close(Ticket ticket) {
  MutexLock lock(&mutex_);
  waits_.erase(ticket);
}

void Patience::Came(Ticket ticket) {
  MutexLock lock(&mutex_);
  ticket->since_nanos = 0;
}

void Patience::Answered(Ticket ticket) {
  const int64_t now = clock_.NowMonotonicNanos();
  MutexLock lock(&mutex_);
  ticket->since_nanos = now;
}

void Patience::Run() {
  MutexLock lock(&mutex_);
  while (!stopping_) {
    stop_.WaitFor(&mutex_, std::chrono::milliseconds(kPatienceLookMs));
    const int64_t now = clock_.NowMonotonicNanos();
    for (Wait& wait : waits_) {
      if (wait.since_nanos == 0 || now - wait.since_nanos <= most_) continue;
      shutdown(wait.socket, SHUT_RDWR);  // libmicrohttpd sees its end, and closes it
      wait.since_nanos = 0;
    }
  }
}

}  // namespace mneme::server
