// Large messages that reached their handlers, by connection: the handlers note them, the port takes
// the sums.
//
// Thread-safe.
#ifndef MNEME_SERVER_NET_DELIVERIES_H_
#define MNEME_SERVER_NET_DELIVERIES_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/base/mutex.h"

namespace mneme::server {

// Of bytes that come in: for the headers (gRPC takes 8 KiB of them), frames and a small message of
// one call.
inline constexpr uint64_t kBytesPaidByCall = 16 * 1024;

class Deliveries {
 public:
  // Of a message of so many bytes. Small ones cost a comparison: their call pays for them.
  void Add(const grpc::ServerContextBase& context, uint64_t bytes) {
    if (IsKept(bytes)) AddLarge(context.peer(), bytes);
  }
  // On the connection of this peer, as gRPC names it.
  void Add(const std::string& peer, uint64_t bytes) {
    if (IsKept(bytes)) AddLarge(peer, bytes);
  }
  // Bytes by peer, as PlainPeer, since the last time. Until the first time nothing is kept.
  std::unordered_map<std::string, uint64_t> Take() {
    taken_.store(true, std::memory_order_relaxed);
    MutexLock lock(&mutex_);
    return std::exchange(bytes_, {});
  }

 private:
  bool IsKept(uint64_t bytes) const {
    return bytes >= kBytesPaidByCall && taken_.load(std::memory_order_relaxed);
  }
  void AddLarge(const std::string& peer, uint64_t bytes);

  std::atomic<bool> taken_{false};
  Mutex mutex_;  // a leaf
  std::unordered_map<std::string, uint64_t> bytes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_NET_DELIVERIES_H_
