// What becomes of stored items that are recalled by their own keys, with the memory's own kernel.
//
// Threads: plain functions and values; they ask through a Subject.
#ifndef MNEME_CORE_ANALYSIS_BASIN_ITEMS_H_
#define MNEME_CORE_ANALYSIS_BASIN_ITEMS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/analysis/analysis.h"

namespace mneme::analysis {

// A recall that rests within this share of the distance to the nearest rival is at an item.
inline constexpr double kAtItem = 0.25;
// Keys nearer than this share of their length are those of duplicates.
inline constexpr double kDuplicateDistance = 1e-6;

enum class Verdict {
  kKept,         // the recall is the item's own key
  kDuplicate,    // another item has the same key: the two share a basin
  kSwallowed,    // the recall is another item
  kBlended,      // the recall is between items
  kUnsupported,  // nothing pulls at its own key
  kUnsettled,    // the recall still moves when its steps are over
};
// "KEPT", ...
std::string_view Name(Verdict verdict);

struct StudiedItem {
  uint64_t row = 0;
  ItemId id;
  std::vector<float> key;
};

// Another item near a key, and how much less similar it is.
struct Rival {
  uint64_t row = 0;
  ItemId id;
  double margin = 0;    // beta (own similarity - its similarity): a difference of exponents
  double distance = 0;  // of the keys, Euclidean (of unit vectors under cosine)
  std::vector<float> key;
};

struct JudgedItem {
  StudiedItem item;
  Verdict verdict = Verdict::kKept;
  std::vector<Rival> rivals;       // the most similar ones, duplicates apart; best first
  std::optional<ItemId> twin;      // a duplicate
  std::optional<ItemId> taken_by;  // swallowed or blended: the largest part of its recall
  double share = 0;                // of the item itself in its recall
};

// Items drawn uniformly, at most `most`, in the order of their rows.
//
// Errors   those of the subject.
// Cost     reads all rows of the memory.
absl::StatusOr<std::vector<StudiedItem>> DrawItems(Subject& subject, size_t most, uint64_t seed,
                                                   Host& host);

// How cues are asked.
struct Recalls {
  double beta = 1;                   // in force
  std::optional<double> asked_beta;  // instead of the memory's
  int steps_max = 64;
};

// Shapes   as many as items; at most kCuesAtOnce of them.
// Cost     a list and a recall of each item.
// Source   dense-memory notes, sections 1.1 and 3.
inline constexpr size_t kCuesAtOnce = 64;
absl::StatusOr<std::vector<JudgedItem>> JudgeItems(Subject& subject, const Recalls& recalls,
                                                   std::span<const StudiedItem> items);

// |a - b|; with `directions` of the unit vectors.
double KeyDistance(std::span<const float> a, std::span<const float> b, bool directions);
// Whether the memory compares directions only, or recalls them.
bool ComparesDirections(const models::MemorySpec& spec);

}  // namespace mneme::analysis

#endif  // MNEME_CORE_ANALYSIS_BASIN_ITEMS_H_
