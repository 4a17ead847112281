// Branches below a root that are too small to hide what a single node learned.
//
// A root sees the sum of each of its children's subtrees. Where a subtree has fewer contributors
// than the floor, its child moves below a sibling branch; where none is near, its contributors are
// left out.
//
// Threads  pure functions.
// Source   distributed online gradient descent notes, section 2.3.
#ifndef MNEME_CORE_FEDERATION_BRANCHES_H_
#define MNEME_CORE_FEDERATION_BRANCHES_H_

#include <cstddef>
#include <span>
#include <vector>

#include "core/federation/graph.h"

namespace mneme::federation {

inline constexpr uint32_t kRehangHopsMax = 2;  // that a moved child may be farther away

// Moves children of the root until every branch has at least `contributors_min` nodes with a
// weight, if links allow it. Returns those that are left in branches that are too small, ascending.
// They stay in `parents`: the caller takes their weights away and prunes.
//
// Cost  O(N degree) for each branch that moves.
std::vector<NodeIndex> CoverSmallBranches(const Graph& graph, NodeIndex root,
                                          std::span<const double> weights, size_t contributors_min,
                                          Parents& parents);

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_BRANCHES_H_
