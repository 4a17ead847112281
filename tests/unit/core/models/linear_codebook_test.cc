// Tests of core/models/linear/codebook_scores.h: lists must not depend on how many cues were asked.
#include <algorithm>
#include <string>
#include <vector>

#include "core/math/kernels.h"
#include "core/models/linear/codebook_scores.h"
#include "gtest/gtest.h"
#include "tests/unit/core/models/linear_testing.h"

namespace mneme::models {
namespace {

constexpr uint64_t kSeed = 31;

// Responses within 1e-7 of one direction: float32 sums taken in another order rank them otherwise.
StoreView NearlyEqualResponses(size_t rows, size_t d, uint64_t seed) {
  Random random(seed);
  std::vector<float> direction(d);
  random.FillUnit(std::span<float>(direction));
  Matrix keys(rows, d);
  std::vector<uint64_t> row_numbers;
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < d; ++j) {
      keys.at(i, j) = direction[j] + static_cast<float>(1e-7 * random.Gaussian());
    }
    row_numbers.push_back(i);
  }
  ExplicitStore store(d, 0);
  EXPECT_TRUE(store.Append({.keys = keys, .row_numbers = row_numbers}).ok());
  return store.Publish();
}

std::vector<std::vector<ScoredRow>> Lists(const StoreView& store, MatrixView recalls,
                                          size_t limit) {
  std::vector<CueScores> scores(recalls.rows, CueScores{.top = math::TopK<ScoredRow>(limit)});
  CodebookScorer scorer;
  for (size_t t = 0; t < store.tiles(); ++t) scorer.Score(store.tile(t), recalls, scores);
  std::vector<std::vector<ScoredRow>> lists;
  for (CueScores& cue : scores) lists.push_back(cue.top.TakeSorted());
  return lists;
}

TEST(CodebookScorer, ABatchListsWhatEachCueAloneLists) {
  RecordProperty("seed", std::to_string(kSeed));
  const StoreView store = NearlyEqualResponses(2100, 67, kSeed);
  Matrix recalls(70, 67);
  Random random(kSeed, 1);
  random.FillGaussian(recalls.flat());
  const auto batch = Lists(store, recalls, 10);
  for (size_t b = 0; b < recalls.rows(); ++b) {
    const auto alone = Lists(store, recalls.view().slice(b, 1), 10);
    ASSERT_EQ(batch[b].size(), 10u);
    for (size_t r = 0; r < 10; ++r) {
      EXPECT_EQ(batch[b][r].row_number, alone[0][r].row_number) << b << " rank " << r;
      EXPECT_EQ(batch[b][r].score, alone[0][r].score);
    }
  }
}

TEST(CodebookScorer, ChosenRowsScoreAsTheyDoAmongAll) {
  RecordProperty("seed", std::to_string(kSeed));
  const StoreView store = NearlyEqualResponses(1000, 40, kSeed);
  Matrix recalls(3, 40);
  Random random(kSeed, 2);
  random.FillGaussian(recalls.flat());
  const auto all = Lists(store, recalls, 1000);
  const std::vector<uint32_t> chosen = {0, 17, 500, 999};
  std::vector<CueScores> scores(3, CueScores{.top = math::TopK<ScoredRow>(4)});
  CodebookScorer scorer;
  scorer.ScoreChosen(store.tile(0), chosen, recalls, scores);
  for (size_t b = 0; b < 3; ++b) {
    EXPECT_EQ(scores[b].moments.count, 4u);
    std::vector<ScoredRow> expected;
    std::copy_if(all[b].begin(), all[b].end(), std::back_inserter(expected),
                 [&chosen](const ScoredRow& row) {
                   return std::find(chosen.begin(), chosen.end(), row.row_number) != chosen.end();
                 });
    const std::vector<ScoredRow> got = scores[b].top.TakeSorted();
    ASSERT_EQ(got.size(), 4u);
    for (size_t r = 0; r < 4; ++r) {
      EXPECT_EQ(got[r].row_number, expected[r].row_number);
      EXPECT_EQ(got[r].score, expected[r].score);
    }
  }
}

}  // namespace
}  // namespace mneme::models
