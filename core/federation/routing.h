// Routing trees for all roots at once, as the planner's objectives want them.
//
//   D = sum over roots n and nodes m of weight(n, m) * delay from m to n in the tree of n
//
// Links that do not interfere: shortest paths minimise every delay, and D. Links that do: each tree
// beyond the capacity of a directed link adds to its delay, which joins the trees in one problem.
//
// Threads  pure functions.
// Source   distributed online gradient descent notes, section 3.
#ifndef MNEME_CORE_FEDERATION_ROUTING_H_
#define MNEME_CORE_FEDERATION_ROUTING_H_

#include <cstddef>
#include <vector>

#include "core/federation/graph.h"
#include "core/math/matrix.h"

namespace mneme::federation {

// Row: root. Column: node. Weights of at least 0; a root whose row is zero gets no tree.
using Weights = MatrixD;

// For each root its tree, without branches that hold no weight. Empty of a root without one.
struct Routes {
  std::vector<Parents> parents;
};

struct Congestion {
  size_t capacity = 1;          // trees that a directed link carries without waiting
  int64_t queue_micros = 1000;  // that each further fill of the capacity adds
};

// Shortest paths per root.
Routes RoutePerRoot(const Graph& graph, const Weights& weights);

// Paths that reuse the tree so far: each terminal joins at the nearest place, unless that makes its
// way longer than (1 + detour) times the shortest.
Routes RouteForBytes(const Graph& graph, const Weights& weights, double detour);

// From RoutePerRoot: parents are chosen again among those of equal distance, the least loaded
// first, so that no way grows; then, where a load is still above the capacity, single nodes move
// below farther parents while D falls.
//
// Cost  O(sweeps N^2 degree depth); at most kSweepsMax sweeps of either kind.
Routes RouteBalanced(const Graph& graph, const Weights& weights, const Congestion& congestion);
inline constexpr int kSweepsMax = 20;

// One tree for all roots: the best of the N shortest-path trees, then exchanges of one link while D
// falls. Parts of the graph that are not connected are not joined: its tree is that of the part of
// the root that reaches most, and other roots get their own part's.
//
// Cost  O(E N) trials of O(N^2) for each exchange, at most kExchangesMax of them.
Routes RouteShared(const Graph& graph, const Weights& weights);
inline constexpr int kExchangesMax = 1000;

// The best shared tree of a connected graph of at most kExactNodesMax nodes, by trying all. Empty
// where there is none.
Routes RouteSharedExact(const Graph& graph, const Weights& weights);
inline constexpr size_t kExactNodesMax = 7;

// One given tree, as its links, for all roots.
Routes RouteOver(const std::vector<Link>& tree, size_t nodes, const Weights& weights);

// D in microseconds, without congestion; of weights that are reached.
double TotalDelay(const Graph& graph, const Weights& weights, const Routes& routes);

// Number of trees over the directed link that has most of them, parent to child.
size_t MaxLoad(const Routes& routes);

// Takes away every branch without weight.
void Prune(const Weights& weights, Routes& routes);

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_ROUTING_H_
