#include "server/net/socket.h"

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/str_replace.h"
#include "core/base/status.h"

namespace mneme::server {
namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

constexpr int kBacklog = 1'024;  // the kernel's own limit may be less
constexpr size_t kIpv6NetworkBytes = 8;

absl::Status CannotListen(const std::string& address, std::string_view why) {
  return Unavailable(absl::StrFormat("cannot listen on %s: %s", address, AbslView(why)),
                     {.reason = "LISTEN",
                      .given = address,
                      .expected = "a free address of this machine",
                      .next_step = "Is another mnemed running there? Choose another address."});
}

std::string_view WithoutScheme(std::string_view address) {
  for (const std::string_view scheme : {"ipv4:", "ipv6:", "dns:"}) {
    if (address.starts_with(scheme)) return address.substr(scheme.size());
  }
  return address;
}

void SetPort(sockaddr* address, uint16_t port) {
  if (address->sa_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(address)->sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in*>(address)->sin_port = htons(port);
  }
}

void Set(int socket, int level, int option, int value) {
  setsockopt(socket, level, option, &value, sizeof(value));
}

// A closed Socket with errno where it cannot be.
Socket Listen(const sockaddr* address, socklen_t bytes, bool both_families) {
  Socket out(socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!out) return out;
  Set(out.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  Set(out.get(), IPPROTO_TCP, TCP_NODELAY, 1);  // connections inherit it
  if (address->sa_family == AF_INET6) {
    Set(out.get(), IPPROTO_IPV6, IPV6_V6ONLY, both_families ? 0 : 1);
  }
  if (bind(out.get(), address, bytes) != 0 || listen(out.get(), kBacklog) != 0) {
    const int error = errno;
    out.Close();
    errno = error;
  }
  return out;
}

Socket ListenOnAll(uint16_t port) {
  sockaddr_in6 any = {};
  any.sin6_family = AF_INET6;
  any.sin6_addr = in6addr_any;
  any.sin6_port = htons(port);
  return Listen(reinterpret_cast<const sockaddr*>(&any), sizeof(any), true);
}

bool IsAny(const addrinfo& info) {
  if (info.ai_family == AF_INET6) {
    return IN6_IS_ADDR_UNSPECIFIED(&reinterpret_cast<sockaddr_in6*>(info.ai_addr)->sin6_addr);
  }
  return reinterpret_cast<sockaddr_in*>(info.ai_addr)->sin_addr.s_addr == htonl(INADDR_ANY);
}

uint16_t PortIn(const sockaddr* address) {
  return ntohs(address->sa_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6*>(address)->sin6_port
                   : reinterpret_cast<const sockaddr_in*>(address)->sin_port);
}

// Who came, as text and as bytes.
void NamePeer(const sockaddr_storage& from, Accepted* out) {
  char text[INET6_ADDRSTRLEN] = {};
  const uint16_t port = PortIn(reinterpret_cast<const sockaddr*>(&from));
  in_addr v4 = {};
  if (from.ss_family == AF_INET) {
    v4 = reinterpret_cast<const sockaddr_in&>(from).sin_addr;
  } else {
    const in6_addr& v6 = reinterpret_cast<const sockaddr_in6&>(from).sin6_addr;
    if (!IN6_IS_ADDR_V4MAPPED(&v6)) {
      inet_ntop(AF_INET6, &v6, text, sizeof(text));
      out->peer = absl::StrFormat("ipv6:[%s]:%d", text, port);
      out->origin.assign(reinterpret_cast<const char*>(&v6), kIpv6NetworkBytes);
      return;
    }
    std::memcpy(&v4, v6.s6_addr + 12, sizeof(v4));
  }
  inet_ntop(AF_INET, &v4, text, sizeof(text));
  out->peer = absl::StrFormat("ipv4:%s:%d", text, port);
  out->origin.assign(reinterpret_cast<const char*>(&v4), sizeof(v4));
}

}  // namespace

void Socket::Close() {
  if (descriptor_ >= 0) close(descriptor_);
  descriptor_ = -1;
}

void Socket::Reset() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  Close();
}

absl::StatusOr<std::vector<Socket>> ListenOn(const std::string& address) {
  const std::string plain(WithoutScheme(address));
  const size_t colon = plain.rfind(':');
  if (colon == std::string::npos) return CannotListen(address, "it has no port");
  std::string host = plain.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  const addrinfo hints{.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(host.empty() ? nullptr : host.c_str(), plain.c_str() + colon + 1, &hints, &found);
  if (error != 0) return CannotListen(address, gai_strerror(error));
  const Addresses owned(found, freeaddrinfo);

  std::vector<Socket> out;
  for (addrinfo* info = found; info != nullptr; info = info->ai_next) {
    if (IsAny(*info)) {
      Socket all = ListenOnAll(PortIn(info->ai_addr));
      if (all) {
        out.clear();
        out.push_back(std::move(all));
        return out;
      }
    }
    if (!out.empty()) SetPort(info->ai_addr, static_cast<uint16_t>(PortOf(out.front())));
    Socket one = Listen(info->ai_addr, info->ai_addrlen, false);
    // localhost has an IPv6 address on machines that have no IPv6.
    if (!one && errno == EADDRNOTAVAIL && info->ai_next != nullptr) continue;
    if (!one && errno == EADDRNOTAVAIL && !out.empty()) continue;
    if (!one) return CannotListen(address, std::strerror(errno));
    out.push_back(std::move(one));
  }
  return out;
}

int PortOf(const Socket& socket) {
  sockaddr_storage address = {};
  socklen_t bytes = sizeof(address);
  getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &bytes);
  return PortIn(reinterpret_cast<const sockaddr*>(&address));
}

Accepted AcceptFrom(const Socket& listener, bool* failed) {
  Accepted out;
  sockaddr_storage from = {};
  socklen_t bytes = sizeof(from);
  out.socket = Socket(accept4(listener.get(), reinterpret_cast<sockaddr*>(&from), &bytes,
                              SOCK_NONBLOCK | SOCK_CLOEXEC));
  *failed =
      !out.socket && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM);
  if (out.socket) NamePeer(from, &out);
  return out;
}

std::string PlainPeer(std::string_view peer) {
  return absl::StrReplaceAll(AbslView(peer), {{"%5B", "["}, {"%5D", "]"}});
}

Traffic TrafficOf(const Socket& socket) {
  tcp_info info = {};
  socklen_t bytes = sizeof(info);
  if (getsockopt(socket.get(), IPPROTO_TCP, TCP_INFO, &info, &bytes) != 0) return {};
  int waiting = 0;
  ioctl(socket.get(), FIONREAD, &waiting);
  const auto unread = static_cast<uint64_t>(std::max(waiting, 0));
  return {
      .bytes_in = info.tcpi_bytes_received - std::min<uint64_t>(info.tcpi_bytes_received, unread),
      .bytes_out = info.tcpi_bytes_acked};
}

}  // namespace mneme::server
