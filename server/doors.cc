#include "server/doors.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

#include "core/base/clock.h"
#include "core/base/fail_point.h"
#include "core/base/status.h"
#include "server/auth/page_rate.h"
#include "server/net/port_metrics.h"
#include "server/observe/engine_metrics.h"
#include "server/peer/federation_metrics.h"
#include "server/rpc/call_metrics.h"
#include "server/rpc/transport.h"

namespace mneme::server {
namespace {

// What the HTTP port shows; nothing where it is plain.
HttpCertificate HttpTls(const Config& config, Security& security) {
  if (!config.http_tls) return {};
  const std::shared_ptr<const TlsMaterial> material = security.tls()->material();
  return {.certificate = material->certificate, .key = material->key};
}

// Where callers are known, no page in a browser has what it takes to be one.
Hosts HttpHosts(const Config& config) {
  if (!config.auth_file.empty() || !IsLoopback(config.http_listen)) return {};
  return Hosts::OfLoopback(config.http_listen, config.http_allowed_hosts);
}

// Unix time; 0 without TLS.
double CertificateExpiry(Security& security) {
  if (security.tls() == nullptr) return 0;
  return static_cast<double>(security.tls()->material()->not_after_unix_nanos) / 1e9;
}

void TellCut(const std::string& peer, Breach breach) {
  static constexpr const char* kWhy[kBreaches] = {
      "it sends bytes that are no calls", "it breaks off the calls that it opens",
      "connections together hold too many bytes of calls that are not there whole, it the most"};
  spdlog::warn("cut off {}: {}", peer, kWhy[static_cast<size_t>(breach)]);
}

}  // namespace

bool WritePortFile(const std::string& path, int port) {
  const std::string temporary = path + ".tmp";
  std::FILE* file = std::fopen(temporary.c_str(), "w");
  if (file == nullptr) return false;
  std::fprintf(file, "%d\n", port);
  if (std::fclose(file) != 0) return false;
  MNEME_PASS_FAIL_POINT("port_file.before_rename");
  return std::rename(temporary.c_str(), path.c_str()) == 0;
}

absl::StatusOr<std::unique_ptr<ClientPort>> OpenClientPort(const Config& config,
                                                           const PortShare& share) {
  // Twice the limit of a message is received (BoundTransport), in each call.
  const ClientPortOptions options{
      .listen = config.listen,
      .connections_max = std::min(config.connections_max, share.connections),
      .connections_per_address_max = config.connections_per_address_max,
      .bounds = {.call_bytes_max = 2 * config.limits.message_bytes_max,
                 .connection_bytes_max = share.connection_bytes,
                 .all_bytes_max = share.all_bytes}};
  if (options.connections_max < config.connections_max) {
    spdlog::warn("server.connections_max: {}, as this process may not open more files",
                 options.connections_max);
  }
  return ClientPort::Open(options, Clock::Real(), TellCut);
}

absl::StatusOr<std::unique_ptr<ClientPort>> OpenPeerPort(const Config& config,
                                                         const PortShare& share) {
  const ClientPortOptions options{.listen = config.peer_listen,
                                  .connections_max = share.connections,
                                  .connections_per_address_max = kPeerConnectionsPerAddressMax,
                                  .bounds = {.call_bytes_max = kPeerStreamBytesMax,
                                             .connection_bytes_max = share.connection_bytes,
                                             .all_bytes_max = share.all_bytes}};
  return ClientPort::Open(options, Clock::Real(), TellCut);
}

std::unique_ptr<grpc::Server> StartServer(const Config& config, Security& security,
                                          ClientPort& client_port,
                                          std::initializer_list<grpc::Service*> services,
                                          uint64_t buffer_bytes_max, int* port) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  client_port.AddTo(builder, security.ClientPortCredentials(), port);
  BoundTransport(builder, config.limits.message_bytes_max, buffer_bytes_max);
  for (grpc::Service* service : services) builder.RegisterService(service);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server != nullptr) client_port.Serve();
  return server;
}

absl::StatusOr<std::unique_ptr<HttpDoor>> StartDoor(
    const Config& config, Security& security, const CallBounds& bounds, const ProcessFacts& facts,
    engine::Engine& engine, const FederationHost* federations, const Tracing& tracing,
    const ClientPort& client_port, const ClientPort* peer_port, grpc::Server& server) {
  if (config.http_listen == "none") return nullptr;
  DoorOptions options{
      .http = {.listen = config.http_listen,
               .connections_max = config.http_connections_max,
               .connections_per_address_max = config.http_connections_per_address_max,
               .idle_seconds = config.http_idle_seconds,
               .request_seconds = config.http_request_seconds,
               .answer_seconds = config.answer_seconds,
               .body_bytes_max = config.limits.message_bytes_max,
               .tls = HttpTls(config, security),
               .hosts = HttpHosts(config)},
      .call_time = std::chrono::seconds(config.http_call_seconds),
      .collect = [&security, &bounds, facts, &engine, federations, &tracing, &client_port,
                  peer_port](MetricFamilies& families) {
        AddProcessMetrics(facts, families);
        AddCallMetrics(bounds.observer.counters, bounds.budget, families);
        AddPortMetrics(client_port.counters(),
                       peer_port == nullptr ? ClientPortCounters() : peer_port->counters(),
                       families);
        AddEngineMetrics(engine, families);
        AddMemoryMetrics(engine, families);
        AddFederationMetrics(federations, families);
        tracing.AddMetrics(families);
        AddSample(AddGauge(families, "mneme_tls_certificate_expiry_timestamp_seconds",
                           "When the certificate in use expires, Unix time; 0 without TLS."),
                  CertificateExpiry(security));
        AddSample(AddCounter(families, "mneme_audit_lost_total",
                             "Entries that the audit log had no room or no disk for."),
                  security.audit() == nullptr ? 0 : static_cast<double>(security.audit()->lost()));
      }};
  options.know = [&gate = bounds.gate](const std::string& authorization, const std::string& verb) {
    return gate.CheckCaller(authorization, verb);
  };
  options.allow = [&gate = bounds.gate](const std::string& authorization) {
    return gate.CheckPage(authorization);
  };
  const PageRate rate(security.authenticator(), Clock::Real());
  options.take = [rate](const std::string& authorization, uint64_t bytes) {
    return rate.Take(authorization, bytes);
  };
  options.charge = [rate](const std::string& authorization, uint64_t bytes) {
    rate.Charge(authorization, bytes);
  };
  MNEME_ASSIGN_OR_RETURN(
      std::unique_ptr<HttpDoor> door,
      HttpDoor::Start(std::move(options), Clock::Real(), bounds.budget, engine, server));
  spdlog::info("{} on {} (port {})", config.http_tls ? "HTTPS" : "HTTP", config.http_listen,
               door->port());
  if (!config.http_port_file.empty() && !WritePortFile(config.http_port_file, door->port())) {
    return Unavailable(absl::StrFormat("cannot write %s", config.http_port_file),
                       {.reason = "PORT_FILE", .next_step = "Choose another --http.port_file."});
  }
  return door;
}

absl::StatusOr<std::string> RenewDoor(const Config& config, Security& security, HttpDoor* door) {
  if (door != nullptr) MNEME_RETURN_IF_ERROR(door->Renew(HttpTls(config, security)));
  return "the HTTP port shows it too";
}

CertificateWatch::Renew RenewWith(const Config& config, Security& security, HttpDoor* door) {
  // Where the HTTP port cannot take it yet, it is tried again.
  return [&config, &security, door,
          door_waits = false]() mutable -> absl::StatusOr<std::optional<std::string>> {
    MNEME_ASSIGN_OR_RETURN(std::optional<std::string> renewed, security.RenewCertificate());
    door_waits = config.http_tls && (door_waits || renewed.has_value());
    if (door_waits) MNEME_RETURN_IF_ERROR(RenewDoor(config, security, door).status());
    door_waits = false;
    return renewed;
  };
}

}  // namespace mneme::server
