// What owns itself: a call, which gRPC looks at, and its alarms, which may ring when it is over.
#ifndef MNEME_SERVER_RPC_SELF_OWNED_H_
#define MNEME_SERVER_RPC_SELF_OWNED_H_

#include <grpcpp/alarm.h>

#include <atomic>
#include <chrono>
#include <utility>

namespace mneme::server {

// gRPC and each alarm leave once, and look at nothing afterwards; whoever leaves last deletes it.
// Thread-safe.
class SelfOwned {
 public:
  SelfOwned(const SelfOwned&) = delete;
  SelfOwned& operator=(const SelfOwned&) = delete;

 protected:
  SelfOwned() = default;
  virtual ~SelfOwned() = default;

  // By gRPC's OnDone, at its end.
  void Leave() {
    if (parties_.fetch_sub(1) == 1) delete this;
  }
  // ring: (bool over) -> void, called once: after `time`, or, with false, once the alarm is
  // cancelled before. `alarm` is part of this.
  template <typename Ring>
  void SetAlarm(grpc::Alarm& alarm, std::chrono::nanoseconds time, Ring ring) {
    parties_.fetch_add(1);
    alarm.Set(std::chrono::system_clock::now() + time, [this, ring = std::move(ring)](bool over) {
      ring(over);
      Leave();
    });
  }

 private:
  std::atomic<int> parties_{1};  // gRPC
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_SELF_OWNED_H_
