// Bookkeeping of sums: who put what into one.
//
// Threads  pure functions over values.
#ifndef MNEME_CORE_FEDERATION_TALLY_H_
#define MNEME_CORE_FEDERATION_TALLY_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/federation/frame.h"

namespace mneme::federation {

// Items of one contributor in a sum; and what all of them are counted up to, so that counts of many
// sums never come round to zero.
inline constexpr uint64_t kContributorItemsMax = uint64_t{1} << 48;
inline constexpr uint64_t kTallyItemsMax = uint64_t{1} << 62;
static_assert(kContributorsNamedMax * kContributorItemsMax < kTallyItemsMax);

// One more entry, joined with the one of the same node and incarnation where there is one.
void Add(const Contributor& contributor, Tally& tally);
void Add(const Tally& more, Tally& tally);

// Nodes whose items are in it, each counted once.
size_t ContributorsWithItems(const Tally& tally);
// Of those with items; nullopt where nobody has any.
std::optional<uint64_t> OldestTag(const Tally& tally);

// Few enough items would show through a sum: what a child of the root may send.
bool IsAnonymous(const Tally& tally, const PrivacySpec& privacy);

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_TALLY_H_
