#include "tests/lab/federation_setup.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_split.h"
#include "core/base/status.h"
#include "core/federation/branches.h"
#include "tests/lab/experiment.h"

namespace mneme::lab {
namespace {

using federation::NodeIndex;

constexpr double kNodesMax = 256;
constexpr double kSimulatedDimensionMax = 1024;
constexpr double kSqrtCoefficient = 4;  // of the reference rows: keys of 16 dimensions bear it

std::optional<uint64_t> WholeNumber(absl::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "0,1,2@800-999". Absent where it is none.
std::optional<federation::Cut> ParseCut(std::string_view text, size_t nodes) {
  const std::vector<absl::string_view> sides = absl::StrSplit(AbslView(text), '@');
  if (sides.size() != 2) return std::nullopt;
  const std::vector<absl::string_view> rounds = absl::StrSplit(sides[1], '-');
  if (rounds.size() != 2) return std::nullopt;
  const auto from = WholeNumber(rounds[0]), to = WholeNumber(rounds[1]);
  if (!from || !to || *from > *to) return std::nullopt;
  federation::Cut cut{.from = *from, .to = *to};
  for (const absl::string_view node : absl::StrSplit(sides[0], ',')) {
    const auto number = WholeNumber(node);
    if (!number || *number >= nodes) return std::nullopt;
    cut.nodes.push_back(static_cast<NodeIndex>(*number));
  }
  return cut;
}

federation::Spec SpecFor(const Parameters& parameters) {
  using federation::Schedule;
  federation::Spec spec{.d_k = static_cast<uint32_t>(parameters.Count("d_k")),
                        .d_v = static_cast<uint32_t>(parameters.Count("d_v"))};
  if (!parameters.IsAuto("R")) spec.radius = parameters.Real("R");
  spec.steps = {.schedule = Chosen<Schedule>(parameters, "schedule"),
                .eta_max = parameters.Real("eta_max"),
                .horizon = parameters.Count("T"),
                .gradient_bound = parameters.Real("G"),
                .stability_cap = parameters.Text("stability_cap") == "on"};
  if (!parameters.IsAuto("c")) {
    spec.steps.c = parameters.Real("c");
  } else if (spec.steps.schedule == Schedule::kSqrt) {
    spec.steps.c = kSqrtCoefficient;
  }
  if (!parameters.IsAuto("eta")) {
    spec.steps.eta = parameters.Real("eta");
    if (spec.steps.schedule == Schedule::kSqrt) spec.steps.c = spec.steps.eta;
  }
  spec.decay = parameters.Real("decay");
  spec.privacy = {.min_contributors = static_cast<uint32_t>(parameters.Count("min_contributors")),
                  .min_items = static_cast<uint32_t>(parameters.Count("min_items")),
                  .max_hold_rounds = static_cast<uint32_t>(parameters.Count("max_hold_rounds"))};
  spec.wire.topk_share = parameters.Real("topk");
  spec.wire.error_feedback = parameters.Text("error_feedback") == "on";
  spec.loss_correction = Chosen<federation::LossCorrection>(parameters, "loss_correction");
  spec.max_delay = federation::kDelayRoundsMax;
  return spec;
}

std::vector<Flag> NetworkFlags() {
  return {{.name = "topology",
           .kind = FlagKind::kChoice,
           .default_value = "ring",
           .help = "which nodes are linked",
           .choices = ChoicesOf<federation::Topology>()},
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
           .help = "whose items matter to whom: rows that sum to 1",
           .choices = ChoicesOf<federation::InterestKind>()},
          {.name = "planner",
           .kind = FlagKind::kChoice,
           .default_value = "per_root",
           .help = "trees: shortest per root, balanced, one for all, few bytes, a grid's rows",
           .choices = {"per_root", "congestion", "shared", "bytes", "snake"}},
          {.name = "mode",
           .kind = FlagKind::kChoice,
           .default_value = "gradient",
           .help = "the algorithm; central, local, consensus and wrong_point to compare with",
           .choices = ChoicesOf<federation::Mode>()}};
}

std::vector<Flag> DataFlags() {
  return {{.name = "T",
           .kind = FlagKind::kInteger,
           .default_value = "2000",
           .unit = "rounds",
           .help = "length of the run; a list gives `slope`",
           .least = 1,
           .most = 1e6},
          {.name = "het",
           .default_value = "0.5",
           .help = "share of a node's map that is its own; 0: one truth for all",
           .least = 0,
           .most = 1},
          {.name = "gain",
           .default_value = "3",
           .help = "how much longer keys are in the coordinates of their node; 1: isotropic",
           .least = 0.001,
           .most = 1000},
          {.name = "drift",
           .default_value = "0",
           .unit = "radians/round",
           .help = "how fast the truth turns; gives dynamic_regret",
           .least = 0,
           .most = 1},
          KeyDimension(kSimulatedDimensionMax),
          {.name = "d_v",
           .kind = FlagKind::kInteger,
           .default_value = "16",
           .unit = "numbers",
           .help = "dimension of responses",
           .least = 1,
           .most = kSimulatedDimensionMax},
          {.name = "b",
           .kind = FlagKind::kInteger,
           .default_value = "1",
           .unit = "items",
           .help = "that a node gets in a round",
           .least = 1,
           .most = 256},
          {.name = "precision",
           .kind = FlagKind::kChoice,
           .default_value = "float64",
           .help = "of memories and sums",
           .choices = {"float64", "float32"}}};
}

std::vector<Flag> StepFlags() {
  return {{.name = "schedule",
           .kind = FlagKind::kChoice,
           .default_value = "sqrt",
           .help = "min(eta_max, c/sqrt(t)); R/(G sqrt(T(1+2L))); c R/sqrt(what came); eta; "
                   "1/(decay t)",
           .choices = ChoicesOf<federation::Schedule>()},
          {.name = "c",
           .default_value = "auto",
           .help = "of sqrt and adaptive; auto: 4 and 0.25",
           .least = federation::kRealMin,
           .most = 1e6,
           .may_be_auto = true},
          {.name = "eta",
           .default_value = "none",
           .help = "the first step: every step of constant; of sqrt another word for c",
           .least = federation::kRealMin,
           .most = 1e6,
           .may_be_auto = true,
           .automatic = "none"},
          {.name = "eta_max",
           .default_value = "2",
           .help = "of all schedules but constant",
           .least = federation::kRealMin,
           .most = 1e6},
          {.name = "G",
           .default_value = "3",
           .help = "bound on one pair's gradient: of horizon and of regret_bound",
           .least = federation::kRealMin,
           .most = 1e6},
          {.name = "R",
           .default_value = "auto",
           .help = "radius of the ball that memories stay in; auto: 2 sqrt(d_v)",
           .least = federation::kRealMin,
           .most = federation::kRealMax,
           .may_be_auto = true},
          {.name = "decay",
           .default_value = "0",
           .help = "lambda: shrinks a memory with each step; needed by strong",
           .least = 0,
           .most = 1},
          {.name = "stability_cap",
           .kind = FlagKind::kChoice,
           .default_value = "off",
           .help = "on: eta <= 1 / (max |k|^2 (1 + longest delay))",
           .choices = {"off", "on"}}};
}

std::vector<Flag> FaultFlags() {
  return {{.name = "drop",
           .default_value = "0",
           .help = "share of contributions that are lost",
           .least = 0,
           .most = 0.99},
          {.name = "loss_correction",
           .kind = FlagKind::kChoice,
           .default_value = "off",
           .help = "weights divided by the measured share of arrivals; auto: below 0.8",
           .choices = {"off", "on", "auto"}},
          {.name = "slow_node",
           .kind = FlagKind::kInteger,
           .default_value = "none",
           .help = "the node whose links are slow",
           .least = 0,
           .most = kNodesMax - 1,
           .may_be_auto = true,
           .automatic = "none"},
          {.name = "slow_by",
           .kind = FlagKind::kInteger,
           .default_value = "20",
           .unit = "rounds",
           .help = "added to what goes towards a root over each link of slow_node",
           .least = 0,
           .most = 1000},
          {.name = "cut",
           .kind = FlagKind::kText,
           .default_value = "",
           .help = "nodes on one side and rounds, as 0,1,2@800-999: what crosses then is lost"},
          {.name = "replan_every",
           .kind = FlagKind::kInteger,
           .default_value = "0",
           .unit = "rounds",
           .help = "after which what is on its way is thrown away; 0: never",
           .least = 0,
           .most = 1e6}};
}

std::vector<Flag> WireFlags() {
  return {{.name = "compress",
           .kind = FlagKind::kChoice,
           .default_value = "none",
           .help = "what leaves a contributor; topk and sign: gradients alone",
           .choices = ChoicesOf<federation::Rounding>()},
          {.name = "topk",
           .default_value = "0.1",
           .help = "share of a gradient's numbers that topk sends",
           .least = 1e-6,
           .most = 1},
          {.name = "error_feedback",
           .kind = FlagKind::kChoice,
           .default_value = "on",
           .help = "of topk: what was not sent is added to the next",
           .choices = {"on", "off"}},
          {.name = "min_contributors",
           .kind = FlagKind::kInteger,
           .default_value = "1",
           .unit = "nodes",
           .help = "in a sum that reaches a root",
           .least = 1,
           .most = kNodesMax},
          {.name = "min_items",
           .kind = FlagKind::kInteger,
           .default_value = "1",
           .unit = "items",
           .help = "in a sum that reaches a root",
           .least = 1,
           .most = 1e6},
          {.name = "max_hold_rounds",
           .kind = FlagKind::kInteger,
           .default_value = "8",
           .unit = "rounds",
           .help = "that a sum waits for them; then it is dropped",
           .least = 1,
           .most = 4096}};
}

}  // namespace

federation::Routes RoutesFor(std::string_view planner, const federation::Graph& graph,
                             const federation::Weights& weights, size_t capacity) {
  if (planner == "congestion") {
    const federation::Congestion congestion{.capacity = capacity == 0 ? SIZE_MAX : capacity,
                                            .queue_micros = 1};
    return RouteBalanced(graph, weights, congestion);
  }
  if (planner == "shared") return RouteShared(graph, weights);
  if (planner == "bytes") return RouteForBytes(graph, weights, 0.5);
  if (planner == "snake") {
    return RouteOver(federation::SnakeOf(graph.size()), graph.size(), weights);
  }
  return RoutePerRoot(graph, weights);
}

std::vector<Flag> FederationFlags() {
  std::vector<Flag> all;
  for (auto part : {NetworkFlags(), DataFlags(), StepFlags(), FaultFlags(), WireFlags()}) {
    for (Flag& flag : part) {
      if (flag.name == "d_k") flag.default_value = "16";
      all.push_back(std::move(flag));
    }
  }
  return all;
}

absl::Status CheckFederationFlags(const Parameters& parameters) {
  const size_t nodes = parameters.Count("n");
  const auto links =
      federation::LinksOf(Chosen<federation::Topology>(parameters, "topology"), nodes);
  if (!links.ok()) return links.status();
  if (parameters.Text("planner") == "snake" && parameters.Text("topology") != "grid") {
    return BadFlag("planner", "snake", "a planner other than snake unless topology=grid");
  }
  if (parameters.Text("planner") == "shared" && nodes > 64) {
    return BadFlag("planner", "shared", "per_root or congestion above 64 nodes");
  }
  if (!parameters.IsAuto("slow_node") && parameters.Count("slow_node") >= nodes) {
    return BadFlag("slow_node", parameters.Text("slow_node"), absl::StrCat("a node below ", nodes));
  }
  const std::string& cut = parameters.Text("cut");
  if (!cut.empty() && !ParseCut(cut, nodes)) {
    return BadFlag("cut", cut, "nodes and rounds that exist, such as 0,1,2@800-999");
  }
  const std::string& schedule = parameters.Text("schedule");
  if (!parameters.IsAuto("eta") &&
      ((schedule != "sqrt" && schedule != "constant") || !parameters.IsAuto("c"))) {
    return BadFlag("eta", parameters.Text("eta"),
                   "none beside c, and beside schedules other than sqrt and constant");
  }
  if (parameters.IsAuto("eta") && schedule == "constant") {
    return BadFlag("eta", "none", "a number with schedule=constant");
  }
  const auto options = FederationOptions(parameters, 1);
  if (!options.ok()) return options.status();
  return Validate(options->spec);
}

absl::StatusOr<federation::SimulationOptions> FederationOptions(const Parameters& parameters,
                                                                uint64_t seed) {
  const size_t nodes = parameters.Count("n");
  MNEME_ASSIGN_OR_RETURN(
      std::vector<federation::Link> links,
      federation::LinksOf(Chosen<federation::Topology>(parameters, "topology"), nodes));
  std::vector<uint32_t> slow_rounds(nodes, 0);
  if (!parameters.IsAuto("slow_node")) {
    slow_rounds[parameters.Count("slow_node")] = static_cast<uint32_t>(parameters.Count("slow_by"));
  }
  // Trees go around a slow node where that is shorter.
  for (federation::Link& link : links) {
    link.delay_micros += slow_rounds[link.a] + slow_rounds[link.b];
  }
  MNEME_ASSIGN_OR_RETURN(federation::Graph graph, federation::Graph::Create(nodes, links));
  federation::Weights weights =
      federation::WeightsOf(Chosen<federation::InterestKind>(parameters, "interest"), nodes);
  federation::Routes routes = RoutesFor(parameters.Text("planner"), graph, weights, 0);
  // As the planner does where sums must be large enough. Who stays uncovered is dropped on the way.
  const size_t contributors_min = parameters.Count("min_contributors");
  for (NodeIndex root = 0; contributors_min > 1 && root < nodes; ++root) {
    CoverSmallBranches(graph, root, weights.row(root), contributors_min, routes.parents[root]);
  }
  federation::SimulationOptions options{
      .spec = SpecFor(parameters),
      .mode = Chosen<federation::Mode>(parameters, "mode"),
      .seed = seed,
      .batch = parameters.Count("b"),
      .graph = std::move(graph),
      .weights = std::move(weights),
      .routes = std::move(routes),
      .slow_rounds = std::move(slow_rounds),
      .drop = parameters.Real("drop"),
      .cut = ParseCut(parameters.Text("cut"), nodes),
      .replan_every = parameters.Count("replan_every"),
      .rounding = Chosen<federation::Rounding>(parameters, "compress")};
  return options;
}

federation::PortableDataOptions FederationData(const Parameters& parameters, uint64_t seed) {
  return {.seed = seed,
          .nodes = parameters.Count("n"),
          .d_k = parameters.Count("d_k"),
          .d_v = parameters.Count("d_v"),
          .batch = parameters.Count("b"),
          .het = parameters.Real("het"),
          .gain = parameters.Real("gain"),
          .drift = parameters.Real("drift")};
}

}  // namespace mneme::lab
