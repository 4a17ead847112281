#include "core/federation/branches.h"

#include <algorithm>
#include <optional>
#include <tuple>

namespace mneme::federation {
namespace {

// Which branch each node is in, by the root's child; how deep it is; how many contribute.
struct Branches {
  std::vector<NodeIndex> of;
  std::vector<uint32_t> depth;
  std::vector<size_t> contributors;  // by child of the root
};

Branches BranchesOf(const Parents& parents, NodeIndex root, std::span<const double> weights) {
  Branches out{.of = std::vector<NodeIndex>(parents.size(), kNoNode),
               .depth = std::vector<uint32_t>(parents.size(), 0),
               .contributors = std::vector<size_t>(parents.size(), 0)};
  for (const NodeIndex node : TopDown(parents, root)) {
    if (node == root) continue;
    out.of[node] = parents[node] == root ? node : out.of[parents[node]];
    out.depth[node] = out.depth[parents[node]] + 1;
    if (weights[node] > 0) ++out.contributors[out.of[node]];
  }
  return out;
}

// A place for `child` in another branch: one that is then large enough, then the nearest to the
// root, then the lowest number.
std::optional<NodeIndex> PlaceFor(const Graph& graph, NodeIndex child, const Branches& branches,
                                  size_t contributors_min) {
  std::optional<NodeIndex> best;
  const auto rank = [&](NodeIndex node) {
    const size_t together = branches.contributors[child] + branches.contributors[branches.of[node]];
    return std::tuple(together < contributors_min, branches.depth[node], node);
  };
  for (const Graph::Edge& edge : graph.From(child)) {
    const NodeIndex node = edge.to;
    if (branches.of[node] == kNoNode || branches.of[node] == child) continue;
    if (branches.depth[node] > kRehangHopsMax) continue;
    if (!best || rank(node) < rank(*best)) best = node;
  }
  return best;
}

}  // namespace

std::vector<NodeIndex> CoverSmallBranches(const Graph& graph, NodeIndex root,
                                          std::span<const double> weights, size_t contributors_min,
                                          Parents& parents) {
  if (parents.empty()) return {};
  Branches branches = BranchesOf(parents, root, weights);
  const auto is_small = [&](NodeIndex child) {
    return parents[child] == root && branches.contributors[child] < contributors_min;
  };
  // The smallest branch that has somewhere to go: larger ones are what it can go to. Every move
  // leaves one branch fewer.
  const auto move_one = [&] {
    std::vector<NodeIndex> small;
    for (NodeIndex child = 0; child < parents.size(); ++child) {
      if (is_small(child)) small.push_back(child);
    }
    std::ranges::stable_sort(small, {}, [&](NodeIndex c) { return branches.contributors[c]; });
    for (const NodeIndex child : small) {
      const std::optional<NodeIndex> place = PlaceFor(graph, child, branches, contributors_min);
      if (!place) continue;
      parents[child] = *place;
      branches = BranchesOf(parents, root, weights);
      return true;
    }
    return false;
  };
  while (move_one()) {
  }
  std::vector<NodeIndex> left;
  for (NodeIndex node = 0; node < parents.size(); ++node) {
    if (weights[node] > 0 && branches.of[node] != kNoNode && is_small(branches.of[node])) {
      left.push_back(node);
    }
  }
  return left;
}

}  // namespace mneme::federation
