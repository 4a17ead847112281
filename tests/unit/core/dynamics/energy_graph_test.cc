#include "core/dynamics/energy_graph.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/base/random.h"
#include "core/base/status.h"
#include "core/models/dense/dense_driver.h"
#include "tests/unit/core/dynamics/dynamics_testing.h"

namespace mneme::dynamics {
namespace {

MatrixD Gaussian(size_t rows, size_t cols, double scale, Random& random) {
  MatrixD out(rows, cols);
  for (double& x : out.flat()) x = scale * random.Gaussian();
  return out;
}

LayerVectors RandomStates(const EnergyGraph& graph, Random& random) {
  LayerVectors out;
  for (const GraphLayer& layer : graph.layers()) random.FillGaussian(out.emplace_back(layer.size));
  return out;
}

// Three layers of the given Lagrangians with every kind of synapse.
EnergyGraph FullGraph(const std::vector<Lagrangian>& lagrangians, Random& random) {
  auto graph = EnergyGraph::Create({{.lagrangian = lagrangians[0], .size = 8},
                                    {.lagrangian = lagrangians[1], .size = 6, .tau = 2},
                                    {.lagrangian = lagrangians[2], .size = 7, .beta = 3}});
  EXPECT_TRUE(graph.ok());
  EXPECT_TRUE(graph->AddBilinear(0, 1, Gaussian(8, 6, 0.3, random)).ok());
  EXPECT_TRUE(graph->AddBilinear(2, 1, Gaussian(7, 6, 0.3, random)).ok());
  EXPECT_TRUE(graph->AddThirdOrder(0, 1, 2, Gaussian(48, 7, 0.1, random)).ok());
  EXPECT_TRUE(graph->AddMemory(0, Gaussian(10, 8, 1, random), {.beta = 2}).ok());
  EXPECT_TRUE(graph
                  ->AddMemory(1, Gaussian(10, 6, 1, random),
                              {.similarity = models::Similarity::kDot, .beta = 2})
                  .ok());
  return std::move(graph).value();
}

const std::vector<std::vector<Lagrangian>> kMixtures = {
    {Lagrangian::kIdentity, Lagrangian::kTanh, Lagrangian::kSoftmax},
    {Lagrangian::kRelu, Lagrangian::kLayerNorm, Lagrangian::kTanh},
    {Lagrangian::kSpherical, Lagrangian::kSoftmax, Lagrangian::kIdentity}};

TEST(EnergyGraph, GradientsAreThoseOfItsEnergy) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    for (const auto& mixture : kMixtures) {
      Random random(seed);
      const EnergyGraph graph = FullGraph(mixture, random);
      const auto difference = graph.GradientCheck(RandomStates(graph, random));
      ASSERT_TRUE(difference.ok()) << difference.status();
      EXPECT_LT(*difference, 1e-8) << "seed " << seed << ", " << Name(mixture[0]);
    }
  }
}

TEST(EnergyGraph, TheEnergyDoesNotRise) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    for (const auto& mixture : kMixtures) {
      Random random(seed);
      const EnergyGraph graph = FullGraph(mixture, random);
      const auto relaxed = graph.Relax(RandomStates(graph, random), {.steps_max = 500});
      ASSERT_TRUE(relaxed.ok()) << relaxed.status();
      EXPECT_LT(relaxed->largest_rise, 1e-12);
      for (size_t t = 1; t < relaxed->energies.size(); ++t) {
        EXPECT_LE(relaxed->energies[t], relaxed->energies[t - 1] + 1e-12) << "seed " << seed;
      }
      EXPECT_LT(relaxed->energies.back(), relaxed->energies.front());
      EXPECT_DOUBLE_EQ(*graph.Energy(relaxed->states), relaxed->energies.back());
    }
  }
}

TEST(EnergyGraph, TwoLayersSettleWhereTheDenseMemoryDoes) {
  Random random(3);
  const MatrixD patterns = Gaussian(12, 9, 1, random);
  MatrixD weights(9, 12);
  for (size_t i = 0; i < 9; ++i) {
    for (size_t mu = 0; mu < 12; ++mu) weights.at(i, mu) = patterns.at(mu, i);
  }
  auto graph = EnergyGraph::Create(
      {{.size = 9}, {.lagrangian = Lagrangian::kSoftmax, .size = 12, .beta = 4}});
  ASSERT_TRUE(graph.ok());
  ASSERT_TRUE(graph->AddBilinear(0, 1, std::move(weights)).ok());
  const auto relaxed = graph->Relax(RandomStates(*graph, random), {.tolerance = 1e-13});
  ASSERT_TRUE(relaxed.ok());
  EXPECT_TRUE(relaxed->converged);
  const MatrixViewD at{relaxed->states[0].data(), 1, 9};
  const auto recalled =
      models::RunDense<double>({.similarity = models::Similarity::kDot, .beta = 4},
                               {.keys = patterns, .cues = at}, {.steps_max = 1});
  ASSERT_TRUE(recalled.ok());
  for (size_t i = 0; i < 9; ++i) {
    EXPECT_NEAR(recalled->recalls.at(0, i), relaxed->states[0][i], 1e-11) << "seed 3";
  }
}

TEST(EnergyGraph, AMemorySynapseOnIdentityPullsToItsPatterns) {
  // tau x' = -grad E - x: with E = -(1/beta) ln Σ exp(-beta/2 |x - xi|²) of one pattern xi the rest
  // point is xi / 2.
  auto graph = EnergyGraph::Create({{.size = 2}});
  MatrixD pattern(1, 2);
  pattern.at(0, 0) = 4, pattern.at(0, 1) = -6;
  ASSERT_TRUE(graph->AddMemory(0, std::move(pattern), {.beta = 1}).ok());
  const auto relaxed = graph->Relax({{1, 1}}, {.tolerance = 1e-12});
  ASSERT_TRUE(relaxed.ok());
  EXPECT_NEAR(relaxed->states[0][0], 2, 1e-10);
  EXPECT_NEAR(relaxed->states[0][1], -3, 1e-10);
}

TEST(EnergyGraph, ClampedCoordinatesStay) {
  Random random(4);
  const EnergyGraph graph = FullGraph(kMixtures[0], random);
  const LayerVectors start = RandomStates(graph, random);
  std::vector<uint8_t> half(8, 0);
  half[0] = half[5] = 1;
  const auto relaxed =
      graph.Relax(start, {.steps_max = 200, .clamped = {half, {}, std::vector<uint8_t>(7, 1)}});
  ASSERT_TRUE(relaxed.ok()) << relaxed.status();
  EXPECT_EQ(relaxed->states[0][0], start[0][0]);
  EXPECT_EQ(relaxed->states[0][5], start[0][5]);
  EXPECT_NE(relaxed->states[0][1], start[0][1]);
  EXPECT_EQ(relaxed->states[2], start[2]);
  EXPECT_LE(relaxed->energies.back(), relaxed->energies.front());
}

TEST(EnergyGraph, StepsTooLongAreHalved) {
  Random random(5);
  const EnergyGraph graph = FullGraph(kMixtures[0], random);
  for (const double dt : {50.0, 1e8}) {
    const auto relaxed = graph.Relax(RandomStates(graph, random), {.steps_max = 200, .dt = dt});
    ASSERT_TRUE(relaxed.ok()) << relaxed.status();
    EXPECT_GT(relaxed->halvings, 3);
    EXPECT_LT(relaxed->largest_rise, 1e-12);
    EXPECT_LT(relaxed->energies.back(), relaxed->energies.front());
  }
}

TEST(EnergyGraph, AnEnergyThatFallsWithoutEndIsAnError) {
  auto graph = EnergyGraph::Create({{.size = 1}, {.size = 1}});
  MatrixD strong(1, 1);
  strong.at(0, 0) = 3;
  ASSERT_TRUE(graph->AddBilinear(0, 1, std::move(strong)).ok());
  const auto relaxed = graph->Relax({{1}, {1}}, {.steps_max = 1'000'000});
  EXPECT_EQ(relaxed.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(GetErrorDetail(relaxed.status())->reason, "UNBOUNDED");
  EXPECT_EQ(graph->Energy({{1e200}, {1e200}}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(EnergyGraph, StopsWhenItIsTold) {
  Random random(6);
  const EnergyGraph graph = FullGraph(kMixtures[0], random);
  int seen = 0;
  const auto relaxed =
      graph.Relax(RandomStates(graph, random), {}, [&](double) { return ++seen < 5; });
  ASSERT_TRUE(relaxed.ok());
  EXPECT_EQ(relaxed->energies.size(), 6);
}

TEST(EnergyGraph, RefusesWhatDoesNotFit) {
  EXPECT_FALSE(EnergyGraph::Create({}).ok());
  EXPECT_FALSE(EnergyGraph::Create({{.size = 0}}).ok());
  EXPECT_FALSE(EnergyGraph::Create({{.beta = 0}}).ok());
  EXPECT_FALSE(EnergyGraph::Create({{.tau = std::nan("")}}).ok());
  auto graph = EnergyGraph::Create({{.size = 2}, {.size = 3}, {.size = 4}});
  EXPECT_FALSE(graph->AddBilinear(0, 0, MatrixD(2, 2)).ok());
  EXPECT_FALSE(graph->AddBilinear(0, 3, MatrixD(2, 2)).ok());
  EXPECT_FALSE(graph->AddBilinear(0, 1, MatrixD(3, 2)).ok());
  EXPECT_FALSE(graph->AddThirdOrder(0, 1, 1, MatrixD(6, 3)).ok());
  EXPECT_FALSE(graph->AddThirdOrder(0, 1, 2, MatrixD(2, 12)).ok());
  EXPECT_FALSE(graph->AddMemory(0, MatrixD(), {}).ok());
  EXPECT_FALSE(graph->AddMemory(0, MatrixD(5, 3), {}).ok());
  EXPECT_FALSE(graph->AddMemory(0, MatrixD(5, 2), {.beta = -1}).ok());
  EXPECT_FALSE(graph->AddMemory(0, MatrixD(5, 2), {.separation = models::Separation::kPower}).ok());
  MatrixD infinite(2, 3);
  infinite.at(1, 1) = INFINITY;
  EXPECT_FALSE(graph->AddBilinear(0, 1, std::move(infinite)).ok());
  const LayerVectors fine = {{1, 1}, {1, 1, 1}, {1, 1, 1, 1}};
  EXPECT_TRUE(graph->Energy(fine).ok());
  EXPECT_FALSE(graph->Energy({{1, 1}}).ok());
  EXPECT_FALSE(graph->Energy({{1, 1}, {1, 1}, {1, 1, 1, 1}}).ok());
  EXPECT_FALSE(graph->Energy({{1, NAN}, {1, 1, 1}, {1, 1, 1, 1}}).ok());
  EXPECT_FALSE(graph->Relax(fine, {.dt = -1}).ok());
  EXPECT_FALSE(graph->Relax(fine, {.clamped = {{}}}).ok());
  EXPECT_FALSE(graph->Relax(fine, {.clamped = {{1}, {}, {}}}).ok());
}

}  // namespace
}  // namespace mneme::dynamics
