// Who contributes to whom in a simulation, after how long.
//
// Threads  plain values and pure functions.
#ifndef MNEME_CORE_FEDERATION_SIMULATED_PAIRS_H_
#define MNEME_CORE_FEDERATION_SIMULATED_PAIRS_H_

#include <cstdint>
#include <vector>

#include "core/federation/simulation_options.h"

namespace mneme::federation {

// One weight above 0.
struct SimulatedPair {
  NodeIndex root = kNoNode;
  NodeIndex node = kNoNode;
  double weight = 0;
  uint32_t hops = 0;
  uint32_t rounds = 0;   // between an item and its step
  uint32_t branch = 0;   // of the root's children, from 1; 0: its own
  bool crosses = false;  // its way goes over the cut
  bool served = false;   // there is a way
};

// By root, then by node.
std::vector<SimulatedPair> PairsOf(const SimulationOptions& options);

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_SIMULATED_PAIRS_H_
