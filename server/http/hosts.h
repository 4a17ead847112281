// Which names in a request's Host header a server on the loopback address answers to.
//
// A page in a browser may be of a name that is made to point at 127.0.0.1 once the page is there
// (DNS rebinding): its requests come from this machine, and those that only read have no Origin
// header. The name is what gives them away, as it is not the server's.
//
// Immutable; thread-safe.
#ifndef MNEME_SERVER_HTTP_HOSTS_H_
#define MNEME_SERVER_HTTP_HOSTS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace mneme::server {

class Hosts {
 public:
  // Answers to every name.
  Hosts() = default;
  // Answers to localhost, to addresses of the loopback, to the host of `listen` (host:port) and to
  // those of `more`, names with commas between them; `*` among them stands for every name.
  static Hosts OfLoopback(std::string_view listen, std::string_view more);

  // PermissionDenied (HOST): another name. `header`: host, or host:port, whatever the port. One
  // that is empty is answered: browsers always send it.
  absl::Status Check(std::string_view header) const;

 private:
  bool any_ = true;
  std::vector<std::string> names_;  // in small letters
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_HTTP_HOSTS_H_
