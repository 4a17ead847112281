// What a node keeps for one tree that it is in, its own among them.
//
// Threads  plain values, of the node that has them.
#ifndef MNEME_CORE_FEDERATION_SERVED_TREE_H_
#define MNEME_CORE_FEDERATION_SERVED_TREE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "core/federation/compress.h"
#include "core/federation/frame.h"
#include "core/federation/gradient_sum.h"
#include "core/federation/memory_changes.h"
#include "core/federation/plan.h"
#include "core/federation/stat_sum.h"

namespace mneme::federation {

// The newest parameters of a root.
struct ParamState {
  bool valid = false;
  uint64_t root_incarnation = 0;
  uint64_t tag = 0;
  uint64_t base_tag = 0;  // round of the numbers in `memory`
  Numbers memory;         // may be empty until somebody needs it (Node::WholeMemory)
  std::vector<Boost> boosts;
  float eta = 0;
  // Of my own: what `memory` was packed from.
  std::shared_ptr<const std::vector<float>> packed;
};

// A sum on its way to a root: grows in content, not in size.
struct PendingSum {
  PendingSum(size_t d_v, size_t d_k) : gradient(d_v, d_k), stat(d_v, d_k) {}
  void Clear() {
    gradient.Clear();
    stat.Clear();
    tally = {};
    length = 0;
    held = 0;
  }

  uint64_t root_incarnation = 0;  // 0: statistics, which belong to no parameters
  GradientSum gradient;
  StatSum stat;
  Tally tally;
  double length = 0;  // norms of what was added, together: at most kSumNormMax
  uint32_t held = 0;  // rounds that it was not anonymous enough
  // Barrier only.
  uint64_t tag = 0;
  bool mine = false;
  std::set<NodeIndex> heard;  // children
};

struct ServedTree {
  ServedTree(Role its_role, size_t d_v, size_t d_k)
      : role(std::move(its_role)), changes(d_v, d_k), sum(d_v, d_k), probe(d_v, d_k) {}

  // The child above or at `node`; kNoNode: it is not below me.
  NodeIndex BranchOf(NodeIndex node) const {
    const auto found = branches.find(node);
    return found == branches.end() ? kNoNode : found->second;
  }

  Role role;
  std::map<NodeIndex, NodeIndex> branches;  // who is below me, and below which child
  ParamState param;
  // Compression low_rank: what led to the memory of param.base_tag; and, of another root, that
  // memory.
  MemoryChanges changes;
  std::vector<float> memory;
  float boost = 1;              // of my weight, as the root says
  PendingSum sum;               // pipelined
  std::deque<PendingSum> tags;  // barrier: open tags, ascending
  PendingSum probe;
  bool probe_due = false;
  std::optional<ErrorFeedback<float>> residual;
};

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_SERVED_TREE_H_
