// What a node says of itself.
#include <algorithm>

#include "core/federation/ball.h"
#include "core/federation/node.h"

namespace mneme::federation {
namespace {

constexpr double kNanosPerSecond = 1e9;

}  // namespace

double Node::Coverage() const {
  double weight = 0;
  double heard = 0;
  for (const TreeNode& node : Interest()) {
    weight += node.weight;
    const auto source = sources_.find(NameOf(node.node));
    const bool lately = source != sources_.end() && source->second.heard &&
                        round_ - source->second.heard_round <= spec_.max_delay;
    if (node.node == place_.me || lately) heard += node.weight;
  }
  return weight > 0 ? heard / weight : 0;
}

std::vector<SourceStatus> Node::SourceStatuses(int64_t now_nanos) const {
  std::vector<SourceStatus> out;
  for (const TreeNode& node : Interest()) {
    if (node.node == place_.me) continue;
    SourceStatus status{.node = NameOf(node.node), .weight = node.weight, .depth = node.depth};
    if (const auto found = sources_.find(status.node); found != sources_.end()) {
      const Source& source = found->second;
      status.heard = source.heard;
      status.rounds_behind = round_ - std::min(round_, source.heard_round);
      status.seconds_behind = static_cast<double>(now_nanos - source.heard_at) / kNanosPerSecond;
      status.delay_rounds = source.delay;
      status.arrival_share = source.share.share();
      status.boost = source.share.Boost(spec_.loss_correction);
      status.items = source.items_arrived;
    }
    out.push_back(std::move(status));
  }
  return out;
}

std::vector<EdgeStatus> Node::EdgeStatuses() const {
  std::vector<EdgeStatus> out;
  for (const auto& [name, edge] : edges_) {
    out.push_back({.node = name,
                   .up = edge.up,
                   .incarnation = edge.incarnation,
                   .sent = edge.sent,
                   .received = edge.received,
                   .resent_frames = edge.resent_frames,
                   .in_flight = edge.out.unacked().size(),
                   .factor_queue_bytes = edge.factor_bytes,
                   .bad_frames = edge.bad_frames,
                   .round_trip_seconds = edge.round_trip_seconds});
  }
  return out;
}

NodeStatus Node::Status(int64_t now_nanos) const {
  NodeStatus status{.name = options_.name,
                    .incarnation = options_.incarnation,
                    .epoch = epoch_,
                    .planned = active(),
                    .transport = spec_.transport,
                    .round = round_,
                    .steps = steps_.state().steps,
                    .warm_from = warm_from_,
                    .warming = warm_pending_,
                    .draining = draining_,
                    .coverage = Coverage(),
                    .mean_delay = DelaysOfInterest().mean,
                    .gradient_norm = gradient_norm_,
                    .eta = eta_,
                    .memory_norm = Norm(std::span<const float>(*memory_)),
                    .projections = projections_,
                    .clipped = clipped_,
                    .items_head = items_.head(),
                    .items_waiting = items_.size(),
                    .sources = SourceStatuses(now_nanos),
                    .edges = EdgeStatuses(),
                    .drops = drops_.all()};
  if (!meter_.readings().empty()) status.regret = meter_.readings().back();
  return status;
}

QueueSizes Node::queue_sizes() const {
  QueueSizes sizes{.items = items_.size()};
  std::map<std::string, size_t> of_child;
  for (const Arrived& arrived : arrived_) {
    sizes.arrived = std::max(sizes.arrived, ++of_child[arrived.child]);
  }
  for (const auto& [name, edge] : edges_) {
    sizes.in_flight_per_lane = std::max<size_t>(sizes.in_flight_per_lane, edge.out.widest_lane());
    sizes.frames_ahead = std::max(sizes.frames_ahead, edge.in.ahead());
    sizes.factor_queue_bytes = std::max(sizes.factor_queue_bytes, edge.factor_bytes);
  }
  for (const auto& [root, tree] : trees_) {
    sizes.pending_tags = std::max(sizes.pending_tags, tree.tags.size());
  }
  return sizes;
}

}  // namespace mneme::federation
