// How every call with one request begins and ends, whatever lies between: the gate
// (server/auth/gate.h) decides who may make it, the budget whether there is room for it; it is
// counted, the audit log is told how it went, and its client is told no more than he may know.
#ifndef MNEME_SERVER_RPC_CALL_ENTRY_H_
#define MNEME_SERVER_RPC_CALL_ENTRY_H_

#include <google/protobuf/message.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "server/auth/gate.h"
#include "server/net/deliveries.h"
#include "server/rpc/budget.h"
#include "server/rpc/call_meter.h"

namespace mneme::server {

// What all calls share. Outlives them.
struct CallBounds {
  uint64_t message_bytes_max = 0;               // of a request
  std::atomic<int64_t> answer_seconds_max = 0;  // for a client to take a large answer; may change
  ByteBudget& budget;
  CallObserver& observer;
  const Gate& gate;
  Deliveries& deliveries;
};

// Requests up to this size are parsed whoever sends them, and take about as much main memory as
// they have bytes; of larger ones it is looked up what they take.
inline constexpr uint64_t kSmallRequestBytes = 64 * 1024;

// OK, or RESOURCE_EXHAUSTED (LIMIT) for a request over the configured size.
absl::Status CheckMessageBytes(uint64_t bytes, uint64_t most);

// Part of its call, and as thread-safe as that: not at all. What is charged to the budget is given
// back with it.
class CallEntry {
 public:
  // `method`: its place in AllRpcs. `context` outlives it.
  CallEntry(CallBounds& bounds, grpc::CallbackServerContext* context, size_t method)
      : bounds_(bounds), context_(*context), meter_(bounds.observer, method, context) {}
  ~CallEntry() { bounds_.budget.Give(charged_bytes_); }
  CallEntry(const CallEntry&) = delete;
  CallEntry& operator=(const CallEntry&) = delete;

  // Whether the request may be handled at all. It must live until the end, as gRPC's do.
  absl::Status Admit(const google::protobuf::Message& request);
  // What a call whose message was not parsed is refused with: `why`, unless its caller may not call
  // at all. `request`: an empty one in its place.
  absl::Status Refuse(const google::protobuf::Message& request, const absl::Status& why);
  // Notes what the budget was charged with for it beside.
  void NoteCharged(uint64_t bytes) { charged_bytes_ += bytes; }
  // Once, after Admit or Refuse: counts it, tells the audit log, and gives what its client is to
  // hear. `response` null where there is none.
  grpc::Status End(const absl::Status& status, const google::protobuf::Message* response);

  // Who makes it; of one that was admitted.
  const Caller& caller() const { return passage_.caller; }
  CallMeter& meter() { return meter_; }

 private:
  CallBounds& bounds_;
  grpc::CallbackServerContext& context_;
  CallMeter meter_;
  Passage passage_;
  const google::protobuf::Message* request_ = nullptr;  // from Admit on
  uint64_t charged_bytes_ = 0;
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_CALL_ENTRY_H_
