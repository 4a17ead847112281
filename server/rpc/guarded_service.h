// A service whose large requests are parsed only once their caller is known.
//
// gRPC's own handlers parse a request before anybody has seen who sends it, and one of many small
// parts takes thirty times its bytes then: two strangers with 64 MiB each would take 4 GB. Ours
// keep the bytes, ask the gate, and have gRPC's handler parse them, or answer without looking in.
//
// Small requests are parsed at once: there is little in them, and asking twice costs time. What
// cannot be parsed is INVALID_ARGUMENT (REQUEST_BYTES), where gRPC says UNIMPLEMENTED and no word.
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
#include "server/rpc/status.h"

namespace mneme::server {

// Requests up to this size are parsed whoever sends them.
inline constexpr uint64_t kUncheckedRequestBytesMax = 64 * 1024;

// One method: gRPC's handler, and those that refuse. Made once, thread-safe.
class GuardedHandler final : public grpc::internal::MethodHandler {
 public:
  using Handler = std::unique_ptr<grpc::internal::MethodHandler>;

  // `refusing` and `unreadable` are given an empty request. `discard`: what Deserialize left behind
  // (its last argument) of one that it could not parse.
  GuardedHandler(CallBounds& bounds, Handler serving, Handler refusing, Handler unreadable,
                 void (*discard)(void* data))
      : bounds_(bounds),
        serving_(std::move(serving)),
        refusing_(std::move(refusing)),
        unreadable_(std::move(unreadable)),
        discard_(discard) {}

  // Keeps the bytes: who sends them is known to RunHandler alone.
  void* Deserialize(grpc_call* call, grpc_byte_buffer* bytes, grpc::Status* status,
                    void** data) override;
  void RunHandler(const HandlerParameter& given) override;

 private:
  CallBounds& bounds_;
  const Handler serving_;
  const Handler refusing_;
  const Handler unreadable_;
  void (*const discard_)(void* data);
};

// A stream of answers that ends without one. Owns itself.
template <typename Response>
class RefusedStream final : public grpc::ServerWriteReactor<Response> {
 public:
  explicit RefusedStream(const absl::Status& status) { this->Finish(ToGrpc(status)); }
  void OnDone() override { delete this; }
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
            }),
        std::make_unique<Handler>(
            [&bounds](Context* context, const Request* request, Response* response) {
              auto* call = new UnaryCall(bounds, context, RpcOf<Request>());
              call->RefuseUnreadable(*request, response);
              return call;
            }),
        [](void* data) { static_cast<grpc::MessageHolder<Request, Response>*>(data)->Release(); });
  }

  // A stream of answers: an empty request is one that names nothing, which is refused.
  template <typename Self, typename Request, typename Response>
  void GuardOne(CallBounds& bounds, Self* self,
                grpc::ServerWriteReactor<Response>* (Self::*method)(Context*, const Request*)) {
    using Handler = grpc::internal::CallbackServerStreamingHandler<Request, Response>;
    const auto make = [self, method] {
      return std::make_unique<Handler>([self, method](Context* context, const Request* request) {
        return (self->*method)(context, request);
      });
    };
    auto unreadable =
        std::make_unique<Handler>([&bounds](Context* context, const Request* request) {
          const absl::Status known = bounds.gate.CheckCaller(*context);
          return new RefusedStream<Response>(known.ok() ? Unreadable(*request) : known);
        });
    Replace<Request>(bounds, make(), make(), std::move(unreadable), [](void*) {});
  }

  template <typename Request>
  void Replace(CallBounds& bounds, GuardedHandler::Handler serving,
               GuardedHandler::Handler refusing, GuardedHandler::Handler unreadable,
               void (*discard)(void* data)) {
    this->MarkMethodCallback(AllRpcs()[RpcOf<Request>()].descriptor->index(),
                             new GuardedHandler(bounds, std::move(serving), std::move(refusing),
                                                std::move(unreadable), discard));
  }
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_GUARDED_SERVICE_H_
