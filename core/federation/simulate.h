// A whole simulated run, and what it comes to.
#ifndef MNEME_CORE_FEDERATION_SIMULATE_H_
#define MNEME_CORE_FEDERATION_SIMULATE_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "core/federation/item_source.h"
#include "core/federation/simulation_options.h"

namespace mneme::federation {

struct RegretPoint {
  uint64_t rounds = 0;
  double regret = 0;
};

// Means over the nodes, each with its own interest.
struct SimulatedRun {
  double loss = 0;
  double best_fixed_loss = 0;      // of the best memory in hindsight that does not move
  double floor_loss = 0;           // of the memories that made the data
  double last_quarter_ratio = 0;   // loss of the last quarter over a quarter of best_fixed_loss
  double mean_hops = 0;            // weighted by interest
  double mean_delay = 0;           // L: rounds between an item and its step
  uint64_t dropped = 0;            // contributions that never arrived, of all nodes
  std::vector<RegretPoint> curve;  // at the times asked for
  double regret() const { return loss - best_fixed_loss; }
};

// Called now and then with the share that is done; false: stop. May be empty.
using SimulationProgressFn = std::function<bool(double share)>;

// Runs `rounds` rounds. Regrets of the curve are taken at `times`, ascending, up to `rounds`.
//
// Errors   those of Simulation::Create; Cancelled; Internal where a loss is not finite.
// Cost     rounds steps; N solves of d_k^3 at the end and at each of the times.
// Threads  pure.
template <typename T>
absl::StatusOr<SimulatedRun> Simulate(SimulationOptions options, const ItemSource& source,
                                      uint64_t rounds, const std::vector<uint64_t>& times,
                                      const SimulationProgressFn& progress);

// Numbers per round on one tree edge, and on all of them.
//
// Units  bytes: 4 for a number, 2 where rounding is bf16; an index of topk takes 4, a sign 1/8.
struct SimulatedTraffic {
  double bytes_per_edge_round = 0;  // mean over the edges of all trees, both ways
  double bytes_up = 0;              // of all edges in a round
  double bytes_down = 0;
};
SimulatedTraffic TrafficOf(const SimulationOptions& options);

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_SIMULATE_H_
