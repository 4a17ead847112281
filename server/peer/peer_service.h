// PeerService: streams that neighbours open.
//
// Thread-safe.
#ifndef MNEME_SERVER_PEER_PEER_SERVICE_H_
#define MNEME_SERVER_PEER_PEER_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "mneme/v1/peer_service.grpc.pb.h"
#include "server/net/deliveries.h"
#include "server/peer/federation_host.h"

namespace mneme::server {

class PeerServiceImpl final : public v1::PeerService::CallbackService {
 public:
  // Both must outlive it.
  PeerServiceImpl(const FederationHost& host, Deliveries& deliveries)
      : host_(host), deliveries_(deliveries) {}

  grpc::ServerBidiReactor<v1::PeerFrame, v1::PeerFrame>* Exchange(
      grpc::CallbackServerContext* context) override;

 private:
  const FederationHost& host_;
  Deliveries& deliveries_;
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_PEER_PEER_SERVICE_H_
