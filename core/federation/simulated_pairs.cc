#include "core/federation/simulated_pairs.h"

#include <algorithm>

namespace mneme::federation {
namespace {

struct Ways {
  std::vector<uint32_t> hops, rounds, branch;
  std::vector<bool> crosses;
};

// Up one link.
uint32_t RoundsOf(const SimulationOptions& options, NodeIndex a, NodeIndex b) {
  if (options.slow_rounds.empty()) return 1;
  return 1 + options.slow_rounds[a] + options.slow_rounds[b];
}

Ways WaysTo(const SimulationOptions& options, NodeIndex root) {
  const Parents& parents = options.routes.parents[root];
  const size_t size = parents.size();
  Ways ways{.hops = std::vector<uint32_t>(size, 0),
            .rounds = std::vector<uint32_t>(size, 0),
            .branch = std::vector<uint32_t>(size, 0),
            .crosses = std::vector<bool>(size, false)};
  const auto is_cut_off = [&](NodeIndex node) {
    return options.cut && std::ranges::find(options.cut->nodes, node) != options.cut->nodes.end();
  };
  uint32_t branches = 0;
  for (const NodeIndex node : TopDown(parents, root)) {
    if (node == root) continue;
    const NodeIndex parent = parents[node];
    ways.hops[node] = ways.hops[parent] + 1;
    ways.rounds[node] = ways.rounds[parent] + RoundsOf(options, parent, node);
    ways.branch[node] = parent == root ? ++branches : ways.branch[parent];
    ways.crosses[node] = ways.crosses[parent] || is_cut_off(parent) != is_cut_off(node);
  }
  return ways;
}

bool TakesTwoWays(Mode mode) { return mode == Mode::kGradient || mode == Mode::kBarrier; }

}  // namespace

std::vector<SimulatedPair> PairsOf(const SimulationOptions& options) {
  std::vector<SimulatedPair> pairs;
  const size_t size = options.weights.rows();
  for (NodeIndex root = 0; root < size; ++root) {
    const Parents& parents = options.routes.parents[root];
    if (parents.empty()) continue;  // a row of zeros
    const Ways ways = WaysTo(options, root);
    const size_t first = pairs.size();
    uint32_t longest = 0;
    for (NodeIndex node = 0; node < size; ++node) {
      if (options.weights.at(root, node) <= 0) continue;
      uint32_t rounds = ways.rounds[node] + (TakesTwoWays(options.mode) ? ways.hops[node] : 0);
      if (options.mode == Mode::kCentral) rounds = 0;
      longest = std::max(longest, rounds);
      pairs.push_back({.root = root,
                       .node = node,
                       .weight = options.weights.at(root, node),
                       .hops = ways.hops[node],
                       .rounds = rounds,
                       .branch = ways.branch[node],
                       .crosses = ways.crosses[node],
                       .served = node == root || parents[node] != kNoNode});
    }
    if (options.mode != Mode::kBarrier) continue;
    for (size_t i = first; i < pairs.size(); ++i) pairs[i].rounds = longest;
  }
  return pairs;
}

}  // namespace mneme::federation
