// The ports that a server listens on: for clients, for other nodes of its federations, and for
// HTTP.
#ifndef MNEME_SERVER_DOORS_H_
#define MNEME_SERVER_DOORS_H_

#include <grpcpp/grpcpp.h>

#include <initializer_list>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/engine/engine.h"
#include "server/auth/certificate_watch.h"
#include "server/auth/security.h"
#include "server/config/config.h"
#include "server/http/door.h"
#include "server/net/client_port.h"
#include "server/net/shares.h"
#include "server/observe/process_metrics.h"
#include "server/peer/federation_host.h"
#include "server/rpc/call.h"
#include "server/tracing/tracing.h"

namespace mneme::server {

// Written beside and renamed: a reader sees the whole number or no file. False: it cannot be
// written.
bool WritePortFile(const std::string& path, int port);

// Listens on the port for clients; nobody is taken before StartServer.
absl::StatusOr<std::unique_ptr<ClientPort>> OpenClientPort(const Config& config,
                                                           const PortShare& share);
// Connections of other nodes from one address; and what may be on its way to a node that is busy,
// of each stream.
inline constexpr uint64_t kPeerConnectionsPerAddressMax = 512;
inline constexpr uint64_t kPeerStreamBytesMax = 64 << 20;
// Listens on the port for other nodes. Errors of ClientPort::Open.
absl::StatusOr<std::unique_ptr<ClientPort>> OpenPeerPort(const Config& config,
                                                         const PortShare& share);
// Null where it cannot start.
std::unique_ptr<grpc::Server> StartServer(const Config& config, Security& security,
                                          ClientPort& client_port,
                                          std::initializer_list<grpc::Service*> services,
                                          uint64_t buffer_bytes_max, int* port);

// The HTTP port; null where there is none. `peer_port` may be null.
absl::StatusOr<std::unique_ptr<HttpDoor>> StartDoor(
    const Config& config, Security& security, const CallBounds& bounds, const ProcessFacts& facts,
    engine::Engine& engine, const FederationHost* federations, const Tracing& tracing,
    const ClientPort& client_port, const ClientPort* peer_port, grpc::Server& server);
// Has the HTTP port show the certificate that is in use now; says so in a line for people.
absl::StatusOr<std::string> RenewDoor(const Config& config, Security& security, HttpDoor* door);

// For CertificateWatch: uses a new certificate, on the HTTP port (null: there is none) too. All
// must outlive it.
CertificateWatch::Renew RenewWith(const Config& config, Security& security, HttpDoor* door);

}  // namespace mneme::server

#endif  // MNEME_SERVER_DOORS_H_
