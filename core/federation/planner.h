// From one consistent reading (who is there, which links, whose items matter to whom) to a plan.
//
// Threads     pure functions.
// Invariants  1. Equal inputs give equal bytes: nodes are sorted, costs are whole microseconds,
//             ties go to the lowest number.
//             2. A plan that MakePlan returns passes Check.
// Source      distributed online gradient descent notes, section 3.
#ifndef MNEME_CORE_FEDERATION_PLANNER_H_
#define MNEME_CORE_FEDERATION_PLANNER_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/federation/graph.h"
#include "core/federation/plan.h"
#include "core/federation/routing.h"

namespace mneme::federation {

enum class Objective {
  kPerRoot,     // shortest paths per root: the least delay where links do not interfere
  kCongestion,  // shortest paths that share links fairly
  kShared,      // one tree for all
  kBytes,       // ways that are reused, at most 1.5 times the shortest
};
template <>
inline constexpr std::array<std::string_view, 4> kNames<Objective> = {"per_root", "congestion",
                                                                      "shared", "bytes"};

// How much `root` cares about the items of `node`.
struct Interest {
  std::string root;
  std::string node;
  double weight = 0;
};

struct NamedLink {
  std::string a;
  std::string b;
  int64_t delay_micros = 1000;
};

struct PlanInput {
  std::vector<PlanNode> nodes;  // in any order
  std::vector<NamedLink> links;
  std::vector<Interest> interest;  // a node without a row cares about itself alone
  // By root: its interest in members that are away, in all. Nobody has it until they are back; left
  // out, the others have it.
  std::map<std::string, double> away_interest;
  Spec spec;  // transport kAuto is resolved
};

struct PlanOptions {
  uint64_t epoch = 1;
  std::string created_by;
  Objective objective = Objective::kPerRoot;
  Congestion congestion;
  // The weakest interests of a root that are together below this share of it are left out.
  double interest_floor = 0;
  double items_per_round = 1;  // of a node: resolves the transport
};

inline constexpr double kDetourMax = 0.5;  // of kBytes
inline constexpr size_t kSharedNodesMax = 64;

// Links of 1 ms between any two nodes.
void LinkAllToAll(PlanInput* input);

// Rows of interest are normalised to sum 1. Interests that are not served are listed in left_out:
// their weight is not given to others, except below the interest floor.
//
// Errors  InvalidArgument: SPEC, PLAN (names, addresses), LINKS, INTEREST (an unknown node, a pair
//         given twice, a weight that is negative, not finite or above kWeightMax), OPTIONS.
// Cost    per_root O(N E log N); the others as routing.h says.
absl::StatusOr<Plan> MakePlan(const PlanInput& input, const PlanOptions& options);

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_PLANNER_H_
