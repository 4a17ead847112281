#include "server/peer/federation_host.h"

#include <map>
#include <utility>

#include "core/base/ids.h"
#include "core/base/status.h"

namespace mneme::server {
namespace {

namespace fed = mneme::federation;

// A channel for each node, made when it is first needed.
class GrpcDialer {
 public:
  GrpcDialer(std::string federation, std::string node, const Tls* tls)
      : federation_(std::move(federation)), node_(std::move(node)), tls_(tls) {}

  std::shared_ptr<PeerStream> Dial(const fed::PlanNode& peer, FrameLimits limits,
                                   PeerCallbacks callbacks) {
    if (tls_ != nullptr && tls_->material() != material_) {  // another certificate: dial with it
      material_ = tls_->material();
      stubs_.clear();
    }
    std::unique_ptr<v1::PeerService::Stub>& stub = stubs_[{peer.address, peer.name}];
    if (stub == nullptr) {
      grpc::ChannelArguments arguments;
      arguments.SetMaxReceiveMessageSize(static_cast<int>(kPeerMessageBytesMax));
      arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMs);
      arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
      arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveAnswerMs);
      // The name that it is asked for; what it shows is looked at by the credentials.
      if (tls_ != nullptr) arguments.SetSslTargetNameOverride(peer.name);
      stub = v1::PeerService::NewStub(grpc::CreateCustomChannel(
          peer.address,
          // The plan says where a node is; its certificate says who it is.
          tls_ == nullptr ? grpc::InsecureChannelCredentials()
                          : tls_->MakePeerCredentials(peer.name),
          arguments));
    }
    return OpenPeerStream(*stub, federation_, node_, limits, std::move(callbacks));
  }

 private:
  static constexpr int kReconnectMs = 2'000;
  static constexpr int kKeepaliveMs = 10'000;
  static constexpr int kKeepaliveAnswerMs = 10'000;

  const std::string federation_;
  const std::string node_;
  const Tls* const tls_;
  std::shared_ptr<const TlsMaterial> material_;  // that the stubs were made with
  // By address and name. The runner's thread.
  std::map<std::pair<std::string, std::string>, std::unique_ptr<v1::PeerService::Stub>> stubs_;
};

}  // namespace

fed::FederationId FederationIdOf(const std::string& name) {
  fed::FederationId id = {};
  for (size_t half = 0; half < 2; ++half) {
    const uint64_t hash = StableHash(absl::StrCat(half, "/", name));
    for (size_t i = 0; i < 8; ++i) id[8 * half + i] = static_cast<uint8_t>(hash >> (8 * i));
  }
  return id;
}

absl::Status FederationNotFound(std::string_view name, std::string_view expected) {
  return NotFound(absl::StrFormat("there is no federation '%s'", AbslView(name)),
                  {.reason = "FEDERATION_NOT_FOUND",
                   .given = std::string(name),
                   .expected = std::string(expected),
                   .next_step = "See `mnemectl federation list`."});
}

absl::Status NotJoined(std::string_view name, std::string_view node) {
  return FailedPrecondition(
      absl::StrFormat("this server has no node in federation '%s'", AbslView(name)),
      {.reason = "NOT_JOINED",
       .given = absl::StrFormat("federation.node=%s", AbslView(node)),
       .expected = "one of its nodes",
       .next_step = "Ask a server that takes part, or join: mnemectl federation join."});
}

PeerDialer MakeGrpcDialer(const std::string& federation, const std::string& node, const Tls* tls) {
  const auto dialer = std::make_shared<GrpcDialer>(federation, node, tls);
  return [dialer](const fed::PlanNode& peer, FrameLimits limits, PeerCallbacks callbacks) {
    return dialer->Dial(peer, limits, std::move(callbacks));
  };
}

}  // namespace mneme::server
