// The links that nodes may talk over, and shortest paths on them.
//
// Delays are integers, so that two planners that read the same table find the same paths.
//
// Threads  a Graph is never changed: safe for any number of readers.
#ifndef MNEME_CORE_FEDERATION_GRAPH_H_
#define MNEME_CORE_FEDERATION_GRAPH_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "core/federation/plan.h"

namespace mneme::federation {

// Both ways.
struct Link {
  NodeIndex a = kNoNode;
  NodeIndex b = kNoNode;
  int64_t delay_micros = 1;  // one way, with the time to send a frame
};

inline constexpr int64_t kLinkDelayMicrosMax = 3'600'000'000;
inline constexpr int64_t kFar = std::numeric_limits<int64_t>::max();  // no path

class Graph {
 public:
  struct Edge {
    NodeIndex to;
    int64_t delay_micros;
  };

  // InvalidArgument (LINKS) for a link of an unknown node, of a node to itself, one that is there
  // twice, or a delay outside [1, kLinkDelayMicrosMax].
  static absl::StatusOr<Graph> Create(size_t nodes, std::span<const Link> links);

  size_t size() const { return edges_.size(); }
  // By node, ascending.
  std::span<const Edge> From(NodeIndex node) const { return edges_[node]; }
  // Nullopt where they are not linked.
  std::optional<int64_t> DelayOf(NodeIndex a, NodeIndex b) const;

 private:
  std::vector<std::vector<Edge>> edges_;
};

// Of every node to the nearest of `sources`; kFar without a path.
//
// Cost  O(E log N).
std::vector<int64_t> Distances(const Graph& graph, std::span<const NodeIndex> sources);

// A tree as each node's parent: kNoNode of the root and of nodes that are not in it.
using Parents = std::vector<NodeIndex>;

// Shortest paths from the root; of equal ones the parent with the lowest number.
Parents ShortestPathTree(const Graph& graph, NodeIndex root);

// Nodes of the tree, each behind its parent: by hops, then by number. The root first.
std::vector<NodeIndex> TopDown(const Parents& parents, NodeIndex root);

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_GRAPH_H_
