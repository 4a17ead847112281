// A service whose large requests are parsed only once their caller is known.
//
// gRPC's own handlers parse a request before anybody has seen who sends it, and one of many small
// parts takes thirty times its bytes then: two strangers with 64 MiB each would take 4 GB. Ours
// keep the bytes, ask the gate, and have gRPC's handler parse them, or answer without looking in.
//
// Small requests are parsed at once: there is little in them, and asking twice costs time.
#ifndef MNEME_SERVER_RPC_GUARDED_SERVICE_H_
#define MNEME_SERVER_RPC_GUARDED_SERVICE_H_

#include <grpc/byte_buffer.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/support/server_callback.h>

#include <memory>
#include <utility>

#include "server/rpc/call.h"
#include "server/rpc/rpc_table.h"

namespace mneme::server {

// Requests up to this size are parsed whoever sends them.
inline constexpr uint64_t kUncheckedRequestBytesMax = 64 * 1024;

// One method: gRPC's handler, and one that refuses. Made once, thread-safe.
class GuardedHandler final : public grpc::internal::MethodHandler {
 public:
  // `refusing` is given an empty request.
  GuardedHandler(CallBounds& bounds, std::unique_ptr<grpc::internal::MethodHandler> serving,
                 std::unique_ptr<grpc::internal::MethodHandler> refusing)
      : bounds_(bounds), serving_(std::move(serving)), refusing_(std::move(refusing)) {}

  // Keeps the bytes: who sends them is known to RunHandler alone.
  void* Deserialize(grpc_call* call, grpc_byte_buffer* bytes, grpc::Status* status,
                    void** data) override;
  void RunHandler(const HandlerParameter& given) override;

 private:
  CallBounds& bounds_;
  const std::unique_ptr<grpc::internal::MethodHandler> serving_;
  const std::unique_ptr<grpc::internal::MethodHandler> refusing_;
};

// `Service`: a CallbackService as generated. What derives from it names its methods to Guard.
template <typename Service>
class GuardedService : public Service {
 protected:
  template <typename Self, typename... Methods>
  void Guard(CallBounds& bounds, Self* self, Methods... methods) {
    (GuardOne(bounds, self, methods), ...);
  }

 private:
  using Context = grpc::CallbackServerContext;

  template <typename Self, typename Request, typename Response>
  void GuardOne(CallBounds& bounds, Self* self,
                grpc::ServerUnaryReactor* (Self::*method)(Context*, const Request*, Response*)) {
    using Handler = grpc::internal::CallbackUnaryHandler<Request, Response>;
    Replace<Request>(
        bounds,
        std::make_unique<Handler>(
            [self, method](Context* context, const Request* request, Response* response) {
              return (self->*method)(context, request, response);
            }),
        std::make_unique<Handler>(
            [&bounds](Context* context, const Request* request, Response* response) {
              auto* call = new UnaryCall(bounds, context, RpcOf<Request>());
              call->Refuse(*request, response);
              return call;
            }));
  }

  // A stream of answers: an empty request is one that names nothing, which is refused.
  template <typename Self, typename Request, typename Response>
  void GuardOne(CallBounds& bounds, Self* self,
                grpc::ServerWriteReactor<Response>* (Self::*method)(Context*, const Request*)) {
    const auto make = [self, method] {
      return std::make_unique<grpc::internal::CallbackServerStreamingHandler<Request, Response>>(
          [self, method](Context* context, const Request* request) {
            return (self->*method)(context, request);
          });
    };
    Replace<Request>(bounds, make(), make());
  }

  template <typename Request>
  void Replace(CallBounds& bounds, std::unique_ptr<grpc::internal::MethodHandler> serving,
               std::unique_ptr<grpc::internal::MethodHandler> refusing) {
    this->MarkMethodCallback(AllRpcs()[RpcOf<Request>()].descriptor->index(),
                             new GuardedHandler(bounds, std::move(serving), std::move(refusing)));
  }
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_GUARDED_SERVICE_H_
