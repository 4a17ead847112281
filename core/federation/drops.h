// Why something did not become part of a memory: each reason with its name and a counter.
#ifndef MNEME_CORE_FEDERATION_DROPS_H_
#define MNEME_CORE_FEDERATION_DROPS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/federation/names.h"

namespace mneme::federation {

enum class Drop {
  kWrongFederation,  // frames: of another federation
  kOldEpoch,         // frames: of an epoch before mine
  kNewEpoch,         // frames: of an epoch to come; its plan is asked for
  kOldIncarnation,   // frames: of a node that has started again since
  kWrongSession,     // frames: for another incarnation of me, or before a hello
  kNotNeighbour,     // frames: from a node that is no neighbour in that tree
  kDuplicate,        // frames: seen before
  kTooFarAhead,      // frames: too many missing before them; they come again
  kBadFrame,         // frames: sizes, numbers or bookkeeping that cannot be
  kClip,             // sums: a norm above the clip
  kTooOld,           // sums: a tag more than max_delay behind
  kOldRoot,          // sums and parameters: of an earlier incarnation of the root
  kMissingBase,      // parameters: "unchanged", from numbers that are not here
  kEpochChange,      // sums, frames and residuals: of the plan before
  kPeerRestarted,    // frames: for a node that has started again since
  kPrivacyHold,      // sums: too few contributors or items for max_hold_rounds
  kQueueFull,        // items or sums: no room in a bounded queue
  kItemsBehind,      // own items: fell out of the log before every root had them
  kBadItems,         // own items: not finite
  kNotFinite,        // gradients and steps: overflowed
  kOldPlan,          // plans: of an epoch that is not newer
  kBadPlan,          // plans: of another spec, or broken
  kNoPlan,           // frames: before any plan, or after plan_grace
};
template <>
inline constexpr std::array<std::string_view, 23> kNames<Drop> = {
    "wrong_federation", "old_epoch",  "new_epoch",     "old_incarnation", "wrong_session",
    "not_neighbour",    "duplicate",  "too_far_ahead", "bad_frame",       "clip",
    "too_old",          "old_root",   "missing_base",  "epoch_change",    "peer_restarted",
    "privacy_hold",     "queue_full", "items_behind",  "bad_items",       "not_finite",
    "old_plan",         "bad_plan",   "no_plan"};
inline constexpr size_t kDropReasons = kNames<Drop>.size();
static_assert(kDropReasons == static_cast<size_t>(Drop::kNoPlan) + 1);

class DropCounts {
 public:
  void Add(Drop reason, uint64_t count = 1) { counts_[static_cast<size_t>(reason)] += count; }
  uint64_t of(Drop reason) const { return counts_[static_cast<size_t>(reason)]; }
  const std::array<uint64_t, kDropReasons>& all() const { return counts_; }
  void Set(const std::array<uint64_t, kDropReasons>& counts) { counts_ = counts; }

 private:
  std::array<uint64_t, kDropReasons> counts_ = {};
};

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_DROPS_H_
