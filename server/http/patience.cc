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
  const int64_t until = clock_.NowMonotonicNanos() + most_;
  MutexLock lock(&mutex_);
  return waits_.insert(waits_.end(), {.socket = socket, .until_nanos = until});
}

void Patience::Close(Ticket ticket) {
  MutexLock lock(&mutex_);
  waits_.erase(ticket);
}

void Patience::Came(Ticket ticket) {
  MutexLock lock(&mutex_);
  ticket->until_nanos = 0;
}

void Patience::Answering(Ticket ticket, int64_t most) {
  const int64_t until = clock_.NowMonotonicNanos() + most;
  MutexLock lock(&mutex_);
  ticket->until_nanos = until;
}

void Patience::Answered(Ticket ticket) { Answering(ticket, most_); }

void Patience::Run() {
  MutexLock lock(&mutex_);
  while (!stopping_) {
    stop_.WaitFor(&mutex_, std::chrono::milliseconds(kPatienceLookMs));
    const int64_t now = clock_.NowMonotonicNanos();
    for (Wait& wait : waits_) {
      if (wait.until_nanos == 0 || now <= wait.until_nanos) continue;
      shutdown(wait.socket, SHUT_RDWR);  // libmicrohttpd sees its end, and closes it
      wait.until_nanos = 0;
    }
  }
}

}  // namespace mneme::server
