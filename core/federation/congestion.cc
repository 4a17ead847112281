// RouteBalanced: trees that share links fairly.
#include <algorithm>
#include <utility>

#include "core/federation/routing.h"

namespace mneme::federation {
namespace {

// What a directed link carries: the trees over it, and the weight that waits for it.
struct Traffic {
  size_t load = 0;
  double weight = 0;
};

// A move must lower D by this share of the weight of one fill: less is rounding.
constexpr double kFallLeast = 1e-9;

class Balancer {
 public:
  Balancer(const Graph& graph, const Weights& weights, const Congestion& congestion)
      : graph_(graph), weights_(weights), congestion_(congestion) {
    links_.resize(graph.size());
    for (NodeIndex node = 0; node < graph.size(); ++node) {
      links_[node].resize(graph.From(node).size());
    }
  }

  Routes Run() {
    Routes routes = RoutePerRoot(graph_, weights_);
    for (NodeIndex root = 0; root < routes.parents.size(); ++root) {
      trees_.push_back(TreeOf(root, std::move(routes.parents[root])));
    }
    for (Tree& tree : trees_) Count(tree);
    for (int sweep = 0; sweep < kSweepsMax && SweepEqualParents(); ++sweep) {
    }
    for (int sweep = 0; sweep < kSweepsMax && Overloaded() && SweepFartherParents(); ++sweep) {
    }
    for (NodeIndex root = 0; root < trees_.size(); ++root) {
      routes.parents[root] = std::move(trees_[root].parents);
    }
    return routes;
  }

 private:
  // `below`: weight in the subtree of a node, itself included; `hops`: to the root.
  struct Tree {
    NodeIndex root = kNoNode;
    Parents parents;
    std::vector<double> below;
    std::vector<uint32_t> hops;
    std::vector<int64_t> shortest;
  };

  Tree TreeOf(NodeIndex root, Parents parents) const {
    Tree tree{.root = root, .parents = std::move(parents)};
    if (tree.parents.empty()) return tree;
    tree.shortest = Distances(graph_, {{root}});
    Weigh(tree);
    return tree;
  }

  void Weigh(Tree& tree) const {
    tree.below.assign(graph_.size(), 0);
    tree.hops.assign(graph_.size(), 0);
    const std::vector<NodeIndex> order = TopDown(tree.parents, tree.root);
    for (const NodeIndex node : order) {
      if (node != tree.root) tree.hops[node] = tree.hops[tree.parents[node]] + 1;
    }
    for (size_t i = order.size() - 1; i > 0; --i) {
      const NodeIndex node = order[i];
      tree.below[node] += weights_.at(tree.root, node);
      tree.below[tree.parents[node]] += tree.below[node];
    }
  }

  Traffic& On(NodeIndex parent, NodeIndex node) {
    const auto edges = graph_.From(parent);
    const auto edge = std::ranges::lower_bound(edges, node, {}, &Graph::Edge::to);
    return links_[parent][static_cast<size_t>(edge - edges.begin())];
  }

  void Count(const Tree& tree) {
    for (NodeIndex node = 0; node < tree.parents.size(); ++node) {
      if (tree.parents[node] == kNoNode) continue;
      Traffic& link = On(tree.parents[node], node);
      ++link.load;
      link.weight += tree.below[node];
    }
  }

  // Weighted delay of one link.
  double CostOf(int64_t delay_micros, size_t load, double weight) const {
    const size_t fills = load == 0 ? 0 : (load - 1) / congestion_.capacity;
    return weight * (static_cast<double>(delay_micros) +
                     static_cast<double>(fills) * static_cast<double>(congestion_.queue_micros));
  }

  // Every node's parent again, among those that keep its distance: the least loaded.
  bool SweepEqualParents() {
    bool changed = false;
    for (Tree& tree : trees_) {
      for (NodeIndex node = 0; node < tree.parents.size(); ++node) {
        if (tree.parents[node] != kNoNode) changed |= PickEqualParent(tree, node);
      }
    }
    return changed;
  }

  bool PickEqualParent(Tree& tree, NodeIndex node) {
    const NodeIndex old = tree.parents[node];
    size_t least = On(old, node).load;
    NodeIndex best = old;
    for (const Graph::Edge& edge : graph_.From(node)) {
      if (tree.shortest[edge.to] + edge.delay_micros != tree.shortest[node]) continue;
      if (edge.to == old || !InTree(tree, edge.to)) continue;
      const size_t load = On(edge.to, node).load + 1;
      if (load >= least) continue;
      least = load;
      best = edge.to;
    }
    if (best == old) return false;
    Move(tree, node, best);
    return true;
  }

  bool InTree(const Tree& tree, NodeIndex node) const {
    return node == tree.root || tree.parents[node] != kNoNode;
  }

  // What moving a subtree does to one link.
  struct Change {
    NodeIndex parent, node;
    int load = 0;
    double weight = 0;
  };

  // To every link once, in the order of their nodes.
  std::vector<Change> ChangesOf(const Tree& tree, NodeIndex node, NodeIndex to) const {
    std::vector<Change> all;
    const auto add_way = [&](NodeIndex parent, int sign) {
      all.push_back({parent, node, sign, sign * tree.below[node]});
      for (NodeIndex at = parent; at != tree.root; at = tree.parents[at]) {
        all.push_back({tree.parents[at], at, 0, sign * tree.below[node]});
      }
    };
    add_way(tree.parents[node], -1);
    add_way(to, +1);
    std::ranges::sort(all, {}, [](const Change& c) { return std::pair(c.parent, c.node); });
    std::vector<Change> merged;
    for (const Change& change : all) {
      if (!merged.empty() && merged.back().parent == change.parent &&
          merged.back().node == change.node) {
        merged.back().load += change.load;
        merged.back().weight += change.weight;
      } else {
        merged.push_back(change);
      }
    }
    return merged;
  }

  void Move(Tree& tree, NodeIndex node, NodeIndex to) {
    for (const Change& change : ChangesOf(tree, node, to)) {
      Traffic& link = On(change.parent, change.node);
      link.load = static_cast<size_t>(static_cast<ptrdiff_t>(link.load) + change.load);
      link.weight += change.weight;
    }
    const NodeIndex old = std::exchange(tree.parents[node], to);
    Weigh(tree);
    DropBare(tree, old);
  }

  // Relays that nothing is below any more.
  void DropBare(Tree& tree, NodeIndex node) {
    while (node != tree.root && tree.below[node] <= 0) {
      --On(tree.parents[node], node).load;
      node = std::exchange(tree.parents[node], kNoNode);
    }
  }

  bool Overloaded() const {
    for (const auto& links : links_) {
      for (const Traffic& link : links) {
        if (link.load > congestion_.capacity) return true;
      }
    }
    return false;
  }

  // By how much D would rise.
  double RiseOf(const Tree& tree, NodeIndex node, NodeIndex to) {
    double rise = 0;
    for (const Change& change : ChangesOf(tree, node, to)) {
      const Traffic& link = On(change.parent, change.node);
      const int64_t delay = *graph_.DelayOf(change.parent, change.node);
      const auto load = static_cast<size_t>(static_cast<ptrdiff_t>(link.load) + change.load);
      rise +=
          CostOf(delay, load, link.weight + change.weight) - CostOf(delay, link.load, link.weight);
    }
    return rise;
  }

  // One node of one tree at a time below a parent that is at most one hop farther, while D falls.
  bool SweepFartherParents() {
    bool changed = false;
    for (Tree& tree : trees_) {
      for (NodeIndex node = 0; node < tree.parents.size(); ++node) {
        if (tree.parents[node] == kNoNode) continue;
        if (On(tree.parents[node], node).load <= congestion_.capacity) continue;
        changed |= PickFartherParent(tree, node);
      }
    }
    return changed;
  }

  bool PickFartherParent(Tree& tree, NodeIndex node) {
    NodeIndex best = kNoNode;
    double best_rise = -kFallLeast * static_cast<double>(congestion_.queue_micros);
    for (const Graph::Edge& edge : graph_.From(node)) {
      const NodeIndex parent = edge.to;
      if (parent == tree.parents[node] || !InTree(tree, parent)) continue;
      if (tree.hops[parent] > tree.hops[node] || IsBelow(tree, parent, node)) continue;
      const double rise = RiseOf(tree, node, parent);
      if (rise >= best_rise) continue;
      best_rise = rise;
      best = parent;
    }
    if (best == kNoNode) return false;
    Move(tree, node, best);
    return true;
  }

  bool IsBelow(const Tree& tree, NodeIndex node, NodeIndex ancestor) const {
    for (; node != kNoNode; node = tree.parents[node]) {
      if (node == ancestor) return true;
    }
    return false;
  }

  const Graph& graph_;
  const Weights& weights_;
  const Congestion congestion_;
  std::vector<Tree> trees_;
  std::vector<std::vector<Traffic>> links_;  // by parent, in the order of its edges
};

}  // namespace

Routes RouteBalanced(const Graph& graph, const Weights& weights, const Congestion& congestion) {
  return Balancer(graph, weights, congestion).Run();
}

}  // namespace mneme::federation
