// What gRPC does not ask before it listens on a Unix socket.
//
// Thread-safe.
#ifndef MNEME_SERVER_NET_UNIX_SOCKET_H_
#define MNEME_SERVER_NET_UNIX_SOCKET_H_

#include <string>

#include "absl/status/status.h"

namespace mneme::server {

// gRPC removes the file of a socket before it binds to its name: a server that is there goes on
// without being found. Unavailable (LISTEN) where somebody listens at "unix:PATH"; a file that a
// server left behind when it was killed is fine, and so is an address of another kind.
absl::Status CheckNobodyListens(const std::string& address);

}  // namespace mneme::server

#endif  // MNEME_SERVER_NET_UNIX_SOCKET_H_
