// A unary call on its way, and the one path that all handlers take: admit, decode, hand over,
// encode, answer.
//
// A call is charged to the budget with its request from the start, with its answer from Answer on,
// until gRPC has let go of both; with what decoding could not borrow, from then until the answer.
// An answer that its client does not take within the time that is set is dropped with the call: a
// client that stopped reading holds no memory for ever.
#ifndef MNEME_SERVER_RPC_CALL_H_
#define MNEME_SERVER_RPC_CALL_H_

#include <google/protobuf/message.h>
#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "server/rpc/budget.h"
#include "server/rpc/convert.h"

namespace mneme::server {

// What all calls share. Outlives them.
struct CallBounds {
  uint64_t message_bytes_max = 0;  // of a request
  int64_t answer_seconds_max = 0;  // for a client to take a large answer
  ByteBudget& budget;
};

// OK, or RESOURCE_EXHAUSTED (LIMIT) for a request over the configured size.
absl::Status CheckMessageBytes(uint64_t bytes, uint64_t most);

// Owns itself: gone when gRPC is done with it.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  UnaryCall(CallBounds& bounds, grpc::CallbackServerContext* context)
      : bounds_(bounds), context_(context) {}

  // Whether the request may be handled at all.
  absl::Status Admit(const google::protobuf::Message& request);
  // Answers, once. An answer that does not fit into the budget becomes BUSY, unless the call
  // changed something (`is_write`): then it is sent whatever it takes.
  void Answer(const absl::Status& status, google::protobuf::Message* response, bool is_write);

  // For what decoding could not borrow; lives until the answer.
  DecodeArena& arena() { return *arena_; }

  void OnDone() override;
  // OnDone is short and waits for nothing: it needs no thread of gRPC's executor, which would be
  // woken for each call.
  bool InternalInlineable() override { return true; }

 private:
  ~UnaryCall() override = default;
  void Leave();

  CallBounds& bounds_;
  grpc::CallbackServerContext* const context_;
  std::optional<DecodeArena> arena_{std::in_place, bounds_.budget};
  uint64_t charged_bytes_ = 0;
  std::unique_ptr<grpc::Alarm> patience_;  // with large answers
  std::atomic<int> parties_{1};            // the call, and the alarm
  Mutex mutex_;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
};

// Whether a call changes anything decides what may become of its answer.
enum class Verb { kRead, kWrite };

// decode: (const Request&, DecodeArena&) -> StatusOr<Command>
// submit: (Command, engine::Done<Reply>) -> void
// encode: (const Reply&, Response*) -> void
template <Verb verb, typename Request, typename Response, typename Decode, typename Submit,
          typename Encode>
grpc::ServerUnaryReactor* Serve(CallBounds& bounds, grpc::CallbackServerContext* context,
                                const Request* request, Response* response, Decode decode,
                                Submit submit, Encode encode) {
  auto* call = new UnaryCall(bounds, context);
  const auto admit = [&]() {
    const absl::Status admitted = call->Admit(*request);
    return admitted.ok() ? decode(*request, call->arena())
                         : decltype(decode(*request, call->arena()))(admitted);
  };
  auto command = admit();
  if (!command.ok()) {
    call->Answer(command.status(), response, false);
    return call;
  }
  submit(*std::move(command), [call, response, encode = std::move(encode)](auto reply) {
    if (reply.ok()) encode(*reply, response);
    call->Answer(reply.status(), response, verb == Verb::kWrite);
  });
  return call;
}

// A call that is answered at once. work: (const Request&, Response*) -> absl::Status
template <Verb verb = Verb::kRead, typename Request, typename Response, typename Work>
grpc::ServerUnaryReactor* ServeNow(CallBounds& bounds, grpc::CallbackServerContext* context,
                                   const Request* request, Response* response, Work work) {
  auto* call = new UnaryCall(bounds, context);
  absl::Status status = call->Admit(*request);
  if (status.ok()) status = work(*request, response);
  call->Answer(status, response, status.ok() && verb == Verb::kWrite);
  return call;
}

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_CALL_H_
