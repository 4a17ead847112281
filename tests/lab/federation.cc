// Federated memories: the regret of distributed online gradient descent over routing trees, and of
// what it is compared with.
#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/plot/figure.h"
#include "core/base/status.h"
#include "core/federation/simulate.h"
#include "core/federation/steps.h"
#include "tests/lab/experiments.h"
#include "tests/lab/federation_setup.h"

namespace mneme::lab {
namespace {

constexpr size_t kCurvePoints = 40;
constexpr std::string_view kCompared[] = {"central", "consensus", "local"};

absl::StatusOr<federation::SimulatedRun> Simulate(const Parameters& parameters, Run& run,
                                                  const std::vector<uint64_t>& times) {
  MNEME_ASSIGN_OR_RETURN(federation::SimulationOptions options,
                         FederationOptions(parameters, run.seed()));
  const federation::PortableData data(FederationData(parameters, run.seed()));
  const uint64_t rounds = parameters.Count("T");
  const auto progress = [&run](double share) {
    run.Progress(share);
    return true;
  };
  if (parameters.Text("precision") == "float32") {
    return federation::Simulate<float>(std::move(options), data, rounds, times, progress);
  }
  return federation::Simulate<double>(std::move(options), data, rounds, times, progress);
}

absl::Status RunFederation(const Parameters& parameters, Run& run) {
  MNEME_ASSIGN_OR_RETURN(const federation::SimulatedRun found, Simulate(parameters, run, {}));
  MNEME_ASSIGN_OR_RETURN(const federation::SimulationOptions options,
                         FederationOptions(parameters, run.seed()));
  if (parameters.IsAuto("R")) run.Used("R", federation::BallRadius(options.spec));
  if (parameters.IsAuto("c") && options.spec.steps.c) run.Used("c", *options.spec.steps.c);
  run.Measure("regret", found.regret());
  run.Measure("best_fixed_loss", found.best_fixed_loss);
  run.Measure("last_quarter_ratio", found.last_quarter_ratio);
  if (parameters.Real("drift") > 0) {
    run.Measure("dynamic_regret", found.loss - found.floor_loss);
    run.Measure("best_fixed_excess", found.best_fixed_loss - found.floor_loss);
  }
  const federation::SimulatedTraffic traffic = federation::TrafficOf(options);
  run.Measure("bytes_per_edge_round", traffic.bytes_per_edge_round);
  run.Measure("bytes_up", traffic.bytes_up);
  run.Measure("bytes_down", traffic.bytes_down);
  run.Measure("dropped", static_cast<double>(found.dropped));
  run.Measure("mean_hops", found.mean_hops);
  run.Measure("mean_delay", found.mean_delay);
  run.Measure("max_load", static_cast<double>(federation::MaxLoad(options.routes)));
  return absl::OkStatus();
}

// At the best constant step; of the algorithm as it is, not of what it is compared with.
void PredictFederation(const Parameters& parameters, const Quantities& measured,
                       Quantities& predicted) {
  const std::string& mode = parameters.Text("mode");
  if (mode == "local" || mode == "consensus" || mode == "wrong_point") return;
  const bool all_arrives = parameters.Real("drop") == 0 && parameters.Text("cut").empty() &&
                           parameters.Real("replan_every") == 0;
  if (!all_arrives || parameters.Text("compress") != "none") return;
  const double radius =
      parameters.IsAuto("R") ? 2 * std::sqrt(parameters.Real("d_v")) : parameters.Real("R");
  predicted.Set("regret_bound",
                federation::RegretBound(radius, parameters.Real("G"), parameters.Real("T"),
                                        measured.Find("mean_delay").value_or(0)));
}

std::vector<uint64_t> CurveTimes(double rounds) {
  std::vector<uint64_t> times;
  for (size_t i = 0; i <= kCurvePoints; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(kCurvePoints);
    const auto time = static_cast<uint64_t>(std::lround(std::pow(rounds, share)));
    if (times.empty() || time > times.back()) times.push_back(time);
  }
  return times;
}

// Regret over time beside what it is compared with, and a line of slope 1/2 through its end.
absl::StatusOr<plot::Figure> DrawFederation(const Parameters& parameters, Run& run) {
  const double rounds = parameters.Real("T");
  plot::Panel panel{.title = "regret", .x_label = "round", .log_y = true};
  plot::Series guide{.legend = "slope 1/2", .look = plot::Look::kPredicted, .color = 4};
  std::vector<std::string_view> modes = {parameters.Text("mode")};
  if (parameters.Text("compress") == "none") {
    for (const std::string_view other : kCompared) {
      if (other != modes.front()) modes.push_back(other);
    }
  }
  for (const std::string_view mode : modes) {
    Parameters drawn = parameters;
    drawn.Set("mode", {.text = std::string(mode)});
    const auto found = Simulate(drawn, run, CurveTimes(rounds));
    // Not every option goes with what it is compared with.
    if (!found.ok() && mode == modes.front()) return found.status();
    if (!found.ok()) continue;
    plot::Series regret{
        .legend = std::string(mode), .look = plot::Look::kMeasured, .color = panel.series.size()};
    for (const federation::RegretPoint& point : found->curve) {
      const auto t = static_cast<double>(point.rounds);
      regret.x.push_back(t), regret.y.push_back(point.regret);
      if (mode != modes.front()) continue;
      guide.x.push_back(t), guide.y.push_back(found->regret() * std::sqrt(t / rounds));
    }
    panel.series.push_back(std::move(regret));
  }
  panel.series.push_back(std::move(guide));
  return plot::Figure{
      .title = "federation", .caption = "one run, mean over nodes", .panels = {std::move(panel)}};
}

}  // namespace

Experiment FederationExperiment() {
  return {.name = "federation",
          .summary = "memories that learn from each other over routing trees: regret, bytes, trees",
          .source =
              "distributed associative memory via online convex optimization, "
              "arXiv 2509.22321 and 2511.23347",
          .slope_of = "regret",
          .flags = FederationFlags(),
          .check = CheckFederationFlags,
          .run = RunFederation,
          .predict = PredictFederation,
          .draw = DrawFederation};
}

}  // namespace mneme::lab
