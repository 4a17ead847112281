// Frames out: parameters down, and what keeps edges alive.
#include <algorithm>
#include <cmath>
#include <utility>

#include "core/federation/ball.h"
#include "core/federation/node.h"

namespace mneme::federation {
namespace {

double DistanceOf(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += difference * difference;
  }
  return std::sqrt(sum);
}

}  // namespace

void Node::SendPlain(Edge& edge, Body body, const SendAs& as) {
  if (!edge.up || edge.refused) return;
  Frame frame{.header = {.federation = options_.federation,
                         .epoch = epoch_,
                         .sender = place_.me,
                         .incarnation = options_.incarnation,
                         .to_incarnation = as.to_incarnation.value_or(edge.incarnation),
                         .edge_seq = as.edge_seq,
                         .ack_seq = edge.in.seen(),
                         .sent_at = now_},
              .body = std::move(body)};
  if (frame.header.to_incarnation == edge.incarnation) edge.ack_due = false;
  ++edge.sent.frames;
  edge.sent.payload_bytes += PayloadBytes(frame);
  actions_->push_back(Send{.peer = edge.name, .frame = std::move(frame)});
}

uint64_t Node::SendKept(Edge& edge, Lane lane, Body body) {
  if (edge.out.unacked().empty()) edge.resend_round = round_ + edge.resend_after;
  Body kept = lane.kind == LaneKind::kParam ? Body(ParamDown{.root = lane.root}) : body;
  const uint64_t seq = edge.out.Add(lane, std::move(kept));
  SendPlain(edge, std::move(body), {.edge_seq = seq});
  return seq;
}

void Node::SendHello(Edge& edge, bool wants_reply) {
  SendPlain(edge, Hello{.spec_hash = Hash(plan_->spec),
                        .edge_queue_frames = spec_.wire.edge_queue_frames,
                        .factor_queue_bytes = spec_.wire.factor_queue_bytes,
                        .wants_reply = wants_reply});
}

void Node::Acked(Edge& edge) {
  edge.resend_after = std::max(kResendRounds, edge.resend_after / 2);
  edge.resend_round = round_ + edge.resend_after;
  FlushParams(edge);
  FlushFactors(edge);
}

void Node::Resend(Edge& edge) {
  edge.resend_round = round_ + edge.resend_after;
  for (const Outbox::Sent& sent : edge.out.unacked()) {
    std::optional<Body> body = sent.body;
    if (sent.lane.kind == LaneKind::kParam) body = NewestParam(edge, sent.lane.root);
    if (!body.has_value()) continue;
    ++edge.resent_frames;
    SendPlain(edge, *std::move(body), {.edge_seq = sent.seq});
  }
}

// The numbers of the newest base, packed when somebody needs them for the first time.
const Numbers& Node::WholeMemory(ServedTree& tree) const {
  ParamState& param = tree.param;
  if (param.memory.bytes.empty() && spec_.transport == Transport::kGradient) {
    param.memory = Pack(tree.role.is_root() ? *param.packed : tree.memory, spec_.wire.type);
  }
  return param.memory;
}

std::optional<Body> Node::NewestParam(Edge& edge, NodeIndex root) {
  ServedTree& tree = trees_.at(root);
  const ParamState& param = tree.param;
  if (!param.valid) return std::nullopt;
  ParamLane& lane = edge.params[root];
  const bool has_base = lane.sent && lane.root_incarnation == param.root_incarnation;
  const bool unchanged = has_base && lane.base_tag == param.base_tag;
  std::optional<MemoryChange> change;
  if (has_base && !unchanged) change = tree.changes.Since(lane.base_tag);
  lane = {.wanted = false,
          .sent = true,
          .root_incarnation = param.root_incarnation,
          .base_tag = param.base_tag};
  return ParamDown{.root = root,
                   .root_incarnation = param.root_incarnation,
                   .tag = param.tag,
                   .base_tag = param.base_tag,
                   .unchanged = unchanged,
                   .memory = unchanged || change.has_value() ? Numbers{} : WholeMemory(tree),
                   .change = std::move(change).value_or(MemoryChange{}),
                   .boosts = param.boosts,
                   .eta = param.eta};
}

void Node::FlushParams(Edge& edge) {
  if (!Usable(edge)) return;
  // A tag that is skipped never becomes whole.
  const uint32_t window =
      spec_.combine == Combine::kBarrier ? spec_.max_delay : LaneWindow(spec_, kParamsInFlightMax);
  for (auto& [root, lane] : edge.params) {
    const Lane key{.kind = LaneKind::kParam, .root = root};
    if (!lane.wanted || edge.out.InFlight(key) >= window) continue;
    if (std::optional<Body> body = NewestParam(edge, root); body.has_value()) {
      SendKept(edge, key, *std::move(body));
    }
  }
}

void Node::WantParams(const ServedTree& tree) {
  for (const NodeIndex child : tree.role.children) {
    Edge* edge = EdgeOf(child);
    if (edge == nullptr) continue;
    edge->params[tree.role.root].wanted = true;
    FlushParams(*edge);
  }
}

std::vector<Boost> Node::Boosts() const {
  std::vector<Boost> boosts;
  for (const TreeNode& node : FindTree(*plan_, place_.me)->nodes) {
    const auto source = sources_.find(NameOf(node.node));
    if (node.node == place_.me || source == sources_.end()) continue;
    const float factor = source->second.share.Boost(spec_.loss_correction);
    if (factor > 1) boosts.push_back({.node = node.node, .factor = factor});
  }
  return boosts;
}

// The present memory, to those who evaluate it.
void Node::AnnounceOwn() {
  const auto found = trees_.find(place_.me);
  if (found == trees_.end() || found->second.role.children.empty() ||
      spec_.transport == Transport::kFactor || warm_pending_ || draining_) {
    return;
  }
  ServedTree& tree = found->second;
  ParamState& param = tree.param;
  std::vector<Boost> boosts = Boosts();
  if (spec_.transport == Transport::kGradient) {
    const bool factors = spec_.wire.compression == Compression::kLowRank;
    const bool whole =
        !param.valid || round_ - (factors ? tree.changes.start() : param.base_tag) >= kRefreshTags;
    bool moved = whole;
    if (!moved && param.packed != memory_) {
      moved = DistanceOf(*memory_, *param.packed) >
              kUnchangedShare * Norm(std::span<const float>(*memory_));
    }
    if (moved) {
      param.memory = {};
      param.packed = memory_;
      param.base_tag = round_;
      if (whole || !factors) {
        tree.changes.Restart(round_);
      } else {
        tree.changes.Seal(round_);
      }
    }
  } else if (param.valid ? boosts == param.boosts : boosts.empty()) {
    return;  // statistics need no parameters
  }
  param.valid = true;
  param.root_incarnation = options_.incarnation;
  param.tag = round_;
  if (spec_.transport != Transport::kGradient) param.base_tag = round_;
  param.boosts = std::move(boosts);
  param.eta = static_cast<float>(eta_);
  // Answers may be here before the round ends.
  if (spec_.combine == Combine::kBarrier) OpenNewTag(tree, round_);
  WantParams(tree);
}

// Hellos that nobody answered, frames that nobody acknowledged, and acknowledgements.
void Node::Maintain() {
  for (auto& [name, edge] : edges_) {
    if (!edge.up || edge.index == kNoNode) continue;
    if (!edge.greeted) {
      if (round_ < edge.hello_round) continue;
      edge.hello_round = round_ + kHelloRounds;
      SendHello(edge, true);
      continue;
    }
    if (!edge.out.unacked().empty() && round_ >= edge.resend_round) {
      edge.resend_after = std::min(kResendRoundsMax, 2 * edge.resend_after);
      Resend(edge);
    }
    FlushParams(edge);
    FlushFactors(edge);
    if (round_ % kProbeRounds == 0) SendPlain(edge, Probe{});
    if (edge.ack_due) SendPlain(edge, Ack{});
  }
}

}  // namespace mneme::federation
