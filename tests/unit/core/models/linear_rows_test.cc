// Lists of a linear memory over the rows that pass: as the list over all rows with the others
// struck out.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/math/moments.h"
#include "gtest/gtest.h"
#include "tests/unit/core/models/linear_tam_testing.h"

namespace mneme::models {
namespace {

constexpr size_t kItems = 2300, kKeyDim = 24, kResponseDim = 16;

std::shared_ptr<const RowSet> Draw(double share, bool listed_pass, Random& random) {
  RowSet set{.listed_pass = listed_pass};
  for (size_t row = 0; row < kItems; ++row) {
    if (random.Uniform() < share) set.listed.push_back(row);
  }
  return std::make_shared<const RowSet>(std::move(set));
}

std::unique_ptr<LinearModel> MakeMemory(const TestRows& rows, uint32_t partitions,
                                        Retain retain = Retain::kAll) {
  auto model = std::make_unique<LinearModel>(LinearMemory(
      kKeyDim, kResponseDim, {.rule = LinearRule::kCmm, .partitions = partitions}, retain));
  EXPECT_TRUE(model->Absorb(rows.Block()).ok());
  std::vector<size_t> gone;
  for (size_t i = 5; i < kItems && retain == Retain::kAll; i += 11) gone.push_back(i);
  EXPECT_TRUE(model->Forget(PickedRows(rows, gone).Block()).ok());
  return model;
}

struct Case {
  uint32_t partitions;
  size_t cues;
};
class LinearRows : public testing::TestWithParam<Case> {};

TEST_P(LinearRows, ListsAndStatisticsAreOfThePassingRows) {
  RecordProperty("seed", "52");
  Random random(52);
  const TestRows rows(kItems, kKeyDim, kResponseDim, 52);
  const auto model = MakeMemory(rows, GetParam().partitions);
  const auto view = model->Publish();
  const CueBatch cues = {.cues = rows.keys.view().slice(1, GetParam().cues)};
  const auto all = Ask(*view, cues, {.kind = QueryKind::kList, .top = kItems});
  ASSERT_TRUE(all.ok()) << all.status();
  for (const double share : {0.0, 0.004, 0.4}) {
    for (const bool listed_pass : {true, false}) {
      SCOPED_TRACE(testing::Message() << "share " << share << ", pass " << listed_pass);
      const auto set = Draw(share, listed_pass, random);
      QuerySpec spec{.kind = QueryKind::kList, .top = 12, .rows = set};
      // Targets that pass, and some that do not.
      for (size_t b = 0; b < GetParam().cues; ++b) spec.target_rows.push_back(1 + b);
      const auto answer = Ask(*view, cues, spec, 3);
      ASSERT_TRUE(answer.ok()) << answer.status();
      for (size_t b = 0; b < GetParam().cues; ++b) {
        SCOPED_TRACE(b);
        std::vector<ScoredItem> expected;
        math::Moments moments;
        for (const ScoredItem& item : all->cues[b].top) {
          if (!set->Passes(item.row)) continue;
          expected.push_back(item);
          moments.Add(item.score);
        }
        const CueAnswer& cue = answer->cues[b];
        EXPECT_EQ(answer->items_scored, expected.size());
        EXPECT_EQ(cue.status,
                  expected.empty() ? AnswerStatus::kEmptyStore : AnswerStatus::kConverged);
        ASSERT_EQ(cue.top.size(), std::min<size_t>(12, expected.size()));
        for (size_t i = 0; i < cue.top.size(); ++i) {
          EXPECT_EQ(cue.top[i].row, expected[i].row);
          EXPECT_EQ(cue.top[i].id, expected[i].id);
          EXPECT_EQ(cue.top[i].score, expected[i].score);
        }
        EXPECT_NEAR(cue.score_mean, moments.mean, 1e-6);
        EXPECT_NEAR(cue.score_std, moments.Std(), 1e-6);
        if (expected.size() > 1) {
          EXPECT_NEAR(cue.z_best, (expected[0].score - moments.mean) / moments.Std(), 1e-4);
        }
        const auto target = std::ranges::find(expected, 1 + b, &ScoredItem::row);
        ASSERT_EQ(cue.target.found, target != expected.end());
        if (!cue.target.found) continue;
        EXPECT_EQ(cue.target.competitors, expected.size() - 1);
        EXPECT_EQ(cue.target.rank, std::ranges::count_if(expected, [&](const ScoredItem& item) {
                    return item.score >= target->score;
                  }));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cues, LinearRows,
                         testing::Values(Case{1, 1}, Case{1, 7}, Case{3, 1}, Case{3, 7}),
                         [](const auto& test) {
                           return "Partitions" + std::to_string(test.param.partitions) + "Cues" +
                                  std::to_string(test.param.cues);
                         });

TEST(LinearRowsOfCandidates, AreThoseThatPass) {
  const TestRows rows(kItems, kKeyDim, kResponseDim, 53);
  const auto model = MakeMemory(rows, 2);
  const auto answer =
      Ask(*model->Publish(), {.cues = rows.keys.view().slice(0, 1)},
          {.kind = QueryKind::kList,
           .top = 9,
           .candidate_rows = std::vector<uint64_t>{3, 6, 7},
           .rows = std::make_shared<const RowSet>(RowSet{.listed = {6}, .listed_pass = false})});
  ASSERT_TRUE(answer.ok()) << answer.status();
  std::vector<uint64_t> named;
  for (const ScoredItem& item : answer->cues[0].top) named.push_back(item.row);
  std::ranges::sort(named);
  EXPECT_EQ(named, (std::vector<uint64_t>{3, 7}));
}

TEST(LinearRowsOfRecalls, AreRefusedUnlessTheyHideWhatIsDue) {
  const TestRows rows(kItems, kKeyDim, kResponseDim, 54);
  for (const uint32_t partitions : {1, 3}) {
    const auto model = MakeMemory(rows, partitions);
    const auto view = model->Publish();
    const CueBatch cues = {.cues = rows.keys.view().slice(0, 2)};
    QuerySpec spec{
        .top = 3,
        .rows = std::make_shared<const RowSet>(RowSet{.listed = {0, 1}, .listed_pass = false})};
    const auto refused = Ask(*view, cues, spec);
    EXPECT_TRUE(absl::IsInvalidArgument(refused.status())) << refused.status();
    EXPECT_EQ(GetErrorDetail(refused.status())->reason, "FILTER");
    spec.rows_are_unexpired = true;
    const auto answer = Ask(*view, cues, spec);
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->cues[0].status, AnswerStatus::kConverged);
    EXPECT_EQ(answer->recalls.rows(), 2u);
    for (const CueAnswer& cue : answer->cues) {
      ASSERT_EQ(cue.top.size(), 3u);
      for (const ScoredItem& item : cue.top) EXPECT_GT(item.row, 1u);
    }
  }
}

TEST(LinearRowsOfRecalls, ThatHideEverythingLeaveTheRecall) {
  const TestRows rows(kItems, kKeyDim, kResponseDim, 55);
  const auto model = MakeMemory(rows, 1);
  const auto view = model->Publish();
  const CueBatch cues = {.cues = rows.keys.view().slice(0, 1)};
  const auto answer =
      Ask(*view, cues,
          {.top = 2, .rows = std::make_shared<const RowSet>(), .rows_are_unexpired = true});
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->cues[0].status, AnswerStatus::kConverged);
  EXPECT_TRUE(answer->cues[0].top.empty());
  EXPECT_EQ(LargestDifference(answer->recalls, Recall(*view, cues.cues)), 0);
}

TEST(LinearRowsOfResponses, CannotBeFiltered) {
  const TestRows rows(kItems, kKeyDim, kResponseDim, 56);
  const auto model = MakeMemory(rows, 1);
  const auto view = model->Publish();
  const CueBatch cues = {.cues = rows.keys.view().slice(0, 1)};
  QuerySpec spec{.kind = QueryKind::kList,
                 .top = 2,
                 .rows = std::make_shared<const RowSet>(),
                 .candidate_responses = rows.responses.view().slice(0, 4)};
  const auto refused = Ask(*view, cues, spec);
  EXPECT_TRUE(absl::IsInvalidArgument(refused.status())) << refused.status();
  EXPECT_EQ(GetErrorDetail(refused.status())->reason, "FILTER");
  spec.rows_are_unexpired = true;  // hides stored items, not what came along
  const auto answer = Ask(*view, cues, spec);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->cues[0].top.size(), 2u);
}

TEST(LinearRowsOfCertifiedLists, CertifyNothingUnderAFilter) {
  const TestRows rows(60, kKeyDim, kResponseDim, 57);
  LinearModel model(LinearMemory(kKeyDim, kResponseDim, TamSpec(1, 0.1)));
  ASSERT_TRUE(model.Absorb(rows.Block()).ok());
  ASSERT_TRUE(TrainOn(model, rows, Indices(0, 60)).ok());
  const auto view = model.Publish();
  const CueBatch cues = {.cues = rows.keys.view().slice(0, 3)};
  QuerySpec spec{.kind = QueryKind::kList, .certified_list = true};
  const auto all = Ask(*view, cues, spec);
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->certificates, CertificateState::kSealed);
  ASSERT_NE(all->cues[0].tail_average, 0);
  spec.rows = std::make_shared<const RowSet>(
      RowSet{.listed = {all->cues[0].top[0].row}, .listed_pass = false});
  const auto filtered = Ask(*view, cues, spec);
  ASSERT_TRUE(filtered.ok()) << filtered.status();
  EXPECT_EQ(filtered->certificates, CertificateState::kCandidates);
  EXPECT_EQ(filtered->cues[0].tail_average, 0);
  ASSERT_EQ(filtered->cues[0].top.size(), all->list_size);
  EXPECT_EQ(filtered->cues[0].top[0].row, all->cues[0].top[1].row);
  for (const ScoredItem& item : filtered->cues[0].top) EXPECT_FALSE(item.certified);
  spec.rows_are_unexpired = true;  // fewer competitors: ranks do not get worse
  const auto hidden = Ask(*view, cues, spec);
  ASSERT_TRUE(hidden.ok()) << hidden.status();
  EXPECT_EQ(hidden->certificates, CertificateState::kSealed);
  EXPECT_EQ(hidden->cues[0].top[0].row, all->cues[0].top[1].row);
}

}  // namespace
}  // namespace mneme::models
