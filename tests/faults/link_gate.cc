#include "tests/faults/link_gate.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "core/base/status.h"

namespace mneme::test {
namespace {

constexpr int kLookMillis = 50;

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

void LinkGate::Accept() {
  while (!over_) {
    pollfd waiting{.fd = listener_, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, kLookMillis) <= 0) continue;
    const int near = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (near < 0) continue;
    const int far = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_un address = AddressOf(inside_);
    std::lock_guard<std::mutex> lock(mutex_);
    if (!open_ ||
        ::connect(far, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      ::close(near);
      ::close(far);
      continue;
    }
    sockets_.insert({near, far});
    threads_.emplace_back([this, near, far] {
      std::thread back([this, near, far] { Pass(far, near); });
      Pass(near, far);
      back.join();
      std::lock_guard<std::mutex> ended(mutex_);
      for (const int socket : {near, far}) {
        sockets_.erase(socket);
        ::close(socket);
      }
    });
  }
}

void LinkGate::Pass(int from, int to) {
  std::array<char, 65536> bytes;
  while (true) {
    const ssize_t got = ::recv(from, bytes.data(), bytes.size(), 0);
    if (got <= 0) break;
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
