#include "core/federation/planner.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>
#include <utility>

#include "core/base/status.h"
#include "core/federation/branches.h"

namespace mneme::federation {
namespace {

absl::Status Bad(std::string_view reason, std::string_view what, std::string_view given,
                 std::string_view expected, std::string_view next_step) {
  return InvalidArgument(
      absl::StrCat(AbslView(what), ": given ", AbslView(given), ", expected ", AbslView(expected)),
      {.reason = std::string(reason),
       .given = std::string(given),
       .expected = std::string(expected),
       .next_step = std::string(next_step)});
}

absl::Status BadInterest(const Interest& interest, std::string_view given,
                         std::string_view expected) {
  return Bad("INTEREST", absl::StrCat("interest of '", interest.root, "' in '", interest.node, "'"),
             given, expected, "Correct the row of interest; weights are relative to each other.");
}

absl::Status CheckOptions(const PlanOptions& options) {
  const std::string_view next_step = "Give another value, or leave it out.";
  if (Name(options.objective) == "?") {
    return Bad("OPTIONS", "objective", absl::StrCat(static_cast<int>(options.objective)),
               "per_root, congestion, shared or bytes", next_step);
  }
  if (!(options.interest_floor >= 0 && options.interest_floor < 1)) {
    return Bad("OPTIONS", "interest_floor", absl::StrFormat("%.9g", options.interest_floor),
               "a share from 0 to below 1", next_step);
  }
  if (options.congestion.capacity == 0 || options.congestion.queue_micros < 1 ||
      options.congestion.queue_micros > kLinkDelayMicrosMax) {
    return Bad("OPTIONS", "congestion",
               absl::StrCat("capacity ", options.congestion.capacity, ", ",
                            options.congestion.queue_micros, " us"),
               absl::StrCat("a capacity of at least 1 and from 1 to ", kLinkDelayMicrosMax, " us"),
               next_step);
  }
  return absl::OkStatus();
}

class Planner {
 public:
  Planner(const PlanInput& input, const PlanOptions& options) : input_(input), options_(options) {}

  absl::StatusOr<Plan> Run() {
    MNEME_RETURN_IF_ERROR(CheckOptions(options_));
    MNEME_RETURN_IF_ERROR(ReadNodes());
    MNEME_ASSIGN_OR_RETURN(const Graph graph, ReadLinks());
    MNEME_RETURN_IF_ERROR(ReadInterest());
    for (NodeIndex root = 0; root < size(); ++root) DropWeakInterests(root);
    if (plan_.spec.transport == Transport::kFactor) Transpose();
    LeaveOutUnreachable(graph);
    MNEME_ASSIGN_OR_RETURN(Routes routes, Route(graph));
    if (NeedsCover()) Cover(graph, routes);
    for (NodeIndex root = 0; root < size(); ++root) AddTree(root, routes);
    std::ranges::sort(plan_.left_out, {}, [](const LeftOut& left) {
      return std::tuple(left.root, left.node, left.reason);
    });
    MNEME_RETURN_IF_ERROR(Check(plan_));
    return std::move(plan_);
  }

 private:
  size_t size() const { return plan_.nodes.size(); }

  // Sorted, and refused as Check refuses them: without trees the plan is already complete.
  absl::Status ReadNodes() {
    plan_ = {.epoch = options_.epoch,
             .created_by = options_.created_by,
             .nodes = input_.nodes,
             .spec = input_.spec};
    plan_.spec.transport = ResolvedTransport(input_.spec, options_.items_per_round);
    std::ranges::sort(plan_.nodes, {}, &PlanNode::name);
    return Check(plan_);
  }

  absl::StatusOr<Graph> ReadLinks() const {
    std::vector<Link> links;
    for (const NamedLink& link : input_.links) {
      const auto a = FindNode(plan_, link.a), b = FindNode(plan_, link.b);
      if (!a || !b) {
        return Bad("LINKS", absl::StrCat("link of '", link.a, "' and '", link.b, "'"),
                   absl::StrCat("'", a ? link.b : link.a, "'"), "names of nodes that are there",
                   "Correct the table of links, or let the node join first.");
      }
      links.push_back({*a, *b, link.delay_micros});
    }
    return Graph::Create(size(), links);
  }

  absl::Status ReadInterest() {
    weights_ = Weights(size(), size());
    std::vector<bool> has_row(size(), false);
    std::vector<std::pair<NodeIndex, NodeIndex>> seen;
    for (const Interest& interest : input_.interest) {
      const auto root = FindNode(plan_, interest.root), node = FindNode(plan_, interest.node);
      if (!root || !node) {
        return BadInterest(interest, root ? interest.node : interest.root,
                           "names of nodes that are there");
      }
      if (!(interest.weight >= 0 && interest.weight <= kWeightMax)) {
        return BadInterest(interest, absl::StrFormat("%.9g", interest.weight),
                           absl::StrFormat("a weight from 0 to %.9g", kWeightMax));
      }
      seen.emplace_back(*root, *node);
      has_row[*root] = true;
      weights_.at(*root, *node) = interest.weight;
    }
    std::ranges::sort(seen);
    const auto twice = std::ranges::adjacent_find(seen);
    if (twice != seen.end()) {
      return BadInterest({plan_.nodes[twice->first].name, plan_.nodes[twice->second].name},
                         "a second weight", "one");
    }
    for (NodeIndex root = 0; root < size(); ++root) {
      if (!has_row[root]) weights_.at(root, root) = 1;
      const auto away = input_.away_interest.find(plan_.nodes[root].name);
      Normalise(root, 1, away == input_.away_interest.end() ? 0 : away->second);
    }
    return absl::OkStatus();
  }

  double SumOf(NodeIndex root) const {
    double sum = 0;
    for (const double weight : weights_.row(root)) sum += weight;
    return sum;
  }

  // The row sums to `to`, together with what is `away` in the same measure.
  void Normalise(NodeIndex root, double to, double away = 0) {
    const double sum = SumOf(root) + away;
    if (sum <= 0) return;
    for (double& weight : weights_.row(root)) weight = weight / sum * to;
  }

  void LeaveOut(NodeIndex root, NodeIndex node, LeftOutReason reason) {
    plan_.left_out.push_back(
        {.root = root, .node = node, .reason = reason, .weight = weights_.at(root, node)});
    weights_.at(root, node) = 0;
  }

  void DropWeakInterests(NodeIndex root) {
    std::vector<std::pair<double, NodeIndex>> weakest;
    for (NodeIndex node = 0; node < size(); ++node) {
      const double weight = weights_.at(root, node);
      if (node != root && weight > 0) weakest.emplace_back(weight, node);
    }
    std::ranges::sort(weakest);
    const double whole = SumOf(root);
    double dropped = 0;
    for (const auto& [weight, node] : weakest) {
      dropped += weight;
      if (dropped >= options_.interest_floor) break;
      LeaveOut(root, node, LeftOutReason::kInterestFloor);
    }
    if (options_.interest_floor > 0) Normalise(root, whole);
  }

  // Items go from their source to who cares about them.
  void Transpose() {
    for (NodeIndex a = 0; a < size(); ++a) {
      for (NodeIndex b = 0; b < a; ++b) std::swap(weights_.at(a, b), weights_.at(b, a));
    }
    for (LeftOut& left : plan_.left_out) std::swap(left.root, left.node);
  }

  void LeaveOutUnreachable(const Graph& graph) {
    for (NodeIndex root = 0; root < size(); ++root) {
      const std::vector<int64_t> distances = Distances(graph, {{root}});
      for (NodeIndex node = 0; node < size(); ++node) {
        if (distances[node] == kFar && weights_.at(root, node) > 0) {
          LeaveOut(root, node, LeftOutReason::kUnreachable);
        }
      }
    }
  }

  absl::StatusOr<Routes> Route(const Graph& graph) const {
    switch (options_.objective) {
      case Objective::kPerRoot:
        return RoutePerRoot(graph, weights_);
      case Objective::kCongestion:
        return RouteBalanced(graph, weights_, options_.congestion);
      case Objective::kBytes:
        return RouteForBytes(graph, weights_, kDetourMax);
      case Objective::kShared:
        break;
    }
    if (size() <= kSharedNodesMax) return RouteShared(graph, weights_);
    return Bad("OPTIONS", "objective", absl::StrCat("shared with ", size(), " nodes"),
               absl::StrCat("at most ", kSharedNodesMax, " nodes"), "Use per_root.");
  }

  // Factors are the items: who lets them travel has nothing to hide.
  bool NeedsCover() const {
    return plan_.spec.transport != Transport::kFactor && !plan_.spec.privacy.share_items &&
           plan_.spec.privacy.min_contributors > 1;
  }

  void Cover(const Graph& graph, Routes& routes) {
    for (NodeIndex root = 0; root < size(); ++root) {
      if (routes.parents[root].empty()) continue;
      const std::vector<NodeIndex> left =
          CoverSmallBranches(graph, root, weights_.row(root), plan_.spec.privacy.min_contributors,
                             routes.parents[root]);
      for (const NodeIndex node : left) LeaveOut(root, node, LeftOutReason::kPrivacy);
    }
    Prune(weights_, routes);
  }

  void AddTree(NodeIndex root, const Routes& routes) {
    const Parents& parents = routes.parents[root];
    if (parents.empty()) return;
    Tree tree{.root = root};
    std::vector<uint32_t> depth(size(), 0);
    for (const NodeIndex node : TopDown(parents, root)) {
      if (node != root) depth[node] = depth[parents[node]] + 1;
      tree.nodes.push_back({.node = node,
                            .parent = parents[node],
                            .depth = depth[node],
                            .weight = weights_.at(root, node)});
    }
    plan_.trees.push_back(std::move(tree));
  }

  const PlanInput& input_;
  const PlanOptions& options_;
  Plan plan_;
  Weights weights_;
};

}  // namespace

void LinkAllToAll(PlanInput* input) {
  for (size_t a = 0; a < input->nodes.size(); ++a) {
    for (size_t b = a + 1; b < input->nodes.size(); ++b)
      input->links.push_back({.a = input->nodes[a].name, .b = input->nodes[b].name});
  }
}

absl::StatusOr<Plan> MakePlan(const PlanInput& input, const PlanOptions& options) {
  return Planner(input, options).Run();
}

}  // namespace mneme::federation
