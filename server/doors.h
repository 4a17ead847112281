// The ports that a server listens on: for clients, and for HTTP. (That for other nodes of its
// federations: federations.h.)
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
                                                           uint64_t buffer_bytes_max);
// Null where it cannot start.
std::unique_ptr<grpc::Server> StartServer(const Config& config, Security& security,
                                          ClientPort& client_port,
                                          std::initializer_list<grpc::Service*> services,
                                          uint64_t buffer_bytes_max, int* port);

// The HTTP port; null where there is none.
absl::StatusOr<std::unique_ptr<HttpDoor>> StartDoor(
    const Config& config, Security& security, const CallBounds& bounds, const ProcessFacts& facts,
    engine::Engine& engine, const FederationHost* federations, const Tracing& tracing,
    const ClientPort& client_port, grpc::Server& server);
// Has the HTTP port show the certificate that is in use now; says so in a line for people.
absl::StatusOr<std::string> RenewDoor(const Config& config, Security& security, HttpDoor* door);

// For CertificateWatch: uses a new certificate, on the HTTP port (null: there is none) too. All
// must outlive it.
CertificateWatch::Renew RenewWith(const Config& config, Security& security, HttpDoor* door);

}  // namespace mneme::server

#endif  // MNEME_SERVER_DOORS_H_
