// google.longrunning.Operations over the engine's jobs.
#ifndef MNEME_SERVER_RPC_OPERATIONS_SERVICE_H_
#define MNEME_SERVER_RPC_OPERATIONS_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/engine/jobs.h"
#include "google/longrunning/operations.grpc.pb.h"
#include "server/rpc/call.h"
#include "server/rpc/guarded_service.h"

namespace mneme::server {

// "operations/7" -> "7".
absl::StatusOr<std::string> DecodeOperationName(std::string_view name);

// Handlers never block: WaitOperation is answered by the job's end or by an alarm. (operations.cc)
class OperationsServiceImpl final
    : public GuardedService<google::longrunning::Operations::CallbackService> {
 public:
  using Reactor = grpc::ServerUnaryReactor;
  using Context = grpc::CallbackServerContext;

  // Jobs and bounds must outlive the service.
  OperationsServiceImpl(engine::JobRunner& jobs, CallBounds& bounds);

  Reactor* ListOperations(Context*, const google::longrunning::ListOperationsRequest*,
                          google::longrunning::ListOperationsResponse*) override;
  Reactor* GetOperation(Context*, const google::longrunning::GetOperationRequest*,
                        google::longrunning::Operation*) override;
  Reactor* DeleteOperation(Context*, const google::longrunning::DeleteOperationRequest*,
                           google::protobuf::Empty*) override;
  Reactor* CancelOperation(Context*, const google::longrunning::CancelOperationRequest*,
                           google::protobuf::Empty*) override;
  Reactor* WaitOperation(Context*, const google::longrunning::WaitOperationRequest*,
                         google::longrunning::Operation*) override;

 private:
  engine::JobRunner& jobs_;
  CallBounds& bounds_;
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_OPERATIONS_SERVICE_H_
