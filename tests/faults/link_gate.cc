#include "tests/faults/link_gate.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

#include "core/base/status.h"

namespace mneme::test {
namespace {

constexpr int kLookMillis = 50;
constexpr uint64_t kPiecesPerSecond = 200;  // of a narrow link

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  MNEME_CHECK(path.size() < sizeof(address.sun_path));
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

int Listen(const std::string& path) {
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = AddressOf(path);
  MNEME_CHECK(listener >= 0);
  MNEME_CHECK(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  MNEME_CHECK(::listen(listener, 16) == 0);
  return listener;
}

}  // namespace

LinkGate::LinkGate(const std::string& outside, const std::string& inside)
    : inside_(inside), listener_(Listen(outside)), acceptor_([this] { Accept(); }) {}

LinkGate::LinkGate(const std::string& outside, int port, uint64_t bytes_per_second)
    : port_(port),
      bytes_per_second_(bytes_per_second),
      listener_(Listen(outside)),
      acceptor_([this] { Accept(); }) {}

LinkGate::~LinkGate() {
  over_ = true;
  Shut();
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
  ::close(listener_);
}

void LinkGate::Shut() {
  open_ = false;
  std::lock_guard<std::mutex> lock(mutex_);
  for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
}

int LinkGate::Connect() const {
  const bool local = !inside_.empty();
  const int out = ::socket(local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int failed = 0;
  if (local) {
    const sockaddr_un address = AddressOf(inside_);
    failed = ::connect(out, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  } else {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    failed = ::connect(out, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  }
  if (failed == 0) return out;
  ::close(out);
  return -1;
}

void LinkGate::Accept() {
  while (!over_) {
    pollfd waiting{.fd = listener_, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, kLookMillis) <= 0) continue;
    const int near = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (near < 0) continue;
    std::lock_guard<std::mutex> lock(mutex_);
    const int far = open_ ? Connect() : -1;
    if (far < 0) {
      ::close(near);
      continue;
    }
    sockets_.insert({near, far});
    threads_.emplace_back([this, near, far] {
      std::thread back([this, near, far] { Pass(far, near, 0); });
      Pass(near, far, bytes_per_second_);
      back.join();
      std::lock_guard<std::mutex> ended(mutex_);
      for (const int socket : {near, far}) {
        sockets_.erase(socket);
        ::close(socket);
      }
    });
  }
}

void LinkGate::Pass(int from, int to, uint64_t bytes_per_second) {
  std::array<char, 65536> bytes;
  const size_t piece = bytes_per_second == 0
                           ? bytes.size()
                           : std::min<size_t>(bytes.size(), bytes_per_second / kPiecesPerSecond);
  const auto start = std::chrono::steady_clock::now();
  uint64_t passed = 0;
  while (true) {
    const ssize_t got = ::recv(from, bytes.data(), piece, 0);
    if (got <= 0) break;
    passed += static_cast<uint64_t>(got);
    if (bytes_per_second > 0) {
      std::this_thread::sleep_until(
          start + std::chrono::nanoseconds(passed * 1'000'000'000 / bytes_per_second));
    }
    for (ssize_t sent = 0; sent < got;) {
      const ssize_t some =
          ::send(to, bytes.data() + sent, static_cast<size_t>(got - sent), MSG_NOSIGNAL);
      if (some <= 0) break;
      sent += some;
    }
  }
  ::shutdown(from, SHUT_RDWR);
  ::shutdown(to, SHUT_RDWR);
}

}  // namespace mneme::test
