// Rows, their store and the plain truth, for the tests of candidate indexes.
#ifndef MNEME_TESTS_UNIT_CORE_MODELS_INDEX_INDEX_TEST_UTIL_H_
#define MNEME_TESTS_UNIT_CORE_MODELS_INDEX_INDEX_TEST_UTIL_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "core/math/matrix.h"
#include "core/models/index/candidate_index.h"
#include "core/models/spec.h"
#include "core/models/store/explicit_store.h"
#include "gtest/gtest.h"

namespace mneme::models {

// Unit rows around `centres` random directions: near ones exist, as in real data.
inline Matrix ClusteredRows(size_t rows, size_t dim, size_t centres, uint64_t seed) {
  Random random(seed);
  Matrix middle(centres, dim), out(rows, dim);
  for (size_t i = 0; i < centres; ++i) random.FillUnit(middle.row(i));
  for (size_t i = 0; i < rows; ++i) {
    const std::span<float> row = out.row(i);
    const std::span<const float> centre = std::as_const(middle).row(i % centres);
    double squares = 0;
    for (size_t j = 0; j < dim; ++j) {
      row[j] = centre[j] + static_cast<float>(0.6 * random.Gaussian() / std::sqrt(dim));
      squares += static_cast<double>(row[j]) * row[j];
    }
    for (float& x : row) x /= static_cast<float>(std::sqrt(squares));
  }
  return out;
}

inline std::vector<uint64_t> Numbers(uint64_t first, size_t count) {
  std::vector<uint64_t> out(count);
  std::iota(out.begin(), out.end(), first);
  return out;
}

inline void Append(ExplicitStore& store, MatrixView keys, uint64_t first) {
  const std::vector<uint64_t> numbers = Numbers(first, keys.rows);
  const absl::Status status = store.Append({.keys = keys, .row_numbers = numbers});
  ASSERT_TRUE(status.ok()) << status;
}

// A store of these keys, numbered from 0.
inline StoreView StoreOf(MatrixView keys) {
  ExplicitStore store(keys.cols, 0);
  Append(store, keys, 0);
  return store.Publish();
}

inline double PlainScore(Similarity similarity, std::span<const float> a,
                         std::span<const float> b) {
  double dot = 0, squares = 0, sum = 0;
  for (size_t j = 0; j < a.size(); ++j) {
    const double x = static_cast<double>(a[j]), y = static_cast<double>(b[j]);
    dot += x * y;
    squares += (x - y) * (x - y);
    sum += std::abs(x - y);
  }
  if (similarity == Similarity::kL2) return -squares / 2;
  return similarity == Similarity::kL1 ? -sum : dot;
}

// Row numbers of the k best rows of `keys` (numbered from 0) that are not in `gone`.
inline std::set<uint64_t> PlainTop(Similarity similarity, MatrixView keys,
                                   std::span<const float> cue, size_t k,
                                   const std::set<uint64_t>& gone = {}) {
  std::vector<std::pair<double, uint64_t>> scores;
  for (size_t i = 0; i < keys.rows; ++i) {
    if (!gone.contains(i)) scores.emplace_back(-PlainScore(similarity, cue, keys.row(i)), i);
  }
  std::sort(scores.begin(), scores.end());
  std::set<uint64_t> out;
  for (size_t i = 0; i < std::min(k, scores.size()); ++i) out.insert(scores[i].second);
  return out;
}

inline std::vector<CandidateList> MustFind(const CandidateView& view, MatrixView cues,
                                           size_t depth) {
  auto lists = view.Candidates(cues, depth);
  EXPECT_TRUE(lists.ok()) << lists.status();
  return lists.ok() ? *std::move(lists) : std::vector<CandidateList>(cues.rows);
}

// Share of the true top k that is among the candidates.
inline double RecallOf(const CandidateView& view, Similarity similarity, MatrixView keys,
                       MatrixView cues, size_t k, size_t depth,
                       const std::set<uint64_t>& gone = {}) {
  const std::vector<CandidateList> lists = MustFind(view, cues, depth);
  size_t hits = 0, all = 0;
  for (size_t c = 0; c < cues.rows; ++c) {
    for (const uint64_t row : PlainTop(similarity, keys, cues.row(c), k, gone)) {
      ++all;
      hits += static_cast<size_t>(
          std::count_if(lists[c].begin(), lists[c].end(),
                        [row](const Candidate& found) { return found.row_number == row; }));
    }
  }
  return static_cast<double>(hits) / static_cast<double>(all);
}

// Steps a rebuild to its end, a few rows at a time.
inline void Finish(IndexRebuild& rebuild, size_t rows_at_once = 700) {
  for (size_t steps = 0; steps < 100'000; ++steps) {
    const absl::StatusOr<bool> done = rebuild.Step(rows_at_once);
    ASSERT_TRUE(done.ok()) << done.status();
    if (*done) return;
  }
  FAIL() << "the rebuild does not end";
}

}  // namespace mneme::models

#endif  // MNEME_TESTS_UNIT_CORE_MODELS_INDEX_INDEX_TEST_UTIL_H_
