// Sums on their way up: when one may go, and when it never will.
#include <algorithm>
#include <utility>

#include "core/federation/node.h"
#include "core/federation/tally.h"

namespace mneme::federation {

PendingSum* Node::OpenTag(ServedTree& tree, uint64_t tag) {
  const auto found = std::ranges::find(tree.tags, tag, &PendingSum::tag);
  return found == tree.tags.end() ? nullptr : &*found;
}

PendingSum& Node::OpenNewTag(ServedTree& tree, uint64_t tag) {
  if (PendingSum* open = OpenTag(tree, tag); open != nullptr) return *open;
  if (tree.tags.size() > spec_.max_delay) {
    ClearSum(tree, tree.tags.front(), Drop::kTooOld);
    tree.tags.pop_front();
  }
  PendingSum& added = tree.tags.emplace_back(spec_.d_v, spec_.d_k);
  added.tag = tag;
  return added;
}

void Node::ClearSum(ServedTree& tree, PendingSum& pending, Drop reason) {
  if (pending.tally.items > 0) drops_.Add(reason);
  const uint64_t root_incarnation = pending.root_incarnation;
  pending.Clear();
  pending.root_incarnation = root_incarnation;
  if (&pending != &tree.probe) {
    Note({.kind = Trace::Kind::kCleared, .root = NameOf(tree.role.root), .tag = pending.tag});
  }
}

void Node::Upload(ServedTree& tree) {
  Edge* parent = EdgeOf(tree.role.parent);
  if (parent == nullptr || !Usable(*parent) || parent->refused) return;
  if (spec_.transport == Transport::kFactor) return;
  if (spec_.transport == Transport::kGradient && spec_.combine == Combine::kBarrier) {
    UploadBarrier(tree, *parent);
  } else {
    UploadSum(tree, *parent, tree.sum);
  }
  UploadProbe(tree, *parent);
}

// Whether its parent would take it: whoever sends what it does not is the one it blames.
bool Node::IsSound(const ServedTree& tree, const PendingSum& pending) const {
  return pending.gradient.Finite() && pending.stat.Finite() && pending.length <= kSumNormMax &&
         Check(pending.tally, *FindTree(*plan_, tree.role.root)).ok();
}

// Whether a sum may go to its parent; drops what never may.
bool Node::MayPass(ServedTree& tree, PendingSum& pending) {
  const std::optional<uint64_t> oldest = OldestTag(pending.tally);
  if (spec_.transport == Transport::kGradient && oldest.has_value() && tree.param.valid &&
      tree.param.tag > *oldest + spec_.max_delay) {
    ClearSum(tree, pending, Drop::kTooOld);
    return false;
  }
  if (!IsSound(tree, pending)) {
    ClearSum(tree, pending, Drop::kNotFinite);
    return false;
  }
  // Only a child of the root shows its sum to the one whom it is about.
  if (tree.role.depth != 1 || IsAnonymous(pending.tally, spec_.privacy)) return true;
  if (++pending.held >= spec_.privacy.max_hold_rounds) {
    ClearSum(tree, pending, Drop::kPrivacyHold);
  }
  return false;
}

void Node::UploadSum(ServedTree& tree, Edge& parent, PendingSum& pending) {
  const Lane lane{.kind = LaneKind::kSum, .root = tree.role.root};
  if (pending.tally.contributors.empty() ||
      parent.out.InFlight(lane) >= LaneWindow(spec_, spec_.wire.edge_queue_frames) ||
      !MayPass(tree, pending)) {
    return;
  }
  SendSum(tree, parent, pending);
}

void Node::SendSum(ServedTree& tree, Edge& parent, PendingSum& pending) {
  const Lane lane{.kind = LaneKind::kSum, .root = tree.role.root};
  uint64_t seq = 0;
  if (spec_.transport == Transport::kGradient) {
    GradUp up{.root = tree.role.root,
              .root_incarnation = pending.root_incarnation,
              .tag = pending.tag,
              .tally = pending.tally};
    pending.gradient.Write(spec_.wire.type, up);
    seq = SendKept(parent, lane, std::move(up));
  } else {
    StatUp up{.kind = StatKind::kSum, .root = tree.role.root, .tally = pending.tally};
    if (!pending.stat.empty()) pending.stat.Write(spec_.wire.type, up);
    seq = SendKept(parent, lane, std::move(up));
  }
  Note({.kind = Trace::Kind::kUploaded,
        .root = NameOf(tree.role.root),
        .peer = parent.name,
        .peer_incarnation = parent.incarnation,
        .epoch = epoch_,
        .edge_seq = seq,
        .tag = pending.tag});
  pending.gradient.Clear();
  pending.stat.Clear();
  pending.tally = {};
  pending.length = 0;
  pending.held = 0;
}

void Node::UploadBarrier(ServedTree& tree, Edge& parent) {
  const Lane lane{.kind = LaneKind::kSum, .root = tree.role.root};
  std::erase_if(tree.tags, [&](PendingSum& sum) {
    const bool complete = sum.mine && sum.heard.size() == tree.role.children.size();
    if (!complete) {
      if (tree.param.tag <= sum.tag + spec_.max_delay) return false;
      ClearSum(tree, sum, Drop::kTooOld);
      return true;
    }
    if (parent.out.InFlight(lane) >= spec_.wire.edge_queue_frames) return false;
    // It will not grow: what may not pass now goes up empty, so that the parent does not wait.
    if (tree.role.depth == 1 && !IsAnonymous(sum.tally, spec_.privacy)) {
      ClearSum(tree, sum, Drop::kPrivacyHold);
    }
    if (!IsSound(tree, sum)) ClearSum(tree, sum, Drop::kNotFinite);
    SendSum(tree, parent, sum);
    return true;
  });
}

void Node::UploadProbe(ServedTree& tree, Edge& parent) {
  const Lane lane{.kind = LaneKind::kProbe, .root = tree.role.root};
  PendingSum& probe = tree.probe;
  if (!tree.probe_due || probe.tally.items == 0 || parent.out.InFlight(lane) > 0) return;
  if (!IsSound(tree, probe)) return ClearSum(tree, probe, Drop::kNotFinite);
  if (tree.role.depth == 1 && !IsAnonymous(probe.tally, spec_.privacy)) return;
  StatUp up{.kind = StatKind::kProbe,
            .root = tree.role.root,
            .root_incarnation = probe.root_incarnation,
            .tally = probe.tally};
  probe.stat.Write(WireType::kFloat32, up);
  SendKept(parent, lane, std::move(up));
  const uint64_t root_incarnation = probe.root_incarnation;
  probe.Clear();
  probe.root_incarnation = root_incarnation;
  tree.probe_due = false;
}

}  // namespace mneme::federation
