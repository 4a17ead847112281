// What a simulated federation is made of.
#ifndef MNEME_CORE_FEDERATION_SIMULATION_OPTIONS_H_
#define MNEME_CORE_FEDERATION_SIMULATION_OPTIONS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/federation/graph.h"
#include "core/federation/names.h"
#include "core/federation/routing.h"
#include "core/federation/spec.h"

namespace mneme::federation {

// Who learns from whom, and how. h: hops in the tree.
enum class Mode {
  kCentral,     // every gradient at once: what no network can do
  kFactor,      // items after h rounds, gradients at the present memory
  kGradient,    // gradients at the memory of 2 h rounds ago
  kStatistic,   // as factor, by sums of k k^T and v k^T
  kBarrier,     // as gradient, everything after the slowest
  kWrongPoint,  // gradients at the sender's own memory, after h rounds
  kLocal,       // own items only
  kConsensus,   // own items, and memories averaged with the neighbours' (Metropolis weights)
};
template <>
inline constexpr std::array<std::string_view, 8> kNames<Mode> = {
    "central", "factor", "gradient", "statistic", "barrier", "wrong_point", "local", "consensus"};

// What happens to a contribution before it is sent. kTopK and kSign are for gradients.
enum class Rounding { kNone, kBfloat16, kTopK, kSign };
template <>
inline constexpr std::array<std::string_view, 4> kNames<Rounding> = {"none", "bf16", "topk",
                                                                     "sign"};

// Links between `nodes` and the others lose what arrives in rounds `from` to `to`, both included.
struct Cut {
  std::vector<NodeIndex> nodes;
  uint64_t from = 0;
  uint64_t to = 0;
};

struct SimulationOptions {
  Spec spec;  // shapes, ball, decay, steps, thresholds, topk_share, error_feedback, loss_correction
  Mode mode = Mode::kGradient;
  uint64_t seed = 1;  // of what is lost
  size_t batch = 1;
  Graph graph;
  Weights weights;  // [root, node], rows that sum to 1 or less
  Routes routes;
  // Of each node: added to what goes up, towards a root, over each of its links; empty: none.
  std::vector<uint32_t> slow_rounds;
  double drop = 0;  // chance that a contribution is lost
  std::optional<Cut> cut;
  uint64_t replan_every = 0;  // rounds after which what is on its way is thrown away; 0: never
  Rounding rounding = Rounding::kNone;
};

inline constexpr uint64_t kSimulatedNumbersMax = uint64_t{1} << 27;  // of all that is on its way

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_SIMULATION_OPTIONS_H_
