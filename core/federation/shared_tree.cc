// RouteShared and RouteSharedExact: one tree for all roots.
#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>
#include <utility>

#include "core/federation/routing.h"

namespace mneme::federation {
namespace {

// Links without a cycle. Indices into the links of the graph.
using Forest = std::vector<size_t>;

class SharedTree {
 public:
  SharedTree(const Graph& graph, const Weights& weights) : graph_(graph), weights_(weights) {
    for (NodeIndex a = 0; a < graph.size(); ++a) {
      for (const Graph::Edge& edge : graph.From(a)) {
        if (a < edge.to) links_.push_back({a, edge.to, edge.delay_micros});
      }
    }
  }

  Routes Search() {
    Forest forest = BestOfShortestPaths();
    double delay = DelayOf(forest);
    for (int exchange = 0; exchange < kExchangesMax; ++exchange) {
      if (!ExchangeBest(forest, delay)) break;
    }
    return RoutesOf(forest);
  }

  // Of a connected graph.
  Routes SearchAll() const {
    const size_t size = graph_.size() - 1;
    Forest best;
    double least = std::numeric_limits<double>::infinity();
    for (uint32_t mask = 0; mask < (uint32_t{1} << links_.size()); ++mask) {
      if (static_cast<size_t>(std::popcount(mask)) != size) continue;
      Forest forest;
      for (size_t i = 0; i < links_.size(); ++i) {
        if ((mask >> i & 1) != 0) forest.push_back(i);
      }
      if (HasCycle(forest)) continue;
      const double delay = DelayOf(forest);
      if (delay >= least) continue;
      least = delay;
      best = std::move(forest);
    }
    return best.size() == size ? RoutesOf(best) : Routes{};
  }

 private:
  // In each connected part the shortest-path tree that has the least D there.
  Forest BestOfShortestPaths() const {
    std::vector<Forest> best(graph_.size());
    std::vector<double> least(graph_.size(), std::numeric_limits<double>::infinity());
    std::vector<NodeIndex> part(graph_.size(), kNoNode);
    for (NodeIndex root = 0; root < graph_.size(); ++root) {
      const Parents parents = ShortestPathTree(graph_, root);
      if (part[root] == kNoNode) {
        for (const NodeIndex node : TopDown(parents, root)) part[node] = root;
      }
      Forest forest;
      for (size_t i = 0; i < links_.size(); ++i) {
        const auto [a, b, delay] = links_[i];
        if (parents[a] == b || parents[b] == a) forest.push_back(i);
      }
      const double delay = DelayOf(forest);
      if (delay >= least[part[root]]) continue;
      least[part[root]] = delay;
      best[part[root]] = std::move(forest);
    }
    Forest all;
    for (const Forest& forest : best) all.insert(all.end(), forest.begin(), forest.end());
    return all;
  }

  // The one exchange that lowers D most; false where none does.
  bool ExchangeBest(Forest& forest, double& delay) const {
    std::pair<size_t, size_t> best;
    double least = delay * (1 - 1e-12);
    for (size_t link = 0; link < links_.size(); ++link) {
      if (std::ranges::find(forest, link) != forest.end()) continue;
      for (const size_t place : CycleOf(forest, links_[link])) {
        const size_t dropped = std::exchange(forest[place], link);
        const double exchanged = DelayOf(forest);
        forest[place] = dropped;
        if (exchanged >= least) continue;
        least = exchanged;
        best = {place, link};
      }
    }
    if (least >= delay * (1 - 1e-12)) return false;
    forest[best.first] = best.second;
    delay = least;
    return true;
  }

  // Places in the forest of the links between the two ends of `link`.
  std::vector<size_t> CycleOf(const Forest& forest, const Link& link) const {
    const Parents parents = Rooted(forest, link.a);
    std::vector<size_t> places;
    for (NodeIndex node = link.b; parents[node] != kNoNode; node = parents[node]) {
      for (size_t place = 0; place < forest.size(); ++place) {
        const Link& other = links_[forest[place]];
        if (std::minmax(other.a, other.b) == std::minmax(node, parents[node])) {
          places.push_back(place);
        }
      }
    }
    return places;
  }

  std::vector<std::vector<Graph::Edge>> Adjacency(const Forest& forest) const {
    std::vector<std::vector<Graph::Edge>> adjacency(graph_.size());
    for (const size_t i : forest) {
      const auto [a, b, delay] = links_[i];
      adjacency[a].push_back({b, delay});
      adjacency[b].push_back({a, delay});
    }
    return adjacency;
  }

  Parents Rooted(const Forest& forest, NodeIndex root) const {
    const auto adjacency = Adjacency(forest);
    Parents parents(graph_.size(), kNoNode);
    std::vector<NodeIndex> open = {root};
    while (!open.empty()) {
      const NodeIndex node = open.back();
      open.pop_back();
      for (const Graph::Edge& edge : adjacency[node]) {
        if (edge.to == root || edge.to == parents[node]) continue;
        parents[edge.to] = node;
        open.push_back(edge.to);
      }
    }
    return parents;
  }

  double DelayOf(const Forest& forest) const {
    const auto adjacency = Adjacency(forest);
    struct Entry {
      NodeIndex node, from;
      int64_t delay;
    };
    std::vector<Entry> open;
    double total = 0;
    for (NodeIndex root = 0; root < graph_.size(); ++root) {
      open.assign({{root, kNoNode, 0}});
      while (!open.empty()) {
        const Entry entry = open.back();
        open.pop_back();
        total += weights_.at(root, entry.node) * static_cast<double>(entry.delay);
        for (const Graph::Edge& edge : adjacency[entry.node]) {
          if (edge.to == entry.from) continue;
          open.push_back({edge.to, entry.node, entry.delay + edge.delay_micros});
        }
      }
    }
    return total;
  }

  bool HasCycle(const Forest& forest) const {
    std::vector<NodeIndex> part(graph_.size());
    std::iota(part.begin(), part.end(), 0);
    for (const size_t i : forest) {
      const NodeIndex a = part[links_[i].a], b = part[links_[i].b];
      if (a == b) return true;
      std::ranges::replace(part, a, b);
    }
    return false;
  }

  Routes RoutesOf(const Forest& forest) const {
    std::vector<Link> tree;
    for (const size_t i : forest) tree.push_back(links_[i]);
    return RouteOver(tree, graph_.size(), weights_);
  }

  const Graph& graph_;
  const Weights& weights_;
  std::vector<Link> links_;
};

}  // namespace

Routes RouteShared(const Graph& graph, const Weights& weights) {
  return SharedTree(graph, weights).Search();
}

Routes RouteSharedExact(const Graph& graph, const Weights& weights) {
  if (graph.size() == 0 || graph.size() > kExactNodesMax) return {};
  return SharedTree(graph, weights).SearchAll();
}

Routes RouteOver(const std::vector<Link>& tree, size_t nodes, const Weights& weights) {
  Routes routes;
  routes.parents.resize(nodes);
  std::vector<std::vector<NodeIndex>> adjacency(nodes);
  for (const Link& link : tree) {
    adjacency[link.a].push_back(link.b);
    adjacency[link.b].push_back(link.a);
  }
  for (NodeIndex root = 0; root < nodes; ++root) {
    if (std::ranges::none_of(weights.row(root), [](double weight) { return weight > 0; })) continue;
    Parents& parents = routes.parents[root];
    parents.assign(nodes, kNoNode);
    std::vector<NodeIndex> open = {root};
    while (!open.empty()) {
      const NodeIndex node = open.back();
      open.pop_back();
      for (const NodeIndex next : adjacency[node]) {
        if (next == root || next == parents[node]) continue;
        parents[next] = node;
        open.push_back(next);
      }
    }
  }
  Prune(weights, routes);
  return routes;
}

}  // namespace mneme::federation
