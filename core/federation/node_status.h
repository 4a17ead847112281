// What a node says of itself: `mnemectl federation status` shows it.
#ifndef MNEME_CORE_FEDERATION_NODE_STATUS_H_
#define MNEME_CORE_FEDERATION_NODE_STATUS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/federation/drops.h"
#include "core/federation/regret_meter.h"
#include "core/federation/spec.h"

namespace mneme::federation {

// A node whose items this one wants.
struct SourceStatus {
  std::string node;
  double weight = 0;
  uint32_t depth = 0;
  bool heard = false;          // in this epoch
  uint64_t rounds_behind = 0;  // since it was last heard of
  double seconds_behind = 0;
  double delay_rounds = 0;   // between a tag and its step, the last one
  double arrival_share = 1;  // p of what it sent
  float boost = 1;
  uint64_t items = 0;  // that arrived, by this incarnation of mine
};

struct EdgeTraffic {
  uint64_t frames = 0;
  uint64_t payload_bytes = 0;
};
struct EdgeStatus {
  std::string node;
  bool up = false;
  uint64_t incarnation = 0;  // of the peer; 0: not met
  EdgeTraffic sent;
  EdgeTraffic received;
  uint64_t resent_frames = 0;
  size_t in_flight = 0;
  uint64_t factor_queue_bytes = 0;
  uint32_t bad_frames = 0;        // since the stream opened
  double round_trip_seconds = 0;  // 0: not measured
};

struct NodeStatus {
  std::string name;
  uint64_t incarnation = 0;
  uint64_t epoch = 0;
  bool planned = false;  // has a plan that names it, and trusts it
  Transport transport = Transport::kGradient;
  uint64_t round = 0;
  uint64_t steps = 0;        // rounds in which something was applied
  std::string warm_from;     // whose memory it began with; empty: nobody's
  bool warming = false;      // it still waits for one
  bool draining = false;     // it leaves
  double coverage = 0;       // share of its interest heard of within max_delay rounds
  double mean_delay = 0;     // L of the plan
  double gradient_norm = 0;  // of the last step
  double eta = 0;
  double memory_norm = 0;
  uint64_t projections = 0;  // steps that the ball cut short
  uint64_t clipped = 0;      // own gradients made smaller
  uint64_t items_head = 0;
  uint64_t items_waiting = 0;           // own items that some root has not been told of
  std::optional<RegretReading> regret;  // the newest point
  std::vector<SourceStatus> sources;
  std::vector<EdgeStatus> edges;
  std::array<uint64_t, kDropReasons> drops = {};
};

// Largest sizes of what is bounded, for whoever checks the bounds.
struct QueueSizes {
  size_t in_flight_per_lane = 0;    // at most edge_queue_frames (kParamsInFlightMax downwards)
  size_t frames_ahead = 0;          // at most Inbox::kAheadMax
  size_t arrived = 0;               // at most kArrivedPerChildMax for each child
  size_t items = 0;                 // at most the item log's capacity
  uint64_t factor_queue_bytes = 0;  // at most spec.wire.factor_queue_bytes, and one frame
  size_t pending_tags = 0;          // barrier: at most max_delay + 1
};

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_NODE_STATUS_H_
