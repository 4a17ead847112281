// One call under observation: counted when it begins and when it ends, logged where it took long
// (log.slow_query_millis), and told as spans where it is traced (server/tracing).
//
// A meter belongs to its call. What it writes to is shared and thread-safe.
#ifndef MNEME_SERVER_RPC_CALL_METER_H_
#define MNEME_SERVER_RPC_CALL_METER_H_

#include <google/protobuf/message.h>
#include <grpcpp/grpcpp.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "core/base/clock.h"
#include "core/engine/timeline.h"
#include "server/observe/call_counters.h"
#include "server/rpc/rpc_table.h"
#include "server/tracing/tracer.h"

namespace mneme::server {

// What all calls are counted in. Outlives them.
struct CallObserver {
  CallCounters counters{AllRpcs().size()};
  const Clock& clock = Clock::Real();
  std::atomic<int64_t> slow_nanos = 0;  // calls that took as long are logged; 0: none
  Tracer* tracer = nullptr;             // null: nothing is traced
};

// Moments of a call after its beginning.
enum class CallStage { kDecoded, kAnswered };

class CallMeter {
 public:
  // `context`: of the call; null: it is not traced. Outlives the meter's End.
  CallMeter(CallObserver& observer, size_t method, const grpc::ServerContextBase* context = nullptr)
      : observer_(observer),
        method_(method),
        context_(context),
        begin_nanos_(observer.clock.NowMonotonicNanos()) {
    observer_.counters.Begin(method_);
    if (observer_.tracer != nullptr && context_ != nullptr) BeginTrace();
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
  // Where its time goes; null unless it is traced or Watch was called.
  engine::Timeline* timeline() { return watched_ == nullptr ? nullptr : &watched_->timeline; }
  // The same, from the call's beginning, whether it is traced or not.
  engine::Timeline& Watch();
  // Ends a lap of the timeline, if there is one.
  void Lap(std::string_view name) {
    if (watched_ != nullptr) watched_->timeline.Pass(name);
  }
  // Once. The messages say what was asked of what, and how the answer came about, where the call is
  // logged or traced; they may be null. Streams and waits are not logged: they take long by their
  // nature.
  void End(int code, const google::protobuf::Message* request = nullptr,
           const google::protobuf::Message* response = nullptr);

 private:
  struct Watched {
    engine::Timeline timeline;
    std::optional<TracedCall> traced;
  };

  int64_t slow_nanos() const { return observer_.slow_nanos.load(std::memory_order_relaxed); }
  // What came in the header of this name; empty: nothing.
  std::string_view HeaderOf(const char* name) const;
  void BeginTrace();
  void EndTrace(int64_t nanos, int code, const google::protobuf::Message* request,
                const google::protobuf::Message* response);
  void Log(int64_t nanos, int code, const google::protobuf::Message& request,
           const google::protobuf::Message* response) const;

  CallObserver& observer_;
  const size_t method_;
  const grpc::ServerContextBase* const context_;
  const int64_t begin_nanos_;
  std::array<int64_t, 2> passed_ = {};  // by stage; 0: not passed
  uint64_t bytes_in_ = 0;
  uint64_t bytes_out_ = 0;
  std::unique_ptr<Watched> watched_;  // of the few that are
  bool ended_ = false;
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_CALL_METER_H_
