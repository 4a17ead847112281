// FederationService: what this server's federations are, how its nodes do, and changes to them.
//
// Calls that may have to ask a coordinator run on a thread of their own, one after another.
//
// Thread-safe.
#ifndef MNEME_SERVER_PEER_FEDERATION_SERVICE_H_
#define MNEME_SERVER_PEER_FEDERATION_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <string>

#include "mneme/v1/federation_service.grpc.pb.h"
#include "server/peer/call_thread.h"
#include "server/peer/federation_host.h"
#include "server/rpc/call.h"
#include "server/rpc/guarded_service.h"

namespace mneme::server {

class FederationServiceImpl final : public GuardedService<v1::FederationService::CallbackService> {
 public:
  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  // `host` null: no federation is configured.
  FederationServiceImpl(FederationHost* host, CallBounds& bounds);

  Reactor* CreateFederation(Context*, const v1::CreateFederationRequest*, v1::Federation*) override;
  Reactor* JoinFederation(Context*, const v1::JoinFederationRequest*, v1::Federation*) override;
  Reactor* LeaveFederation(Context*, const v1::LeaveFederationRequest*, v1::Federation*) override;
  Reactor* SetInterest(Context*, const v1::SetInterestRequest*, v1::Federation*) override;
  Reactor* SetLinks(Context*, const v1::SetLinksRequest*, v1::Federation*) override;
  Reactor* GetFederation(Context*, const v1::GetFederationRequest*, v1::Federation*) override;
  Reactor* ListFederations(Context*, const v1::ListFederationsRequest*,
                           v1::ListFederationsResponse*) override;
  Reactor* GetFederationPlan(Context*, const v1::GetFederationPlanRequest*,
                             v1::FederationPlan*) override;
  Reactor* GetFederationStatus(Context*, const v1::GetFederationStatusRequest*,
                               v1::FederationStatus*) override;
  Reactor* GetFederationRegret(Context*, const v1::GetFederationRegretRequest*,
                               v1::FederationRegret*) override;

 private:
  // work: (const Request&) -> StatusOr<Reply>, on the calls' thread; encode: (const Reply&,
  // Response*).
  template <Verb verb, typename Request, typename Response, typename Work, typename Encode>
  Reactor* Wait(Context* context, const Request* request, Response* response, Work work,
                Encode encode);
  // A change of the federation that the request names, and what it is then.
  template <typename Request>
  Reactor* Change(Context* context, const Request* request, v1::Federation* response,
                  std::function<absl::Status(const std::string& name, const Request&)> change);
  // NotFound (FEDERATION_NOT_FOUND) where no federation is configured.
  absl::StatusOr<std::string> NameOf(const std::string& resource) const;

  FederationHost* const host_;
  CallBounds& bounds_;
  CallThread thread_;
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_PEER_FEDERATION_SERVICE_H_
