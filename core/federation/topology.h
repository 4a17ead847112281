// Graphs and interests by name: those of the reference rows.
//
// Threads  pure functions.
// Source   distributed online gradient descent notes, section 9.
#ifndef MNEME_CORE_FEDERATION_TOPOLOGY_H_
#define MNEME_CORE_FEDERATION_TOPOLOGY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/federation/graph.h"
#include "core/federation/names.h"
#include "core/federation/routing.h"

namespace mneme::federation {

enum class Topology {
  kRing,
  kPath,
  kStar,  // node 0 in the middle
  kComplete,
  kBinaryTree,       // parent (i - 1) / 2
  kGrid,             // square, row by row
  kRandomGeometric,  // the portable points of seed 1; radius 0.20, grown by 0.02 until connected
};
template <>
inline constexpr std::array<std::string_view, 7> kNames<Topology> = {
    "ring", "path", "star", "complete", "bintree", "grid", "rgg"};

enum class InterestKind {
  kUniform,
  kSelfHeavy,     // half its own, the rest evenly
  kSelfPlusOne,   // half its own, half of node (n + N / 2) % N
  kNextTwo,       // 0.4 its own, 0.3 of each of the next two
  kHub,           // 0.4 its own, 0.6 of node 0
  kGroupsOfFour,  // evenly over nodes with the same n % 4
};
template <>
inline constexpr std::array<std::string_view, 6> kNames<InterestKind> = {
    "uniform", "selfheavy", "self+1", "next2", "hub", "groups4"};

// Links of 1 unit of delay. InvalidArgument (TOPOLOGY): a grid that is not a square, no nodes, more
// than kPlanNodesMax.
absl::StatusOr<std::vector<Link>> LinksOf(Topology topology, size_t nodes);

// Rows that sum to 1.
Weights WeightsOf(InterestKind interest, size_t nodes);

// The rows of a square grid, there and back: a long tree, to compare with.
std::vector<Link> SnakeOf(size_t nodes);

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_TOPOLOGY_H_
