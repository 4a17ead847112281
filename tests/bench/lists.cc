#include "tests/bench/lists.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace mneme::bench {
namespace {

// As the memory's similarity has it, but for constants.
double Score(const Dataset& dataset, std::span<const float> cue, std::span<const float> row) {
  double dot = 0, distance = 0;
  for (size_t j = 0; j < cue.size(); ++j) {
    dot += static_cast<double>(cue[j]) * row[j];
    distance += (static_cast<double>(cue[j]) - row[j]) * (static_cast<double>(cue[j]) - row[j]);
  }
  return dataset.similarity == models::Similarity::kL2 ? -distance / 2 : dot;
}

double Square(std::span<const float> x) {
  double out = 0;
  for (const float v : x) out += static_cast<double>(v) * v;
  return out;
}

bool AsGood(const Dataset& dataset, std::span<const float> cue, uint64_t a, uint64_t b) {
  if (a >= dataset.rows.rows() || b >= dataset.rows.rows()) return false;
  const auto x = dataset.rows.row(a), y = dataset.rows.row(b);
  const double rounding = std::ldexp(1, -21) * (Square(cue) + std::max(Square(x), Square(y)));
  return std::abs(Score(dataset, cue, x) - Score(dataset, cue, y)) <= rounding;
}

}  // namespace

Agreement Compare(const Dataset& dataset, size_t first, const Lists& ours, const Lists& theirs) {
  Agreement out;
  for (size_t i = 0; i < theirs.size(); ++i) {
    ++out.lists;
    if (i < ours.size() && ours[i] == theirs[i]) {
      ++out.identical;
      continue;
    }
    for (size_t j = 0; j < theirs[i].size(); ++j) {
      if (i >= ours.size() || j >= ours[i].size()) {
        ++out.wrong;
      } else if (ours[i][j] != theirs[i][j]) {
        const bool fine = AsGood(dataset, dataset.cues.row(first + i), ours[i][j], theirs[i][j]);
        ++(fine ? out.swaps_within_rounding : out.wrong);
      }
    }
  }
  return out;
}

Agreement& operator+=(Agreement& to, const Agreement& more) {
  to.lists += more.lists;
  to.identical += more.identical;
  to.swaps_within_rounding += more.swaps_within_rounding;
  to.wrong += more.wrong;
  return to;
}

void Tell(const Agreement& agreement, const std::string& with, Report& report) {
  const auto wrong = static_cast<double>(agreement.wrong);
  report.verdicts.push_back(
      {.what = absl::StrCat("places that differ from ", with, " by more than float32 rounding"),
       .unit = "places",
       .value = {.median = wrong, .low = wrong, .high = wrong, .repeats = agreement.lists},
       .goal = AtMost(0)});
  report.notes.push_back(absl::StrCat(
      agreement.identical, " of ", agreement.lists, " lists are the same, item by item, as ", with,
      "'s; in the "
      "others ",
      agreement.swaps_within_rounding,
      " places swap items whose scores are equal within rounding."));
}

double Recall(const Lists& truth, const Lists& found) {
  size_t hits = 0, all = 0;
  for (size_t i = 0; i < truth.size(); ++i) {
    for (const uint64_t item : truth[i]) {
      hits += static_cast<size_t>(std::ranges::count(found[i], item) > 0);
      ++all;
    }
  }
  return all == 0 ? 0 : static_cast<double>(hits) / static_cast<double>(all);
}

}  // namespace mneme::bench
