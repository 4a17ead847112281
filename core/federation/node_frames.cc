// What frames do that passed the fences.
#include <algorithm>
#include <utility>

#include "core/base/status.h"
#include "core/federation/ball.h"
#include "core/federation/node.h"
#include "core/federation/tally.h"

namespace mneme::federation {
namespace {

// Rounding of a memory that was projected, and of the wire.
constexpr double kBallSlack = 1.01;
constexpr double kNormSlack = 1.02;  // of a sum of rounded gradients
constexpr double kNanosPerSecond = 1e9;
constexpr double kRoundTripShare = 0.2;  // of the newest measurement

}  // namespace

void Node::Take(Edge& edge, const Frame& /*frame*/, const Hello& hello) {
  if (hello.version != kProtocolVersion || hello.spec_hash != Hash(plan_->spec)) {
    Refuse(edge, Drop::kBadFrame, NackCode::kSpecMismatch);
    edge.up = edge.greeted = false;
    actions_->push_back(
        CloseStream{.peer = edge.name,
                    .reason = absl::StrCat("another spec or protocol: version ", hello.version,
                                           ", hash ", absl::Hex(hello.spec_hash), " against ",
                                           kProtocolVersion, ", ", absl::Hex(Hash(plan_->spec)))});
    return;
  }
  if (hello.wants_reply) SendHello(edge, false);
  Greeted(edge);
}

void Node::Take(Edge& edge, const Frame& /*frame*/, const ParamDown& down) {
  ServedTree& tree = trees_.at(down.root);
  ParamState& param = tree.param;
  if (param.valid && down.root_incarnation < param.root_incarnation) {
    return drops_.Add(Drop::kOldRoot);
  }
  const bool new_root = !param.valid || down.root_incarnation > param.root_incarnation;
  if (!new_root && down.tag <= param.tag) return;  // an older one, late
  const bool change = !down.change.steps.empty();
  if ((down.unchanged || change) &&
      (new_root || param.base_tag != (change ? down.change.from : down.base_tag))) {
    return Refuse(edge, Drop::kMissingBase, NackCode::kMissingBase, down.root);
  }
  if (!down.unchanged && !TakeMemory(edge, tree, down)) return;
  if (new_root) ForgetRoot(tree, down.root_incarnation);
  param.valid = true;
  param.root_incarnation = down.root_incarnation;
  param.tag = down.tag;
  param.base_tag = down.base_tag;
  param.boosts = down.boosts;
  param.eta = down.eta;
  tree.boost = 1;
  for (const Boost& boost : down.boosts) {
    if (boost.node == place_.me) tree.boost = boost.factor;
  }
  WantParams(tree);
  if (spec_.transport == Transport::kGradient) EvaluateGradient(tree);
}

// False where what would come of it is none that a root can have.
bool Node::TakeMemory(Edge& edge, ServedTree& tree, const ParamDown& down) {
  const bool change = !down.change.steps.empty();
  if (spec_.transport == Transport::kGradient) {
    if (change) {
      scratch_ = tree.memory;
      ApplyChange(down.change, spec_.d_v, spec_.d_k, scratch_);
    } else {
      scratch_.resize(memory_->size());
      Unpack(down.memory, scratch_);
    }
    // NaN too.
    if (!(Norm(std::span<const float>(scratch_)) <= kBallSlack * BallRadius(spec_))) {
      if (change) {
        // Rounded steps may end outside: then the whole memory is needed.
        Refuse(edge, Drop::kMissingBase, NackCode::kMissingBase, down.root);
      } else {
        Bad(edge, Drop::kBadFrame, NackCode::kBadFrame, "a memory outside the ball");
      }
      return false;
    }
  }
  tree.param.memory = down.memory;
  if (spec_.wire.compression != Compression::kLowRank) return true;
  tree.memory = scratch_;
  if (change) {
    tree.changes.Add(down.base_tag, down.change);
  } else {
    tree.changes.Restart(down.base_tag);
  }
  return true;
}

// Sums for a root that has started again are of no use to it.
void Node::ForgetRoot(ServedTree& tree, uint64_t incarnation) {
  if (!tree.param.valid) return;
  for (PendingSum& pending : tree.tags) {
    if (pending.tally.items > 0) drops_.Add(Drop::kOldRoot);
  }
  tree.tags.clear();
  if (spec_.combine == Combine::kBarrier) {
    Note({.kind = Trace::Kind::kForgotten, .root = NameOf(tree.role.root)});
  } else if (tree.sum.root_incarnation < incarnation) {
    ClearSum(tree, tree.sum, Drop::kOldRoot);
  }
  if (tree.residual.has_value()) tree.residual->Clear();
}

bool Node::ExceedsClip(double norm, double weight) const {
  return spec_.clip > 0 && norm > kNormSlack * spec_.clip * weight;
}

// Whether a sum for this incarnation of the root may join what is pending.
bool Node::Admits(ServedTree& tree, PendingSum& pending, uint64_t root_incarnation) {
  const uint64_t newest =
      tree.role.is_root()
          ? options_.incarnation
          : std::max(pending.root_incarnation, tree.param.valid ? tree.param.root_incarnation : 0);
  if (root_incarnation < newest) {
    drops_.Add(Drop::kOldRoot);
    return false;
  }
  if (tree.role.is_root() && root_incarnation != newest) {
    drops_.Add(Drop::kBadFrame);
    return false;
  }
  if (pending.root_incarnation < root_incarnation) {
    if (pending.tally.items > 0) ClearSum(tree, pending, Drop::kOldRoot);
    pending.Clear();
    pending.root_incarnation = root_incarnation;
  }
  return true;
}

void Node::Accepted(const Edge& edge, const Header& header, NodeIndex root, uint64_t tag) {
  Note({.kind = Trace::Kind::kAccepted,
        .root = NameOf(root),
        .peer = edge.name,
        .peer_incarnation = header.incarnation,
        .epoch = header.epoch,
        .edge_seq = header.edge_seq,
        .tag = tag});
}

// Adds the books of a child's sum to those of the sum that it joins. Where these would then be none
// that a parent takes it is the child's frame that is bad, not what this node sends later.
bool Node::JoinBooks(Edge& edge, NodeIndex root, const Tally& more, double more_length,
                     Tally& tally, double& length) {
  Tally joined = tally;
  Add(more, joined);
  const absl::Status status = Check(joined, *FindTree(*plan_, root));
  if (!status.ok() || !(length + more_length <= kSumNormMax)) {
    Bad(edge, Drop::kBadFrame, NackCode::kBadFrame,
        status.ok() ? "a sum that is too long" : StdView(status.message()));
    return false;
  }
  tally = std::move(joined);
  length += more_length;
  return true;
}

void Node::Take(Edge& edge, const Frame& frame, const GradUp& up) {
  ServedTree& tree = trees_.at(up.root);
  GradientSum gradient(spec_.d_v, spec_.d_k);
  gradient.Read(up);
  const double length = gradient.Norm();
  if (ExceedsClip(length, up.tally.weight_sum)) {
    return Bad(edge, Drop::kClip, NackCode::kBadFrame, "a sum longer than its weights allow");
  }
  if (spec_.combine == Combine::kBarrier) {
    PendingSum* open = OpenTag(tree, up.tag);
    if (open == nullptr || open->heard.contains(edge.index)) return drops_.Add(Drop::kTooOld);
    if (!Admits(tree, *open, up.root_incarnation) ||
        !JoinBooks(edge, up.root, up.tally, length, open->tally, open->length)) {
      return;
    }
    open->heard.insert(edge.index);
    open->gradient.Add(gradient, true);
    return Accepted(edge, frame.header, up.root, up.tag);
  }
  if (!Admits(tree, tree.sum, up.root_incarnation)) return;
  if (tree.role.is_root()) {
    if (!Arrive(edge, up.root, &gradient, nullptr, up.tally, length)) return;
  } else {
    if (!JoinBooks(edge, up.root, up.tally, length, tree.sum.tally, tree.sum.length)) return;
    tree.sum.gradient.Add(gradient, true);
  }
  Accepted(edge, frame.header, up.root, 0);
}

void Node::Take(Edge& edge, const Frame& frame, const StatUp& up) {
  ServedTree& tree = trees_.at(up.root);
  StatSum stat(spec_.d_v, spec_.d_k);
  stat.Read(up);
  const double length = Norm(stat.squares()) + Norm(stat.products()) + stat.energy();
  if (up.kind == StatKind::kFactors) {
    if (length <= kSumNormMax) return TakeFactorSums(up);
    return Bad(edge, Drop::kBadFrame, NackCode::kBadFrame, "a sum that is too long");
  }
  if (up.kind == StatKind::kProbe) {
    if (!Admits(tree, tree.probe, up.root_incarnation)) return;
    if (tree.role.is_root()) return meter_.Add(stat, up.tally.loss_sum, up.tally.weight_sum);
    if (!JoinBooks(edge, up.root, up.tally, length, tree.probe.tally, tree.probe.length)) return;
    tree.probe.stat.Add(stat);
    tree.probe_due = true;
    return;
  }
  if (tree.role.is_root()) {
    if (!Arrive(edge, up.root, nullptr, &stat, up.tally, length)) return;
  } else {
    if (!JoinBooks(edge, up.root, up.tally, length, tree.sum.tally, tree.sum.length)) return;
    tree.sum.stat.Add(stat);
  }
  Accepted(edge, frame.header, up.root, 0);
}

// Kept until the tick, which takes them in the order of their senders.
bool Node::Arrive(Edge& edge, NodeIndex root, const GradientSum* gradient, const StatSum* stat,
                  const Tally& tally, double length) {
  Arrived* to = nullptr;
  size_t of_child = 0;
  for (Arrived& arrived : arrived_) {
    if (arrived.child != edge.name) continue;
    ++of_child;
    to = &arrived;
  }
  const bool fresh = of_child < kArrivedPerChildMax;
  if (fresh) {
    arrived_.emplace_back(edge.name, spec_.d_v, spec_.d_k);
    to = &arrived_.back();
  }
  if (!JoinBooks(edge, root, tally, length, to->tally, to->length)) {
    if (fresh) arrived_.pop_back();
    return false;
  }
  if (gradient != nullptr) to->gradient.Add(*gradient, true);
  if (stat != nullptr) to->stat.Add(*stat);
  return true;
}

Node::Source& Node::HearFrom(const std::string& name) {
  Source& source = sources_[name];
  source.heard = true;
  source.heard_round = round_;
  source.heard_at = now_;
  return source;
}

// The contributors of a sum that was applied, or dropped as too old.
void Node::Hear(const Tally& tally, bool applied) {
  for (const Contributor& entry : tally.contributors) {
    Source& source = HearFrom(NameOf(entry.node));
    if (spec_.transport == Transport::kGradient) {
      source.delay = static_cast<double>(round_ - std::min(round_, entry.newest_tag));
    }
    if (entry.incarnation < source.incarnation || entry.evaluations == 0) continue;
    uint64_t before = source.newest_evaluation;
    if (source.incarnation == 0) {
      before = entry.newest_evaluation - entry.evaluations;  // not heard of before
    } else if (entry.incarnation > source.incarnation) {
      before = 0;
    }
    source.incarnation = entry.incarnation;
    source.newest_evaluation = std::max(before, entry.newest_evaluation);
    source.share.Add(applied ? entry.evaluations : 0, source.newest_evaluation - before);
    if (applied) source.items_arrived += entry.items;
  }
}

void Node::Take(Edge& edge, const Frame& /*frame*/, const Factor& factor) {
  Source& source = HearFrom(NameOf(factor.source));
  if (factor.source_incarnation < source.incarnation) return drops_.Add(Drop::kOldIncarnation);
  source.incarnation = factor.source_incarnation;
  if (source.incarnation_before > 0) ForgetItemsToCome(source, factor);
  if (factor.count == 0) {
    for (const NodeIndex child : trees_.at(factor.source).role.children) {
      if (Edge* to = EdgeOf(child); to != nullptr && Usable(*to)) SendPlain(*to, factor);
    }
    return;
  }
  ArrivedFactors arrived{.source = NameOf(factor.source), .stat = {spec_.d_v, spec_.d_k}};
  if (!ReadRows(factor, arrived.batch)) {
    return Bad(edge, Drop::kBadFrame, NackCode::kBadFrame, "items out of range");
  }
  const uint64_t end = source.items.end();
  const auto fresh = source.items.Add(factor.first_item, factor.first_item + factor.count);
  if (fresh.empty()) return drops_.Add(Drop::kDuplicate);
  ForwardFactors(factor.source, factor);
  KeepRows(fresh, arrived.batch);
  arrived.items = arrived.batch.count;
  CountItems(source, arrived.items, end);
  QueueArrived(std::move(arrived));
}

void Node::Take(Edge& /*edge*/, const Frame& /*frame*/, const Ack& /*ack*/) {}

void Node::Take(Edge& edge, const Frame& /*frame*/, const Nack& nack) {
  switch (nack.code) {
    case NackCode::kOldIncarnation:
      edge.refused = true;
      return;
    case NackCode::kWrongSession:
      edge.greeted = false;
      return SendHello(edge, true);
    case NackCode::kMissingBase: {
      const auto lane = edge.params.find(nack.root);
      if (lane == edge.params.end()) return;
      lane->second.sent = false;
      lane->second.wanted = true;
      return FlushParams(edge);
    }
    case NackCode::kOldEpoch:
    case NackCode::kSpecMismatch:
    case NackCode::kWrongFederation:
    case NackCode::kNotNeighbour:
    case NackCode::kBadFrame:
      return;  // the peer counts it; an epoch to come shows in its frames
  }
}

void Node::Take(Edge& edge, const Frame& frame, const Probe& /*probe*/) {
  if (Usable(edge)) SendPlain(edge, ProbeReply{.sent_at = frame.header.sent_at});
}

void Node::Take(Edge& edge, const Frame& /*frame*/, const ProbeReply& reply) {
  const double seconds = static_cast<double>(now_ - reply.sent_at) / kNanosPerSecond;
  if (!(seconds >= 0) || reply.sent_at <= 0) return;
  edge.round_trip_seconds =
      edge.round_trip_seconds == 0
          ? seconds
          : edge.round_trip_seconds + kRoundTripShare * (seconds - edge.round_trip_seconds);
}

}  // namespace mneme::federation
