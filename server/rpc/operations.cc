// google.longrunning.Operations.
#include <grpcpp/alarm.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/base/status.h"
#include "server/rpc/call.h"
#include "server/rpc/convert_admin.h"
#include "server/rpc/limits.h"
#include "server/rpc/operations_service.h"
#include "server/rpc/tokens.h"
#include "server/rpc/visible.h"

namespace mneme::server {
namespace {

constexpr std::string_view kOperationPrefix = "operations/";
constexpr int kPageDefault = 100;

// A wait that ends when the job does, when the time is over, or when the caller has gone: whoever
// comes first answers, and the place among those who wait is free again.
class OperationWait final : public UnaryCall {
 public:
  using Request = google::longrunning::WaitOperationRequest;

  OperationWait(engine::JobRunner& jobs, CallBounds& bounds, grpc::CallbackServerContext* context,
                google::longrunning::Operation* response)
      : UnaryCall(bounds, context, RpcOf<Request>()), jobs_(jobs), response_(response) {}

  void Begin(const Request& request) {
    const absl::Status waiting = Wait(request);
    if (!waiting.ok()) return Answer(waiting, response_, false);
    SetAlarm(alarm_, TimeOf(request), [this](bool) { AnswerAsItIs(); });
  }

  void OnCancel() override { alarm_.Cancel(); }
  void OnDone() override {
    alarm_.Cancel();
    UnaryCall::OnDone();
  }

 private:
  static std::chrono::nanoseconds TimeOf(const Request& request) {
    constexpr std::chrono::nanoseconds kMost = std::chrono::seconds(kWaitSecondsMax);
    if (!request.has_timeout()) return kMost;
    const int64_t seconds = std::clamp<int64_t>(request.timeout().seconds(), 0, kWaitSecondsMax);
    const int nanos = std::clamp(request.timeout().nanos(), 0, 999'999'999);
    return std::min(kMost, std::chrono::seconds(seconds) + std::chrono::nanoseconds(nanos));
  }

  absl::Status Wait(const Request& request) {
    MNEME_RETURN_IF_ERROR(Admit(request));
    MNEME_ASSIGN_OR_RETURN(id_, DecodeOperationName(request.name()));
    return jobs_.Wait(id_, waiter_);
  }

  void AnswerAsItIs() {
    if (!waiter_.Leave()) return;
    const absl::StatusOr<engine::JobInfo> job = jobs_.Get(id_);
    if (job.ok()) EncodeJob(*job, response_);
    Answer(job.status(), response_, false);
  }

  engine::JobRunner& jobs_;
  google::longrunning::Operation* const response_;
  std::string id_;
  const engine::JobWaiter waiter_{[this](const engine::JobInfo& job) {
    EncodeJob(job, response_);
    Answer(absl::OkStatus(), response_, false);
  }};
  grpc::Alarm alarm_;  // the end of its time; not set where it was refused
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
  auto* call = new OperationWait(jobs_, bounds_, context, response);
  call->Begin(*request);
  return call;
}

}  // namespace mneme::server
