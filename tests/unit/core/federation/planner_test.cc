#include "core/federation/planner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <string>

#include "core/base/random.h"
#include "core/base/status.h"

namespace mneme::federation {
namespace {

// Names sort as numbers do.
std::string NameOf(size_t i) { return absl::StrFormat("n%03d", i); }

PlanInput Unlinked(size_t n) {
  PlanInput input{.spec = {.d_k = 4, .d_v = 4}};
  input.spec.privacy = {.min_contributors = 1, .min_items = 1};
  for (size_t i = 0; i < n; ++i) input.nodes.push_back({.name = NameOf(i), .incarnation = 1});
  return input;
}

void AddLink(PlanInput& input, size_t a, size_t b, int64_t delay_micros = 1000) {
  input.links.push_back({NameOf(a), NameOf(b), delay_micros});
}

void AddInterest(PlanInput& input, size_t root, size_t node, double weight = 1) {
  input.interest.push_back({NameOf(root), NameOf(node), weight});
}

PlanInput Uniform(PlanInput input) {
  for (size_t a = 0; a < input.nodes.size(); ++a) {
    for (size_t b = 0; b < input.nodes.size(); ++b) AddInterest(input, a, b);
  }
  return input;
}

PlanInput Grid(size_t side) {
  PlanInput input = Unlinked(side * side);
  for (size_t i = 0; i < side * side; ++i) {
    if (i % side + 1 < side) AddLink(input, i, i + 1);
    if (i / side + 1 < side) AddLink(input, i, i + side);
  }
  return Uniform(std::move(input));
}

PlanInput Path(size_t n) {
  PlanInput input = Unlinked(n);
  for (size_t i = 0; i + 1 < n; ++i) AddLink(input, i, i + 1);
  return input;
}

size_t LoadOf(const Plan& plan) {
  Routes routes;
  for (const Tree& tree : plan.trees) {
    Parents parents(plan.nodes.size(), kNoNode);
    for (const TreeNode& entry : tree.nodes) parents[entry.node] = entry.parent;
    routes.parents.push_back(std::move(parents));
  }
  return MaxLoad(routes);
}

double MeanHops(const Plan& plan) {
  double sum = 0;
  for (const Tree& tree : plan.trees) sum += MeanDepth(tree);
  return sum / static_cast<double>(plan.trees.size());
}

Plan MustPlan(const PlanInput& input, const PlanOptions& options = {}) {
  auto plan = MakePlan(input, options);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.ok() ? *std::move(plan) : Plan{};
}

TEST(Planner, PerRootTreesHaveTheFewestHops) {
  const Plan plan = MustPlan(Grid(4));
  ASSERT_EQ(plan.trees.size(), 16u);
  for (const Tree& tree : plan.trees) {
    for (const TreeNode& entry : tree.nodes) {
      const auto across = [](int a, int b) { return std::abs(a - b); };
      const int root = static_cast<int>(tree.root), node = static_cast<int>(entry.node);
      EXPECT_EQ(static_cast<int>(entry.depth),
                across(root % 4, node % 4) + across(root / 4, node / 4));
      EXPECT_DOUBLE_EQ(entry.weight, 1.0 / 16);
    }
  }
  EXPECT_DOUBLE_EQ(MeanHops(plan), 2.5);
}

TEST(Planner, BalancingLowersTheLargestLoadAndKeepsEveryHop) {
  const struct {
    size_t side, before, after;
  } cases[] = {{4, 12, 8}, {5, 20, 12}, {6, 30, 18}};
  for (const auto& [side, before, after] : cases) {
    const PlanInput input = Grid(side);
    const Plan shortest = MustPlan(input);
    PlanOptions options{.objective = Objective::kCongestion};
    options.congestion.capacity = 1000;  // so that only equal ways are exchanged
    const Plan balanced = MustPlan(input, options);
    EXPECT_EQ(LoadOf(shortest), before) << side;
    EXPECT_LE(LoadOf(balanced), after) << side;
    EXPECT_DOUBLE_EQ(MeanHops(balanced), MeanHops(shortest));
  }
}

TEST(Planner, ReroutesWhereWaitingCostsMoreThanAHop) {
  // Two triangles joined by a bridge, and a longer way around it.
  PlanInput input = Unlinked(9);
  AddLink(input, 0, 1), AddLink(input, 0, 2), AddLink(input, 1, 2), AddLink(input, 2, 3);
  AddLink(input, 3, 4), AddLink(input, 3, 5), AddLink(input, 4, 5);
  AddLink(input, 0, 6), AddLink(input, 6, 7), AddLink(input, 7, 8), AddLink(input, 8, 4);
  input = Uniform(std::move(input));
  PlanOptions options{.objective = Objective::kCongestion};
  options.congestion = {.capacity = 1, .queue_micros = 100'000};
  const Plan shortest = MustPlan(input), rerouted = MustPlan(input, options);
  EXPECT_LT(LoadOf(rerouted), LoadOf(shortest));
  EXPECT_GT(MeanHops(rerouted), MeanHops(shortest));
  for (const Tree& tree : rerouted.trees) EXPECT_EQ(tree.nodes.size(), 9u);
}

TEST(Planner, EqualReadingsGiveEqualBytes) {
  Random random(17);
  const PlanInput input = Grid(4);
  for (const Objective objective :
       {Objective::kPerRoot, Objective::kCongestion, Objective::kShared, Objective::kBytes}) {
    const PlanOptions options{.epoch = 9, .created_by = "n000", .objective = objective};
    const std::string bytes = Encode(MustPlan(input, options));
    PlanInput shuffled = input;
    random.Shuffle(std::span(shuffled.nodes));
    random.Shuffle(std::span(shuffled.links));
    random.Shuffle(std::span(shuffled.interest));
    for (NamedLink& link : shuffled.links) {
      if (random.Below(2) == 0) std::swap(link.a, link.b);
    }
    EXPECT_EQ(Encode(MustPlan(shuffled, options)), bytes) << Name(objective);
  }
}

TEST(Planner, BranchesWithoutInterestArePruned) {
  PlanInput input = Path(5);
  AddInterest(input, 1, 1), AddInterest(input, 1, 3, 3), AddInterest(input, 1, 4, 0);
  const Plan plan = MustPlan(input);
  const Tree& tree = *FindTree(plan, 1);
  ASSERT_EQ(tree.nodes.size(), 3u);  // 1, the relay 2, 3
  EXPECT_EQ(tree.nodes[1].weight, 0);
  EXPECT_DOUBLE_EQ(tree.nodes[2].weight, 0.75);
  // Who said nothing cares about itself.
  EXPECT_EQ(FindTree(plan, 0)->nodes.size(), 1u);
  EXPECT_EQ(FindTree(plan, 0)->nodes[0].weight, 1);
}

TEST(Planner, SharedTreesOfSmallGraphsAreNearTheBest) {
  int optimal = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    std::vector<Link> links;
    for (NodeIndex b = 1; b < 6; ++b) {
      links.push_back(
          {static_cast<NodeIndex>(random.Below(b)), b, 1 + static_cast<int64_t>(random.Below(9))});
      for (NodeIndex a = 0; a < b; ++a) {
        if (a != links.back().a && random.Uniform() < 0.4) {
          links.push_back({a, b, 1 + static_cast<int64_t>(random.Below(9))});
          std::swap(links.back(), links[links.size() - 2]);
        }
      }
    }
    const auto graph = Graph::Create(6, links);
    ASSERT_TRUE(graph.ok()) << graph.status();
    Weights weights(6, 6);
    for (double& weight : weights.flat()) weight = random.Uniform();
    const double found = TotalDelay(*graph, weights, RouteShared(*graph, weights));
    const double best = TotalDelay(*graph, weights, RouteSharedExact(*graph, weights));
    EXPECT_GE(found, best * (1 - 1e-12)) << "seed " << seed;
    EXPECT_LE(found, best * 1.3) << "seed " << seed;
    optimal += found <= best * (1 + 1e-12) ? 1 : 0;
  }
  EXPECT_GE(optimal, 17);
}

TEST(Planner, WaysThatSaveBytesAreNoLongerThanAllowed) {
  // A ring of six: the two neighbours' way to 0 is shared, the far one's is not doubled.
  PlanInput input = Unlinked(6);
  for (size_t i = 0; i < 6; ++i) AddLink(input, i, (i + 1) % 6);
  for (const size_t node : {2, 3, 4}) AddInterest(input, 0, node);
  const Plan shortest = MustPlan(input);
  const Plan saving = MustPlan(input, {.objective = Objective::kBytes});
  EXPECT_LE(FindTree(saving, 0)->nodes.size(), FindTree(shortest, 0)->nodes.size());
  for (const TreeNode& entry : FindTree(saving, 0)->nodes) {
    const uint32_t hops = std::min<uint32_t>(entry.node, 6 - entry.node);
    EXPECT_LE(entry.depth, 1.5 * hops + 1e-9) << entry.node;
  }
}

TEST(Planner, SmallBranchesMoveBelowTheirSiblingsOrAreLeftOut) {
  PlanInput input = Grid(3);
  input.spec.privacy.min_contributors = 3;
  const Plan plan = MustPlan(input);
  EXPECT_TRUE(plan.left_out.empty());
  for (const Tree& tree : plan.trees) {
    const Place place = PlaceOf(plan, tree.root);
    for (const NodeIndex child : place.RoleIn(tree.root)->children) {
      std::vector<NodeIndex> below = {child};
      for (const TreeNode& entry : tree.nodes) {
        if (std::ranges::find(below, entry.parent) != below.end()) below.push_back(entry.node);
      }
      EXPECT_GE(below.size(), 3u) << "root " << tree.root << " child " << child;
    }
    EXPECT_EQ(tree.nodes.size(), 9u);
  }

  // The leaves of a star have no sibling to go to: their hub sees none of them.
  PlanInput star = Unlinked(5);
  for (size_t i = 1; i < 5; ++i) AddLink(star, 0, i);
  star = Uniform(std::move(star));
  star.spec.privacy.min_contributors = 3;
  const Plan cut = MustPlan(star);
  EXPECT_EQ(FindTree(cut, 0)->nodes.size(), 1u);
  EXPECT_EQ(FindTree(cut, 1)->nodes.size(), 5u);
  ASSERT_EQ(cut.left_out.size(), 4u);
  EXPECT_EQ(cut.left_out[0].reason, LeftOutReason::kPrivacy);
  EXPECT_DOUBLE_EQ(cut.left_out[0].weight, 0.2);
  star.spec.privacy.share_items = true;
  EXPECT_TRUE(MustPlan(star).left_out.empty());
}

TEST(Planner, FactorTreesCarryItemsToThoseWhoWantThem) {
  PlanInput input = Path(4);
  input.spec.transport = Transport::kFactor;
  input.spec.privacy.share_items = true;
  AddInterest(input, 3, 0, 1), AddInterest(input, 3, 3, 3);
  const Plan plan = MustPlan(input);
  const Tree& tree = *FindTree(plan, 0);  // of the items of 0
  ASSERT_EQ(tree.nodes.size(), 4u);
  EXPECT_EQ(tree.nodes[3].node, 3u);
  EXPECT_DOUBLE_EQ(tree.nodes[3].weight, 0.25);
}

TEST(Planner, UnreachableAndWeakInterestsAreListed) {
  PlanInput input = Path(3);
  input.nodes.push_back({.name = NameOf(3)});
  AddInterest(input, 0, 0, 90), AddInterest(input, 0, 1, 9), AddInterest(input, 0, 2, 1);
  AddInterest(input, 1, 3, 1), AddInterest(input, 1, 1, 1);
  const Plan plan = MustPlan(input, {.interest_floor = 0.05});
  ASSERT_EQ(plan.left_out.size(), 2u);
  EXPECT_EQ(plan.left_out[0].reason, LeftOutReason::kInterestFloor);
  EXPECT_EQ(plan.left_out[0].node, 2u);
  EXPECT_NEAR(WeightOf(*FindTree(plan, 0)), 1, 1e-12);  // the rest has its weight
  EXPECT_EQ(plan.left_out[1].reason, LeftOutReason::kUnreachable);
  EXPECT_DOUBLE_EQ(WeightOf(*FindTree(plan, 1)), 0.5);  // it may come back
}

TEST(Planner, AutoTransportIsResolved) {
  PlanInput input = Path(3);
  input.spec.transport = Transport::kAuto;
  EXPECT_EQ(MustPlan(input).spec.transport, Transport::kStatistic);
}

TEST(Planner, BadInputIsRefusedWithAReason) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  const struct {
    std::string reason;
    std::function<void(PlanInput&, PlanOptions&)> spoil;
  } cases[] = {
      {"INTEREST", [](PlanInput& p, PlanOptions&) { AddInterest(p, 0, 1, -1); }},
      {"INTEREST", [&](PlanInput& p, PlanOptions&) { AddInterest(p, 0, 1, nan); }},
      {"INTEREST", [&](PlanInput& p, PlanOptions&) { AddInterest(p, 0, 1, inf); }},
      {"INTEREST", [](PlanInput& p, PlanOptions&) { AddInterest(p, 0, 1, 1e20); }},
      {"INTEREST", [](PlanInput& p, PlanOptions&) { AddInterest(p, 0, 77); }},
      {"INTEREST", [](PlanInput& p, PlanOptions&) { AddInterest(p, 0, 1), AddInterest(p, 0, 1); }},
      {"LINKS", [](PlanInput& p, PlanOptions&) { AddLink(p, 1, 1); }},
      {"LINKS", [](PlanInput& p, PlanOptions&) { AddLink(p, 1, 0); }},
      {"LINKS", [](PlanInput& p, PlanOptions&) { AddLink(p, 0, 2, 0); }},
      {"LINKS", [](PlanInput& p, PlanOptions&) { AddLink(p, 0, 9); }},
      {"SPEC", [](PlanInput& p, PlanOptions&) { p.spec.d_k = 0; }},
      {"PLAN", [](PlanInput& p, PlanOptions&) { p.nodes.clear(); }},
      {"PLAN", [](PlanInput& p, PlanOptions&) { p.nodes.push_back(p.nodes[0]); }},
      {"PLAN", [](PlanInput&, PlanOptions& o) { o.epoch = 0; }},
      {"OPTIONS", [&](PlanInput&, PlanOptions& o) { o.interest_floor = nan; }},
      {"OPTIONS", [](PlanInput&, PlanOptions& o) { o.congestion.capacity = 0; }},
      {"OPTIONS", [](PlanInput&, PlanOptions& o) { o.objective = static_cast<Objective>(9); }},
  };
  for (const auto& [reason, spoil] : cases) {
    PlanInput input = Path(3);
    PlanOptions options;
    spoil(input, options);
    const auto plan = MakePlan(input, options);
    ASSERT_FALSE(plan.ok()) << reason;
    EXPECT_EQ(GetErrorDetail(plan.status())->reason, reason) << plan.status();
  }
}

TEST(Planner, OneNodeAloneHasAPlan) {
  const Plan plan = MustPlan(Unlinked(1));
  ASSERT_EQ(plan.trees.size(), 1u);
  EXPECT_EQ(plan.trees[0].nodes.size(), 1u);
}

}  // namespace
}  // namespace mneme::federation
