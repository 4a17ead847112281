// One call under observation: counted when it begins and when it ends, and logged where it took
// long (log.slow_query_millis).
//
// A meter belongs to its call. What it writes to is shared and thread-safe.
#ifndef MNEME_SERVER_RPC_CALL_METER_H_
#define MNEME_SERVER_RPC_CALL_METER_H_

#include <google/protobuf/message.h>
#include <grpcpp/grpcpp.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "core/base/clock.h"
#include "server/observe/call_counters.h"
#include "server/rpc/rpc_table.h"

namespace mneme::server {

// What all calls are counted in. Outlives them.
struct CallObserver {
  CallCounters counters{AllRpcs().size()};
  const Clock& clock = Clock::Real();
  std::atomic<int64_t> slow_nanos = 0;  // calls that took as long are logged; 0: none
};

// Moments of a call after its beginning.
enum class CallStage { kDecoded, kAnswered };

class CallMeter {
 public:
  CallMeter(CallObserver& observer, size_t method)
      : observer_(observer), method_(method), begin_nanos_(observer.clock.NowMonotonicNanos()) {
    observer_.counters.Begin(method_);
  }
  ~CallMeter() {
    if (!ended_) End(grpc::StatusCode::CANCELLED);
  }
  CallMeter(const CallMeter&) = delete;
  CallMeter& operator=(const CallMeter&) = delete;

  size_t method() const { return method_; }
  void AddIn(uint64_t bytes) { bytes_in_ += bytes; }
  void AddOut(uint64_t bytes) { bytes_out_ += bytes; }
  // Noted where calls are logged.
  void Pass(CallStage stage) {
    if (slow_nanos() > 0) passed_[static_cast<size_t>(stage)] = observer_.clock.NowMonotonicNanos();
  }
  // Once. Nanoseconds since the beginning.
  int64_t End(int code) {
    ended_ = true;
    const int64_t nanos = observer_.clock.NowMonotonicNanos() - begin_nanos_;
    observer_.counters.End(method_, code, nanos, bytes_in_, bytes_out_);
    return nanos;
  }
  // Logs a call that took `nanos`, if that is long: what was asked of what, how long its stages
  // took, and how the answer came about. `request` and `response` may be null.
  void LogIfSlow(int64_t nanos, int code, grpc::CallbackServerContext& context,
                 const google::protobuf::Message* request,
                 const google::protobuf::Message* response) const {
    if (slow_nanos() > 0 && nanos >= slow_nanos()) Log(nanos, code, context, request, response);
  }

 private:
  int64_t slow_nanos() const { return observer_.slow_nanos.load(std::memory_order_relaxed); }
  void Log(int64_t nanos, int code, grpc::CallbackServerContext& context,
           const google::protobuf::Message* request,
           const google::protobuf::Message* response) const;

  CallObserver& observer_;
  const size_t method_;
  const int64_t begin_nanos_;
  std::array<int64_t, 2> passed_ = {};  // by stage; 0: not passed
  uint64_t bytes_in_ = 0;
  uint64_t bytes_out_ = 0;
  bool ended_ = false;
};

// The trace id in a W3C traceparent ("00-TRACE-SPAN-FLAGS"); empty where it is not one.
std::string TraceIdOf(std::string_view traceparent);

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_CALL_METER_H_
