#include "server/net/unix_socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <string_view>

#include "core/base/status.h"
#include "server/net/socket.h"

namespace mneme::server {
namespace {

constexpr std::string_view kScheme = "unix:";

// "unix:PATH" and "unix:///PATH".
std::string_view PathOf(std::string_view address) {
  address.remove_prefix(kScheme.size());
  if (address.starts_with("//")) address.remove_prefix(2);
  return address;
}

bool SomebodyListens(std::string_view path) {
  sockaddr_un at = {};
  at.sun_family = AF_UNIX;
  if (path.size() >= sizeof(at.sun_path)) return false;  // gRPC says that it is too long
  path.copy(at.sun_path, path.size());
  const Socket probe(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!probe) return false;
  return connect(probe.get(), reinterpret_cast<const sockaddr*>(&at), sizeof(at)) == 0 ||
         errno == EAGAIN;  // its queue is full
}

}  // namespace

absl::Status CheckNobodyListens(const std::string& address) {
  if (!address.starts_with(kScheme) || !SomebodyListens(PathOf(address))) return absl::OkStatus();
  return Unavailable(absl::StrFormat("cannot listen on %s: somebody does", address),
                     {.reason = "LISTEN",
                      .given = address,
                      .expected = "a socket that nobody listens on",
                      .next_step = "Is another mnemed running there? Choose another address."});
}

}  // namespace mneme::server
