// The federations of this server: where they are described, and the nodes that it has in them.
//
// Thread-safe. Calls may wait for a coordinator; Joined, RunnerOf and StatusOf never do.
#ifndef MNEME_SERVER_PEER_FEDERATION_HOST_H_
#define MNEME_SERVER_PEER_FEDERATION_HOST_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/federation/plan.h"
#include "core/federation/records.h"
#include "server/auth/tls.h"
#include "server/peer/federation_runner.h"

namespace mneme::server {

// A dialer for the streams of one federation's node.
using MakeDialer =
    std::function<PeerDialer(const std::string& federation, const std::string& node)>;

struct FederationNodeInfo {
  std::string name;
  std::string address;
  bool away = false;
  federation::InterestRow interest;
  std::map<std::string, double> link_millis;
};

struct FederationInfo {
  std::string name;
  std::string coordinator;  // "file", "etcd"
  federation::Spec spec;
  std::vector<FederationNodeInfo> nodes;         // by name
  std::shared_ptr<const federation::Plan> plan;  // null: none yet
  std::string node;                              // of this server; empty: it takes no part
  std::string memory;                            // of that node
};

class FederationHost {
 public:
  virtual ~FederationHost() = default;
  // Ends all nodes: they save what they are. Later calls find them waiting.
  virtual void Stop() = 0;

  // In the order of their names.
  virtual absl::StatusOr<std::vector<FederationInfo>> List() const = 0;
  // NotFound (FEDERATION_NOT_FOUND).
  virtual absl::StatusOr<FederationInfo> Get(const std::string& name) const = 0;
  // Those in which this server has a node.
  virtual std::vector<std::string> Joined() const = 0;
  // Also of a node that has left and still drains. FailedPrecondition (NOT_JOINED): this server has
  // no node there.
  virtual absl::StatusOr<std::shared_ptr<FederationRunner>> RunnerOf(
      const std::string& name) const = 0;
  virtual absl::StatusOr<RunnerStatus> StatusOf(const std::string& name) const = 0;

  // Changes. FailedPrecondition (STATIC_FEDERATION) where a file describes the federations.
  // AlreadyExists (FEDERATION_EXISTS).
  virtual absl::Status CreateFederation(const std::string& name,
                                        const federation::Description& description) = 0;
  // FailedPrecondition: MEMORY_DIFFERS, MEMORY_TAKEN, JOINED_ALREADY.
  virtual absl::Status Join(const std::string& name, const std::string& memory) = 0;
  // `node` empty: this server's.
  virtual absl::Status Leave(const std::string& name, const std::string& node) = 0;
  virtual absl::Status SetInterest(const std::string& name, const std::string& node,
                                   const federation::InterestRow& row) = 0;
  virtual absl::Status SetLinks(const std::string& name, const std::string& node,
                                const std::map<std::string, double>& millis) = 0;
};

// The same on every node: of the federation's name.
federation::FederationId FederationIdOf(const std::string& name);
absl::Status FederationNotFound(std::string_view name, std::string_view expected);
absl::Status NotJoined(std::string_view name, std::string_view node);

// Opens streams to peers by gRPC, a channel for each node. With `tls` (null: plain) they must
// show a certificate whose DNS names hold the name of their node, and see ours.
PeerDialer MakeGrpcDialer(const std::string& federation, const std::string& node, const Tls* tls);

}  // namespace mneme::server

#endif  // MNEME_SERVER_PEER_FEDERATION_HOST_H_
