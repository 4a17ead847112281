// A plan: who is in the federation, and one routing tree for each root.
//
// In the tree of root r the weight of a node is w(r, m), how much r cares about m's items: sums go
// up to r. With factor transport a tree is the way of r's own items out to those who want them, and
// the weight of a node is how much it cares about r's. The root's entry carries w(r, r) both ways.
//
// Threads     plain values and pure functions.
// Invariants  1. A plan that Check accepts has nodes sorted by name; trees sorted by root; in a
//             tree the root first, every node behind its parent and at most once, depth = that of
//             the parent + 1.
//             2. Equal plans have equal bytes.
//             3. A plan that DecodePlan returns passes Check.
#ifndef MNEME_CORE_FEDERATION_PLAN_H_
#define MNEME_CORE_FEDERATION_PLAN_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/federation/spec.h"

namespace mneme::federation {

// Of a node: its place among the nodes of the plan.
using NodeIndex = uint32_t;
inline constexpr NodeIndex kNoNode = std::numeric_limits<NodeIndex>::max();

struct PlanNode {
  std::string name;
  std::string address;
  uint64_t incarnation = 0;  // least one that belongs to this plan
  friend bool operator==(const PlanNode&, const PlanNode&) = default;
};

struct TreeNode {
  NodeIndex node = kNoNode;
  NodeIndex parent = kNoNode;  // of the root: kNoNode
  uint32_t depth = 0;          // hops to the root
  double weight = 0;           // 0 of a relay
  friend bool operator==(const TreeNode&, const TreeNode&) = default;
};

struct Tree {
  NodeIndex root = kNoNode;
  std::vector<TreeNode> nodes;  // the root first
  friend bool operator==(const Tree&, const Tree&) = default;
};

enum class LeftOutReason {
  kUnreachable,    // no path of links
  kPrivacy,        // a subtree of too few contributors, and no sibling branch near enough
  kInterestFloor,  // the weakest interests of the root, below its floor together
};
template <>
inline constexpr std::array<std::string_view, 3> kNames<LeftOutReason> = {"unreachable", "privacy",
                                                                          "interest_floor"};

// An interest that the trees do not serve.
struct LeftOut {
  NodeIndex root = kNoNode;
  NodeIndex node = kNoNode;
  LeftOutReason reason = LeftOutReason::kUnreachable;
  double weight = 0;
  friend bool operator==(const LeftOut&, const LeftOut&) = default;
};

struct Plan {
  uint64_t epoch = 0;      // at least 1
  std::string created_by;  // a node's name, or of who wrote the configuration
  std::vector<PlanNode> nodes;
  std::vector<Tree> trees;
  Spec spec;  // its transport is never kAuto
  std::vector<LeftOut> left_out;
  friend bool operator==(const Plan&, const Plan&) = default;
};

inline constexpr size_t kPlanNodesMax = 1024;
inline constexpr size_t kNodeNameBytesMax = 128;
inline constexpr size_t kNodeAddressBytesMax = 256;
inline constexpr size_t kPlanBytesMax = size_t{32} << 20;
inline constexpr double kWeightMax = 1e9;

// InvalidArgument: SPEC for its spec; PLAN for names, indices, parents, depths and weights; CYCLE
// for a node that is above itself. Names the root and the node.
absl::Status Check(const Plan& plan);

std::string Encode(const Plan& plan);
// InvalidArgument (PLAN) of bytes that are none or of another version, DataLoss (CHECKSUM) of
// damaged ones, and what Check says. Sizes are checked before memory is taken.
absl::StatusOr<Plan> DecodePlan(std::string_view bytes);

std::optional<NodeIndex> FindNode(const Plan& plan, std::string_view name);
const Tree* FindTree(const Plan& plan, NodeIndex root);

// What one node does in one tree.
struct Role {
  NodeIndex root = kNoNode;
  NodeIndex parent = kNoNode;       // of the root itself: kNoNode
  std::vector<NodeIndex> children;  // ascending
  uint32_t depth = 0;
  uint32_t height = 0;  // hops to the deepest node below
  double weight = 0;    // of this node in the tree; 0: it relays only
  bool is_root() const { return parent == kNoNode; }
};

// A node's part of a plan.
struct Place {
  NodeIndex me = kNoNode;
  std::vector<Role> roles;            // by root, ascending; only trees that this node is in
  std::vector<NodeIndex> neighbours;  // parents and children in any tree, ascending

  const Role* RoleIn(NodeIndex root) const;
  bool IsNeighbour(NodeIndex node) const;
};
// Of a plan that passed Check.
Place PlaceOf(const Plan& plan, NodeIndex me);

// Sum of the weights of a tree's nodes.
double WeightOf(const Tree& tree);
// Interest-weighted mean and largest depth; 0 where no weight is.
double MeanDepth(const Tree& tree);
uint32_t DepthOf(const Tree& tree);
// Rounds between an item and its effect at this depth: twice the depth for gradients, which answer
// parameters that came down, once for the others.
uint32_t DelayOf(Transport transport, uint32_t depth);

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_PLAN_H_
