// The port for clients, and the one for other nodes. gRPC would take any number of connections, and
// whatever they send; so they are accepted here, counted, and handed to gRPC, and those that send
// what is no call are cut off.
//
// Connections beyond connections_max, or beyond connections_per_address_max from one address, are
// closed at once. Others are given to gRPC (hand_over.h). Beside each that gRPC has, this port
// keeps a second descriptor of the same socket: it tells when the connection ends, what came in on
// it, and ends it. Every kLookMs a thread looks at what connections owe (ledger.h); whoever
// owes too much is cut off, and its address gets no new connection for kPenaltySeconds, unless it
// was all together who owed it.
//
// A Unix socket is given to gRPC as it is: whoever may open it is on this machine.
//
// Thread-safe once it serves.
#ifndef MNEME_SERVER_NET_CLIENT_PORT_H_
#define MNEME_SERVER_NET_CLIENT_PORT_H_

#include <grpcpp/grpcpp.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "server/net/call_counts.h"
#include "server/net/deliveries.h"
#include "server/net/hand_over.h"
#include "server/net/ledger.h"
#include "server/net/socket.h"

namespace mneme::server {

inline constexpr int kLookMs = 200;
// Connections whose calls are counted in one look, and the bytes that must have come for it.
inline constexpr size_t kCountedPerLookMax = 32;
inline constexpr uint64_t kCountedFromBytes = 4 * 1024;
inline constexpr int64_t kPenaltySeconds = 10;
// Addresses under a penalty; beyond it the one whose penalty ends first goes free.
inline constexpr size_t kPenaltiesMax = 4'096;
// Connections accepted before others are looked after.
inline constexpr int kAcceptedInARowMax = 64;

// Why a connection was closed as it came.
enum class Refusal { kFull, kAddressFull, kPenalty };
inline constexpr size_t kRefusals = 3;

struct ClientPortOptions {
  std::string listen;  // host:port or unix:PATH
  uint64_t connections_max = 0;
  uint64_t connections_per_address_max = 0;
  LedgerBounds bounds;
};

struct ClientPortCounters {
  uint64_t connections = 0;  // now
  uint64_t bytes_owed = 0;   // now
  uint64_t accepted = 0;     // since the start, and so on
  std::array<uint64_t, kRefusals> refused = {};
  std::array<uint64_t, kBreaches> cut = {};
};

class ClientPort {
 public:
  // Of a connection that was cut off; called on the port's thread.
  using OnCut = std::function<void(const std::string& peer, Breach breach)>;

  // Listens. Unavailable (LISTEN).
  static absl::StatusOr<std::unique_ptr<ClientPort>> Open(const ClientPortOptions& options,
                                                          const Clock& clock, OnCut on_cut);
  ~ClientPort();  // Close()

  // Once, before the server is built. `*port` is set by then.
  void AddTo(grpc::ServerBuilder& builder, std::shared_ptr<grpc::ServerCredentials> credentials,
             int* port);
  // Once, when the server runs: connections are taken from now on.
  void Serve();
  // No new connections; call it before the server's shutdown. Those that are open go on.
  void Close();

  Deliveries& deliveries() { return deliveries_; }
  uint64_t connections_max() const { return options_.connections_max; }
  ClientPortCounters counters() const;

 private:
  using Id = Ledger::Id;
  struct Connection {
    Socket socket;  // a second descriptor
    std::string peer;
    std::string origin;
  };

  ClientPort(ClientPortOptions options, const Clock& clock, OnCut on_cut);

  void Run();
  void Wait();
  void AcceptAll(const Socket& listener);
  void Take(Accepted accepted, int listener);
  std::optional<Refusal> Refuse(const std::string& origin);
  void Look();
  void Cut(const Ledger::Offender& offender);
  void Punish(const std::string& origin);
  void End(Id id);
  void Listen(bool on);

  ClientPortOptions options_;
  const Clock& clock_;
  const OnCut on_cut_;
  Deliveries deliveries_;
  std::vector<Socket> listeners_;
  std::unique_ptr<HandOver> hand_over_;
  Socket events_;  // epoll
  Socket wake_;
  std::atomic<bool> closing_{false};

  // The thread's.
  Ledger ledger_;
  CallCounter calls_{[this](const std::string& peer) { return ids_.contains(peer); }};
  Id next_id_ = 0;
  bool listens_ = false;
  int64_t looked_nanos_ = 0;
  std::unordered_map<Id, Connection> connections_;
  std::unordered_map<std::string, Id> ids_;              // by peer
  std::unordered_map<std::string, uint64_t> of_origin_;  // connections
  std::unordered_map<std::string, int64_t> penalties_;   // until when, monotonic

  std::atomic<uint64_t> count_{0}, owed_{0}, accepted_{0};
  std::array<std::atomic<uint64_t>, kRefusals> refused_ = {};
  std::array<std::atomic<uint64_t>, kBreaches> cut_ = {};
  std::thread thread_;  // last
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_NET_CLIENT_PORT_H_
