// A service whose large requests are parsed only once their caller is known, and what they take
// once parsed is within the budget of all calls.
//
// gRPC's own handlers parse a request before anybody has seen who sends it, and one of many small
// parts takes thirty times its bytes then: two strangers with 64 MiB each would take 4 GB. Ours
// keep the bytes, ask the gate and the budget, and have gRPC's handler parse them, or answer
// without.
//
// Small requests are parsed at once: there is little in them, and asking twice costs time. What
// cannot be parsed is INVALID_ARGUMENT (REQUEST_BYTES), where gRPC says UNIMPLEMENTED and no word.
#ifndef MNEME_SERVER_RPC_GUARDED_SERVICE_H_
#define MNEME_SERVER_RPC_GUARDED_SERVICE_H_

#include <grpc/byte_buffer.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <functional>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "server/rpc/call.h"
#include "server/rpc/rpc_table.h"

namespace mneme::server {

// Takes from the budget what a message of `type` takes once it is parsed (nothing for small ones),
// which is to be given back; RESOURCE_EXHAUSTED (BUSY, LIMIT).
absl::StatusOr<uint64_t> TakeParsed(ByteBudget& budget, const google::protobuf::Descriptor& type,
                                    grpc::ByteBuffer& bytes);

// INVALID_ARGUMENT (REQUEST_BYTES): what came is no message of `type`.
absl::Status Unreadable(const google::protobuf::Descriptor& type);

// One method. Made once, thread-safe.
class GuardedHandler final : public grpc::internal::MethodHandler {
 public:
  using Handler = std::unique_ptr<grpc::internal::MethodHandler>;

  struct Method {
    const google::protobuf::Descriptor* request = nullptr;
    Handler serving;  // gRPC's own
    // Makes a handler that answers an empty request with this error.
    std::function<Handler(absl::Status why)> refusing;
    // Drops what `serving` keeps of a request that it could not parse (the last argument of its
    // Deserialize).
    void (*discard)(void* data);
  };

  GuardedHandler(CallBounds& bounds, Method method) : bounds_(bounds), method_(std::move(method)) {}

  // Keeps the bytes: who sends them is known to RunHandler alone.
  void* Deserialize(grpc_call* call, grpc_byte_buffer* bytes, grpc::Status* status,
                    void** data) override;
  void RunHandler(const HandlerParameter& given) override;

 private:
  // Of a large one, before it is parsed; what was taken for it.
  absl::StatusOr<uint64_t> MayParse(const grpc::ServerContextBase& context,
                                    grpc_byte_buffer* bytes) const;
  void Refuse(const HandlerParameter& given, uint64_t bytes, const absl::Status& why);

  CallBounds& bounds_;
  const Method method_;
};

// A stream of answers that ends without one, as UnaryCall::Refuse ends a call. Owns itself.
template <typename Request, typename Response>
class RefusedStream final : public grpc::ServerWriteReactor<Response> {
 public:
  RefusedStream(CallBounds& bounds, grpc::CallbackServerContext* context, const Request& request,
                const absl::Status& why)
      : entry_(bounds, context, RpcOf<Request>()) {
    this->Finish(entry_.End(entry_.Refuse(request, why), nullptr));
  }
  void OnDone() override { delete this; }

 private:
  CallEntry entry_;
};

// `Service`: a CallbackService as generated. What derives from it names its methods to Guard.
template <typename Service>
class GuardedService : public Service {
  using Context = grpc::CallbackServerContext;

 protected:
  template <typename Self, typename... Methods>
  void Guard(CallBounds& bounds, Self* self, Methods... methods) {
    (GuardOne(bounds, self, methods), ...);
  }
  // A stream of requests is let in before its first message; these it parses itself.
  template <typename Request, typename Self, typename Response>
  void GuardStream(Self* self,
                   grpc::ServerBidiReactor<grpc::ByteBuffer, Response>* (Self::*method)(Context*)) {
    using Handler = grpc::internal::CallbackBidiHandler<grpc::ByteBuffer, Response>;
    this->MarkMethodCallback(
        AllRpcs()[RpcOf<Request>()].descriptor->index(),
        new Handler([self, method](Context* context) { return (self->*method)(context); }));
  }

 private:
  template <typename Self, typename Request, typename Response>
  void GuardOne(CallBounds& bounds, Self* self,
                grpc::ServerUnaryReactor* (Self::*method)(Context*, const Request*, Response*)) {
    using Handler = grpc::internal::CallbackUnaryHandler<Request, Response>;
    Replace<Request>(
        bounds, {.serving = std::make_unique<Handler>(
                     [self, method](Context* context, const Request* request, Response* response) {
                       return (self->*method)(context, request, response);
                     }),
                 .refusing =
                     [&bounds](absl::Status why) {
                       return std::make_unique<Handler>(
                           [&bounds, why = std::move(why)](Context* context, const Request* request,
                                                           Response* response) {
                             auto* call = new UnaryCall(bounds, context, RpcOf<Request>());
                             call->Refuse(*request, response, why);
                             return call;
                           });
                     },
                 .discard =
                     [](void* data) {
                       static_cast<grpc::MessageHolder<Request, Response>*>(data)->Release();
                     }});
  }

  template <typename Self, typename Request, typename Response>
  void GuardOne(CallBounds& bounds, Self* self,
                grpc::ServerWriteReactor<Response>* (Self::*method)(Context*, const Request*)) {
    using Handler = grpc::internal::CallbackServerStreamingHandler<Request, Response>;
    Replace<Request>(
        bounds,
        {.serving =
             std::make_unique<Handler>([self, method](Context* context, const Request* request) {
               return (self->*method)(context, request);
             }),
         .refusing =
             [&bounds](absl::Status why) {
               return std::make_unique<Handler>(
                   [&bounds, why = std::move(why)](Context* context, const Request* request) {
                     return new RefusedStream<Request, Response>(bounds, context, *request, why);
                   });
             },
         .discard = [](void*) {}});
  }

  template <typename Request>
  void Replace(CallBounds& bounds, GuardedHandler::Method method) {
    method.request = Request::descriptor();
    this->MarkMethodCallback(AllRpcs()[RpcOf<Request>()].descriptor->index(),
                             new GuardedHandler(bounds, std::move(method)));
  }
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_GUARDED_SERVICE_H_
