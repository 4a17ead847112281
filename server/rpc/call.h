// A unary call on its way, and the one path that all handlers take: admit, decode, hand over,
// encode, answer (call_entry.h: how it begins and ends).
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

#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "core/base/status.h"
#include "server/rpc/budget.h"
#include "server/rpc/call_entry.h"
#include "server/rpc/convert.h"
#include "server/rpc/self_owned.h"

namespace mneme::server {

// RESOURCE_EXHAUSTED (FULL): there was no main memory. gRPC answers what a handler throws itself,
// without a word, and what the call holds would be held for ever.
absl::Status OutOfMemory();

class UnaryCall : public grpc::ServerUnaryReactor, protected SelfOwned {
 public:
  // `method`: its place in AllRpcs.
  UnaryCall(CallBounds& bounds, grpc::CallbackServerContext* context, size_t method)
      : bounds_(bounds), context_(context), entry_(bounds, context, method) {}

  absl::Status Admit(const google::protobuf::Message& request) { return entry_.Admit(request); }
  // Answers a call whose message was not parsed (CallEntry::Refuse).
  void Refuse(const google::protobuf::Message& request, google::protobuf::Message* response,
              const absl::Status& why) {
    Answer(entry_.Refuse(request, why), response, false);
  }
  const Caller& caller() const { return entry_.caller(); }
  // Answers, once. An answer that does not fit into the budget becomes BUSY, unless the call
  // changed something (`is_write`): then it is sent whatever it takes.
  void Answer(const absl::Status& status, google::protobuf::Message* response, bool is_write);

  // For what decoding could not borrow; lives until the answer.
  DecodeArena& arena() { return *arena_; }
  CallMeter& meter() { return entry_.meter(); }

  void OnDone() override;
  // OnDone is short and waits for nothing: it needs no thread of gRPC's executor, which would be
  // woken for each call.
  bool InternalInlineable() override { return true; }

 protected:
  ~UnaryCall() override = default;

 private:
  // Ends the call, and hands the answer to gRPC.
  void End(const absl::Status& status, const google::protobuf::Message* response);

  CallBounds& bounds_;
  grpc::CallbackServerContext* const context_;
  CallEntry entry_;
  std::optional<DecodeArena> arena_{std::in_place, bounds_.budget};
  std::unique_ptr<grpc::Alarm> patience_;  // with large answers
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
  auto* call = new UnaryCall(bounds, context, RpcOf<Request>());
  const auto admit = [&]() -> decltype(decode(*request, call->arena())) {
    try {
      const absl::Status admitted = call->Admit(*request);
      if (admitted.ok()) return decode(*request, call->arena());
      return admitted;
    } catch (const std::bad_alloc&) {
      return OutOfMemory();
    }
  };
  auto command = admit();
  if (!command.ok()) {
    call->Answer(command.status(), response, false);
    return call;
  }
  call->meter().Pass(CallStage::kDecoded);
  call->meter().Lap("decode");
  if constexpr (requires { command->timeline; }) command->timeline = call->meter().timeline();
  submit(*std::move(command), [call, response, encode = std::move(encode)](auto reply) {
    call->meter().Pass(CallStage::kAnswered);
    if (reply.ok()) encode(*reply, response);
    call->Answer(reply.status(), response, verb == Verb::kWrite);
  });
  return call;
}

// A call that is answered at once. work: (const Request&, Response*) -> absl::Status, or, where
// what it answers depends on who asks, (const Request&, Response*, const Caller&)
template <Verb verb = Verb::kRead, typename Request, typename Response, typename Work>
grpc::ServerUnaryReactor* ServeNow(CallBounds& bounds, grpc::CallbackServerContext* context,
                                   const Request* request, Response* response, Work work) {
  auto* call = new UnaryCall(bounds, context, RpcOf<Request>());
  const auto carry_out = [&]() -> absl::Status {
    try {
      MNEME_RETURN_IF_ERROR(call->Admit(*request));
      if constexpr (std::is_invocable_v<Work, const Request&, Response*, const Caller&>) {
        return work(*request, response, call->caller());
      } else {
        return work(*request, response);
      }
    } catch (const std::bad_alloc&) {
      return OutOfMemory();
    }
  };
  const absl::Status status = carry_out();
  call->Answer(status, response, status.ok() && verb == Verb::kWrite);
  return call;
}

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_CALL_H_
