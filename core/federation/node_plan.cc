// Plans: which trees this node is in, and what a change of epoch leaves behind.
#include <algorithm>
#include <utility>

#include "core/federation/node.h"

namespace mneme::federation {
namespace {

// The transport is the plan's; all else that must agree is the node's own.
bool Agrees(const Spec& mine, const Spec& planned) {
  Spec resolved = mine;
  if (resolved.transport == Transport::kAuto) resolved.transport = planned.transport;
  return Hash(resolved) == Hash(planned);
}

}  // namespace

void Node::On(const PlanLost& /*event*/) { plan_lost_ = true; }

void Node::On(const PlanChanged& event) {
  if (event.plan == nullptr) return drops_.Add(Drop::kBadPlan);
  const Plan& plan = *event.plan;
  if (plan_ != nullptr && plan.epoch == epoch_ && plan_->epoch == epoch_) {
    plan_lost_ = false;  // the same one, trusted again
    return;
  }
  if (plan.epoch < epoch_) return drops_.Add(Drop::kOldPlan);
  if (!Agrees(options_.spec, plan.spec)) return drops_.Add(Drop::kBadPlan);
  SwitchTo(event.plan, FindNode(plan, options_.name).value_or(kNoNode));
}

void Node::SwitchTo(std::shared_ptr<const Plan> plan, NodeIndex me) {
  DropOldEpoch(plan->epoch > epoch_);
  epoch_ = plan->epoch;
  plan_lost_ = false;
  // A plan without this node leaves it to itself, and fences what comes from the one before.
  plan_ = me == kNoNode ? nullptr : std::move(plan);
  if (plan_ == nullptr) {
    place_ = {};
    for (auto& [name, edge] : edges_) {
      if (edge.up) actions_->push_back(CloseStream{.peer = name, .reason = "not in the plan"});
    }
    edges_.clear();
    return;
  }
  spec_.transport = plan_->spec.transport;
  place_ = PlaceOf(*plan_, me);
  OpenTrees();
  OpenEdges();
  steps_.SetDelays(DelaysOfInterest());
  AnnounceOwn();
}

void Node::DropOldEpoch(bool ended) {
  uint64_t dropped = arrived_.size();
  arrived_.clear();
  for (auto& [root, tree] : trees_) {
    const std::string& name = NameOf(root);
    for (PendingSum& pending : tree.tags) dropped += pending.tally.items > 0 ? 1 : 0;
    dropped += tree.sum.tally.items > 0 ? 1 : 0;
    dropped += tree.probe.tally.items > 0 ? 1 : 0;
    dropped += tree.residual.has_value() && tree.residual->Left() > 0 ? 1 : 0;
    Note({.kind = Trace::Kind::kForgotten, .root = name});
  }
  trees_.clear();
  for (auto& [name, edge] : edges_) {
    for (const Outbox::Sent& sent : edge.out.Reset()) {
      dropped += sent.lane.kind != LaneKind::kParam ? 1 : 0;
    }
    dropped += edge.factors.size();
    edge.in.Reset();
    edge.factors.clear();
    edge.factor_bytes = 0;
    edge.params.clear();
    edge.greeted = edge.ack_due = false;
    edge.index = kNoNode;
  }
  for (auto& [name, source] : sources_) {
    source.heard = false;
    if (ended && source.incarnation > 0) source.incarnation_before = source.incarnation;
    source.incarnation = 0;  // the epoch fences its past; what relays said of it is forgotten
  }
  drops_.Add(Drop::kEpochChange, dropped);
}

void Node::OpenTrees() {
  for (const Role& role : place_.roles) {
    const auto [tree, added] = trees_.emplace(role.root, ServedTree(role, spec_.d_v, spec_.d_k));
    for (const TreeNode& node : FindTree(*plan_, role.root)->nodes) {  // parents before children
      if (node.parent == kNoNode) continue;
      const NodeIndex above =
          node.parent == place_.me ? node.node : tree->second.BranchOf(node.parent);
      if (above != kNoNode) tree->second.branches[node.node] = above;
    }
    if (spec_.wire.compression == Compression::kTopK && !role.is_root() && role.weight > 0) {
      tree->second.residual.emplace(size_t{spec_.d_v} * spec_.d_k, spec_.wire.error_feedback);
    }
  }
  // Names of plans long gone make room; their roots then begin with the items of today.
  if (toward_.size() > 2 * kPlanNodesMax) {
    std::erase_if(toward_, [this](const auto& entry) { return !FindNode(*plan_, entry.first); });
    contribute_from_ = std::max(contribute_from_, items_.head());
  }
  if (sources_.size() > 2 * kPlanNodesMax) {
    std::erase_if(sources_, [this](const auto& entry) { return !FindNode(*plan_, entry.first); });
  }
}

void Node::OpenEdges() {
  for (const NodeIndex index : place_.neighbours) {
    Edge* edge = FindOrAddEdge(NameOf(index));
    if (edge == nullptr) continue;
    edge->index = index;
    for (const Role& role : place_.roles) {
      if (std::ranges::binary_search(role.children, index)) edge->params[role.root] = {};
    }
  }
  for (auto it = edges_.begin(); it != edges_.end();) {
    Edge& edge = it->second;
    if (edge.index == kNoNode) {
      if (edge.up) {
        actions_->push_back(CloseStream{.peer = edge.name, .reason = "no neighbour in the plan"});
      }
      it = edges_.erase(it);
      continue;
    }
    // The plan knows of starts from their registration. What was said since, on whatever stream, is
    // forgotten with the epoch: a start that never was would silence the real ones for good.
    const uint64_t known = plan_->nodes[edge.index].incarnation;
    NewSession(edge, known <= IncarnationMax() ? known : 0);
    edge.hello_round = round_ + kHelloRounds;
    if (edge.up) SendHello(edge, true);
    ++it;
  }
}

// Whose items this node wants, itself among them, and how far away they are.
std::vector<TreeNode> Node::Interest() const {
  std::vector<TreeNode> out;
  if (!active()) return out;
  const Tree* tree = FindTree(*plan_, place_.me);
  if (spec_.transport != Transport::kFactor) {
    if (tree != nullptr) out = tree->nodes;
    std::erase_if(out, [](const TreeNode& node) { return node.weight == 0; });
    return out;
  }
  // Trees of factors are those of their sources.
  for (const auto& [source, served] : trees_) {
    const Role& role = served.role;
    if (role.weight > 0) {
      out.push_back({.node = source, .depth = role.depth, .weight = role.weight});
    }
  }
  return out;
}

StepDelays Node::DelaysOfInterest() const {
  StepDelays delays;
  double weight = 0;
  for (const TreeNode& node : Interest()) {
    const uint32_t delay = DelayOf(spec_.transport, node.depth);
    weight += node.weight;
    delays.mean += node.weight * delay;
    if (spec_.transport == Transport::kGradient) {
      delays.point_max = std::max(delays.point_max, delay);
    }
  }
  if (weight > 0) delays.mean /= weight;
  return delays;
}

Edge* Node::EdgeOf(NodeIndex node) {
  const auto found = edges_.find(NameOf(node));
  return found == edges_.end() ? nullptr : &found->second;
}

double Node::OwnWeight() const {
  if (!active()) return 1;
  const auto tree = trees_.find(place_.me);
  return tree == trees_.end() ? 1 : tree->second.role.weight;
}

}  // namespace mneme::federation
