#include "core/federation/routing.h"

#include <algorithm>
#include <map>
#include <utility>

namespace mneme::federation {
namespace {

bool HasTree(const Weights& weights, NodeIndex root) {
  return std::ranges::any_of(weights.row(root), [](double weight) { return weight > 0; });
}

// One terminal after another joins the tree of `root`.
class GrowingTree {
 public:
  GrowingTree(const Graph& graph, NodeIndex root, double detour)
      : graph_(graph),
        detour_(detour),
        shortest_(Distances(graph, {{root}})),
        shortest_parents_(ShortestPathTree(graph, root)),
        parents_(graph.size(), kNoNode),
        delays_(graph.size(), kFar),
        members_({root}) {
    delays_[root] = 0;
  }

  // Of the terminals, those that have a path.
  Parents Take(std::vector<NodeIndex> terminals) && {
    std::erase_if(terminals, [&](NodeIndex node) { return shortest_[node] == kFar; });
    while (true) {
      std::erase_if(terminals, [&](NodeIndex node) { return delays_[node] != kFar; });
      if (terminals.empty()) return std::move(parents_);
      JoinNearest(terminals);
    }
  }

 private:
  void JoinNearest(const std::vector<NodeIndex>& terminals) {
    const std::vector<int64_t> away = Distances(graph_, members_);
    const NodeIndex terminal = *std::ranges::min_element(
        terminals, {}, [&](NodeIndex node) { return std::pair(away[node], node); });
    const std::vector<NodeIndex> way = WayToTree(terminal, away);
    const double through = static_cast<double>(delays_[way.back()] + away[terminal]);
    const double allowed = (1 + detour_) * static_cast<double>(shortest_[terminal]);
    Attach(through <= allowed ? way : ShortestWay(terminal));
  }

  // From the terminal to the first member of the tree, both included.
  std::vector<NodeIndex> WayToTree(NodeIndex terminal, const std::vector<int64_t>& away) const {
    std::vector<NodeIndex> way = {terminal};
    while (away[way.back()] > 0) {
      for (const Graph::Edge& edge : graph_.From(way.back())) {
        if (away[edge.to] == kFar) continue;
        if (away[edge.to] + edge.delay_micros != away[way.back()]) continue;
        way.push_back(edge.to);
        break;
      }
    }
    return way;
  }

  // A member on it is no farther than its own detour allows, so neither is the terminal.
  std::vector<NodeIndex> ShortestWay(NodeIndex terminal) const {
    std::vector<NodeIndex> way = {terminal};
    while (delays_[way.back()] == kFar) way.push_back(shortest_parents_[way.back()]);
    return way;
  }

  void Attach(const std::vector<NodeIndex>& way) {
    for (size_t i = way.size() - 1; i > 0; --i) {
      const NodeIndex parent = way[i], node = way[i - 1];
      parents_[node] = parent;
      delays_[node] = delays_[parent] + *graph_.DelayOf(parent, node);
      members_.push_back(node);
    }
  }

  const Graph& graph_;
  const double detour_;
  const std::vector<int64_t> shortest_;
  const Parents shortest_parents_;
  Parents parents_;
  std::vector<int64_t> delays_;
  std::vector<NodeIndex> members_;
};

}  // namespace

void Prune(const Weights& weights, Routes& routes) {
  for (NodeIndex root = 0; root < routes.parents.size(); ++root) {
    Parents& parents = routes.parents[root];
    if (parents.empty()) continue;
    std::vector<NodeIndex> order = TopDown(parents, root);
    std::vector<bool> needed(parents.size(), false);
    for (size_t i = order.size() - 1; i > 0; --i) {
      const NodeIndex node = order[i];
      if (weights.at(root, node) > 0) needed[node] = true;
      if (needed[node]) needed[parents[node]] = true;
    }
    for (NodeIndex node = 0; node < parents.size(); ++node) {
      if (!needed[node]) parents[node] = kNoNode;
    }
  }
}

Routes RoutePerRoot(const Graph& graph, const Weights& weights) {
  Routes routes;
  routes.parents.resize(graph.size());
  for (NodeIndex root = 0; root < graph.size(); ++root) {
    if (HasTree(weights, root)) routes.parents[root] = ShortestPathTree(graph, root);
  }
  Prune(weights, routes);
  return routes;
}

Routes RouteForBytes(const Graph& graph, const Weights& weights, double detour) {
  Routes routes;
  routes.parents.resize(graph.size());
  for (NodeIndex root = 0; root < graph.size(); ++root) {
    if (!HasTree(weights, root)) continue;
    std::vector<NodeIndex> terminals;
    for (NodeIndex node = 0; node < graph.size(); ++node) {
      if (node != root && weights.at(root, node) > 0) terminals.push_back(node);
    }
    routes.parents[root] = GrowingTree(graph, root, detour).Take(std::move(terminals));
  }
  return routes;
}

double TotalDelay(const Graph& graph, const Weights& weights, const Routes& routes) {
  double total = 0;
  std::vector<int64_t> delays(graph.size());
  for (NodeIndex root = 0; root < routes.parents.size(); ++root) {
    const Parents& parents = routes.parents[root];
    if (parents.empty()) continue;
    delays[root] = 0;
    for (const NodeIndex node : TopDown(parents, root)) {
      if (node == root) continue;
      delays[node] = delays[parents[node]] + *graph.DelayOf(parents[node], node);
      total += weights.at(root, node) * static_cast<double>(delays[node]);
    }
  }
  return total;
}

size_t MaxLoad(const Routes& routes) {
  std::map<std::pair<NodeIndex, NodeIndex>, size_t> loads;
  size_t most = 0;
  for (const Parents& parents : routes.parents) {
    for (NodeIndex node = 0; node < parents.size(); ++node) {
      if (parents[node] == kNoNode) continue;
      most = std::max(most, ++loads[{parents[node], node}]);
    }
  }
  return most;
}

}  // namespace mneme::federation
