#include "server/net/deliveries.h"

#include "server/net/socket.h"

namespace mneme::server {

void Deliveries::AddLarge(const std::string& peer, uint64_t bytes) {
  std::string name = PlainPeer(peer);
  MutexLock lock(&mutex_);
  bytes_[std::move(name)] += bytes;
}

}  // namespace mneme::server
