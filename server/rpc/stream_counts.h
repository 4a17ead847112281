// Which streams of Stores are open, and whose: each caller has a share, so that whoever opens many
// and sends nothing keeps nobody else out.
//
// A server that asks nobody who he is has one caller, who may have all.
//
// Invariants: (1) no more than kStreamsMax streams have a place. (2) A caller who is known has at
// most kStreamsPerCallerMax of them, and when he got the last one as many were left for others as
// he had. (3) Windows beyond the least add up to kStreamWindowsShared at most, those of a caller
// who is known to kStreamWindowsPerCaller.
//
// Thread-safe.
#ifndef MNEME_SERVER_RPC_STREAM_COUNTS_H_
#define MNEME_SERVER_RPC_STREAM_COUNTS_H_

#include <cstdint>
#include <string>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "server/auth/identity.h"

namespace mneme::server {

class StreamCounts {
 public:
  // What a stream holds, from Enter to Leave.
  struct Place {
    std::string caller;
    bool is_shared = false;  // the caller has a share, not all
    uint32_t window = 0;     // chunks; 0: none yet
  };

  // ResourceExhausted (BUSY): all are taken, or the caller has his share.
  absl::StatusOr<Place> Enter(const Caller& caller);
  // A window for a stream that has entered: half of what is shared yet, and half of what is left of
  // the caller's part, within its bounds.
  void TakeWindow(Place* place);
  // The stream ends.
  void Leave(const Place& place);

 private:
  struct Held {
    uint32_t streams = 0;
    uint32_t windows = 0;  // beyond the least ones
  };

  Mutex mutex_;
  Held all_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, Held> callers_ ABSL_GUARDED_BY(mutex_);  // with streams
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_STREAM_COUNTS_H_
