// Connections of the HTTP port whose next request is awaited, or that are to take an answer: those
// that take too long over it are shut. libmicrohttpd itself counts only the time without a byte, so
// that one byte now and then would keep a connection for ever.
//
// Thread-safe.
#ifndef MNEME_SERVER_HTTP_PATIENCE_H_
#define MNEME_SERVER_HTTP_PATIENCE_H_

#include <cstdint>
#include <list>
#include <thread>

#include "core/base/clock.h"
#include "core/base/mutex.h"

namespace mneme::server {

// How often a thread looks.
inline constexpr int kPatienceLookMs = 250;

class Patience {
 public:
  struct Wait {
    int socket = -1;
    int64_t until_nanos = 0;  // monotonic; 0: nothing is awaited
  };
  using Ticket = std::list<Wait>::iterator;

  // `most`: nanoseconds for a request's line, headers and body.
  Patience(const Clock& clock, int64_t most);
  ~Patience();
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;

  // Of a connection that has begun, and that is awaited from now on.
  Ticket Open(int socket);
  // Before its socket is closed.
  void Close(Ticket ticket);
  // Its request is here; then: it is sent an answer, for which it has so many nanoseconds; then: it
  // has it, and the next one is awaited.
  void Came(Ticket ticket);
  void Answering(Ticket ticket, int64_t most);
  void Answered(Ticket ticket);

 private:
  void Run();

  const Clock& clock_;
  const int64_t most_;
  Mutex mutex_;  // a leaf
  CondVar stop_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::list<Wait> waits_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;  // last: starts when all else is there
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_HTTP_PATIENCE_H_
