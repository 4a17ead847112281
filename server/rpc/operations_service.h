// google.longrunning.Operations over the engine's jobs.
#ifndef MNEME_SERVER_RPC_OPERATIONS_SERVICE_H_
#define MNEME_SERVER_RPC_OPERATIONS_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "core/engine/jobs.h"
#include "google/longrunning/operations.grpc.pb.h"

namespace mneme::server {

// Handlers never block: WaitOperation is answered by the job's end or by an alarm. (train.cc)
class OperationsServiceImpl final : public google::longrunning::Operations::CallbackService {
 public:
  using Reactor = grpc::ServerUnaryReactor;
  using Context = grpc::CallbackServerContext;

  // The jobs must outlive the service.
  explicit OperationsServiceImpl(engine::JobRunner& jobs) : jobs_(jobs) {}

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
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_OPERATIONS_SERVICE_H_
