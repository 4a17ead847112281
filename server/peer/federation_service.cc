#include "server/peer/federation_service.h"

#include <memory>
#include <utility>

#include "core/base/status.h"
#include "server/peer/convert_federation.h"
#include "server/rpc/convert.h"

namespace mneme::server {
namespace {

namespace fed = mneme::federation;

absl::Status NotConfigured() {
  return NotFound("this server takes part in no federation",
                  {.reason = "FEDERATION_NOT_FOUND",
                   .given = "neither federation.file nor federation.etcd",
                   .expected = "one of them",
                   .next_step = "Start mnemed with --federation.node, and --federation.etcd or "
                                "--federation.file."});
}

absl::Status TooMany() {
  return ResourceExhausted("too many calls about federations wait",
                           {.reason = "BUSY",
                            .given = absl::StrCat(kWaitingCallsMax, " that wait"),
                            .expected = "fewer",
                            .next_step = "Try again soon.",
                            .retry_after_ms = 1'000});
}

}  // namespace

FederationServiceImpl::FederationServiceImpl(FederationHost* host, CallBounds& bounds)
    : host_(host), bounds_(bounds) {
  Guard(bounds, this, &FederationServiceImpl::CreateFederation,
        &FederationServiceImpl::JoinFederation, &FederationServiceImpl::LeaveFederation,
        &FederationServiceImpl::SetInterest, &FederationServiceImpl::SetLinks,
        &FederationServiceImpl::GetFederation, &FederationServiceImpl::ListFederations,
        &FederationServiceImpl::GetFederationPlan, &FederationServiceImpl::GetFederationStatus,
        &FederationServiceImpl::GetFederationRegret);
}

template <Verb verb, typename Request, typename Response, typename Work, typename Encode>
FederationServiceImpl::Reactor* FederationServiceImpl::Wait(Context* context,
                                                            const Request* request,
                                                            Response* response, Work work,
                                                            Encode encode) {
  return Serve<verb>(
      bounds_, context, request, response,
      [](const Request& from, DecodeArena&) -> absl::StatusOr<const Request*> { return &from; },
      [this, work](const Request* from, auto done) {
        if (!thread_.Run([from, work, done] { done(work(*from)); })) {
          done(decltype(work(*from))(TooMany()));
        }
      },
      encode);
}

template <typename Request>
FederationServiceImpl::Reactor* FederationServiceImpl::Change(
    Context* context, const Request* request, v1::Federation* response,
    std::function<absl::Status(const std::string&, const Request&)> change) {
  return Wait<Verb::kWrite>(
      context, request, response,
      [this, change](const Request& from) -> absl::StatusOr<FederationInfo> {
        MNEME_ASSIGN_OR_RETURN(const std::string name, NameOf(from.name()));
        MNEME_RETURN_IF_ERROR(change(name, from));
        return host_->Get(name);
      },
      EncodeFederation);
}

absl::StatusOr<std::string> FederationServiceImpl::NameOf(const std::string& resource) const {
  MNEME_ASSIGN_OR_RETURN(std::string name, DecodeFederationName(resource));
  if (host_ == nullptr) return NotConfigured();
  return name;
}

// ---- changes

FederationServiceImpl::Reactor* FederationServiceImpl::CreateFederation(
    Context* context, const v1::CreateFederationRequest* request, v1::Federation* response) {
  return Wait<Verb::kWrite>(
      context, request, response,
      [this](const v1::CreateFederationRequest& from) -> absl::StatusOr<FederationInfo> {
        if (host_ == nullptr) return NotConfigured();
        MNEME_ASSIGN_OR_RETURN(const fed::Description description, DecodeDescription(from));
        MNEME_RETURN_IF_ERROR(host_->CreateFederation(from.federation_id(), description));
        return host_->Get(from.federation_id());
      },
      EncodeFederation);
}

FederationServiceImpl::Reactor* FederationServiceImpl::JoinFederation(
    Context* context, const v1::JoinFederationRequest* request, v1::Federation* response) {
  return Change<v1::JoinFederationRequest>(
      context, request, response,
      [this](const std::string& name, const v1::JoinFederationRequest& from) -> absl::Status {
        MNEME_ASSIGN_OR_RETURN(const std::string memory, DecodeMemoryName(from.memory(), "memory"));
        return host_->Join(name, memory);
      });
}

FederationServiceImpl::Reactor* FederationServiceImpl::LeaveFederation(
    Context* context, const v1::LeaveFederationRequest* request, v1::Federation* response) {
  return Change<v1::LeaveFederationRequest>(
      context, request, response,
      [this](const std::string& name, const v1::LeaveFederationRequest& from) {
        return host_->Leave(name, from.node());
      });
}

FederationServiceImpl::Reactor* FederationServiceImpl::SetInterest(
    Context* context, const v1::SetInterestRequest* request, v1::Federation* response) {
  return Change<v1::SetInterestRequest>(
      context, request, response,
      [this](const std::string& name, const v1::SetInterestRequest& from) {
        return host_->SetInterest(name, from.node(),
                                  {from.interest().begin(), from.interest().end()});
      });
}

FederationServiceImpl::Reactor* FederationServiceImpl::SetLinks(Context* context,
                                                                const v1::SetLinksRequest* request,
                                                                v1::Federation* response) {
  return Change<v1::SetLinksRequest>(
      context, request, response, [this](const std::string& name, const v1::SetLinksRequest& from) {
        return host_->SetLinks(name, from.node(),
                               {from.link_millis().begin(), from.link_millis().end()});
      });
}

// ---- what there is

FederationServiceImpl::Reactor* FederationServiceImpl::GetFederation(
    Context* context, const v1::GetFederationRequest* request, v1::Federation* response) {
  return Wait<Verb::kRead>(
      context, request, response,
      [this](const v1::GetFederationRequest& from) -> absl::StatusOr<FederationInfo> {
        MNEME_ASSIGN_OR_RETURN(const std::string name, NameOf(from.name()));
        return host_->Get(name);
      },
      EncodeFederation);
}

FederationServiceImpl::Reactor* FederationServiceImpl::ListFederations(
    Context* context, const v1::ListFederationsRequest* request,
    v1::ListFederationsResponse* response) {
  using Infos = std::vector<FederationInfo>;
  return Wait<Verb::kRead>(
      context, request, response,
      [this](const v1::ListFederationsRequest&) -> absl::StatusOr<Infos> {
        if (host_ == nullptr) return Infos();
        return host_->List();
      },
      [](const Infos& infos, v1::ListFederationsResponse* to) {
        for (const FederationInfo& info : infos) EncodeFederation(info, to->add_federations());
      });
}

FederationServiceImpl::Reactor* FederationServiceImpl::GetFederationPlan(
    Context* context, const v1::GetFederationPlanRequest* request, v1::FederationPlan* response) {
  using Plan = std::shared_ptr<const fed::Plan>;
  return Wait<Verb::kRead>(
      context, request, response,
      [this](const v1::GetFederationPlanRequest& from) -> absl::StatusOr<Plan> {
        MNEME_ASSIGN_OR_RETURN(const std::string name, NameOf(from.name()));
        MNEME_ASSIGN_OR_RETURN(const FederationInfo info, host_->Get(name));
        if (info.plan != nullptr) return info.plan;
        return FailedPrecondition(
            absl::StrFormat("federation '%s' has no plan yet", name),
            {.reason = "NO_PLAN",
             .given = absl::StrCat(info.nodes.size(), " nodes"),
             .expected = "a plan, seconds after the first node has joined",
             .next_step = "Let a server join: mnemectl federation join. See what its node waits "
                          "for: mnemectl federation status."});
      },
      [](const Plan& plan, v1::FederationPlan* to) { EncodePlan(*plan, to); });
}

FederationServiceImpl::Reactor* FederationServiceImpl::GetFederationStatus(
    Context* context, const v1::GetFederationStatusRequest* request,
    v1::FederationStatus* response) {
  return ServeNow(
      bounds_, context, request, response,
      [this](const v1::GetFederationStatusRequest& from, v1::FederationStatus* to) -> absl::Status {
        MNEME_ASSIGN_OR_RETURN(const std::string name, NameOf(from.name()));
        MNEME_ASSIGN_OR_RETURN(const auto runner, host_->RunnerOf(name));
        MNEME_ASSIGN_OR_RETURN(const RunnerStatus status, host_->StatusOf(name));
        to->set_name(from.name());
        EncodeStatus(status, runner->Regret(), to);
        return absl::OkStatus();
      });
}

FederationServiceImpl::Reactor* FederationServiceImpl::GetFederationRegret(
    Context* context, const v1::GetFederationRegretRequest* request,
    v1::FederationRegret* response) {
  return ServeNow(
      bounds_, context, request, response,
      [this](const v1::GetFederationRegretRequest& from, v1::FederationRegret* to) -> absl::Status {
        MNEME_ASSIGN_OR_RETURN(const std::string name, NameOf(from.name()));
        MNEME_ASSIGN_OR_RETURN(const auto runner, host_->RunnerOf(name));
        for (const fed::RegretReading& point : runner->Regret()) {
          v1::FederationRegretPoint* out = to->add_points();
          out->set_round(point.round);
          out->set_loss(point.loss);
          out->set_best_loss(point.best_loss);
        }
        return absl::OkStatus();
      });
}

}  // namespace mneme::server
