#include "core/federation/simulate.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/status.h"
#include "core/federation/compress.h"
#include "core/federation/regret.h"
#include "core/federation/simulation.h"

namespace mneme::federation {
namespace {

constexpr uint64_t kRoundsBetweenReports = 64;
constexpr double kFloatBytes = 4;

// Sums of every node's own items, and of each node's interest when asked.
class Sums {
 public:
  explicit Sums(const SimulationOptions& options) : options_(options) {
    for (size_t node = 0; node < options.weights.rows(); ++node) {
      of_node_.emplace_back(options.spec.d_k, options.spec.d_v);
    }
  }

  void Add(MatrixViewD keys, MatrixViewD responses) {
    for (size_t i = 0; i < keys.rows; ++i) {
      of_node_[i / options_.batch].Add(keys.row(i), responses.row(i),
                                       1 / static_cast<double>(options_.batch));
    }
  }

  // Mean over the nodes.
  absl::StatusOr<double> BestFixedLoss() const {
    double sum = 0;
    for (size_t root = 0; root < of_node_.size(); ++root) {
      Hindsight interest(options_.spec.d_k, options_.spec.d_v);
      for (size_t node = 0; node < of_node_.size(); ++node) {
        const double weight = options_.weights.at(root, node);
        if (weight > 0) interest.Add(of_node_[node], weight);
      }
      const std::optional<double> loss = interest.BestLoss();
      if (!loss) return Internal("the best memory in hindsight has no finite loss");
      sum += *loss;
    }
    return sum / static_cast<double>(of_node_.size());
  }

 private:
  const SimulationOptions& options_;
  std::vector<Hindsight> of_node_;
};

template <typename T>
double MeanLoss(const Simulation<T>& simulation) {
  const size_t nodes = simulation.options().weights.rows();
  double sum = 0;
  for (NodeIndex node = 0; node < nodes; ++node) sum += simulation.loss(node);
  return sum / static_cast<double>(nodes);
}

double FloorOf(const SimulationOptions& options, const ItemSource& source, uint64_t round) {
  const size_t nodes = options.weights.rows();
  double sum = 0;
  for (size_t node = 0; node < nodes; ++node) {
    double weight = 0;
    for (size_t root = 0; root < nodes; ++root) weight += options.weights.at(root, node);
    sum += weight * source.FloorOf(round, node);
  }
  return sum / static_cast<double>(nodes);
}

template <typename T>
void DescribeWays(const Simulation<T>& simulation, SimulatedRun& run) {
  for (const SimulatedPair& pair : simulation.pairs()) {
    run.mean_hops += pair.weight * pair.hops;
    run.mean_delay += pair.weight * pair.rounds;
  }
  const auto nodes = static_cast<double>(simulation.options().weights.rows());
  run.mean_hops /= nodes;
  run.mean_delay /= nodes;
}

size_t EdgesOf(const Routes& routes) {
  size_t edges = 0;
  for (const Parents& parents : routes.parents) {
    edges += parents.size() - static_cast<size_t>(std::ranges::count(parents, kNoNode));
  }
  return edges;
}

// Items go out along the trees of those who want them.
Routes FactorRoutes(const SimulationOptions& options) {
  const size_t nodes = options.weights.rows();
  Weights transposed(nodes, nodes);
  for (size_t a = 0; a < nodes; ++a) {
    for (size_t b = 0; b < nodes; ++b) transposed.at(a, b) = options.weights.at(b, a);
  }
  return RoutePerRoot(options.graph, transposed);
}

double GradientBytes(const SimulationOptions& options) {
  const double numbers = static_cast<double>(options.spec.d_k) * options.spec.d_v;
  switch (options.rounding) {
    case Rounding::kNone:
      return kFloatBytes * numbers;
    case Rounding::kBfloat16:
      return kFloatBytes / 2 * numbers;
    case Rounding::kSign:
      return numbers / 8 + kFloatBytes;
    case Rounding::kTopK:
      return 2 * kFloatBytes *
             static_cast<double>(
                 TopKCount(options.spec.wire.topk_share, static_cast<size_t>(numbers)));
  }
  return 0;
}

}  // namespace

template <typename T>
absl::StatusOr<SimulatedRun> Simulate(SimulationOptions given, const ItemSource& source,
                                      uint64_t rounds, const std::vector<uint64_t>& times,
                                      const SimulationProgressFn& progress) {
  MNEME_ASSIGN_OR_RETURN(Simulation<T> simulation, Simulation<T>::Create(std::move(given), source));
  const SimulationOptions& options = simulation.options();
  Sums sums(options);
  SimulatedRun run;
  DescribeWays(simulation, run);
  const uint64_t last_quarter = rounds - rounds / 4;
  double before_last_quarter = 0;
  auto next_time = times.begin();
  for (uint64_t t = 0; t < rounds; ++t) {
    if (progress && t % kRoundsBetweenReports == 0 &&
        !progress(static_cast<double>(t) / static_cast<double>(rounds))) {
      return Cancelled("the simulation was told to stop",
                       {.reason = "CANCELLED",
                        .given = "a request to stop",
                        .expected = "a run that may end",
                        .next_step = "Start it again if its result is still wanted."});
    }
    if (t == last_quarter) before_last_quarter = MeanLoss(simulation);
    simulation.Step();
    sums.Add(simulation.keys(), simulation.responses());
    run.floor_loss += FloorOf(options, source, t);
    for (; next_time != times.end() && *next_time <= t + 1; ++next_time) {
      MNEME_ASSIGN_OR_RETURN(const double best, sums.BestFixedLoss());
      run.curve.push_back({t + 1, MeanLoss(simulation) - best});
    }
  }
  run.loss = MeanLoss(simulation);
  run.dropped = simulation.dropped();
  MNEME_ASSIGN_OR_RETURN(run.best_fixed_loss, sums.BestFixedLoss());
  const double share = static_cast<double>(rounds - last_quarter) / static_cast<double>(rounds);
  run.last_quarter_ratio = (run.loss - before_last_quarter) / (share * run.best_fixed_loss);
  return run;
}

SimulatedTraffic TrafficOf(const SimulationOptions& options) {
  const double d_k = options.spec.d_k, d_v = options.spec.d_v;
  const double width = options.rounding == Rounding::kBfloat16 ? kFloatBytes / 2 : kFloatBytes;
  double up = 0, down = 0;
  size_t edges = EdgesOf(options.routes);
  switch (options.mode) {
    case Mode::kCentral:
    case Mode::kLocal:
      edges = 0;
      break;
    case Mode::kGradient:
    case Mode::kBarrier:
      up = GradientBytes(options);
      down = width * d_k * d_v;
      break;
    case Mode::kWrongPoint:
      up = GradientBytes(options);
      break;
    case Mode::kStatistic:
      up = width * (d_k * (d_k + 1) / 2 + d_v * d_k);
      break;
    case Mode::kFactor:
      edges = EdgesOf(FactorRoutes(options));
      down = width * static_cast<double>(options.batch) * (d_k + d_v);
      break;
    case Mode::kConsensus:
      edges = 0;
      for (NodeIndex node = 0; node < options.graph.size(); ++node) {
        edges += options.graph.From(node).size();
      }
      edges /= 2;
      up = down = width * d_k * d_v;
      break;
  }
  const auto count = static_cast<double>(edges);
  return {.bytes_per_edge_round = edges == 0 ? 0 : up + down,
          .bytes_up = count * up,
          .bytes_down = count * down};
}

template absl::StatusOr<SimulatedRun> Simulate<float>(SimulationOptions, const ItemSource&,
                                                      uint64_t, const std::vector<uint64_t>&,
                                                      const SimulationProgressFn&);
template absl::StatusOr<SimulatedRun> Simulate<double>(SimulationOptions, const ItemSource&,
                                                       uint64_t, const std::vector<uint64_t>&,
                                                       const SimulationProgressFn&);

}  // namespace mneme::federation
