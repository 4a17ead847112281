#include "core/federation/plan.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/base/status.h"

namespace mneme::federation {
namespace {

constexpr uint32_t kPlanMagic = 0x4e4c504d;  // "MPLN"
constexpr uint32_t kPlanVersion = 1;

absl::Status Bad(std::string_view reason, std::string_view what, std::string_view given,
                 std::string_view expected) {
  return InvalidArgument(absl::StrCat("plan: ", AbslView(what), " is ", AbslView(given),
                                      ", expected ", AbslView(expected)),
                         {.reason = std::string(reason),
                          .given = std::string(given),
                          .expected = std::string(expected),
                          .next_step = "Plan again, or correct the plan in the configuration."});
}

absl::Status BadPlan(std::string_view what, std::string_view given, std::string_view expected) {
  return Bad("PLAN", what, given, expected);
}

absl::Status CheckLength(std::string_view what, const std::string& text, size_t least,
                         size_t most) {
  if (text.size() >= least && text.size() <= most) return absl::OkStatus();
  return BadPlan(absl::StrCat("length of ", AbslView(what)), absl::StrCat(text.size(), " bytes"),
                 absl::StrCat("from ", least, " to ", most));
}

absl::Status CheckNodes(const Plan& plan) {
  if (plan.nodes.empty() || plan.nodes.size() > kPlanNodesMax) {
    return BadPlan("number of nodes", absl::StrCat(plan.nodes.size()),
                   absl::StrCat("from 1 to ", kPlanNodesMax));
  }
  for (size_t i = 0; i < plan.nodes.size(); ++i) {
    const PlanNode& node = plan.nodes[i];
    MNEME_RETURN_IF_ERROR(CheckLength("a node's name", node.name, 1, kNodeNameBytesMax));
    MNEME_RETURN_IF_ERROR(CheckLength("a node's address", node.address, 0, kNodeAddressBytesMax));
    if (i > 0 && plan.nodes[i - 1].name >= node.name) {
      return BadPlan(absl::StrCat("name of node ", i), node.name,
                     absl::StrCat("one after ", plan.nodes[i - 1].name, ": sorted, each once"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckWeight(std::string_view what, double weight) {
  if (weight >= 0 && weight <= kWeightMax) return absl::OkStatus();
  return BadPlan(what, absl::StrFormat("%.9g", weight),
                 absl::StrFormat("a number from 0 to %.9g", kWeightMax));
}

class TreeCheck {
 public:
  TreeCheck(const Plan& plan, const Tree& tree)
      : plan_(plan), tree_(tree), place_(plan.nodes.size(), kNoNode) {}

  absl::Status Run() {
    MNEME_RETURN_IF_ERROR(CheckRoot());
    for (size_t i = 0; i < tree_.nodes.size(); ++i) MNEME_RETURN_IF_ERROR(CheckEntry(i));
    MNEME_RETURN_IF_ERROR(CheckParents());
    return CheckOrder();
  }

 private:
  std::string NameOf(NodeIndex node) const { return plan_.nodes[node].name; }
  std::string What(std::string_view what, NodeIndex node) const {
    return absl::StrCat("tree of ", NameOf(tree_.root), ": ", AbslView(what), " of ", NameOf(node));
  }

  absl::Status CheckRoot() const {
    if (tree_.root >= plan_.nodes.size()) {
      return BadPlan("root of a tree", absl::StrCat(tree_.root),
                     absl::StrCat("a node below ", plan_.nodes.size()));
    }
    if (!tree_.nodes.empty() && tree_.nodes.front().node == tree_.root &&
        tree_.nodes.front().parent == kNoNode) {
      return absl::OkStatus();
    }
    return BadPlan(absl::StrCat("first entry in the tree of ", NameOf(tree_.root)), "another",
                   "the root, without a parent");
  }

  absl::Status CheckEntry(size_t i) {
    const TreeNode& entry = tree_.nodes[i];
    if (entry.node >= plan_.nodes.size()) {
      return BadPlan(absl::StrCat("a node in the tree of ", NameOf(tree_.root)),
                     absl::StrCat(entry.node), absl::StrCat("one below ", plan_.nodes.size()));
    }
    if (place_[entry.node] != kNoNode) {
      return BadPlan(What("entry", entry.node), "there twice", "there once");
    }
    place_[entry.node] = static_cast<NodeIndex>(i);
    return CheckWeight(What("weight", entry.node), entry.weight);
  }

  absl::Status CheckParents() const {
    for (size_t i = 1; i < tree_.nodes.size(); ++i) {
      const TreeNode& entry = tree_.nodes[i];
      if (entry.parent < plan_.nodes.size() && place_[entry.parent] != kNoNode) continue;
      return BadPlan(What("parent", entry.node), absl::StrCat(entry.parent), "a node of this tree");
    }
    return CheckCycles();
  }

  // Follows parents from every node; more steps than nodes is a cycle.
  absl::Status CheckCycles() const {
    std::vector<bool> reaches_root(tree_.nodes.size(), false);
    reaches_root[0] = true;
    for (size_t i = 1; i < tree_.nodes.size(); ++i) {
      size_t at = i, steps = 0;
      while (!reaches_root[at] && steps <= tree_.nodes.size()) {
        at = place_[tree_.nodes[at].parent];
        ++steps;
      }
      if (!reaches_root[at]) {
        return Bad("CYCLE", What("way to the root", tree_.nodes[i].node), "a cycle",
                   "a path that ends at the root");
      }
      for (at = i; !reaches_root[at]; at = place_[tree_.nodes[at].parent]) reaches_root[at] = true;
    }
    return absl::OkStatus();
  }

  absl::Status CheckOrder() const {
    if (tree_.nodes.front().depth != 0) {
      return BadPlan(What("depth", tree_.root), absl::StrCat(tree_.nodes.front().depth), "0");
    }
    for (size_t i = 1; i < tree_.nodes.size(); ++i) {
      const TreeNode& entry = tree_.nodes[i];
      const size_t parent = place_[entry.parent];
      if (parent >= i) {
        return BadPlan(What("place", entry.node), "before its parent", "after its parent");
      }
      const uint32_t expected = tree_.nodes[parent].depth + 1;
      if (entry.depth != expected) {
        return BadPlan(What("depth", entry.node), absl::StrCat(entry.depth),
                       absl::StrCat(expected));
      }
    }
    return absl::OkStatus();
  }

  const Plan& plan_;
  const Tree& tree_;
  std::vector<NodeIndex> place_;  // of a node: its entry in the tree
};

absl::Status CheckLeftOut(const Plan& plan) {
  for (const LeftOut& left : plan.left_out) {
    if (left.root >= plan.nodes.size() || left.node >= plan.nodes.size() ||
        Name(left.reason) == "?") {
      return BadPlan("a left-out interest", absl::StrCat(left.root, " in ", left.node),
                     "nodes of the plan and a known reason");
    }
    MNEME_RETURN_IF_ERROR(CheckWeight("weight of a left-out interest", left.weight));
  }
  return absl::OkStatus();
}

void PutTree(ByteWriter& writer, const Tree& tree) {
  writer.Put(tree.root);
  writer.Put(static_cast<uint32_t>(tree.nodes.size()));
  for (const TreeNode& entry : tree.nodes) {
    writer.Put(entry.node);
    writer.Put(entry.parent);
    writer.Put(entry.depth);
    writer.Put(entry.weight);
  }
}

constexpr size_t kTreeNodeBytes = 3 * sizeof(uint32_t) + sizeof(double);
constexpr size_t kLeftOutBytes = 2 * sizeof(uint32_t) + sizeof(uint8_t) + sizeof(double);
constexpr size_t kNodeBytesLeast = 2 * sizeof(uint32_t) + sizeof(uint64_t);
constexpr size_t kTreeBytesLeast = 2 * sizeof(uint32_t);

// A count that the rest can hold; else the reader fails, so that nothing is allocated for it.
size_t GetCount(ByteReader& reader, size_t bytes_each) {
  const auto count = reader.Get<uint32_t>();
  if (reader.ok() && count <= reader.rest().size() / bytes_each) return count;
  reader.GetRaw(reader.rest().size() + 1);
  return 0;
}

Tree GetTree(ByteReader& reader) {
  Tree tree{.root = reader.Get<NodeIndex>()};
  tree.nodes.resize(GetCount(reader, kTreeNodeBytes));
  for (TreeNode& entry : tree.nodes) {
    entry.node = reader.Get<NodeIndex>();
    entry.parent = reader.Get<NodeIndex>();
    entry.depth = reader.Get<uint32_t>();
    entry.weight = reader.Get<double>();
  }
  return tree;
}

// Everything but the spec, whose errors are its own.
Plan GetPlan(ByteReader& reader, std::string_view& spec_bytes) {
  Plan plan{.epoch = reader.Get<uint64_t>(), .created_by = std::string(reader.GetBytes())};
  spec_bytes = reader.GetBytes();
  plan.nodes.resize(GetCount(reader, kNodeBytesLeast));
  for (PlanNode& node : plan.nodes) {
    node.name = reader.GetBytes();
    node.address = reader.GetBytes();
    node.incarnation = reader.Get<uint64_t>();
  }
  plan.trees.resize(GetCount(reader, kTreeBytesLeast));
  for (Tree& tree : plan.trees) tree = GetTree(reader);
  plan.left_out.resize(GetCount(reader, kLeftOutBytes));
  for (LeftOut& left : plan.left_out) {
    left.root = reader.Get<NodeIndex>();
    left.node = reader.Get<NodeIndex>();
    left.reason = static_cast<LeftOutReason>(reader.Get<uint8_t>());
    left.weight = reader.Get<double>();
  }
  return plan;
}

}  // namespace

absl::Status Check(const Plan& plan) {
  if (plan.epoch == 0) return BadPlan("epoch", "0", "at least 1");
  MNEME_RETURN_IF_ERROR(CheckLength("created_by", plan.created_by, 0, kNodeNameBytesMax));
  MNEME_RETURN_IF_ERROR(Validate(plan.spec));
  if (plan.spec.transport == Transport::kAuto) {
    return BadPlan("transport", "auto", "the one that the planner chose");
  }
  MNEME_RETURN_IF_ERROR(CheckNodes(plan));
  for (size_t i = 0; i < plan.trees.size(); ++i) {
    MNEME_RETURN_IF_ERROR(TreeCheck(plan, plan.trees[i]).Run());
    if (i > 0 && plan.trees[i - 1].root >= plan.trees[i].root) {
      return BadPlan("order of the trees", absl::StrCat(plan.trees[i].root),
                     absl::StrCat("a root after ", plan.trees[i - 1].root));
    }
  }
  return CheckLeftOut(plan);
}

std::string Encode(const Plan& plan) {
  ByteWriter writer;
  writer.Put(kPlanMagic);
  writer.Put(kPlanVersion);
  writer.Put(plan.epoch);
  writer.PutBytes(plan.created_by);
  writer.PutBytes(Encode(plan.spec));
  writer.Put(static_cast<uint32_t>(plan.nodes.size()));
  for (const PlanNode& node : plan.nodes) {
    writer.PutBytes(node.name);
    writer.PutBytes(node.address);
    writer.Put(node.incarnation);
  }
  writer.Put(static_cast<uint32_t>(plan.trees.size()));
  for (const Tree& tree : plan.trees) PutTree(writer, tree);
  writer.Put(static_cast<uint32_t>(plan.left_out.size()));
  for (const LeftOut& left : plan.left_out) {
    writer.Put(left.root);
    writer.Put(left.node);
    writer.Put(static_cast<uint8_t>(left.reason));
    writer.Put(left.weight);
  }
  std::string bytes = writer.Take();
  ByteWriter end;
  end.Put(Crc32c(bytes));
  return bytes + end.Take();
}

absl::StatusOr<Plan> DecodePlan(std::string_view bytes) {
  constexpr size_t kCrcBytes = sizeof(uint32_t);
  ByteReader head(bytes);
  const bool known = head.Get<uint32_t>() == kPlanMagic && head.Get<uint32_t>() == kPlanVersion;
  if (!known || bytes.size() > kPlanBytesMax || bytes.size() < 2 * kCrcBytes + kCrcBytes) {
    return BadPlan(
        "record", absl::StrCat(bytes.size(), " bytes"),
        absl::StrCat("a plan of version ", kPlanVersion, " of at most ", kPlanBytesMax, " bytes"));
  }
  const std::string_view covered = bytes.substr(0, bytes.size() - kCrcBytes);
  ByteReader end(bytes.substr(covered.size()));
  const auto checksum = end.Get<uint32_t>();
  if (Crc32c(covered) != checksum) {
    return DataLoss("plan: the checksum does not match",
                    {.reason = "CHECKSUM",
                     .given = absl::StrCat(absl::Hex(checksum)),
                     .expected = absl::StrCat(absl::Hex(Crc32c(covered))),
                     .next_step = "Read the plan again, or plan again."});
  }
  ByteReader body(covered.substr(2 * sizeof(uint32_t)));
  std::string_view spec_bytes;
  Plan plan = GetPlan(body, spec_bytes);
  if (!body.done()) return BadPlan("record", "cut short or too long", "all of a plan");
  MNEME_ASSIGN_OR_RETURN(plan.spec, DecodeSpec(spec_bytes));
  MNEME_RETURN_IF_ERROR(Check(plan));
  return plan;
}

std::optional<NodeIndex> FindNode(const Plan& plan, std::string_view name) {
  const auto node = std::ranges::lower_bound(plan.nodes, name, {}, &PlanNode::name);
  if (node == plan.nodes.end() || node->name != name) return std::nullopt;
  return static_cast<NodeIndex>(node - plan.nodes.begin());
}

const Tree* FindTree(const Plan& plan, NodeIndex root) {
  const auto tree = std::ranges::lower_bound(plan.trees, root, {}, &Tree::root);
  return tree == plan.trees.end() || tree->root != root ? nullptr : &*tree;
}

const Role* Place::RoleIn(NodeIndex root) const {
  const auto role = std::ranges::lower_bound(roles, root, {}, &Role::root);
  return role == roles.end() || role->root != root ? nullptr : &*role;
}

bool Place::IsNeighbour(NodeIndex node) const {
  return std::ranges::binary_search(neighbours, node);
}

namespace {

// Nullopt where `me` is not in the tree. `below`: one flag for each node of the plan; scratch.
std::optional<Role> RoleOf(const Tree& tree, NodeIndex me, std::vector<bool>& below) {
  const auto mine = std::ranges::find(tree.nodes, me, &TreeNode::node);
  if (mine == tree.nodes.end()) return std::nullopt;
  Role role{
      .root = tree.root, .parent = mine->parent, .depth = mine->depth, .weight = mine->weight};
  // A node stands behind its parent: one pass finds all below me.
  below.assign(below.size(), false);
  below[me] = true;
  for (auto entry = mine + 1; entry != tree.nodes.end(); ++entry) {
    if (entry->parent == me) role.children.push_back(entry->node);
    if (!below[entry->parent]) continue;
    below[entry->node] = true;
    role.height = std::max(role.height, entry->depth - mine->depth);
  }
  std::ranges::sort(role.children);
  return role;
}

}  // namespace

Place PlaceOf(const Plan& plan, NodeIndex me) {
  Place place{.me = me};
  std::vector<bool> below(plan.nodes.size());
  for (const Tree& tree : plan.trees) {
    std::optional<Role> role = RoleOf(tree, me, below);
    if (!role) continue;
    if (!role->is_root()) place.neighbours.push_back(role->parent);
    place.neighbours.insert(place.neighbours.end(), role->children.begin(), role->children.end());
    place.roles.push_back(*std::move(role));
  }
  std::ranges::sort(place.neighbours);
  const auto repeated = std::ranges::unique(place.neighbours);
  place.neighbours.erase(repeated.begin(), repeated.end());
  return place;
}

double WeightOf(const Tree& tree) {
  double sum = 0;
  for (const TreeNode& entry : tree.nodes) sum += entry.weight;
  return sum;
}

double MeanDepth(const Tree& tree) {
  double sum = 0;
  for (const TreeNode& entry : tree.nodes) sum += entry.weight * entry.depth;
  const double weight = WeightOf(tree);
  return weight > 0 ? sum / weight : 0;
}

uint32_t DepthOf(const Tree& tree) {
  uint32_t depth = 0;
  for (const TreeNode& entry : tree.nodes) depth = std::max(depth, entry.depth);
  return depth;
}

uint32_t DelayOf(Transport transport, uint32_t depth) {
  return transport == Transport::kGradient ? 2 * depth : depth;
}

}  // namespace mneme::federation
