#include "core/federation/graph.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <string>
#include <utility>

#include "core/base/status.h"

namespace mneme::federation {
namespace {

absl::Status BadLink(const Link& link, std::string_view given, std::string_view expected) {
  return InvalidArgument(absl::StrCat("link of nodes ", link.a, " and ", link.b, ": given ",
                                      AbslView(given), ", expected ", AbslView(expected)),
                         {.reason = "LINKS",
                          .given = std::string(given),
                          .expected = std::string(expected),
                          .next_step = "Correct the table of links."});
}

absl::Status CheckLink(const Link& link, size_t nodes) {
  if (link.a >= nodes || link.b >= nodes) {
    return BadLink(link, "an unknown node", absl::StrCat("nodes below ", nodes));
  }
  if (link.a == link.b) return BadLink(link, "a node linked to itself", "two nodes");
  if (link.delay_micros >= 1 && link.delay_micros <= kLinkDelayMicrosMax) return absl::OkStatus();
  return BadLink(link, absl::StrCat(link.delay_micros, " us"),
                 absl::StrCat("a delay from 1 to ", kLinkDelayMicrosMax, " us"));
}

}  // namespace

absl::StatusOr<Graph> Graph::Create(size_t nodes, std::span<const Link> links) {
  Graph graph;
  graph.edges_.resize(nodes);
  for (const Link& link : links) {
    MNEME_RETURN_IF_ERROR(CheckLink(link, nodes));
    graph.edges_[link.a].push_back({link.b, link.delay_micros});
    graph.edges_[link.b].push_back({link.a, link.delay_micros});
  }
  for (NodeIndex node = 0; node < nodes; ++node) {
    std::vector<Edge>& edges = graph.edges_[node];
    std::ranges::sort(edges, {}, &Edge::to);
    const auto twice = std::ranges::adjacent_find(edges, {}, &Edge::to);
    if (twice != edges.end()) return BadLink({node, twice->to}, "given twice", "given once");
  }
  return graph;
}

std::optional<int64_t> Graph::DelayOf(NodeIndex a, NodeIndex b) const {
  const auto edge = std::ranges::lower_bound(edges_[a], b, {}, &Edge::to);
  if (edge == edges_[a].end() || edge->to != b) return std::nullopt;
  return edge->delay_micros;
}

std::vector<int64_t> Distances(const Graph& graph, std::span<const NodeIndex> sources) {
  using Entry = std::pair<int64_t, NodeIndex>;
  std::vector<int64_t> distances(graph.size(), kFar);
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> open;
  for (const NodeIndex source : sources) {
    distances[source] = 0;
    open.emplace(0, source);
  }
  while (!open.empty()) {
    const auto [distance, node] = open.top();
    open.pop();
    if (distance > distances[node]) continue;
    for (const Graph::Edge& edge : graph.From(node)) {
      const int64_t through = distance + edge.delay_micros;
      if (through >= distances[edge.to]) continue;
      distances[edge.to] = through;
      open.emplace(through, edge.to);
    }
  }
  return distances;
}

Parents ShortestPathTree(const Graph& graph, NodeIndex root) {
  const std::vector<int64_t> distances = Distances(graph, {{root}});
  Parents parents(graph.size(), kNoNode);
  for (NodeIndex node = 0; node < graph.size(); ++node) {
    if (node == root || distances[node] == kFar) continue;
    for (const Graph::Edge& edge : graph.From(node)) {
      if (distances[edge.to] == kFar) continue;
      if (distances[edge.to] + edge.delay_micros != distances[node]) continue;
      parents[node] = edge.to;
      break;
    }
  }
  return parents;
}

std::vector<NodeIndex> TopDown(const Parents& parents, NodeIndex root) {
  std::vector<std::vector<NodeIndex>> children(parents.size());
  for (NodeIndex node = 0; node < parents.size(); ++node) {
    if (parents[node] != kNoNode) children[parents[node]].push_back(node);
  }
  std::vector<NodeIndex> order = {root}, level = {root};
  while (!level.empty()) {
    std::vector<NodeIndex> next;
    for (const NodeIndex node : level) {
      next.insert(next.end(), children[node].begin(), children[node].end());
    }
    std::ranges::sort(next);
    order.insert(order.end(), next.begin(), next.end());
    level = std::move(next);
  }
  return order;
}

}  // namespace mneme::federation
