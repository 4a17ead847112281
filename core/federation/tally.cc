#include "core/federation/tally.h"

#include <algorithm>
#include <tuple>

namespace mneme::federation {
namespace {

bool Before(const Contributor& a, const Contributor& b) {
  return std::tie(a.node, a.incarnation) < std::tie(b.node, b.incarnation);
}

void Join(const Contributor& more, Contributor& entry) {
  entry.items += more.items;
  entry.weight += more.weight;
  entry.oldest_tag = std::min(entry.oldest_tag, more.oldest_tag);
  entry.newest_tag = std::max(entry.newest_tag, more.newest_tag);
  entry.evaluations += more.evaluations;
  entry.newest_evaluation = std::max(entry.newest_evaluation, more.newest_evaluation);
}

void Insert(const Contributor& contributor, Tally& tally) {
  const auto at =
      std::lower_bound(tally.contributors.begin(), tally.contributors.end(), contributor, Before);
  if (at != tally.contributors.end() && !Before(contributor, *at)) {
    Join(contributor, *at);
  } else if (tally.contributors.size() < kContributorsNamedMax) {
    tally.contributors.insert(at, contributor);
  } else {
    // How often it came is not known without its name: counted at most once too often.
    tally.unnamed = std::min<uint64_t>(tally.unnamed + 1, kPlanNodesMax);
  }
}

}  // namespace

void Add(const Contributor& contributor, Tally& tally) {
  tally.items = std::min(tally.items + contributor.items, kTallyItemsMax);
  tally.weight_sum += contributor.weight;
  Insert(contributor, tally);
}

void Add(const Tally& more, Tally& tally) {
  tally.norm_sum += more.norm_sum;
  tally.loss_sum += more.loss_sum;
  tally.weight_sum += more.weight_sum;
  tally.key_squared_max = std::max(tally.key_squared_max, more.key_squared_max);
  tally.items = std::min(tally.items + more.items, kTallyItemsMax);
  tally.unnamed = std::min<uint64_t>(tally.unnamed + more.unnamed, kPlanNodesMax);
  for (const Contributor& contributor : more.contributors) Insert(contributor, tally);
}

size_t ContributorsWithItems(const Tally& tally) {
  size_t count = 0;
  const Contributor* before = nullptr;
  for (const Contributor& contributor : tally.contributors) {
    if (contributor.items == 0) continue;
    if (before == nullptr || before->node != contributor.node) ++count;
    before = &contributor;
  }
  return count;
}

std::optional<uint64_t> OldestTag(const Tally& tally) {
  std::optional<uint64_t> oldest;
  for (const Contributor& contributor : tally.contributors) {
    if (contributor.items == 0) continue;
    oldest = std::min(oldest.value_or(contributor.oldest_tag), contributor.oldest_tag);
  }
  return oldest;
}

bool IsAnonymous(const Tally& tally, const PrivacySpec& privacy) {
  if (privacy.share_items || tally.items == 0) return true;
  return ContributorsWithItems(tally) >= privacy.min_contributors &&
         tally.items >= privacy.min_items;
}

}  // namespace mneme::federation
