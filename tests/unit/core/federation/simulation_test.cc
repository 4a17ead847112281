#include "core/federation/simulation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "core/base/status.h"
#include "core/federation/ball.h"
#include "core/federation/simulate.h"
#include "core/federation/topology.h"

namespace mneme::federation {
namespace {

SimulationOptions Options(Topology topology, size_t nodes, Mode mode) {
  SimulationOptions options{.spec = {.d_k = 16, .d_v = 16}, .mode = mode};
  options.spec.steps.c = 4;
  options.spec.steps.stability_cap = false;
  options.spec.privacy = {.min_contributors = 1, .min_items = 1};
  options.spec.loss_correction = LossCorrection::kOff;
  options.graph = *Graph::Create(nodes, *LinksOf(topology, nodes));
  options.weights = WeightsOf(InterestKind::kUniform, nodes);
  options.routes = RoutePerRoot(options.graph, options.weights);
  return options;
}

template <typename T = double>
Simulation<T> Make(SimulationOptions options, const ItemSource& source) {
  auto simulation = Simulation<T>::Create(std::move(options), source);
  EXPECT_TRUE(simulation.ok()) << simulation.status();
  return *std::move(simulation);
}

double Difference(std::span<const double> a, std::span<const double> b) {
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

TEST(Simulation, StatisticsAndFactorsAreTheSameMathematics) {
  const PortableData data({.nodes = 9, .batch = 2});
  SimulationOptions factor = Options(Topology::kGrid, 9, Mode::kFactor);
  SimulationOptions statistic = Options(Topology::kGrid, 9, Mode::kStatistic);
  factor.batch = statistic.batch = 2;
  auto a = Make(std::move(factor), data), b = Make(std::move(statistic), data);
  for (int t = 0; t < 100; ++t) a.Step(), b.Step();
  EXPECT_GT(Norm(a.memory(3)), 0.1);
  for (NodeIndex node = 0; node < 9; ++node) {
    EXPECT_LT(Difference(a.memory(node), b.memory(node)), 1e-11);
  }
}

// Without links every mode that listens to others is the central one.
TEST(Simulation, OneNodeIsTheSameInEveryMode) {
  const PortableData data({.nodes = 1});
  auto reference = Make(Options(Topology::kPath, 1, Mode::kCentral), data);
  for (int t = 0; t < 50; ++t) reference.Step();
  for (const std::string_view name : kNames<Mode>) {
    auto other = Make(Options(Topology::kPath, 1, *FromName<Mode>(name)), data);
    for (int t = 0; t < 50; ++t) other.Step();
    EXPECT_LT(Difference(reference.memory(0), other.memory(0)), 1e-12) << name;
  }
}

// The far end of a path learns of an item after twice its hops; factors after once.
TEST(Simulation, EffectsComeWhenTheyShould) {
  class Impulse : public ItemSource {
   public:
    void Fill(uint64_t round, std::span<double> keys, std::span<double> responses) const override {
      std::ranges::fill(keys, 0);
      std::ranges::fill(responses, 0);
      if (round == 0) keys[0] = responses[0] = 1;  // of node 0
    }
    double FloorOf(uint64_t, size_t) const override { return 0; }
  };
  const Impulse source;
  for (const auto& [mode, rounds] : {std::pair(Mode::kGradient, 6),
                                     {Mode::kFactor, 3},
                                     {Mode::kStatistic, 3},
                                     {Mode::kCentral, 0}}) {
    auto simulation = Make(Options(Topology::kPath, 4, mode), source);
    for (int t = 0; t < 10; ++t) {
      simulation.Step();
      EXPECT_EQ(Norm(simulation.memory(3)) > 0, t >= rounds) << Name(mode) << " round " << t;
    }
  }
}

TEST(Simulation, FloatsFollowDoubles) {
  const PortableData data({.nodes = 8});
  auto wide = Make<double>(Options(Topology::kRing, 8, Mode::kGradient), data);
  auto narrow = Make<float>(Options(Topology::kRing, 8, Mode::kGradient), data);
  for (int t = 0; t < 300; ++t) wide.Step(), narrow.Step();
  for (size_t i = 0; i < 256; ++i) {
    EXPECT_NEAR(wide.memory(5)[i], narrow.memory(5)[i], 1e-4);
  }
}

TEST(Simulation, MemoriesStayInTheBall) {
  const PortableData data({.nodes = 4});
  SimulationOptions options = Options(Topology::kRing, 4, Mode::kGradient);
  options.spec.radius = 0.5;
  options.spec.steps = {
      .schedule = Schedule::kConstant, .eta = 50, .stability_cap = false};  // far from stable
  auto simulation = Make(std::move(options), data);
  for (int t = 0; t < 200; ++t) {
    simulation.Step();
    EXPECT_LE(Norm(simulation.memory(2)), 0.5 * (1 + 1e-12));
  }
}

TEST(Simulation, EveryContributionArrivesOrIsCounted) {
  const PortableData data({.nodes = 9});
  SimulationOptions options = Options(Topology::kGrid, 9, Mode::kGradient);
  options.drop = 0.25;
  auto simulation = Make(std::move(options), data);
  for (int t = 0; t < 500; ++t) simulation.Step();
  // 72 pairs of different nodes.
  EXPECT_NEAR(static_cast<double>(simulation.dropped()) / (72 * 500), 0.25, 0.01);
}

TEST(Simulation, SmallSumsWaitAndAreThenDropped) {
  const PortableData data({.nodes = 3});
  // On a path of three the ends have one branch of two, the middle two branches of one.
  SimulationOptions options = Options(Topology::kPath, 3, Mode::kGradient);
  options.spec.privacy = {.min_contributors = 2, .min_items = 2, .max_hold_rounds = 4};
  auto simulation = Make(std::move(options), data);
  for (int t = 0; t < 100; ++t) simulation.Step();
  // All that the ends sent to the middle; up to five rounds of it still wait.
  EXPECT_GE(simulation.dropped(), 2u * (98 - 5));
  EXPECT_LE(simulation.dropped(), 2u * 98 + 4);
}

TEST(Simulation, RefusesWhatDoesNotGoTogether) {
  const PortableData data({.nodes = 4});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const struct {
    std::string reason;
    std::function<void(SimulationOptions&)> spoil;
  } cases[] = {
      {"SPEC", [](SimulationOptions& o) { o.spec.d_k = 0; }},
      {"SHAPE", [](SimulationOptions& o) { o.weights = Weights(3, 3); }},
      {"SHAPE", [](SimulationOptions& o) { o.routes = {}; }},
      {"SHAPE", [](SimulationOptions& o) { o.slow_rounds = {1}; }},
      {"SHAPE", [](SimulationOptions& o) { o.batch = 0; }},
      {"SIMULATION", [&](SimulationOptions& o) { o.drop = nan; }},
      {"SIMULATION", [](SimulationOptions& o) { o.spec.loss = Loss::kHuber; }},
      {"SIMULATION",
       [](SimulationOptions& o) {
         o.mode = Mode::kFactor;
         o.rounding = Rounding::kTopK;
       }},
      {"SIMULATION",
       [](SimulationOptions& o) {
         o.mode = Mode::kStatistic;
         o.spec.steps.schedule = Schedule::kAdaptive;
       }},
      {"SIMULATION", [](SimulationOptions& o) { o.spec.d_k = o.spec.d_v = 8192; }},
  };
  for (const auto& [reason, spoil] : cases) {
    SimulationOptions options = Options(Topology::kRing, 4, Mode::kGradient);
    spoil(options);
    const auto simulation = Simulation<double>::Create(std::move(options), data);
    ASSERT_FALSE(simulation.ok()) << reason;
    EXPECT_EQ(GetErrorDetail(simulation.status())->reason, reason) << simulation.status();
  }
}

TEST(Simulate, FindsTheRegretOfTheReferenceRow) {
  const PortableData data({.nodes = 16});
  const auto run =
      Simulate<double>(Options(Topology::kRing, 16, Mode::kGradient), data, 2000, {10, 2000}, {});
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_NEAR(run->regret(), 6.7515, 5e-5);
  ASSERT_EQ(run->curve.size(), 2u);
  EXPECT_EQ(run->curve[1].regret, run->regret());
  EXPECT_EQ(run->mean_hops, 4);
  EXPECT_EQ(run->mean_delay, 8);
}

TEST(Simulate, StopsWhenToldTo) {
  const PortableData data({.nodes = 4});
  const auto run = Simulate<float>(Options(Topology::kRing, 4, Mode::kGradient), data, 100'000, {},
                                   [](double share) { return share < 0.01; });
  EXPECT_EQ(run.status().code(), absl::StatusCode::kCancelled);
}

TEST(Simulate, TrafficIsThatOfTheTable) {
  // All interested in all on a 4 by 4 grid of d = 64: 15 edges in each of 16 trees.
  const auto bytes = [](Mode mode) {
    SimulationOptions options = Options(Topology::kGrid, 16, mode);
    options.spec.d_k = options.spec.d_v = 64;
    const SimulatedTraffic traffic = TrafficOf(options);
    return (traffic.bytes_up + traffic.bytes_down) / 1e6;
  };
  EXPECT_NEAR(bytes(Mode::kGradient), 7.86, 0.005);
  EXPECT_NEAR(bytes(Mode::kStatistic), 5.93, 0.005);
  EXPECT_NEAR(bytes(Mode::kFactor), 0.12, 0.005);
  EXPECT_EQ(bytes(Mode::kLocal), 0);
}

}  // namespace
}  // namespace mneme::federation
