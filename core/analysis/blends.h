// What a memory recalls that nobody stored: recalls begun between near items that come to rest away
// from all of them.
//
// Threads: plain functions and values; they ask through a Subject.
#ifndef MNEME_CORE_ANALYSIS_BLENDS_H_
#define MNEME_CORE_ANALYSIS_BLENDS_H_

#include <cstddef>
#include <vector>

#include "core/analysis/basin_items.h"

namespace mneme::analysis {

// Different minima that are told apart; further ones are only counted as recalls.
inline constexpr size_t kBlendsMax = 256;

struct Blends {
  size_t probes = 0;
  size_t at_items = 0;  // recalls that rest at a stored item
  size_t between = 0;   // ... that rest elsewhere
  size_t unsupported = 0;
  size_t unsettled = 0;
  size_t minima = 0;  // different places of `between`
};

// Begins `probes` recalls in the middle of an item and one or two of its rivals.
//
// Shapes   items with their rivals, as JudgeItems gives them; auto-associative memories only.
// Errors   those of subject and host.
// Cost     a recall a probe.
absl::StatusOr<Blends> FindBlends(Subject& subject, const Recalls& recalls,
                                  const std::vector<JudgedItem>& items, size_t probes,
                                  uint64_t seed, Host& host);

}  // namespace mneme::analysis

#endif  // MNEME_CORE_ANALYSIS_BLENDS_H_
