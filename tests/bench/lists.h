// Are two lists the same answer?
//
// Threads: plain functions.
#ifndef MNEME_TESTS_BENCH_LISTS_H_
#define MNEME_TESTS_BENCH_LISTS_H_

#include "tests/bench/case.h"
#include "tests/bench/dataset.h"
#include "tests/bench/ours.h"

namespace mneme::bench {

struct Agreement {
  size_t lists = 0;
  size_t identical = 0;
  size_t swaps_within_rounding = 0;  // places where the two items' true scores are that close
  size_t wrong = 0;                  // other places that differ
};

// Compares lists for cues [first, first + lists.size()). Scores are taken anew in float64; "within
// rounding" is 2^-21 (|q|^2 + |x|^2): what float32 sums of some hundred products may differ by.
Agreement Compare(const Dataset& dataset, size_t first, const Lists& ours, const Lists& theirs);
Agreement& operator+=(Agreement& to, const Agreement& more);

// As a verdict: share of the places that are right, which is to be 1.
void Tell(const Agreement& agreement, const std::string& with, Report& report);

// Share of `truth` that is in `found`, over all lists.
double Recall(const Lists& truth, const Lists& found);

}  // namespace mneme::bench

#endif  // MNEME_TESTS_BENCH_LISTS_H_
