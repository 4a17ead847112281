// The state machine under an ideal network against the reference simulation of the algorithm.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>

#include "core/federation/ball.h"
#include "core/federation/losses.h"
#include "core/federation/planner.h"
#include "core/federation/regret.h"
#include "core/federation/simulation.h"
#include "core/federation/topology.h"
#include "gtest/gtest.h"
#include "tests/sim/ideal_network.h"

namespace mneme::sim {
namespace {

using federation::Combine;
using federation::InterestKind;
using federation::Mode;
using federation::NodeIndex;
using federation::Plan;
using federation::Spec;
using federation::Topology;
using federation::Transport;

struct Case {
  Topology topology = Topology::kComplete;
  size_t nodes = 6;
  InterestKind interest = InterestKind::kSelfHeavy;
  Transport transport = Transport::kGradient;
  Combine combine = Combine::kPipelined;
  Mode mode = Mode::kGradient;
  uint32_t d = 8;
};

Spec SpecOf(const Case& that) {
  Spec spec{.d_k = that.d, .d_v = that.d, .transport = that.transport, .combine = that.combine};
  spec.steps = {.c = 4, .eta_max = 2, .stability_cap = false};
  // The simulation counts rounds, a node the rounds in which something came: the same but for the
  // first ones of a barrier.
  if (that.combine == Combine::kBarrier) {
    spec.steps = {.schedule = federation::Schedule::kConstant, .eta = 0.5, .stability_cap = false};
  }
  spec.privacy = {
      .min_contributors = 1, .min_items = 1, .share_items = that.transport == Transport::kFactor};
  spec.wire.type = federation::WireType::kFloat32;
  return spec;
}

// Two digits, so that the order of names is that of numbers.
std::string NodeName(size_t i) { return absl::StrCat("n", i / 10, i % 10); }

std::shared_ptr<const Plan> PlanOf(const Case& that) {
  federation::PlanInput input{.spec = SpecOf(that)};
  const auto links = *LinksOf(that.topology, that.nodes);
  const federation::Weights weights = WeightsOf(that.interest, that.nodes);
  for (size_t i = 0; i < that.nodes; ++i) {
    input.nodes.push_back({.name = NodeName(i), .address = "x:1", .incarnation = 1});
    for (size_t j = 0; j < that.nodes; ++j) {
      if (weights.at(i, j) > 0) {
        input.interest.push_back({NodeName(i), NodeName(j), weights.at(i, j)});
      }
    }
  }
  for (const federation::Link& link : links) {
    input.links.push_back({NodeName(link.a), NodeName(link.b)});
  }
  auto plan = MakePlan(input, {.created_by = "test"});
  EXPECT_TRUE(plan.ok()) << plan.status();
  return std::make_shared<const Plan>(*std::move(plan));
}

federation::SimulationOptions OptionsOf(const Case& that) {
  federation::SimulationOptions options{.spec = SpecOf(that), .mode = that.mode};
  options.graph = *federation::Graph::Create(that.nodes, *LinksOf(that.topology, that.nodes));
  options.weights = WeightsOf(that.interest, that.nodes);
  options.routes = RoutePerRoot(options.graph, options.weights);
  return options;
}

federation::PortableData DataOf(const Case& that) {
  return federation::PortableData(
      {.seed = 1, .nodes = that.nodes, .d_k = that.d, .d_v = that.d, .het = 0.5, .gain = 3});
}

std::vector<float> Narrow(std::span<const double> values) { return {values.begin(), values.end()}; }

struct RoundItems {
  std::vector<float> keys;
  std::vector<float> responses;
};
RoundItems ItemsOf(const Case& that, const federation::PortableData& data, uint64_t round) {
  std::vector<double> keys(that.nodes * that.d);
  std::vector<double> responses(that.nodes * that.d);
  data.Fill(round, keys, responses);
  return {Narrow(keys), Narrow(responses)};
}

// Largest difference of two memories, against the largest number.
double Difference(std::span<const float> a, std::span<const float> b) {
  double difference = 0;
  double largest = 1e-30;
  for (size_t i = 0; i < a.size(); ++i) {
    difference = std::max(difference, std::abs(double{a[i]} - double{b[i]}));
    largest = std::max(largest, std::abs(double{b[i]}));
  }
  return difference / largest;
}

// Rounding, over this many rounds.
constexpr double kSummationOrder = 2e-5;

void ExpectAsSimulation(const Case& that, uint64_t rounds) {
  const federation::PortableData data = DataOf(that);
  auto simulation = federation::Simulation<float>::Create(OptionsOf(that), data);
  ASSERT_TRUE(simulation.ok()) << simulation.status();
  IdealNetwork network(PlanOf(that));
  for (uint64_t round = 0; round < rounds; ++round) {
    simulation->Step();
    const RoundItems items = ItemsOf(that, data, round);
    network.Round(items.keys, items.responses, 1);
    for (NodeIndex node = 0; node < that.nodes; ++node) {
      ASSERT_LT(Difference(network.memory(node), simulation->memory(node)), kSummationOrder)
          << "node " << node << ", round " << round;
    }
  }
}

TEST(IdealNetwork, GradientsOverOneHopEqualTheSimulation) { ExpectAsSimulation({}, 200); }

TEST(IdealNetwork, BarrierOverOneHopEqualsTheSimulation) {
  ExpectAsSimulation({.combine = Combine::kBarrier, .mode = Mode::kBarrier}, 200);
}

TEST(IdealNetwork, FactorsEqualTheSimulationOverAnyTree) {
  for (const Topology topology : {Topology::kPath, Topology::kRing, Topology::kStar}) {
    ExpectAsSimulation(
        {.topology = topology, .transport = Transport::kFactor, .mode = Mode::kFactor}, 100);
  }
}

TEST(IdealNetwork, StatisticsEqualTheSimulationOverAnyTree) {
  for (const Topology topology : {Topology::kPath, Topology::kRing, Topology::kStar}) {
    ExpectAsSimulation(
        {.topology = topology, .transport = Transport::kStatistic, .mode = Mode::kStatistic}, 100);
  }
}

// The algorithm with the cursor rule, written down plainly: at depth h, tag T is answered with the
// items of round T + h - 1, the first tag with those of all rounds up to h - 1, and counts in round
// T + 2 h.
class CursorReference {
 public:
  CursorReference(const Case& that, const Plan& plan, const federation::PortableData& data)
      : that_(that), plan_(plan), data_(data) {
    for (size_t i = 0; i < that.nodes; ++i) {
      history_.push_back({std::vector<float>(size_t{that.d} * that.d)});
      steps_.emplace_back(plan.spec, federation::StepDelays{});
    }
  }

  std::span<const float> memory(size_t node) const { return history_[node].back(); }

  void Step() {
    items_.push_back(ItemsOf(that_, data_, round_));
    for (size_t root = 0; root < that_.nodes; ++root) {
      std::vector<float> sum(size_t{that_.d} * that_.d);
      const federation::Tree& tree = *FindTree(plan_, static_cast<NodeIndex>(root));
      for (const federation::TreeNode& node : tree.nodes) AddPart(root, node, sum);
      const double eta = steps_[root].Next(federation::Norm(std::span<const float>(sum)));
      std::vector<float> next = history_[root].back();
      for (size_t i = 0; i < next.size(); ++i) next[i] -= static_cast<float>(eta) * sum[i];
      federation::ProjectToBall(std::span<float>(next), BallRadius(plan_.spec));
      history_[root].push_back(std::move(next));
    }
    ++round_;
  }

 private:
  void AddPart(size_t root, const federation::TreeNode& node, std::vector<float>& sum) {
    if (round_ < 2 * node.depth) return;
    const uint64_t tag = round_ - 2 * node.depth;
    const uint64_t last = node.depth == 0 ? tag : tag + node.depth - 1;
    const uint64_t first = tag == 0 ? 0 : last;
    const double share = node.weight / static_cast<double>(last - first + 1);
    std::vector<float> errors(that_.d);
    const std::vector<float> weight = {static_cast<float>(share)};
    for (uint64_t round = first; round <= last; ++round) {
      const float* key = items_[round].keys.data() + node.node * that_.d;
      const float* response = items_[round].responses.data() + node.node * that_.d;
      federation::WeightedErrors<float>(plan_.spec, history_[root][tag].data(), key, response,
                                        weight, 1, errors.data());
      federation::AddOuterProducts(errors.data(), key, 1, that_.d, that_.d, sum.data());
    }
  }

  const Case& that_;
  const Plan& plan_;
  const federation::PortableData& data_;
  uint64_t round_ = 0;
  std::vector<RoundItems> items_;
  std::vector<std::vector<std::vector<float>>> history_;  // [node][round]
  std::vector<federation::StepSizes> steps_;
};

TEST(IdealNetwork, GradientsOverLongerWaysFollowTheCursorRule) {
  for (const Topology topology : {Topology::kPath, Topology::kRing, Topology::kBinaryTree}) {
    const Case that{.topology = topology, .nodes = 8};
    const auto plan = PlanOf(that);
    const federation::PortableData data = DataOf(that);
    CursorReference reference(that, *plan, data);
    IdealNetwork network(plan);
    for (uint64_t round = 0; round < 120; ++round) {
      reference.Step();
      const RoundItems items = ItemsOf(that, data, round);
      network.Round(items.keys, items.responses, 1);
      for (size_t node = 0; node < that.nodes; ++node) {
        ASSERT_LT(Difference(network.memory(node), reference.memory(node)), kSummationOrder)
            << "node " << node << ", round " << round;
      }
    }
  }
}

// Row A1, at half its length.
TEST(IdealNetwork, RegretOnARingIsThatOfTheReferenceRow) {
  const Case that{
      .topology = Topology::kRing, .nodes = 16, .interest = InterestKind::kUniform, .d = 16};
  constexpr uint64_t kRounds = 1000;
  const federation::PortableData data = DataOf(that);
  auto simulation = federation::Simulation<double>::Create(OptionsOf(that), data);
  ASSERT_TRUE(simulation.ok()) << simulation.status();
  IdealNetwork network(PlanOf(that));
  federation::Hindsight hindsight(that.d, that.d);
  const double weight = 1.0 / 16;
  double loss = 0;  // mean over nodes
  std::vector<float> errors(that.nodes * that.d);
  const std::vector<float> weights(that.nodes, static_cast<float>(weight));
  for (uint64_t round = 0; round < kRounds; ++round) {
    const RoundItems items = ItemsOf(that, data, round);
    for (size_t node = 0; node < that.nodes; ++node) {
      loss += federation::WeightedErrors<float>(SpecOf(that), network.memory(node).data(),
                                                items.keys.data(), items.responses.data(), weights,
                                                that.nodes, errors.data()) /
              static_cast<double>(that.nodes);
    }
    network.Round(items.keys, items.responses, 1);
    simulation->Step();
    for (size_t i = 0; i < that.nodes; ++i) {
      hindsight.Add(simulation->keys().row(i), simulation->responses().row(i), weight);
    }
  }
  double simulated = 0;
  for (NodeIndex node = 0; node < that.nodes; ++node) simulated += simulation->loss(node) / 16;
  const double best = *hindsight.BestLoss();
  EXPECT_GT(simulated - best, 1);
  EXPECT_NEAR((loss - best) / (simulated - best), 1, 0.05)
      << "regret " << loss - best << " against " << simulated - best;
  RecordProperty("regret", std::to_string(loss - best));
  // What a node measures by itself, by the probes that reached it.
  for (size_t node = 0; node < that.nodes; ++node) {
    const federation::NodeStatus status = network.node(node).Status(0);
    ASSERT_TRUE(status.regret.has_value());
    // The last probes of the others are still on their way.
    EXPECT_NEAR(status.regret->loss / loss, 1, 0.12);
    EXPECT_NEAR(status.regret->regret() / (loss - best), 1, 0.15);
    EXPECT_DOUBLE_EQ(status.coverage, 1);
  }
}

// Mean loss of the last rounds, where one item of one node is as long as nobody should make one.
double LossAfterALongItem(federation::Schedule schedule, float length) {
  constexpr uint64_t kRounds = 3'000;
  constexpr uint64_t kLong = 1'000;
  constexpr uint64_t kLast = 500;
  const Case that;
  auto plan = std::make_shared<Plan>(*PlanOf(that));
  plan->spec.steps = {.schedule = schedule};
  IdealNetwork network(plan);
  const federation::PortableData data = DataOf(that);
  double loss = 0;
  std::vector<float> errors(that.nodes * that.d);
  const std::vector<float> weights(that.nodes, 1.0F / static_cast<float>(that.nodes));
  for (uint64_t round = 0; round < kRounds; ++round) {
    RoundItems items = ItemsOf(that, data, round);
    for (size_t node = 0; node < that.nodes && round + kLast >= kRounds; ++node) {
      loss += federation::WeightedErrors<float>(plan->spec, network.memory(node).data(),
                                                items.keys.data(), items.responses.data(), weights,
                                                that.nodes, errors.data()) /
              static_cast<double>(that.nodes * kLast);
    }
    if (round == kLong) {
      for (size_t i = 0; i < that.d; ++i) items.responses[i] *= length;
    }
    network.Round(items.keys, items.responses, 1);
  }
  return loss;
}

TEST(IdealNetwork, OneLongGradientDoesNotEndLearning) {
  for (const auto schedule : {federation::Schedule::kSqrt, federation::Schedule::kAdaptive}) {
    const double without = LossAfterALongItem(schedule, 1);
    for (const float length : {1e2F, 1e5F}) {
      const double with = LossAfterALongItem(schedule, length);
      std::printf("%s, one response %g times as long: loss %.4f, without it %.4f\n",
                  std::string(Name(schedule)).c_str(), double{length}, with, without);
      EXPECT_LT(with, 1.05 * without) << Name(schedule) << " " << length;
    }
  }
}

// A grid of nine, the same items for all: what each round sent, and the memories.
struct Sums {
  federation::Compression compression = federation::Compression::kNone;
  federation::WireType wire = federation::WireType::kFloat32;
  uint32_t d = 24;
  size_t batch = 1;
  double decay = 0;
  double radius = 0;
};
std::unique_ptr<IdealNetwork> RunGrid(const Sums& sums, uint64_t rounds) {
  Case that{.topology = Topology::kGrid, .nodes = 9, .d = sums.d};
  auto plan = std::make_shared<Plan>(*PlanOf(that));
  plan->spec.wire.type = sums.wire;
  plan->spec.wire.compression = sums.compression;
  plan->spec.decay = sums.decay;
  plan->spec.radius = sums.radius;
  plan->spec.probe_rounds = 100'000;
  const federation::PortableData data = DataOf(that);
  auto network = std::make_unique<IdealNetwork>(plan);
  const size_t numbers = that.nodes * that.d;
  for (uint64_t round = 0; round < rounds; ++round) {
    std::vector<float> keys(sums.batch * numbers);
    std::vector<float> responses(sums.batch * numbers);
    for (size_t row = 0; row < sums.batch; ++row) {
      const RoundItems items = ItemsOf(that, data, round * sums.batch + row);
      for (size_t node = 0; node < that.nodes; ++node) {
        const size_t to = (node * sums.batch + row) * that.d;
        std::copy_n(items.keys.begin() + static_cast<ptrdiff_t>(node * that.d), that.d,
                    keys.begin() + static_cast<ptrdiff_t>(to));
        std::copy_n(items.responses.begin() + static_cast<ptrdiff_t>(node * that.d), that.d,
                    responses.begin() + static_cast<ptrdiff_t>(to));
      }
    }
    network->Round(keys, responses, sums.batch);
  }
  return network;
}

TEST(IdealNetwork, FactorsOfSumsAndOfChangesAreExact) {
  constexpr uint64_t kRounds = 110;  // with whole memories in between
  // Each in turn: factors all the way; too many of them near the root; memories that shrink.
  for (const Sums& sums : {Sums{}, Sums{.batch = 3}, Sums{.decay = 0.05, .radius = 1.5}}) {
    Sums low_rank = sums;
    low_rank.compression = federation::Compression::kLowRank;
    const auto dense = RunGrid(sums, kRounds);
    const auto factors = RunGrid(low_rank, kRounds);
    for (size_t node = 0; node < 9; ++node) {
      EXPECT_GT(federation::Norm(std::span<const float>(dense->memory(node))), 0.5);
      EXPECT_LT(Difference(factors->memory(node), dense->memory(node)), kSummationOrder)
          << "node " << node << ", batch " << sums.batch;
    }
    EXPECT_LT(factors->up_bytes(), dense->up_bytes());
    EXPECT_LE(factors->down_bytes(), dense->down_bytes());
    EXPECT_EQ(factors->up_frames(), dense->up_frames());
    // In bf16 both round: one the numbers of sums and memories, the other those of their factors.
    low_rank.wire = federation::WireType::kBfloat16;
    const auto rounded = RunGrid(low_rank, kRounds);
    for (size_t node = 0; node < 9; ++node) {
      EXPECT_LT(Difference(rounded->memory(node), dense->memory(node)), 0.02);
    }
  }
}

// The figures of docs/federation.md: a grid of nine, d = 256, bf16. Dense, an edge carries 131,072
// bytes each way (below).
TEST(IdealNetwork, FactorsTakeFewerBytesWhereItemsAreFew) {
  constexpr uint64_t kRounds = 50;                         // from one whole memory to the next
  constexpr double kEdgeRounds = 9 * 8 * double{kRounds};  // nine trees of eight edges
  constexpr double kDense = 256 * 256 * 2;
  for (const size_t batch : {1, 8}) {
    const auto network = RunGrid({.compression = federation::Compression::kLowRank,
                                  .wire = federation::WireType::kBfloat16,
                                  .d = 256,
                                  .batch = batch},
                                 kRounds);
    const double down = static_cast<double>(network->down_bytes()) / kEdgeRounds;
    const double up = static_cast<double>(network->up_bytes()) / kEdgeRounds;
    std::printf("b %zu: %.0f bytes down, %.0f up\n", batch, down, up);
    EXPECT_LT(down, kDense / (batch == 1 ? 8 : 1.5));
    EXPECT_LT(up, kDense / (batch == 1 ? 40 : 5));
  }
}

TEST(IdealNetwork, EdgesCarryTheBytesOfTheTable) {
  constexpr uint64_t kRounds = 400;
  for (const auto& [wire, width] : {std::pair(federation::WireType::kFloat32, 4),
                                    std::pair(federation::WireType::kBfloat16, 2)}) {
    const Case that{.topology = Topology::kPath, .nodes = 4, .d = 16};
    auto plan = std::make_shared<Plan>(*PlanOf(that));
    plan->spec.wire.type = wire;
    plan->spec.probe_rounds = 100'000;
    const federation::PortableData data = DataOf(that);
    IdealNetwork network(plan);
    for (uint64_t round = 0; round < kRounds; ++round) {
      const RoundItems items = ItemsOf(that, data, round);
      network.Round(items.keys, items.responses, 1);
    }
    // Four trees of three edges; d_v d_k numbers a round, each way.
    const double edge_rounds = 12.0 * kRounds;
    EXPECT_NEAR(static_cast<double>(network.down_bytes()) / edge_rounds, 256.0 * width,
                0.02 * 256 * width);
    EXPECT_NEAR(static_cast<double>(network.up_bytes()) / edge_rounds, 256.0 * width,
                0.02 * 256 * width);
  }
}

}  // namespace
}  // namespace mneme::sim
