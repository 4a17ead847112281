#include "server/peer/peer_service.h"

#include <memory>
#include <string>

#include "core/base/status.h"
#include "server/auth/security.h"
#include "server/peer/peer_stream.h"

namespace mneme::server {
namespace {

std::string MetadataOf(const grpc::CallbackServerContext& context, const char* key) {
  const auto entry = context.client_metadata().find(key);
  if (entry == context.client_metadata().end()) return "";
  return std::string(entry->second.data(), entry->second.size());
}

}  // namespace

grpc::ServerBidiReactor<v1::PeerFrame, v1::PeerFrame>* PeerServiceImpl::Exchange(
    grpc::CallbackServerContext* context) {
  const auto accept = [&]() -> absl::StatusOr<AcceptedStream> {
    MNEME_ASSIGN_OR_RETURN(const std::shared_ptr<FederationRunner> runner,
                           host_.RunnerOf(MetadataOf(*context, kFederationMetadata)));
    const std::string node = MetadataOf(*context, kNodeMetadata);
    MNEME_RETURN_IF_ERROR(CheckPeerNode(*context, node));
    return runner->Accept(node, [&deliveries = deliveries_, from = context->peer()](
                                    uint64_t bytes) { deliveries.Add(from, bytes); });
  };
  const absl::StatusOr<AcceptedStream> accepted = accept();
  return accepted.ok() ? accepted->reactor : RefusePeerStream(accepted.status());
}

}  // namespace mneme::server
