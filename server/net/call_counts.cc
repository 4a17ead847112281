#include "server/net/call_counts.h"

#include <grpc/grpc.h>
#include <grpc/support/alloc.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "server/net/socket.h"

namespace mneme::server {
namespace {

using nlohmann::json;

constexpr intptr_t kAllSockets = 1 << 20;  // of one list

// Its number: proto3's JSON writes 64 bits as text, and leaves 0 out.
int64_t NumberIn(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return 0;
  if (found->is_number_integer()) return found->get<int64_t>();
  if (!found->is_string()) return 0;
  const std::string& text = found->get_ref<const std::string&>();
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

json Parse(const std::string& text) {
  return json::parse(text, nullptr, /*allow_exceptions=*/false);
}

json At(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? json() : *found;
}

// Takes what one of gRPC's functions made.
std::string Take(char* text) {
  std::string out = text == nullptr ? "" : text;
  gpr_free(text);
  return out;
}

}  // namespace

std::vector<ListedSocket> ParseSocketList(const std::string& text) {
  const json list = Parse(text);
  std::vector<ListedSocket> out;
  for (const json& entry : At(list, "socketRef")) {
    // "chttp2 ipv4:127.0.0.1:4711"
    const std::string name = entry.value("name", "");
    const size_t blank = name.find(' ');
    if (blank == std::string::npos) continue;
    out.push_back({.id = NumberIn(entry, "socketId"), .peer = PlainPeer(name.substr(blank + 1))});
  }
  return out;
}

std::optional<CallCounts> ParseSocket(const std::string& text) {
  const json socket = At(Parse(text), "socket");
  if (!socket.is_object()) return std::nullopt;
  const json data = At(socket, "data");
  return CallCounts{.opened = static_cast<uint64_t>(NumberIn(data, "streamsStarted")),
                    .answered = static_cast<uint64_t>(NumberIn(data, "streamsSucceeded")),
                    .failed = static_cast<uint64_t>(NumberIn(data, "streamsFailed")),
                    .messages = static_cast<uint64_t>(NumberIn(data, "messagesReceived"))};
}

std::vector<int64_t> ParseServerList(const std::string& text) {
  std::vector<int64_t> out;
  for (const json& server : At(Parse(text), "server"))
    out.push_back(NumberIn(At(server, "ref"), "serverId"));
  return out;
}

int ParseLocalPort(const std::string& text) {
  // "local": {"tcpip_address": {"port": 7411, "ip_address": ...}}
  return static_cast<int>(
      NumberIn(At(At(At(Parse(text), "socket"), "local"), "tcpip_address"), "port"));
}

std::optional<CallCounts> CallCounter::Of(const std::string& peer) {
  if (const auto counts = Ask(peer); counts.has_value()) return counts;
  List(next_id_);
  if (const auto counts = Ask(peer); counts.has_value()) return counts;
  if (++misses_[peer] % kMissesUntilAllAreListed != 0) return std::nullopt;
  List(0);
  return Ask(peer);
}

std::optional<CallCounts> CallCounter::Ask(const std::string& peer) {
  const auto known = ids_.find(peer);
  if (known == ids_.end()) return std::nullopt;
  auto counts = ParseSocket(Take(grpc_channelz_get_socket(known->second)));
  if (!counts.has_value()) ids_.erase(known);  // of an earlier connection from there
  return counts;
}

void CallCounter::Forget(const std::string& peer) {
  ids_.erase(peer);
  misses_.erase(peer);
}

void CallCounter::List(int64_t first) {
  int64_t next = next_id_;
  const std::vector<int64_t> servers = ParseServerList(Take(grpc_channelz_get_servers(0)));
  for (const int64_t server : servers) {
    const std::string text = Take(grpc_channelz_get_server_sockets(server, first, kAllSockets));
    for (ListedSocket& socket : ParseSocketList(text)) {
      next = std::max(next, socket.id + 1);
      if (!ours_(socket.peer)) continue;
      const int port =
          servers.size() > 1 ? ParseLocalPort(Take(grpc_channelz_get_socket(socket.id))) : 0;
      if (port == 0 || port == port_) ids_[std::move(socket.peer)] = socket.id;
    }
  }
  next_id_ = next;
}

}  // namespace mneme::server
