#include "core/federation/topology.h"

#include <cmath>
#include <utility>

#include "core/base/status.h"
#include "core/federation/portable_data.h"

namespace mneme::federation {
namespace {

size_t SideOf(size_t nodes) {
  return static_cast<size_t>(std::lround(std::sqrt(static_cast<double>(nodes))));
}

absl::Status BadTopology(Topology topology, size_t nodes, std::string_view expected) {
  return InvalidArgument(absl::StrCat("a ", AbslView(Name(topology)), " of ", nodes,
                                      " nodes, expected ", AbslView(expected)),
                         {.reason = "TOPOLOGY",
                          .given = absl::StrCat(nodes),
                          .expected = std::string(expected),
                          .next_step = "Give another number of nodes."});
}

bool IsConnected(size_t nodes, const std::vector<Link>& links) {
  const auto graph = Graph::Create(nodes, links);
  for (const int64_t distance : Distances(*graph, {{0}})) {
    if (distance == kFar) return false;
  }
  return true;
}

std::vector<Link> RandomGeometric(size_t nodes) {
  constexpr double kRadius = 0.20, kGrowth = 0.02;
  const PortableStream points(1, kGeometryTag);
  for (double radius = kRadius;; radius += kGrowth) {
    std::vector<Link> links;
    for (NodeIndex a = 0; a < nodes; ++a) {
      for (NodeIndex b = a + 1; b < nodes; ++b) {
        const double x = points.Uniform(2 * a) - points.Uniform(2 * b);
        const double y = points.Uniform(2 * a + 1) - points.Uniform(2 * b + 1);
        if (std::hypot(x, y) <= radius) links.push_back({a, b});
      }
    }
    if (IsConnected(nodes, links)) return links;
  }
}

std::vector<Link> Grid(size_t nodes) {
  const auto side = static_cast<NodeIndex>(SideOf(nodes));
  std::vector<Link> links;
  for (NodeIndex i = 0; i < nodes; ++i) {
    if (i % side + 1 < side) links.push_back({i, i + 1});
    if (i + side < nodes) links.push_back({i, i + side});
  }
  return links;
}

std::vector<Link> Complete(size_t nodes) {
  std::vector<Link> links;
  for (NodeIndex a = 0; a < nodes; ++a) {
    for (NodeIndex b = a + 1; b < nodes; ++b) links.push_back({a, b});
  }
  return links;
}

}  // namespace

absl::StatusOr<std::vector<Link>> LinksOf(Topology topology, size_t nodes) {
  if (nodes == 0 || nodes > kPlanNodesMax) {
    return BadTopology(topology, nodes, absl::StrCat("from 1 to ", kPlanNodesMax));
  }
  std::vector<Link> links;
  switch (topology) {
    case Topology::kRing:
    case Topology::kPath:
      for (NodeIndex i = 0; i + 1 < nodes; ++i) links.push_back({i, i + 1});
      if (topology == Topology::kRing && nodes > 2) {
        links.push_back({static_cast<NodeIndex>(nodes - 1), 0});
      }
      return links;
    case Topology::kStar:
      for (NodeIndex i = 1; i < nodes; ++i) links.push_back({0, i});
      return links;
    case Topology::kComplete:
      return Complete(nodes);
    case Topology::kBinaryTree:
      for (NodeIndex i = 1; i < nodes; ++i) links.push_back({(i - 1) / 2, i});
      return links;
    case Topology::kGrid:
      if (SideOf(nodes) * SideOf(nodes) != nodes) {
        return BadTopology(topology, nodes, "a square number such as 9 or 16");
      }
      return Grid(nodes);
    case Topology::kRandomGeometric:
      return RandomGeometric(nodes);
  }
  return Internal("a topology without links");
}

Weights WeightsOf(InterestKind interest, size_t nodes) {
  Weights weights(nodes, nodes);
  const auto n = static_cast<double>(nodes);
  for (size_t root = 0; root < nodes; ++root) {
    const std::span<double> row = weights.row(root);
    switch (interest) {
      case InterestKind::kUniform:
        for (double& weight : row) weight = 1 / n;
        break;
      case InterestKind::kSelfHeavy:
        for (double& weight : row) weight = 0.5 / std::max(1.0, n - 1);
        row[root] = nodes > 1 ? 0.5 : 1;
        break;
      case InterestKind::kSelfPlusOne:
        row[root] += 0.5;
        row[(root + nodes / 2) % nodes] += 0.5;
        break;
      case InterestKind::kNextTwo:
        row[root] += 0.4;
        row[(root + 1) % nodes] += 0.3;
        row[(root + 2) % nodes] += 0.3;
        break;
      case InterestKind::kHub:
        row[root] += 0.4;
        row[0] += 0.6;
        break;
      case InterestKind::kGroupsOfFour: {
        size_t group = 0;
        for (size_t node = root % 4; node < nodes; node += 4) ++group;
        for (size_t node = root % 4; node < nodes; node += 4) {
          row[node] = 1 / static_cast<double>(group);
        }
        break;
      }
    }
  }
  return weights;
}

std::vector<Link> SnakeOf(size_t nodes) {
  const size_t side = SideOf(nodes);
  std::vector<NodeIndex> way;
  for (size_t row = 0; row < side; ++row) {
    for (size_t column = 0; column < side; ++column) {
      const size_t at = row % 2 == 0 ? column : side - 1 - column;
      way.push_back(static_cast<NodeIndex>(row * side + at));
    }
  }
  std::vector<Link> links;
  for (size_t i = 0; i + 1 < way.size(); ++i) links.push_back({way[i], way[i + 1]});
  return links;
}

}  // namespace mneme::federation
