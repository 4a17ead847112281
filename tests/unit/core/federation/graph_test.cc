#include "core/federation/graph.h"

#include <gtest/gtest.h>

#include "core/base/status.h"
#include "core/federation/topology.h"

namespace mneme::federation {
namespace {

TEST(Graph, TakesTheLowestOfEqualParents) {
  // A square: two equal ways from 0 to 3.
  const std::vector<Link> links = {{2, 3}, {0, 2}, {1, 3}, {0, 1}};
  const auto graph = Graph::Create(4, links);
  ASSERT_TRUE(graph.ok());
  EXPECT_EQ(ShortestPathTree(*graph, 0), (Parents{kNoNode, 0, 0, 1}));
  EXPECT_EQ(TopDown(ShortestPathTree(*graph, 3), 3), (std::vector<NodeIndex>{3, 1, 2, 0}));
}

TEST(Graph, PrefersQuickWaysToFewHops) {
  const std::vector<Link> links = {{0, 1, 10}, {0, 2, 3}, {2, 3, 3}, {3, 1, 3}};
  const auto graph = Graph::Create(5, links);
  ASSERT_TRUE(graph.ok());
  EXPECT_EQ(ShortestPathTree(*graph, 0)[1], 3u);
  EXPECT_EQ(Distances(*graph, {{0}})[1], 9);
  EXPECT_EQ(Distances(*graph, {{0}})[4], kFar);
  EXPECT_EQ(graph->DelayOf(0, 2), 3);
  EXPECT_EQ(graph->DelayOf(0, 3), std::nullopt);
}

TEST(Graph, RefusesLinksThatCannotBe) {
  for (const std::vector<Link>& links : {std::vector<Link>{{0, 0}},
                                         {{0, 3}},
                                         {{0, 1}, {1, 0}},
                                         {{0, 1, 0}},
                                         {{0, 1, -5}},
                                         {{0, 1, kLinkDelayMicrosMax + 1}}}) {
    const auto graph = Graph::Create(3, links);
    ASSERT_FALSE(graph.ok());
    EXPECT_EQ(GetErrorDetail(graph.status())->reason, "LINKS");
  }
}

TEST(Topology, HasTheLinksOfItsName) {
  const struct {
    Topology topology;
    size_t nodes, links;
  } cases[] = {{Topology::kRing, 8, 8},       {Topology::kRing, 2, 1},
               {Topology::kPath, 8, 7},       {Topology::kStar, 9, 8},
               {Topology::kComplete, 10, 45}, {Topology::kBinaryTree, 15, 14},
               {Topology::kGrid, 16, 24},     {Topology::kRing, 1, 0}};
  for (const auto& [topology, nodes, count] : cases) {
    const auto links = LinksOf(topology, nodes);
    ASSERT_TRUE(links.ok());
    EXPECT_EQ(links->size(), count) << Name(topology);
  }
  const auto scattered = LinksOf(Topology::kRandomGeometric, 20);
  ASSERT_TRUE(scattered.ok());
  const auto graph = Graph::Create(20, *scattered);
  for (const int64_t distance : Distances(*graph, {{0}})) EXPECT_NE(distance, kFar);
  EXPECT_FALSE(LinksOf(Topology::kGrid, 10).ok());
  EXPECT_FALSE(LinksOf(Topology::kPath, 0).ok());
  EXPECT_FALSE(LinksOf(Topology::kPath, 5000).ok());
}

TEST(Topology, RowsOfInterestSumToOne) {
  for (const std::string_view name : kNames<InterestKind>) {
    for (const size_t nodes : {1, 2, 3, 7, 16}) {
      const Weights weights = WeightsOf(*FromName<InterestKind>(name), nodes);
      for (size_t root = 0; root < nodes; ++root) {
        double sum = 0;
        for (const double weight : weights.row(root)) sum += weight;
        EXPECT_NEAR(sum, 1, 1e-12) << name << " of " << nodes;
      }
    }
  }
  EXPECT_EQ(WeightsOf(InterestKind::kHub, 4).at(0, 0), 1);
}

}  // namespace
}  // namespace mneme::federation
