// Routing trees: how long the ways are, how many share a link, and is a shared tree the best one?
#include <chrono>
#include <vector>

#include "core/base/status.h"
#include "core/federation/routing.h"
#include "core/federation/topology.h"
#include "tests/lab/experiments.h"
#include "tests/lab/federation_setup.h"

namespace mneme::lab {
namespace {

constexpr double kNodesMax = 256;
constexpr double kExtraLinks = 0.4;  // chance of a link that random's spanning tree has not
constexpr uint64_t kDelaysMost = 9;

bool IsRandom(const Parameters& parameters, std::string_view flag) {
  return parameters.Text(flag) == "random";
}

// A random spanning tree and some more links, of delays 1 to 9.
std::vector<federation::Link> RandomLinks(size_t nodes, Random random) {
  std::vector<federation::Link> links;
  const auto delay = [&] { return static_cast<int64_t>(1 + random.Below(kDelaysMost)); };
  for (federation::NodeIndex b = 1; b < nodes; ++b) {
    const auto parent = static_cast<federation::NodeIndex>(random.Below(b));
    links.push_back({parent, b, delay()});
    for (federation::NodeIndex a = 0; a < b; ++a) {
      if (a != parent && random.Uniform() < kExtraLinks) links.push_back({a, b, delay()});
    }
  }
  return links;
}

absl::StatusOr<federation::Graph> GraphFor(const Parameters& parameters, const Run& run) {
  const size_t nodes = parameters.Count("n");
  if (IsRandom(parameters, "topology")) {
    return federation::Graph::Create(nodes, RandomLinks(nodes, run.Stream(1)));
  }
  MNEME_ASSIGN_OR_RETURN(
      const auto links,
      federation::LinksOf(Chosen<federation::Topology>(parameters, "topology"), nodes));
  return federation::Graph::Create(nodes, links);
}

federation::Weights WeightsFor(const Parameters& parameters, const Run& run) {
  const size_t nodes = parameters.Count("n");
  if (!IsRandom(parameters, "interest")) {
    return federation::WeightsOf(Chosen<federation::InterestKind>(parameters, "interest"), nodes);
  }
  federation::Weights weights(nodes, nodes);
  Random random = run.Stream(2);
  for (size_t root = 0; root < nodes; ++root) {
    double sum = 0;
    for (double& weight : weights.row(root)) sum += weight = random.Uniform();
    for (double& weight : weights.row(root)) weight /= sum;
  }
  return weights;
}

double MeanHops(const federation::Weights& weights, const federation::Routes& routes) {
  double sum = 0;
  for (federation::NodeIndex root = 0; root < routes.parents.size(); ++root) {
    const federation::Parents& parents = routes.parents[root];
    if (parents.empty()) continue;
    std::vector<uint32_t> hops(parents.size(), 0);
    for (const federation::NodeIndex node : federation::TopDown(parents, root)) {
      if (node != root) hops[node] = hops[parents[node]] + 1;
      sum += weights.at(root, node) * hops[node];
    }
  }
  return sum / static_cast<double>(routes.parents.size());
}

absl::Status Check(const Parameters& parameters) {
  const size_t nodes = parameters.Count("n");
  if (!IsRandom(parameters, "topology")) {
    const auto links =
        federation::LinksOf(Chosen<federation::Topology>(parameters, "topology"), nodes);
    if (!links.ok()) return links.status();
  }
  const std::string& planner = parameters.Text("planner");
  if (planner == "snake" && parameters.Text("topology") != "grid") {
    return BadFlag("planner", "snake", "a planner other than snake unless topology=grid");
  }
  if (planner == "shared" && nodes > 64) {
    return BadFlag("planner", "shared", "per_root or congestion above 64 nodes");
  }
  if (parameters.Text("exact") == "off") return absl::OkStatus();
  if (planner != "shared" || nodes > federation::kExactNodesMax) {
    return BadFlag(
        "exact", "on",
        absl::StrCat("off unless planner=shared and n is at most ", federation::kExactNodesMax));
  }
  return absl::OkStatus();
}

absl::Status RunPlan(const Parameters& parameters, Run& run) {
  MNEME_ASSIGN_OR_RETURN(const federation::Graph graph, GraphFor(parameters, run));
  const federation::Weights weights = WeightsFor(parameters, run);
  const size_t capacity = parameters.IsAuto("cap") ? 0 : parameters.Count("cap");
  const auto start = std::chrono::steady_clock::now();
  const federation::Routes routes = RoutesFor(parameters.Text("planner"), graph, weights, capacity);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  const double delay = federation::TotalDelay(graph, weights, routes);
  run.Measure("mean_hops", MeanHops(weights, routes));
  run.Measure("mean_delay", delay / static_cast<double>(graph.size()));
  run.Measure("max_load", static_cast<double>(federation::MaxLoad(routes)));
  if (parameters.Text("exact") == "on") {
    const double best =
        federation::TotalDelay(graph, weights, federation::RouteSharedExact(graph, weights));
    run.Measure("optimal", delay <= best * (1 + 1e-9) ? 1 : 0);
  }
  run.Measure("seconds", seconds.count());
  return absl::OkStatus();
}

std::vector<std::string_view> WithRandom(std::vector<std::string_view> choices) {
  choices.push_back("random");
  return choices;
}

}  // namespace

Experiment FederationPlanExperiment() {
  return {.name = "federation-plan",
          .summary = "routing trees: hops, loads, and whether a shared tree is the best one",
          .source =
              "routing trees of distributed online gradient descent: shortest paths, congestion, "
              "optimum communication spanning trees",
          .slope_of = "seconds",
          .flags = {{.name = "topology",
                     .kind = FlagKind::kChoice,
                     .default_value = "grid",
                     .help = "which nodes are linked; random: by seed, with delays 1 to 9",
                     .choices = WithRandom(ChoicesOf<federation::Topology>())},
                    {.name = "n",
                     .kind = FlagKind::kInteger,
                     .default_value = "16",
                     .unit = "nodes",
                     .help = "a square number for grid",
                     .least = 1,
                     .most = kNodesMax},
                    {.name = "interest",
                     .kind = FlagKind::kChoice,
                     .default_value = "uniform",
                     .help = "whose items matter to whom; random: uniform weights by seed",
                     .choices = WithRandom(ChoicesOf<federation::InterestKind>())},
                    {.name = "planner",
                     .kind = FlagKind::kChoice,
                     .default_value = "per_root",
                     .help = "shortest per root, balanced, one for all, few bytes, a grid's rows",
                     .choices = {"per_root", "congestion", "shared", "bytes", "snake"}},
                    {.name = "cap",
                     .kind = FlagKind::kInteger,
                     .default_value = "none",
                     .unit = "trees",
                     .help = "over one directed link without waiting; above it nodes of congestion "
                             "take longer ways",
                     .least = 1,
                     .most = 1e6,
                     .may_be_auto = true,
                     .automatic = "none"},
                    {.name = "exact",
                     .kind = FlagKind::kChoice,
                     .default_value = "off",
                     .help = "on: a shared tree is compared with all there are (n at most 7)",
                     .choices = {"off", "on"}}},
          .check = Check,
          .run = RunPlan};
}

}  // namespace mneme::lab
