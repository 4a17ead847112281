// google.longrunning.Operations.
#include <grpcpp/alarm.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>

#include "core/base/status.h"
#include "server/rpc/call.h"
#include "server/rpc/convert_admin.h"
#include "server/rpc/limits.h"
#include "server/rpc/operations_service.h"
#include "server/rpc/status.h"
#include "server/rpc/tokens.h"
#include "server/rpc/visible.h"

namespace mneme::server {
namespace {

constexpr std::string_view kOperationPrefix = "operations/";
constexpr int kPageDefault = 100;

// A wait that ends when the job does, when the time is over, or when the caller has gone: whoever
// comes first answers, and the place among those who wait is free again.
class WaitReactor final : public grpc::ServerUnaryReactor {
 public:
  WaitReactor(engine::JobRunner& jobs, std::string id, int64_t timeout_nanos,
              google::longrunning::Operation* response, const CallBounds& bounds, Caller caller)
      : jobs_(jobs),
        id_(std::move(id)),
        response_(response),
        gate_(bounds.gate),
        caller_(std::move(caller)),
        meter_(bounds.observer, RpcOf<google::longrunning::WaitOperationRequest>()) {
    const absl::Status waiting = jobs_.Wait(id_, waiter_);
    if (!waiting.ok()) {
      parties_ = 1;  // there is no alarm
      End(ToGrpc(waiting));
      return;
    }
    alarm_.Set(std::chrono::system_clock::now() + std::chrono::nanoseconds(timeout_nanos),
               [this](bool) { AnswerAsItIs(); });
  }

  void OnCancel() override { alarm_.Cancel(); }
  void OnDone() override {
    alarm_.Cancel();
    Leave();
  }

 private:
  void AnswerAsItIs() {
    if (waiter_.Leave()) {
      const absl::StatusOr<engine::JobInfo> job = jobs_.Get(id_);
      if (job.ok()) EncodeJob(*job, response_);
      End(ToGrpc(job.status()));
    }
    Leave();
  }

  void End(const grpc::Status& status) {
    if (status.ok()) {
      const uint64_t bytes = response_->ByteSizeLong();
      meter_.AddOut(bytes);
      gate_.Charge(caller_, bytes);
    }
    meter_.End(status.error_code());
    Finish(status);
  }

  // Call and alarm each leave once, and look at nothing afterwards.
  void Leave() {
    if (parties_.fetch_sub(1) == 1) delete this;
  }

  engine::JobRunner& jobs_;
  const std::string id_;
  google::longrunning::Operation* const response_;
  const Gate& gate_;
  const Caller caller_;
  CallMeter meter_;
  const engine::JobWaiter waiter_{[this](const engine::JobInfo& job) {
    EncodeJob(job, response_);
    End(grpc::Status::OK);
  }};
  grpc::Alarm alarm_;
  std::atomic<int> parties_{2};
};

}  // namespace

absl::StatusOr<std::string> DecodeOperationName(std::string_view name) {
  if (name.starts_with(kOperationPrefix) && name.size() > kOperationPrefix.size()) {
    return std::string(name.substr(kOperationPrefix.size()));
  }
  return InvalidArgument(absl::StrFormat("name is '%s'", AbslView(name)),
                         {.reason = "NAME",
                          .given = std::string(name),
                          .expected = "operations/{id}",
                          .next_step = "Send the name that Train answered with."});
}

OperationsServiceImpl::OperationsServiceImpl(engine::JobRunner& jobs, CallBounds& bounds)
    : jobs_(jobs), bounds_(bounds) {
  Guard(bounds, this, &OperationsServiceImpl::ListOperations, &OperationsServiceImpl::GetOperation,
        &OperationsServiceImpl::DeleteOperation, &OperationsServiceImpl::CancelOperation,
        &OperationsServiceImpl::WaitOperation);
}

OperationsServiceImpl::Reactor* OperationsServiceImpl::ListOperations(
    Context* context, const google::longrunning::ListOperationsRequest* request,
    google::longrunning::ListOperationsResponse* response) {
  return ServeNow(
      bounds_, context, request, response,
      [this](const google::longrunning::ListOperationsRequest& from,
             google::longrunning::ListOperationsResponse* to,
             const Caller& caller) -> absl::Status {
        uint64_t before = 0;
        if (!from.page_token().empty()) {
          MNEME_ASSIGN_OR_RETURN(before, DecodeJobToken(from.page_token()));
        }
        const size_t size = static_cast<size_t>(
            from.page_size() <= 0 ? kPageDefault
                                  : std::min(from.page_size(), static_cast<int>(kPageMax)));
        const std::vector<engine::JobInfo> jobs = ListVisible(
            before, size + 1, [this](uint64_t last, size_t most) { return jobs_.List(last, most); },
            [](const engine::JobInfo& job) { return job.number; },
            [&](const engine::JobInfo& job) { return MaySee(caller, job.names()); });
        for (size_t i = 0; i < std::min(size, jobs.size()); ++i) {
          EncodeJob(jobs[i], to->add_operations());
        }
        if (jobs.size() > size) to->set_next_page_token(EncodeJobToken(jobs[size - 1].number));
        return absl::OkStatus();
      });
}

OperationsServiceImpl::Reactor* OperationsServiceImpl::GetOperation(
    Context* context, const google::longrunning::GetOperationRequest* request,
    google::longrunning::Operation* response) {
  return ServeNow(bounds_, context, request, response,
                  [this](const google::longrunning::GetOperationRequest& from,
                         google::longrunning::Operation* to) -> absl::Status {
                    MNEME_ASSIGN_OR_RETURN(const std::string id, DecodeOperationName(from.name()));
                    MNEME_ASSIGN_OR_RETURN(const engine::JobInfo job, jobs_.Get(id));
                    EncodeJob(job, to);
                    return absl::OkStatus();
                  });
}

OperationsServiceImpl::Reactor* OperationsServiceImpl::DeleteOperation(
    Context* context, const google::longrunning::DeleteOperationRequest* request,
    google::protobuf::Empty* response) {
  return ServeNow(bounds_, context, request, response,
                  [this](const google::longrunning::DeleteOperationRequest& from,
                         google::protobuf::Empty*) -> absl::Status {
                    MNEME_ASSIGN_OR_RETURN(const std::string id, DecodeOperationName(from.name()));
                    return jobs_.Forget(id);
                  });
}

OperationsServiceImpl::Reactor* OperationsServiceImpl::CancelOperation(
    Context* context, const google::longrunning::CancelOperationRequest* request,
    google::protobuf::Empty* response) {
  return ServeNow(bounds_, context, request, response,
                  [this](const google::longrunning::CancelOperationRequest& from,
                         google::protobuf::Empty*) -> absl::Status {
                    MNEME_ASSIGN_OR_RETURN(const std::string id, DecodeOperationName(from.name()));
                    return jobs_.Cancel(id);
                  });
}

OperationsServiceImpl::Reactor* OperationsServiceImpl::WaitOperation(
    Context* context, const google::longrunning::WaitOperationRequest* request,
    google::longrunning::Operation* response) {
  const Passage passage = bounds_.gate.Admit(*context, *request, request->ByteSizeLong());
  bounds_.gate.Note(*context, passage, *request, passage.status, nullptr);
  const absl::StatusOr<std::string> id =
      passage.status.ok() ? DecodeOperationName(request->name()) : passage.status;
  if (!id.ok()) {
    Reactor* reactor = context->DefaultReactor();
    reactor->Finish(ToGrpc(id.status()));
    return reactor;
  }
  int64_t nanos = kWaitSecondsMax * 1'000'000'000;
  if (request->has_timeout()) {
    const int64_t seconds = std::clamp<int64_t>(request->timeout().seconds(), 0, kWaitSecondsMax);
    nanos = std::min(
        nanos, seconds * 1'000'000'000 + std::clamp(request->timeout().nanos(), 0, 999'999'999));
  }
  return new WaitReactor(jobs_, *id, nanos, response, bounds_, passage.caller);
}

}  // namespace mneme::server
