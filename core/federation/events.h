// What may happen to a node, and what it then wants done.
//
// Peers go by the names that the plan gives them: indices change from plan to plan.
//
// Threads  plain values.
#ifndef MNEME_CORE_FEDERATION_EVENTS_H_
#define MNEME_CORE_FEDERATION_EVENTS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "core/federation/drops.h"
#include "core/federation/frame.h"
#include "core/federation/plan.h"

namespace mneme::federation {

// A round of this node ends. Who drives them by time and who by items is the caller's choice.
struct Tick {};
struct FrameIn {
  std::string peer;
  Frame frame;
};
// Items that this node's own memory stored, at positions first, first + 1, ... of its own order,
// the same ones again after a restart. Positions that were given before are passed over.
//
// Shapes   keys [n, d_k], responses [n, d_v], weights [n] or empty (all 1).
struct Items {
  uint64_t first = 0;
  std::vector<float> keys;
  std::vector<float> responses;
  std::vector<float> weights;
};
struct PlanChanged {
  std::shared_ptr<const Plan> plan;  // one that federation::Check accepted
};
// Coordination was out of reach for longer than plan_grace: own items only, until a plan comes.
struct PlanLost {};
struct StreamUp {
  std::string peer;
};
struct StreamDown {
  std::string peer;
};
struct CheckpointTimer {};
// The node leaves: it takes no more items and learns no more, but answers for others with those
// that it has, and passes on, until a plan without it comes.
struct Drain {};
// The last event: what comes behind it is ignored.
struct Stop {};

using Event = std::variant<Tick, FrameIn, Items, PlanChanged, PlanLost, StreamUp, StreamDown,
                           CheckpointTimer, Drain, Stop>;

// On the open stream to this peer, in order. What cannot be sent is let go: what counts is sent
// again.
struct Send {
  std::string peer;
  Frame frame;
};
// What readers see from now on. The matrix never changes.
struct Publish {
  uint64_t round = 0;
  uint64_t epoch = 0;
  std::shared_ptr<const std::vector<float>> matrix;  // [d_v, d_k]
};
// Write, sync, rename; keep the one before it until then.
struct WriteCheckpoint {
  std::string bytes;
};
struct CloseStream {
  std::string peer;
  std::string reason;
};
// A peer is ahead: read the plan now.
struct FetchPlan {
  uint64_t epoch = 0;  // at least
};

// What a test follows sums by; made only where NodeOptions::trace is on.
struct Trace {
  enum class Kind {
    kEvaluated,  // `evaluation` of mine went into the sum for `root`
    kAccepted,   // frame edge_seq of peer's session went into the sum for `root`, or to be applied
    kUploaded,   // the sum for `root` went to peer as edge_seq
    kCleared,    // the sum for `root` (barrier: of `tag`) was dropped
    kForgotten,  // all sums for `root` were
  };
  Kind kind = Kind::kEvaluated;
  std::string root;
  std::string peer;
  uint64_t peer_incarnation = 0;
  uint64_t epoch = 0;
  uint64_t edge_seq = 0;
  uint64_t tag = 0;  // barrier only: of that tag's sum
  uint64_t evaluation = 0;
  uint64_t items = 0;       // kEvaluated: so many,
  uint64_t items_from = 0;  // at positions from .. to
  uint64_t items_to = 0;
};

using Action = std::variant<Send, Publish, WriteCheckpoint, CloseStream, FetchPlan, Trace>;

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_EVENTS_H_
