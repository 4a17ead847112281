// Tests of how a linear memory answers: recalls, lists, statistics of scores, refusals.
#include <algorithm>
#include <string>
#include <vector>

#include "core/math/kernels.h"
#include "core/models/linear/linear_model.h"
#include "gtest/gtest.h"
#include "tests/unit/core/models/linear_testing.h"

namespace mneme::models {
namespace {

constexpr uint64_t kSeed = 77;

struct Scored {
  size_t item;
  double score;
};

// Scores by the definition: <unit response, recall>, best first, ties by the smaller id.
std::vector<Scored> NaiveScores(const TestRows& rows, std::span<const float> recall) {
  std::vector<Scored> out;
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::vector<double> u = Unit(rows.responses.row(i));
    double score = 0;
    for (size_t j = 0; j < u.size(); ++j) score += u[j] * recall[j];
    out.push_back({i, score});
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Scored& a, const Scored& b) { return a.score > b.score; });
  return out;
}

TEST(LinearQuery, ListsTheBestItemsWithTheirScoresAndStatistics) {
  RecordProperty("seed", std::to_string(kSeed));
  const TestRows rows(2500, 32, 16, kSeed);  // three tiles
  LinearModel model(LinearMemory(32, 16, {.rule = LinearRule::kCmm}));
  ASSERT_TRUE(model.Absorb(rows.Block()).ok());
  const auto view = model.Publish();
  const Matrix recalls = Recall(*view, rows.keys.view().slice(0, 70));
  const auto answer =
      Ask(*view, {.cues = rows.keys.view().slice(0, 70)}, {.kind = QueryKind::kList, .top = 20});
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_TRUE(answer->recalls.empty());
  EXPECT_EQ(answer->items_scored, 2500u);
  for (size_t b = 0; b < 70; ++b) {
    const CueAnswer& cue = answer->cues[b];
    const std::vector<Scored> expected = NaiveScores(rows, recalls.row(b));
    ASSERT_EQ(cue.top.size(), 20u);
    for (size_t r = 0; r < 20; ++r) {
      EXPECT_NEAR(cue.top[r].score, expected[r].score, 1e-5);
      EXPECT_EQ(cue.top[r].id, ItemId(100 + cue.top[r].row));
      // The same item, unless the next score is within rounding.
      if (expected[r].score - expected[r + 1].score > 1e-5 &&
          (r == 0 || expected[r - 1].score - expected[r].score > 1e-5)) {
        EXPECT_EQ(cue.top[r].row, expected[r].item);
      }
    }
    double mean = 0, square = 0;
    for (const Scored& s : expected) {
      mean += s.score / 2500;
      square += s.score * s.score / 2500;
    }
    const double std = std::sqrt(square - mean * mean);
    EXPECT_NEAR(cue.score_mean, mean, 1e-6);
    EXPECT_NEAR(cue.score_std, std, 1e-5);
    EXPECT_NEAR(cue.z_best, (expected[0].score - mean) / std, 1e-3);
    EXPECT_NEAR(cue.z_gap, (expected[0].score - expected[1].score) / std, 1e-3);
    EXPECT_EQ(cue.status, AnswerStatus::kConverged);
    EXPECT_EQ(cue.p_max, 0);
  }
}

TEST(LinearQuery, AnySplitOfTheCodebookAndOfTheBatchGivesTheSameAnswer) {
  RecordProperty("seed", std::to_string(kSeed));
  const TestRows rows(6000, 24, 12, kSeed);
  for (uint32_t partitions : {1u, 3u}) {
    LinearModel model(LinearMemory(24, 12, {.rule = LinearRule::kRidge, .partitions = partitions}));
    ASSERT_TRUE(model.Absorb(rows.Block()).ok());
    ASSERT_TRUE(model.Forget(rows.Block(500, 900)).ok());
    const auto view = model.Publish();
    const MatrixView cues = rows.keys.view().slice(480, 90);
    const QuerySpec spec{.top = 7};
    const auto whole = Ask(*view, {.cues = cues}, spec);
    ASSERT_TRUE(whole.ok());
    EXPECT_EQ(whole->items_scored, 5100u);
    const auto compare = [&](const CueAnswer& a, const CueAnswer& b) {
      EXPECT_NEAR(a.score_mean, b.score_mean, 1e-5);
      EXPECT_NEAR(a.score_std, b.score_std, 1e-5);
      EXPECT_NEAR(a.z_best, b.z_best, 1e-3);
      ASSERT_EQ(a.top.size(), b.top.size());
      for (size_t r = 0; r < a.top.size(); ++r) {
        EXPECT_NEAR(a.top[r].score, b.top[r].score, 1e-5);
        EXPECT_FALSE(a.top[r].row >= 500 && a.top[r].row < 1400) << "a forgotten item";
      }
    };
    for (size_t threads : {2u, 3u, 5u, 16u}) {
      const auto split = Ask(*view, {.cues = cues}, spec, threads);
      ASSERT_TRUE(split.ok());
      EXPECT_EQ(LargestDifference(split->recalls, whole->recalls), 0);
      for (size_t b = 0; b < cues.rows; ++b) {
        compare(split->cues[b], whole->cues[b]);
        for (size_t r = 0; r < 7; ++r) {
          EXPECT_EQ(split->cues[b].top[r].id, whole->cues[b].top[r].id);
        }
      }
    }
    for (size_t b = 0; b < cues.rows; ++b) {
      const auto single = Ask(*view, {.cues = cues.slice(b, 1)}, spec);
      ASSERT_TRUE(single.ok());
      EXPECT_LT(LargestDifference(single->recalls, whole->recalls.view().slice(b, 1)), 1e-5);
      compare(single->cues[0], whole->cues[b]);
    }
  }
}

TEST(LinearQuery, EqualResponsesTieBySmallerId) {
  RecordProperty("seed", std::to_string(kSeed));
  // 1,500 items of three classes, whose responses are the class's: only ids can order a class.
  TestRows rows(1500, 16, 5, kSeed);
  for (size_t i = 0; i < rows.size(); ++i) {
    std::copy_n(rows.responses.row(i % 3).begin(), 5, rows.responses.row(i).begin());
    rows.ids[i] = ItemId(uint64_t{5000} - i);  // later rows have smaller ids
  }
  LinearModel model(LinearMemory(16, 5, {.rule = LinearRule::kRidge}));
  ASSERT_TRUE(model.Absorb(rows.Block()).ok());
  const auto view = model.Publish();
  for (size_t batch : {1u, 33u}) {
    const auto answer = Ask(*view, {.cues = rows.keys.view().slice(0, batch)}, {.top = 6}, 2);
    ASSERT_TRUE(answer.ok());
    for (const CueAnswer& cue : answer->cues) {
      const uint64_t best_class = cue.top[0].row % 3;
      // The largest rows of the class: 1497 + class, 1494 + class, ...
      for (size_t r = 0; r < 6; ++r) EXPECT_EQ(cue.top[r].row, 1497 + best_class - 3 * r);
    }
  }
}

TEST(LinearQuery, CandidatesAloneAreScored) {
  RecordProperty("seed", std::to_string(kSeed));
  const TestRows rows(3000, 16, 8, kSeed);
  for (uint32_t partitions : {1u, 2u}) {
    LinearModel model(LinearMemory(16, 8, {.partitions = partitions}));
    ASSERT_TRUE(model.Absorb(rows.Block()).ok());
    ASSERT_TRUE(model.Forget(rows.Block(77, 1)).ok());
    const auto view = model.Publish();
    const MatrixView cues = rows.keys.view().slice(5, 2);
    const auto all = Ask(*view, {.cues = cues}, {.kind = QueryKind::kList, .top = 3000});
    const auto some = Ask(*view, {.cues = cues},
                          {.kind = QueryKind::kList,
                           .top = 10,
                           .candidate_rows = std::vector<uint64_t>{3, 5, 77, 1500, 2999, 9999}},
                          2);
    ASSERT_TRUE(all.ok() && some.ok());
    EXPECT_EQ(some->items_scored, 4u);  // 77 was forgotten, 9999 never was
    for (size_t b = 0; b < 2; ++b) {
      std::vector<uint64_t> expected;
      for (const ScoredItem& item : all->cues[b].top) {
        if (item.row == 3 || item.row == 5 || item.row == 1500 || item.row == 2999) {
          expected.push_back(item.row);
        }
      }
      ASSERT_EQ(some->cues[b].top.size(), 4u);
      for (size_t r = 0; r < 4; ++r) EXPECT_EQ(some->cues[b].top[r].row, expected[r]);
    }
    const auto none =
        Ask(*view, {.cues = cues},
            {.kind = QueryKind::kList, .top = 10, .candidate_rows = std::vector<uint64_t>{9999}});
    ASSERT_TRUE(none.ok());
    EXPECT_TRUE(none->cues[0].top.empty());
  }
}

// Scores of unit-norm candidates by the definition: the largest over the partitions' recalls.
std::vector<double> NaiveCandidateScores(MatrixView candidates, const std::vector<Matrix>& recalls,
                                         size_t cue) {
  std::vector<double> out;
  for (size_t i = 0; i < candidates.rows; ++i) {
    const std::vector<double> u = Unit(candidates.row(i));
    double best = -1e30;
    for (const Matrix& recall : recalls) {
      double score = 0;
      for (size_t j = 0; j < u.size(); ++j) score += u[j] * recall.at(cue, j);
      best = std::max(best, score);
    }
    out.push_back(best);
  }
  return out;
}

TEST(LinearQuery, ResponsesSentWithTheQueryAreRankedWithoutACodebook) {
  RecordProperty("seed", std::to_string(kSeed));
  const TestRows rows(60, 32, 16, kSeed);
  Matrix candidates(1500, 16);  // two parts
  Random random(kSeed, 1);
  random.FillGaussian(candidates.flat());
  for (uint32_t partitions : {1u, 3u}) {
    LinearModel model(LinearMemory(32, 16, {.rule = LinearRule::kCmm, .partitions = partitions},
                                   Retain::kStatistics));
    RowBlock block = rows.Block();
    block.ids = {};
    ASSERT_TRUE(model.Absorb(block).ok());
    std::vector<std::vector<size_t>> members(partitions);
    for (size_t i = 0; i < 60; ++i) members[model.router().PartitionOf(block, i)].push_back(i);
    const auto view = model.Publish();
    for (size_t batch : {1u, 5u}) {
      const MatrixView cues = rows.keys.view().slice(0, batch);
      std::vector<Matrix> recalls;
      for (const auto& of : members) {
        recalls.push_back(NaiveRecall(rows, of, LinearRule::kCmm, 0, cues));
      }
      const auto answer =
          Ask(*view, {.cues = cues},
              {.kind = QueryKind::kList, .top = 1500, .candidate_responses = candidates}, 2);
      ASSERT_TRUE(answer.ok()) << answer.status();
      EXPECT_EQ(answer->items_scored, 1500u);
      EXPECT_EQ(answer->certificates, CertificateState::kNone);
      for (size_t b = 0; b < batch; ++b) {
        const std::vector<double> expected = NaiveCandidateScores(candidates, recalls, b);
        const std::vector<ScoredItem>& top = answer->cues[b].top;
        ASSERT_EQ(top.size(), 1500u);
        std::vector<bool> seen(1500);
        for (size_t r = 0; r < top.size(); ++r) {
          EXPECT_EQ(top[r].id, ItemId(top[r].row));
          EXPECT_NEAR(top[r].score, expected[top[r].row], 1e-5);
          if (r > 0) {
            EXPECT_LE(top[r].score, top[r - 1].score);
          }
          seen[top[r].row] = true;
        }
        EXPECT_EQ(std::count(seen.begin(), seen.end(), true), 1500);
      }
    }
  }
}

TEST(LinearQuery, CandidateResponsesThatCannotBeRankedAreRefused) {
  const TestRows rows(6, 8, 4, kSeed);
  LinearModel model(LinearMemory(8, 4, {}));
  ASSERT_TRUE(model.Absorb(rows.Block()).ok());
  const auto view = model.Publish();
  Matrix candidates = Matrix::Copy(rows.responses.view().slice(0, 3));
  const auto refusal = [&](const QuerySpec& spec) {
    const absl::Status status = Ask(*view, {.cues = rows.keys}, spec).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    const auto detail = GetErrorDetail(status);
    return detail ? *detail : ErrorDetail{};
  };
  EXPECT_EQ(refusal({.kind = QueryKind::kList,
                     .candidate_rows = std::vector<uint64_t>{1},
                     .candidate_responses = candidates})
                .reason,
            "CANDIDATES");
  EXPECT_EQ(refusal({.kind = QueryKind::kList,
                     .candidate_responses = candidates,
                     .target_rows = std::vector<uint64_t>(6, 1)})
                .reason,
            "CANDIDATES");
  EXPECT_EQ(refusal({.kind = QueryKind::kRetrieve, .candidate_responses = candidates}).reason,
            "CANDIDATES");
  EXPECT_EQ(refusal({.kind = QueryKind::kList, .candidate_responses = rows.keys}).reason, "SHAPE");
  std::fill(candidates.row(2).begin(), candidates.row(2).end(), 0.0f);
  const ErrorDetail zero = refusal({.kind = QueryKind::kList, .candidate_responses = candidates});
  EXPECT_EQ(zero.reason, "ZERO_VECTOR");
  EXPECT_NE(zero.given.find('2'), std::string::npos) << zero.given;
}

TEST(LinearQuery, TheRankOfATargetIsThatOfItsScoreBitForBit) {
  RecordProperty("seed", std::to_string(kSeed));
  TestRows rows(2500, 24, 40, kSeed);
  // Half of the responses within 1e-7 of one another, some of them equal: a sum taken in another
  // order ranks them otherwise.
  Random random(kSeed, 3);
  for (size_t i = 1; i < 1250; ++i) {
    for (size_t j = 0; j < 40; ++j) {
      rows.responses.at(i, j) = rows.responses.at(i % 7 == 0 ? i - 1 : 0, j) *
                                (i % 7 == 0 ? 1 : 1 + static_cast<float>(1e-7 * random.Gaussian()));
    }
  }
  for (uint32_t partitions : {1u, 3u}) {
    LinearModel model(LinearMemory(24, 40, {.rule = LinearRule::kCmm, .partitions = partitions}));
    ASSERT_TRUE(model.Absorb(rows.Block()).ok());
    ASSERT_TRUE(model.Forget(rows.Block(10, 30)).ok());
    const auto view = model.Publish();
    const MatrixView cues = rows.keys.view().slice(40, 70);
    std::vector<uint64_t> targets;
    for (size_t b = 0; b < 70; ++b) targets.push_back(b % 5 == 0 ? 2499 - b : 40 + 17 * b);
    targets[3] = 20;      // forgotten
    targets[4] = 900000;  // never there
    const auto lists = Ask(*view, {.cues = cues}, {.kind = QueryKind::kList, .top = 2500});
    const auto ranks =
        Ask(*view, {.cues = cues}, {.kind = QueryKind::kList, .target_rows = targets}, 3);
    ASSERT_TRUE(lists.ok() && ranks.ok());
    for (size_t b = 0; b < 70; ++b) {
      const TargetRank& target = ranks->cues[b].target;
      EXPECT_EQ(target.found, b != 3 && b != 4);
      EXPECT_TRUE(ranks->cues[b].top.empty());
      if (!target.found) continue;
      const std::vector<ScoredItem>& all = lists->cues[b].top;
      const auto own = std::find_if(all.begin(), all.end(),
                                    [&](const ScoredItem& item) { return item.row == targets[b]; });
      ASSERT_NE(own, all.end());
      EXPECT_EQ(target.score, own->score);
      EXPECT_EQ(target.competitors, 2469u);
      const auto reach = std::count_if(
          all.begin(), all.end(), [&](const ScoredItem& item) { return item.score >= own->score; });
      EXPECT_EQ(target.rank, static_cast<uint64_t>(reach)) << "cue " << b;
      // One cue alone: other arithmetic for the recall, the same rank where recalls agree in bits.
      const auto single = Ask(*view, {.cues = cues.slice(b, 1)},
                              {.kind = QueryKind::kList, .top = 2500, .target_rows = {targets[b]}});
      ASSERT_TRUE(single.ok());
      const TargetRank& alone = single->cues[0].target;
      const auto alone_reach =
          std::count_if(single->cues[0].top.begin(), single->cues[0].top.end(),
                        [&](const ScoredItem& item) { return item.score >= alone.score; });
      EXPECT_EQ(alone.rank, static_cast<uint64_t>(alone_reach));
    }
  }
}

TEST(LinearQuery, AnUntrainedMemoryGivesNoCertificates) {
  const TestRows rows(6, 8, 4, kSeed);
  for (LinearRule rule : {LinearRule::kCmm, LinearRule::kTam}) {
    LinearModel model(LinearMemory(8, 4, {.rule = rule}));
    ASSERT_TRUE(model.Absorb(rows.Block()).ok());
    const auto answer = Ask(*model.Publish(), {.cues = rows.keys},
                            {.kind = QueryKind::kList, .top = 2, .certified_list = true});
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->certificates,
              rule == LinearRule::kTam ? CertificateState::kUntrained : CertificateState::kNone);
    EXPECT_EQ(answer->list_size, 0u);
    EXPECT_EQ(answer->cues[0].top.size(), 2u);  // then `top` says how long
    EXPECT_FALSE(answer->cues[0].top[0].certified);
  }
}

TEST(LinearQuery, APartitionedMemoryRecallsFromThePartitionOfTheBestItem) {
  RecordProperty("seed", std::to_string(kSeed));
  constexpr size_t kPartitions = 3;
  const TestRows rows(60, 32, 16, kSeed);
  LinearModel model(LinearMemory(32, 16, {.rule = LinearRule::kCmm, .partitions = kPartitions}));
  ASSERT_TRUE(model.Absorb(rows.Block()).ok());
  std::vector<std::vector<size_t>> members(kPartitions);
  for (size_t i = 0; i < 60; ++i) members[StableHash(rows.ids[i]) % kPartitions].push_back(i);

  const auto answer = Ask(*model.Publish(), {.cues = rows.keys}, {});
  ASSERT_TRUE(answer.ok());
  for (size_t b = 0; b < 60; ++b) {
    const MatrixView cue = rows.keys.view().slice(b, 1);
    double best = -1e9;
    Matrix expected;
    for (const std::vector<size_t>& rows_of : members) {
      Matrix recall = NaiveRecall(rows, rows_of, LinearRule::kCmm, 0, cue);
      for (const Scored& s : NaiveScores(rows, recall.row(0))) {
        if (std::find(rows_of.begin(), rows_of.end(), s.item) == rows_of.end()) continue;
        if (s.score > best) {
          best = s.score;
          expected = recall.Clone();
        }
      }
    }
    EXPECT_LT(LargestDifference(answer->recalls.view().slice(b, 1), expected), 1e-5);
    EXPECT_TRUE(answer->cues[b].top.empty());
    EXPECT_GT(answer->cues[b].z_best, 0);
  }
}

TEST(LinearQuery, StatisticsAloneRecallAndRefuseLists) {
  RecordProperty("seed", std::to_string(kSeed));
  const TestRows rows(40, 12, 6, kSeed);
  LinearModel model(
      LinearMemory(12, 6, {.rule = LinearRule::kCmm, .partitions = 4}, Retain::kStatistics));
  RowBlock block = rows.Block();
  block.ids = {};  // none are kept
  ASSERT_TRUE(model.Absorb(block).ok());
  const auto view = model.Publish();
  // The sum over partitions is the memory of all rows.
  const Matrix expected = NaiveRecall(rows, Indices(0, 40), LinearRule::kCmm, 0, rows.keys);
  EXPECT_LT(LargestDifference(Recall(*view, rows.keys), expected), 1e-5);
  const std::vector<QuerySpec> refused = {{.kind = QueryKind::kList, .top = 1},
                                          {.kind = QueryKind::kRetrieve, .top = 1}};
  for (const QuerySpec& spec : refused) {
    const absl::Status status = Ask(*view, {.cues = rows.keys}, spec).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(GetErrorDetail(status)->reason, "CODEBOOK_NOT_KEPT");
  }
  // Stored twice, all of it counts twice.
  ASSERT_TRUE(model.Absorb(block).ok());
  Matrix twice = expected.Clone();
  math::Scale(2.0f, twice.data(), twice.flat().size());
  EXPECT_LT(LargestDifference(Recall(*model.Publish(), rows.keys), twice), 1e-5);
  // Forgetting by the pair finds the partition by the key.
  ASSERT_TRUE(model.Forget(block).ok());
  ASSERT_TRUE(model.Forget(block).ok());
  EXPECT_EQ(model.Publish()->stats().items, 0u);
  for (size_t p = 0; p < 4; ++p) {
    EXPECT_EQ(SumsOf(model, p).n, 0);
    for (double x : SumsOf(model, p).a.flat()) EXPECT_NEAR(x, 0, 1e-12);
  }
}

TEST(LinearQuery, WhatALinearMemoryCannotDoIsRefusedWithANextStep) {
  const TestRows rows(4, 8, 4, kSeed);
  LinearModel model(LinearMemory(8, 4, {}));
  ASSERT_TRUE(model.Absorb(rows.Block()).ok());
  const auto view = model.Publish();
  const std::vector<uint8_t> mask(4, 0xff);
  absl::Status status = Ask(*view, {.cues = rows.keys, .mask = mask}, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(GetErrorDetail(status)->reason, "MASK_NOT_SUPPORTED");
  EXPECT_FALSE(GetErrorDetail(status)->next_step.empty());
  status = Ask(*view, {.cues = rows.keys}, {.beta = 2}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(GetErrorDetail(status)->reason, "BETA_NOT_SUPPORTED");
}

TEST(LinearQuery, AZeroCueFailsAlone) {
  TestRows rows(4, 8, 4, kSeed);
  LinearModel model(LinearMemory(8, 4, {}));
  ASSERT_TRUE(model.Absorb(rows.Block()).ok());
  const auto view = model.Publish();
  const Matrix expected = Recall(*view, rows.keys);
  std::fill(rows.keys.row(2).begin(), rows.keys.row(2).end(), 0.0f);
  const auto answer = Ask(*view, {.cues = rows.keys}, {.top = 2});
  ASSERT_TRUE(answer.ok());
  for (size_t b = 0; b < 4; ++b) {
    if (b == 2) {
      EXPECT_EQ(answer->cues[b].error.code(), absl::StatusCode::kInvalidArgument);
      EXPECT_EQ(GetErrorDetail(answer->cues[b].error)->reason, "ZERO_VECTOR");
      EXPECT_TRUE(answer->cues[b].top.empty());
    } else {
      EXPECT_TRUE(answer->cues[b].error.ok());
      EXPECT_EQ(answer->cues[b].top.size(), 2u);
      EXPECT_LT(LargestDifference(answer->recalls.view().slice(b, 1), expected.view().slice(b, 1)),
                1e-6);
    }
  }
  const absl::Status all = Ask(*view, {.cues = rows.keys.view().slice(2, 1)}, {}).status();
  EXPECT_EQ(all.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(GetErrorDetail(all)->reason, "ZERO_VECTOR");
}

TEST(LinearQuery, ARecallBeyondFloat32IsAnErrorNotANumber) {
  TestRows rows(2, 4, 4, kSeed);
  for (float& x : rows.keys.flat()) x *= 1e25f;
  for (float& x : rows.responses.flat()) x *= 1e25f;
  LinearModel model(LinearMemory(
      4, 4, {.rule = LinearRule::kCmm, .normalize_keys = false, .normalize_responses = false}));
  ASSERT_TRUE(model.Absorb(rows.Block()).ok());
  const auto answer = Ask(*model.Publish(), {.cues = rows.keys}, {.top = 2});
  ASSERT_TRUE(answer.ok());
  for (const CueAnswer& cue : answer->cues) {
    EXPECT_EQ(cue.error.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(GetErrorDetail(cue.error)->reason, "NOT_FINITE");
  }
  for (float x : answer->recalls.flat()) EXPECT_EQ(x, 0);
}

TEST(LinearQuery, AnEmptyMemoryAnswersThatItIsEmpty) {
  const TestRows rows(2, 4, 3, kSeed);
  for (Retain retain : {Retain::kStatistics, Retain::kAll}) {
    LinearModel model(LinearMemory(4, 3, {.partitions = 2}, retain));
    const auto answer = Ask(*model.Publish(), {.cues = rows.keys}, {});
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(answer->recalls.rows(), 2u);
    for (float x : answer->recalls.flat()) EXPECT_EQ(x, 0);
    for (const CueAnswer& cue : answer->cues) EXPECT_EQ(cue.status, AnswerStatus::kEmptyStore);
  }
}

TEST(LinearQuery, AViewOutlivesLaterWritesAndItsModel) {
  RecordProperty("seed", std::to_string(kSeed));
  const TestRows rows(200, 8, 4, kSeed);
  std::shared_ptr<const View> view;
  Matrix before;
  {
    LinearModel model(LinearMemory(8, 4, {}));
    ASSERT_TRUE(model.Absorb(rows.Block(0, 50)).ok());
    view = model.Publish();
    before = Recall(*view, rows.keys);
    for (size_t i = 50; i < 200; ++i) {
      ASSERT_TRUE(model.Absorb(rows.Block(i, 1)).ok());
      model.Publish();
    }
    ASSERT_TRUE(model.Forget(rows.Block(0, 50)).ok());
    model.Publish();
  }
  EXPECT_EQ(LargestDifference(Recall(*view, rows.keys), before), 0);
  EXPECT_EQ(view->stats().items, 50u);
}

}  // namespace
}  // namespace mneme::models
