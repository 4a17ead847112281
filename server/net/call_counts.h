// What gRPC counts of a connection: asked of its channelz, in process, by the peer's name.
//
// A connection is known once its handshakes are over. Asking costs tens of microseconds; of one
// that is not known, now and then a list of all connections. Not thread-safe.
#ifndef MNEME_SERVER_NET_CALL_COUNTS_H_
#define MNEME_SERVER_NET_CALL_COUNTS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace mneme::server {

// Since the connection's beginning.
struct CallCounts {
  uint64_t opened = 0;    // streams
  uint64_t answered = 0;  // those whose answer was sent to its end
  uint64_t failed = 0;    // those that ended otherwise, once gRPC is done with them
  uint64_t messages = 0;  // that came in

  uint64_t under_way() const { return opened > answered + failed ? opened - answered - failed : 0; }
};

// A row of the list of gRPC's sockets, and one socket, as channelz writes them.
struct ListedSocket {
  int64_t id = 0;
  std::string peer;  // as PlainPeer
};
std::vector<ListedSocket> ParseSocketList(const std::string& json);
std::optional<CallCounts> ParseSocket(const std::string& json);
std::vector<int64_t> ParseServerList(const std::string& json);
// The port of this end of a socket; 0: it is not told.
int ParseLocalPort(const std::string& json);

// Ids are given before sockets are listed, so one may be listed after another with a greater id.
inline constexpr uint64_t kMissesUntilAllAreListed = 5;

class CallCounter {
 public:
  // Whether a connection is to be known: gRPC lists those of all its servers in this process.
  explicit CallCounter(std::function<bool(const std::string& peer)> ours)
      : ours_(std::move(ours)) {}

  // That its connections come to: one peer may have connections of one name at two ports.
  void SetPort(int port) { port_ = port; }
  // Nullopt: gRPC does not know it yet, or any more.
  std::optional<CallCounts> Of(const std::string& peer);
  // The connection is over.
  void Forget(const std::string& peer);

 private:
  // By an id that is known.
  std::optional<CallCounts> Ask(const std::string& peer);
  // Learns the ids of connections, from `first` on.
  void List(int64_t first);

  const std::function<bool(const std::string& peer)> ours_;
  int port_ = 0;
  int64_t next_id_ = 0;
  std::unordered_map<std::string, int64_t> ids_;
  std::unordered_map<std::string, uint64_t> misses_;
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_NET_CALL_COUNTS_H_
