#include "server/federations.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/base/status.h"
#include "server/auth/tls.h"
#include "server/config/federation_file.h"
#include "server/config/text_file.h"
#include "server/doors.h"
#include "server/peer/etcd_host.h"
#include "server/peer/file_host.h"
#include "server/peer/peer_stream.h"
#include "server/rpc/transport.h"

namespace mneme::server {
namespace {

constexpr size_t kPasswordBytesMax = 1'024;

// The file's first line.
absl::StatusOr<std::string> ReadPassword(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadTextFile(path, kPasswordBytesMax);
  std::string line = text.ok() ? *text : "";
  line.resize(std::min(line.find_first_of("\r\n"), line.size()));
  if (line.empty()) {
    return InvalidArgument(
        absl::StrFormat("federation.etcd_password_file: '%s' cannot be read, or is no password",
                        path),
        {.reason = "CONFIG_VALUE",
         .given = path,
         .expected = absl::StrCat("a file whose first line has 1 to ", kPasswordBytesMax, " bytes"),
         .next_step = "Correct the path, or the permissions for the server's user."});
  }
  struct stat facts = {};
  if (::stat(path.c_str(), &facts) == 0 && (facts.st_mode & 077) != 0)
    spdlog::warn("{} may be read by others than its owner: chmod 600", path);
  return line;
}

// What has joined begins once the door for other nodes is open, by EtcdHost::Start.
std::unique_ptr<EtcdHost> MakeEtcdHost(const Config& config, std::shared_ptr<EtcdClient> client,
                                       MakeDialer dialer, engine::Engine& engine) {
  const federation::ReplannerOptions replanner{
      .node = config.federation_node,
      .debounce_nanos = static_cast<int64_t>(config.federation_debounce_millis) * 1'000'000,
      .epoch_least_nanos = static_cast<int64_t>(config.federation_epoch_millis) * 1'000'000,
      .settle_nanos = 2 * static_cast<int64_t>(config.federation_lease_seconds) * 1'000'000'000};
  return std::make_unique<EtcdHost>(
      engine, Clock::Real(), std::move(client),
      EtcdHostOptions{.node = config.federation_node,
                      .make_dialer = std::move(dialer),
                      .seed = StableHash(config.federation_node),
                      .lease_seconds = static_cast<int64_t>(config.federation_lease_seconds),
                      .replanner = replanner});
}

absl::StatusOr<std::unique_ptr<FileHost>> MakeFileHost(const Config& config, MakeDialer dialer,
                                                       engine::Engine& engine) {
  FileHostOptions options{.node = config.federation_node,
                          .federations = {},
                          .make_dialer = std::move(dialer),
                          .seed = StableHash(config.federation_node)};
  MNEME_ASSIGN_OR_RETURN(options.federations, ReadFederationFile(config.federation_file));
  return FileHost::Create(engine, Clock::Real(), std::move(options));
}

// Where others dial this server: as configured, or where it listens, with the port in use.
std::string AdvertisedAddress(const Config& config, int port) {
  if (!config.peer_advertise.empty()) return config.peer_advertise;
  if (config.peer_listen.starts_with("unix:")) return config.peer_listen;
  return absl::StrCat(config.peer_listen.substr(0, config.peer_listen.rfind(':') + 1), port);
}

}  // namespace

absl::StatusOr<EtcdAccess> ReadEtcdAccess(const Config& config, int64_t now_unix_nanos) {
  EtcdAccess access{.credentials = nullptr,
                    .server_name = config.etcd_tls_server_name,
                    .user = config.federation_etcd_user,
                    .password = ""};
  if (!config.etcd_tls_ca.empty()) {
    const TlsPaths paths{.certificate = config.etcd_tls_certificate,
                         .key = config.etcd_tls_key,
                         .client_ca = config.etcd_tls_ca,
                         .certificate_name = "federation.etcd_tls_certificate",
                         .key_name = "federation.etcd_tls_key",
                         .client_ca_name = "federation.etcd_tls_ca"};
    MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<Tls> tls, Tls::Open(paths, now_unix_nanos));
    access.credentials = tls->MakePeerCredentials();
  }
  if (!access.user.empty()) {
    MNEME_ASSIGN_OR_RETURN(access.password, ReadPassword(config.federation_etcd_password_file));
  }
  return access;
}

absl::StatusOr<std::string> Federations::RenewEtcd(const Config& config) {
  MNEME_ASSIGN_OR_RETURN(EtcdAccess access, ReadEtcdAccess(config, Clock::Real().NowUnixNanos()));
  etcd->Use(std::move(access));
  return "connections to etcd are made anew";
}

void Federations::Stop() {
  if (host != nullptr) host->Stop();
  if (port != nullptr) port->Close();
  if (server != nullptr) server->Shutdown(std::chrono::system_clock::now());
}

absl::StatusOr<Federations> StartFederations(const Config& config, Security& security,
                                             bool recovery_mode, engine::Engine& engine,
                                             uint64_t buffer_bytes_max, const PortShare& share) {
  Federations out;
  if (config.federation_file.empty() && config.federation_etcd.empty()) return out;
  if (recovery_mode) return out;
  const MakeDialer dialer = [tls = security.tls()](const std::string& federation,
                                                   const std::string& node) {
    return MakeGrpcDialer(federation, node, tls);
  };
  EtcdHost* etcd = nullptr;
  if (config.federation_etcd.empty()) {
    MNEME_ASSIGN_OR_RETURN(out.host, MakeFileHost(config, dialer, engine));
  } else {
    MNEME_ASSIGN_OR_RETURN(EtcdAccess access, ReadEtcdAccess(config, Clock::Real().NowUnixNanos()));
    MNEME_ASSIGN_OR_RETURN(out.etcd, EtcdClient::Create(config.federation_etcd, std::move(access)));
    auto host = MakeEtcdHost(config, out.etcd, dialer, engine);
    etcd = host.get();
    out.host = std::move(host);
  }
  MNEME_ASSIGN_OR_RETURN(out.port, OpenPeerPort(config, share));
  out.service = std::make_unique<PeerServiceImpl>(*out.host, out.port->deliveries());
  grpc::ServerBuilder builder;
  int port = 0;
  out.port->AddTo(builder, security.PeerPortCredentials(), &port);
  BoundTransport(builder, kPeerMessageBytesMax / 2, buffer_bytes_max);
  builder.RegisterService(out.service.get());
  out.server = builder.BuildAndStart();
  if (out.server == nullptr) {
    return Unavailable(absl::StrFormat("cannot listen on %s", config.peer_listen),
                       {.next_step = "Is another mnemed running there? Choose another "
                                     "--peer.listen."});
  }
  out.port->Serve();
  if (etcd != nullptr) etcd->Start(AdvertisedAddress(config, port));
  spdlog::info("node '{}' of federations in {}, listening for other nodes on {} (port {})",
               config.federation_node,
               etcd == nullptr ? config.federation_file : "etcd at " + config.federation_etcd,
               config.peer_listen, port);
  return out;
}

}  // namespace mneme::server
