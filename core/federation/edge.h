// One neighbour, as a node knows it.
//
// Threads  a plain value, of the node that has it.
#ifndef MNEME_CORE_FEDERATION_EDGE_H_
#define MNEME_CORE_FEDERATION_EDGE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "core/federation/frame.h"
#include "core/federation/node_status.h"
#include "core/federation/outbox.h"
#include "core/federation/plan.h"

namespace mneme::federation {

// Which parameters of one root the neighbour has from me.
struct ParamLane {
  bool wanted = false;  // something newer waits: the newest is sent when there is room
  bool sent = false;    // it has, or will have, the numbers of this base
  uint64_t root_incarnation = 0;
  uint64_t base_tag = 0;
};

// Factors that wait: a Factor, or a StatUp in place of several.
struct QueuedFactors {
  NodeIndex source = kNoNode;
  Body body;
  size_t bytes = 0;
};

struct Edge {
  std::string name;
  NodeIndex index = kNoNode;  // in the present plan; kNoNode: no neighbour in it
  bool up = false;            // has a stream
  bool greeted = false;       // its incarnation is known, and it follows the present plan
  bool refused = false;       // it said that a newer incarnation of me is about
  uint64_t incarnation = 0;   // 0: not met
  Outbox out;
  Inbox in;
  bool ack_due = false;
  uint32_t bad_frames = 0;
  uint64_t hello_round = 0;  // of the next hello, while not greeted
  // WarmStart::kNeighbour
  std::optional<uint64_t> warm_asked_round;
  bool warm_answered = false;  // that it has nothing to begin with
  std::optional<uint64_t> warm_told_round;
  uint64_t resend_round = 0;
  uint32_t resend_after = 0;              // rounds
  std::map<NodeIndex, ParamLane> params;  // of the trees in which it is my child
  std::deque<QueuedFactors> factors;
  uint64_t factor_bytes = 0;
  EdgeTraffic sent;
  EdgeTraffic received;
  uint64_t resent_frames = 0;
  double round_trip_seconds = 0;
};

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_EDGE_H_
