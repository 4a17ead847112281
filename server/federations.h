// This server's part in federations, as the configuration says it, and the door for other nodes.
#ifndef MNEME_SERVER_FEDERATIONS_H_
#define MNEME_SERVER_FEDERATIONS_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/engine/engine.h"
#include "server/auth/security.h"
#include "server/config/config.h"
#include "server/net/client_port.h"
#include "server/net/shares.h"
#include "server/peer/etcd_client.h"
#include "server/peer/federation_host.h"
#include "server/peer/peer_service.h"

namespace mneme::server {

// All null where it has none.
struct Federations {
  std::shared_ptr<EtcdClient> etcd;  // null where a file describes them
  std::unique_ptr<ClientPort> port;
  std::unique_ptr<FederationHost> host;
  std::unique_ptr<PeerServiceImpl> service;
  std::unique_ptr<grpc::Server> server;

  // Reads the certificates and the password for etcd again, for calls from now on; a sentence on
  // it. Errors of ReadEtcdAccess: then nothing changes.
  absl::StatusOr<std::string> RenewEtcd(const Config& config);
  // The nodes save what they are, then the door is shut. Before the engine closes.
  void Stop();
};

// InvalidArgument (TLS_FILES, CONFIG_VALUE): files that cannot be read, or do not fit.
absl::StatusOr<EtcdAccess> ReadEtcdAccess(const Config& config, int64_t now_unix_nanos);

// Errors of the file, of ReadEtcdAccess; Unavailable where the address for other nodes is taken.
absl::StatusOr<Federations> StartFederations(const Config& config, Security& security,
                                             bool recovery_mode, engine::Engine& engine,
                                             uint64_t buffer_bytes_max, const PortShare& share);

}  // namespace mneme::server

#endif  // MNEME_SERVER_FEDERATIONS_H_
