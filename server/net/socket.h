// TCP sockets: opened, accepted, and named as gRPC names them.
//
// Socket: not thread-safe. The functions are.
#ifndef MNEME_SERVER_NET_SOCKET_H_
#define MNEME_SERVER_NET_SOCKET_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

struct sockaddr_storage;

namespace mneme::server {

// Owns a file descriptor.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  ~Socket() { Close(); }
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    if (this != &other) {
      Close();
      descriptor_ = std::exchange(other.descriptor_, -1);
    }
    return *this;
  }

  int get() const { return descriptor_; }
  explicit operator bool() const { return descriptor_ >= 0; }
  int Release() { return std::exchange(descriptor_, -1); }
  void Close();
  // Closes a connection with a reset: nothing of it stays in the kernel.
  void Reset();

 private:
  int descriptor_ = -1;
};

// Listens on host:port, [host]:port, or with gRPC's prefixes ipv4: and ipv6:. A name stands for all
// of its addresses; 0.0.0.0 for IPv6 too, where the machine has it. Port 0: a free one, the same
// for all. Unavailable (LISTEN).
absl::StatusOr<std::vector<Socket>> ListenOn(const std::string& address);
int PortOf(const Socket& socket);

struct Accepted {
  Socket socket;     // does not block, and sends at once
  std::string peer;  // "ipv4:127.0.0.1:4711", "ipv6:[::1]:4711"
  // Whom it comes from, for limits by address: an IPv4 address, or the /64 of an IPv6 address,
  // which one customer has.
  std::string origin;
};
// Without waiting. A closed Socket where nobody is there; `*failed` where somebody is who cannot be
// taken (no file descriptor left).
Accepted AcceptFrom(const Socket& listener, bool* failed);

// gRPC's name of a peer with the brackets that it writes as %5B and %5D.
std::string PlainPeer(std::string_view peer);

// Of a connection since its beginning: payload that came in and was taken from the kernel, and
// payload that the other side has acknowledged.
struct Traffic {
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
};
Traffic TrafficOf(const Socket& socket);

}  // namespace mneme::server

#endif  // MNEME_SERVER_NET_SOCKET_H_
