// What one simulated run is made of, all of it a function of the seed: the federation (graph,
// interest, spec, plans), how the network behaves, and what goes wrong when.
//
// Threads  plain values and pure functions.
#ifndef MNEME_TESTS_SIM_SCENARIO_H_
#define MNEME_TESTS_SIM_SCENARIO_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/federation/plan.h"
#include "core/federation/spec.h"
#include "tests/sim/liar.h"

namespace mneme::sim {

inline constexpr int64_t kMilli = 1'000'000;
inline constexpr int64_t kRoundNanos = 50 * kMilli;

struct NetworkFaults {
  int64_t delay_min = 5 * kMilli;
  int64_t delay_max = 30 * kMilli;
  bool in_order = true;
  double lose = 0;  // of frames, while the stream stays up
  double duplicate = 0;
  double corrupt = 0;
};

struct Scenario {
  uint64_t seed = 0;
  federation::Spec spec;
  std::vector<std::vector<bool>> linked;     // [node][node]
  std::vector<std::vector<double>> weights;  // [root][node], rows sum to 1
  std::vector<int64_t> round_nanos;          // of each node: stragglers have long ones
  NetworkFaults network;
  int64_t trouble_nanos = 0;  // until then things go wrong
  // Expected numbers of each over the time of trouble.
  double crashes = 0;
  double zombies = 0;  // crashes whose process goes on for a while
  double cuts = 0;
  double replans = 0;
  double leaves = 0;        // nodes that drain, stop, and join again
  double outages = 0;       // of the coordination
  double store_chance = 1;  // that a node stores something in a round
  size_t store_rows_max = 2;
  std::optional<LiarOptions> liar;  // for as long as there is trouble; then it starts anew, honest
  // [d_v, d_k]: what keys lead to, for all nodes; empty: to anything.
  std::vector<float> truth;

  size_t nodes() const { return linked.size(); }
};

Scenario MakeScenario(uint64_t seed);

std::string NameOf(size_t node);

// Trees of shortest ways over the links, ties as chance has them.
std::shared_ptr<const federation::Plan> MakePlan(const Scenario& scenario, uint64_t epoch,
                                                 const std::vector<uint64_t>& incarnations,
                                                 Random& random);

// What the heading of a failure says of a run.
std::string Describe(const Scenario& scenario);

}  // namespace mneme::sim

#endif  // MNEME_TESTS_SIM_SCENARIO_H_
