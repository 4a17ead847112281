// One key again and again, seen by a node some hops away: the largest step that does not swing up.
#include <algorithm>

#include "core/base/status.h"
#include "core/federation/simulation.h"
#include "core/federation/steps.h"
#include "core/federation/topology.h"
#include "tests/lab/experiments.h"
#include "tests/lab/federation_setup.h"

namespace mneme::lab {
namespace {

constexpr size_t kDimension = 2;
constexpr double kEtaMost = 4;
constexpr int kHalvings = 16;
constexpr uint64_t kRoundsWatched = 200;

class OneKey : public federation::ItemSource {
 public:
  void Fill(uint64_t, std::span<double> keys, std::span<double> responses) const override {
    std::ranges::fill(keys, 0);
    std::ranges::fill(responses, 0);
    for (size_t i = 0; i < keys.size(); i += kDimension) keys[i] = responses[i] = 1;
  }
  double FloorOf(uint64_t, size_t) const override { return 0; }
};

// Node 0 of a path cares about its other end alone.
absl::StatusOr<bool> IsStable(const Parameters& parameters, double eta) {
  const size_t nodes = parameters.Count("hops") + 1;
  MNEME_ASSIGN_OR_RETURN(const auto links, federation::LinksOf(federation::Topology::kPath, nodes));
  MNEME_ASSIGN_OR_RETURN(federation::Graph graph, federation::Graph::Create(nodes, links));
  federation::Weights weights(nodes, nodes);
  weights.at(0, nodes - 1) = 1;
  federation::Routes routes = RoutePerRoot(graph, weights);
  federation::Spec spec{.d_k = kDimension, .d_v = kDimension, .radius = 1e9};
  spec.steps = {.schedule = federation::Schedule::kConstant, .eta = eta, .stability_cap = false};
  spec.privacy = {.min_contributors = 1, .min_items = 1};
  spec.max_delay = federation::kDelayRoundsMax;
  const OneKey source;
  MNEME_ASSIGN_OR_RETURN(auto simulation, federation::Simulation<double>::Create(
                                              {.spec = spec,
                                               .mode = Chosen<federation::Mode>(parameters, "mode"),
                                               .graph = std::move(graph),
                                               .weights = std::move(weights),
                                               .routes = std::move(routes)},
                                              source));
  simulation.Step();
  const double at_first = simulation.loss(0);
  const uint64_t rounds = parameters.Count("T");
  while (simulation.round() + kRoundsWatched < rounds) simulation.Step();
  const double before = simulation.loss(0);
  while (simulation.round() < rounds) simulation.Step();
  // A swing of the first amplitude has half its loss.
  return (simulation.loss(0) - before) / static_cast<double>(kRoundsWatched) < at_first / 2;
}

absl::Status RunStability(const Parameters& parameters, Run& run) {
  double stable = 0, unstable = kEtaMost;
  for (int i = 0; i < kHalvings; ++i) {
    const double eta = (stable + unstable) / 2;
    MNEME_ASSIGN_OR_RETURN(const bool is_stable, IsStable(parameters, eta));
    (is_stable ? stable : unstable) = eta;
    run.Progress(static_cast<double>(i + 1) / kHalvings);
  }
  run.Measure("eta_max", (stable + unstable) / 2);
  return absl::OkStatus();
}

void PredictStability(const Parameters& parameters, const Quantities&, Quantities& predicted) {
  const bool is_gradient = parameters.Text("mode") == "gradient";
  const auto delay = is_gradient ? static_cast<uint32_t>(2 * parameters.Count("hops")) : 0;
  predicted.Set("eta_max", federation::StableStepLimit(delay));
}

}  // namespace

Experiment FederationStabilityExperiment() {
  return {.name = "federation-stability",
          .summary = "one key stored again and again: the largest stable step over a distance",
          .source = "online gradient descent with delayed gradients",
          .slope_of = "eta_max",
          .flags = {{.name = "hops",
                     .kind = FlagKind::kInteger,
                     .default_value = "1",
                     .unit = "hops",
                     .help = "between the node and the items",
                     .least = 1,
                     .most = 64},
                    {.name = "mode",
                     .kind = FlagKind::kChoice,
                     .default_value = "gradient",
                     .help = "what travels",
                     .choices = {"gradient", "factor", "statistic"}},
                    {.name = "T",
                     .kind = FlagKind::kInteger,
                     .default_value = "4000",
                     .unit = "rounds",
                     .help = "after which a swing must have died out",
                     .least = 1000,
                     .most = 1e6}},
          .run = RunStability,
          .predict = PredictStability};
}

}  // namespace mneme::lab
