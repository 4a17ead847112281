#include "server/http/hosts.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "core/base/status.h"

namespace mneme::server {
namespace {

// In small letters, without a port, the brackets of an IPv6 address and the dot of a full name.
std::string HostOf(std::string_view text) {
  const size_t bracket = text.starts_with('[') ? text.find(']') : std::string_view::npos;
  if (bracket != std::string_view::npos) {
    text = text.substr(1, bracket - 1);
  } else if (std::ranges::count(text, ':') == 1) {
    text = text.substr(0, text.find(':'));
  }
  if (text.ends_with('.')) text.remove_suffix(1);
  return absl::AsciiStrToLower(AbslView(text));
}

// As it is written, not as a name resolves.
bool IsLoopbackAddress(const std::string& host) {
  in_addr four = {};
  if (inet_pton(AF_INET, host.c_str(), &four) == 1) return ntohl(four.s_addr) >> 24 == 127;
  in6_addr six = {};
  return inet_pton(AF_INET6, host.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

}  // namespace

Hosts Hosts::OfLoopback(std::string_view listen, std::string_view more) {
  Hosts out;
  out.any_ = false;
  out.names_ = {"localhost", HostOf(listen)};
  for (const absl::string_view name :
       absl::StrSplit(AbslView(more), absl::ByAnyChar(", "), absl::SkipEmpty())) {
    out.names_.push_back(HostOf({name.data(), name.size()}));
    out.any_ = out.any_ || name == "*";
  }
  return out;
}

absl::Status Hosts::Check(std::string_view header) const {
  if (any_ || header.empty()) return absl::OkStatus();
  const std::string host = HostOf(header);
  if (std::ranges::count(names_, host) > 0 || IsLoopbackAddress(host)) return absl::OkStatus();
  return MakeError(absl::StatusCode::kPermissionDenied, "this server does not go by that name",
                   {.reason = "HOST",
                    .given = absl::StrCat("Host: ", AbslView(header)),
                    .expected = "localhost, or an address of the loopback",
                    .next_step = "If the name is meant to lead here, add it to http.allowed_hosts "
                                 "(--http.allowed_hosts=NAME); else a page in a browser tries to "
                                 "reach this server."});
}

}  // namespace mneme::server
