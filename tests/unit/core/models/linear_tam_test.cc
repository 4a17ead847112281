// Tests of memories of rule TAM: what a training changes, what it refuses, what stays.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "core/models/linear/tam_training.h"
#include "core/theory/tail_average.h"
#include "gtest/gtest.h"
#include "tests/unit/core/models/linear_tam_testing.h"

namespace mneme::models {
namespace {

TEST(LinearTam, ServesTheCorrelationMatrixUntilItIsTrained) {
  RecordProperty("seed", std::to_string(kTamSeed));
  Setting at(1);
  ASSERT_TRUE(at.model.Absorb(at.rows.Block()).ok());
  ASSERT_TRUE(at.model.Forget(at.rows.Block(100, 60)).ok());
  const Matrix expected = NaiveRecall(at.rows, Indices(0, 100), LinearRule::kCmm, 0, at.rows.keys);
  EXPECT_LT(LargestDifference(Recall(*at.model.Publish(), at.rows.keys), expected), 1e-5);
  // Row by row: factors.
  for (size_t i = 100; i < 105; ++i) {
    ASSERT_TRUE(at.model.Absorb(at.rows.Block(i, 1)).ok());
    at.model.Publish();
  }
  const Matrix more = NaiveRecall(at.rows, Indices(0, 105), LinearRule::kCmm, 0, at.rows.keys);
  EXPECT_LT(LargestDifference(Recall(*at.model.Publish(), at.rows.keys), more), 1e-5);
  EXPECT_EQ(at.model.law(), Law::kTrained);
  EXPECT_FALSE(at.model.Publish()->stats().trained);
}

TEST(LinearTam, TrainingLiftsItemsIntoTheirListsAndReportsWhatItProved) {
  RecordProperty("seed", std::to_string(kTamSeed));
  for (uint32_t partitions : {1u, 2u}) {
    Setting at(partitions, 120 * partitions);
    ASSERT_TRUE(at.model.Absorb(at.rows.Block()).ok());
    std::vector<uint64_t> targets = at.rows.row_numbers;
    const QuerySpec ranks{.kind = QueryKind::kList, .target_rows = targets};
    const auto untrained = Ask(*at.model.Publish(), {.cues = at.rows.keys}, ranks);
    ASSERT_TRUE(
        TrainOn(at.model, at.rows, Indices(0, at.rows.size()), {}, /*position=*/77, "j9").ok());
    const auto view = at.model.Publish();
    const auto trained = Ask(*view, {.cues = at.rows.keys}, ranks);
    ASSERT_TRUE(untrained.ok() && trained.ok());
    ASSERT_TRUE(view->stats().trained);
    const TrainedStats& stats = *view->stats().trained;
    EXPECT_EQ(stats.position, 77u);
    EXPECT_EQ(stats.job, "j9");
    EXPECT_EQ(stats.items, at.rows.size());
    uint64_t list_size = 0, certified = 0;
    for (size_t p = 0; p < partitions; ++p) {
      const SealedPartition& sealed = TamOf(at.model, p).epoch()->sealed;
      const size_t items = sealed.items->rows.size();
      EXPECT_EQ(sealed.list_size, std::ceil(0.1 * static_cast<double>(items - 1)));
      list_size += sealed.list_size;
      for (const float radius : sealed.items->radii) certified += radius > 0;
      EXPECT_LE(stats.radius_min, sealed.radius_min);
    }
    EXPECT_EQ(stats.list_size, list_size);
    EXPECT_EQ(stats.certified, certified);
    EXPECT_EQ(stats.certified, stats.items);  // this load is satisfiable
    EXPECT_GT(stats.radius_min, 0);
    EXPECT_LT(stats.loss, std::log(2.0));
    EXPECT_GT(stats.score_sigmas, 1.5);
    EXPECT_EQ(stats.delta_items + stats.suppressed, 0u);
    uint64_t worst_before = 0, worst = 0;
    for (size_t i = 0; i < at.rows.size(); ++i) {
      worst_before = std::max(worst_before, untrained->cues[i].target.rank);
      worst = std::max(worst, trained->cues[i].target.rank);
    }
    EXPECT_LT(worst, worst_before);
    uint64_t bytes = 0;
    for (const ByteAccount& account : view->stats().bytes) bytes += account.bytes;
    EXPECT_EQ(bytes, view->stats().fixed_bytes + view->stats().row_bytes);
  }
}

TEST(LinearTam, TheCertifiedListIsTheUnionOfThePartitionsLists) {
  RecordProperty("seed", std::to_string(kTamSeed));
  Setting at(3, 200);
  ASSERT_TRUE(at.model.Absorb(at.rows.Block()).ok());
  ASSERT_TRUE(TrainOn(at.model, at.rows, Indices(0, 200)).ok());
  const auto view = at.model.Publish();
  const MatrixView cues = at.rows.keys.view().slice(0, 40);
  const auto all = Ask(*view, {.cues = cues}, {.kind = QueryKind::kList, .top = 200});
  const auto certified = Ask(*view, {.cues = cues}, CertifiedList(), 2);
  ASSERT_TRUE(all.ok() && certified.ok());
  EXPECT_EQ(all->certificates, CertificateState::kPartitioned);
  EXPECT_FALSE(all->cues[0].top[0].certified);
  EXPECT_EQ(certified->certificates, CertificateState::kSealed);
  std::vector<size_t> sizes;
  for (size_t p = 0; p < 3; ++p) sizes.push_back(TamOf(at.model, p).sealed()->list_size);
  EXPECT_EQ(certified->list_size, sizes[0] + sizes[1] + sizes[2]);
  for (size_t b = 0; b < 40; ++b) {
    std::vector<size_t> taken(3);
    std::vector<uint64_t> expected;
    double best_sum = 0;
    const auto partition_of = [&](const ScoredItem& item) {
      return at.model.router().PartitionOf(item.row, item.id);
    };
    const size_t best = partition_of(all->cues[b].top[0]);
    for (const ScoredItem& item : all->cues[b].top) {
      const size_t p = partition_of(item);
      if (taken[p] == sizes[p]) continue;
      ++taken[p];
      expected.push_back(item.row);
      if (p == best) best_sum += item.score;
    }
    std::vector<uint64_t> got;
    for (const ScoredItem& item : certified->cues[b].top) got.push_back(item.row);
    EXPECT_EQ(got, expected);
    EXPECT_NEAR(certified->cues[b].tail_average, best_sum / static_cast<double>(sizes[best]), 1e-9);
    EXPECT_EQ(certified->cues[b].score_mean, all->cues[b].score_mean);
    EXPECT_EQ(certified->cues[b].z_gap, all->cues[b].z_gap);
  }
}

TEST(LinearTam, ListsSayWhyTheyCarryNoCertificates) {
  RecordProperty("seed", std::to_string(kTamSeed));
  Setting at(1);
  ASSERT_TRUE(at.model.Absorb(at.rows.Block()).ok());
  const MatrixView cues = at.rows.keys.view().slice(0, 2);
  const QuerySpec some{.kind = QueryKind::kList,
                       .top = 100,
                       .candidate_rows = std::vector<uint64_t>{1, 2},
                       .certified_list = true};
  const QuerySpec responses{
      .kind = QueryKind::kList, .top = 2, .candidate_responses = at.rows.responses};
  EXPECT_EQ(StateOf(*at.model.Publish(), cues, CertifiedList()), CertificateState::kUntrained);
  EXPECT_EQ(StateOf(*at.model.Publish(), cues, some), CertificateState::kCandidates);
  ASSERT_TRUE(TrainOn(at.model, at.rows, Indices(0, 160)).ok());
  const auto view = at.model.Publish();
  const size_t k = TamOf(at.model, 0).sealed()->list_size;
  EXPECT_EQ(StateOf(*view, cues, CertifiedList()), CertificateState::kSealed);
  EXPECT_EQ(StateOf(*view, cues, {.kind = QueryKind::kList, .top = k}), CertificateState::kSealed);
  EXPECT_EQ(StateOf(*view, cues, {.kind = QueryKind::kList, .top = k - 1}),
            CertificateState::kListTooShort);
  EXPECT_EQ(StateOf(*view, cues, some), CertificateState::kCandidates);
  EXPECT_EQ(StateOf(*view, cues, responses), CertificateState::kCandidates);
  EXPECT_EQ(StateOf(*view, cues, {.kind = QueryKind::kRetrieve, .top = 100}),
            CertificateState::kNone);
  // A list as long as the certified one has its tail average, and more entries than it.
  const auto shorter = Ask(*view, {.cues = cues}, CertifiedList());
  const auto longer = Ask(*view, {.cues = cues}, {.kind = QueryKind::kList, .top = k + 5});
  ASSERT_TRUE(shorter.ok() && longer.ok());
  EXPECT_EQ(shorter->cues[0].top.size(), k);
  EXPECT_EQ(longer->cues[0].top.size(), k + 5);
  EXPECT_EQ(longer->cues[0].tail_average, shorter->cues[0].tail_average);
}

TEST(LinearTam, AStoreVoidsTheCertificatesForGoodAndIsForgottenExactly) {
  RecordProperty("seed", std::to_string(kTamSeed));
  Setting at(1, 200);
  ASSERT_TRUE(at.model.Absorb(at.rows.Block(0, 160)).ok());
  ASSERT_TRUE(TrainOn(at.model, at.rows, Indices(0, 160)).ok());
  const auto sealed_view = at.model.Publish();
  const Matrix sealed = ServedBits(*sealed_view, kTamDim);
  const double scale = TamOf(at.model, 0).sealed()->score_mean;
  EXPECT_GT(scale, 0);
  for (const size_t count : {size_t{1}, size_t{40}}) {  // as a factor, and folded
    SCOPED_TRACE(count);
    ASSERT_TRUE(at.model.Absorb(at.rows.Block(160, count)).ok());
    const auto view = at.model.Publish();
    EXPECT_EQ(StateOf(*view, at.rows.keys, CertifiedList()), CertificateState::kDelta);
    const auto answer = Ask(*view, {.cues = at.rows.keys}, CertifiedList());
    for (const CueAnswer& cue : answer->cues) {
      for (const ScoredItem& item : cue.top) EXPECT_FALSE(item.certified || item.radius > 0);
    }
    EXPECT_EQ(view->stats().trained->delta_items, count);
    // A fresh item scores as a trained one does: W = W_epoch + score_mean A_delta.
    Matrix expected =
        NaiveRecall(at.rows, Indices(160, 160 + count), LinearRule::kCmm, 0, at.rows.keys);
    const Matrix before = Recall(*sealed_view, at.rows.keys);
    for (size_t i = 0; i < expected.flat().size(); ++i) {
      expected.flat()[i] = before.flat()[i] + static_cast<float>(scale) * expected.flat()[i];
    }
    EXPECT_LT(LargestDifference(Recall(*view, at.rows.keys), expected), 1e-5);
    EXPECT_EQ(at.model.CountSuppressed(at.rows.Block(160, count)), 0u);
    ASSERT_TRUE(at.model.Forget(at.rows.Block(160, count)).ok());
    const auto after = at.model.Publish();
    EXPECT_EQ(LargestDifference(ServedBits(*after, kTamDim), sealed), 0);
    EXPECT_EQ(after->stats().trained->delta_items, 0u);
    EXPECT_EQ(StateOf(*after, at.rows.keys, CertifiedList()), CertificateState::kDelta);
    // Row numbers are never used twice.
    for (size_t i = 160; i < 200; ++i) at.rows.row_numbers[i] += 1000;
  }
}

TEST(LinearTam, ATrainedItemThatIsDeletedIsSuppressedUntilTheNextTraining) {
  RecordProperty("seed", std::to_string(kTamSeed));
  for (uint32_t partitions : {1u, 3u}) {
    Setting at(partitions, 160);
    ASSERT_TRUE(at.model.Absorb(at.rows.Block()).ok());
    ASSERT_TRUE(TrainOn(at.model, at.rows, Indices(0, 160)).ok());
    std::vector<Matrix> weights;
    for (size_t p = 0; p < partitions; ++p) {
      weights.push_back(TamOf(at.model, p).epoch()->weights->Clone());
    }
    const std::vector<size_t> gone = {3, 17, 40, 99, 159};
    const PickedRows block(at.rows, gone);
    EXPECT_EQ(at.model.CountSuppressed(block.Block()), 5u);
    ASSERT_TRUE(at.model.Forget(block.Block()).ok());
    const auto view = at.model.Publish();
    EXPECT_EQ(view->stats().suppressed, 5u);
    EXPECT_EQ(view->stats().trained->suppressed, 5u);
    EXPECT_EQ(view->stats().items, 155u);
    for (const QuerySpec& spec :
         {CertifiedList(), QuerySpec{.kind = QueryKind::kList, .top = 160}}) {
      const auto answer = Ask(*view, {.cues = at.rows.keys}, spec);
      ASSERT_TRUE(answer.ok());
      EXPECT_EQ(answer->items_scored, 155u);
      for (const CueAnswer& cue : answer->cues) {
        for (const ScoredItem& item : cue.top) {
          EXPECT_EQ(std::ranges::count(gone, item.row), 0) << "a suppressed item";
        }
      }
    }
    for (size_t p = 0; p < partitions; ++p) {
      EXPECT_EQ(LargestDifference(*TamOf(at.model, p).epoch()->weights, weights[p]), 0);
    }
    std::vector<size_t> live = Indices(0, 160);
    std::erase_if(live, [&](size_t i) { return std::ranges::count(gone, i) > 0; });
    ASSERT_TRUE(TrainOn(at.model, at.rows, live).ok());
    EXPECT_EQ(at.model.Publish()->stats().suppressed, 0u);
    EXPECT_EQ(at.model.Publish()->stats().trained->items, 155u);
  }
}

TEST(LinearTam, RowsThatComeAndGoWhileItTrainsEndInTheDeltaOrSuppressed) {
  RecordProperty("seed", std::to_string(kTamSeed));
  Setting at(1, 170);
  ASSERT_TRUE(at.model.Absorb(at.rows.Block(0, 150)).ok());
  auto training = at.model.BeginTraining({});
  ASSERT_TRUE(training.ok());
  ASSERT_TRUE(at.model.Absorb(at.rows.Block(150, 10)).ok());
  ASSERT_TRUE(at.model.Forget(at.rows.Block(0, 1)).ok());  // before it is read
  // Rows above the end are not the training's, even if a scan meets them.
  ASSERT_TRUE((*training)->Take(PickedRows(at.rows, Indices(1, 160)).Block()).ok());
  ASSERT_TRUE(at.model.Forget(at.rows.Block(20, 2)).ok());   // after
  ASSERT_TRUE(at.model.Forget(at.rows.Block(151, 1)).ok());  // of the delta to come
  ASSERT_TRUE((*training)->Run({}).ok());
  const Matrix before = ServedBits(*at.model.Publish(), kTamDim);
  ASSERT_TRUE(at.model.Absorb(at.rows.Block(160, 3)).ok());
  EXPECT_FALSE(at.model.Publish()->stats().trained);
  ASSERT_TRUE(at.model.Install(**training, 5, "j").ok());
  const auto view = at.model.Publish();
  const TrainedStats& stats = *view->stats().trained;
  EXPECT_EQ(stats.items, 149u);
  EXPECT_EQ(stats.suppressed, 2u);
  EXPECT_EQ(stats.delta_items, 12u);
  EXPECT_EQ(view->stats().items, 159u);
  EXPECT_EQ(StateOf(*view, at.rows.keys, CertifiedList()), CertificateState::kDelta);
  // W = W_epoch + score_mean A of rows 150 to 162 without 151.
  std::vector<size_t> delta = Indices(150, 163);
  std::erase(delta, 151u);
  const TamEpoch& epoch = *TamOf(at.model, 0).epoch();
  const ServedWeights alone{.base = epoch.weights};
  Matrix unit(170, kTamDim), expected(170, kTamDim);
  for (size_t i = 0; i < 170; ++i) Normalize(at.rows.keys.row(i), unit.row(i));
  alone.Recall(unit, kTamDim, expected.data());
  const Matrix added = NaiveRecall(at.rows, delta, LinearRule::kCmm, 0, at.rows.keys);
  for (size_t i = 0; i < expected.flat().size(); ++i) {
    expected.flat()[i] += static_cast<float>(epoch.sealed.score_mean) * added.flat()[i];
  }
  EXPECT_LT(LargestDifference(Recall(*view, at.rows.keys), expected), 1e-5);
  EXPECT_GT(LargestDifference(ServedBits(*view, kTamDim), before), 1e-3);
}

TEST(LinearTam, WhatIsServedChangesByInstallOnly) {
  RecordProperty("seed", std::to_string(kTamSeed));
  Setting at(1, 180);
  ASSERT_TRUE(at.model.Absorb(at.rows.Block()).ok());
  ASSERT_TRUE(TrainOn(at.model, at.rows, Indices(0, 180)).ok());
  const Matrix first = ServedBits(*at.model.Publish(), kTamDim);
  ASSERT_TRUE(at.model.Forget(at.rows.Block(10, 40)).ok());
  std::vector<size_t> live = Indices(50, 180);
  for (size_t i = 0; i < 10; ++i) live.insert(live.begin() + static_cast<ptrdiff_t>(i), i);
  auto training = at.model.BeginTraining({.tail_fraction = 0.2});
  ASSERT_TRUE(training.ok());
  ASSERT_TRUE((*training)->Take(PickedRows(at.rows, live).Block()).ok());
  ASSERT_TRUE((*training)->Run({}).ok());
  EXPECT_EQ(LargestDifference(ServedBits(*at.model.Publish(), kTamDim), first), 0);
  EXPECT_EQ(at.model.Publish()->stats().trained->job, "job");
  ASSERT_TRUE(at.model.Install(**training, 9, "second").ok());
  EXPECT_GT(LargestDifference(ServedBits(*at.model.Publish(), kTamDim), first), 1e-4);
  EXPECT_EQ(at.model.Publish()->stats().trained->job, "second");
  EXPECT_EQ(at.model.Publish()->stats().trained->list_size, 28u);  // ceil(0.2 * 139)
  ASSERT_TRUE(TrainOn(at.model, at.rows, live, {.list_size = 19}).ok());
  EXPECT_EQ(at.model.Publish()->stats().trained->list_size, 19u);
}

TEST(LinearTam, AStoppedTrainingLeavesEverythingAsItWas) {
  RecordProperty("seed", std::to_string(kTamSeed));
  for (uint32_t partitions : {1u, 2u}) {
    Setting at(partitions, 160);
    ASSERT_TRUE(at.model.Absorb(at.rows.Block()).ok());
    const std::vector<size_t> live = Indices(0, 160);
    ASSERT_TRUE(TrainOn(at.model, at.rows, live).ok());
    const auto view = at.model.Publish();
    const std::string saved = at.model.Save();
    int calls = 0;
    double share = 0;
    for (const int stop_at : {1, 7, 40, -1}) {
      auto training = at.model.BeginTraining({.tail_fraction = 0.2, .seed = 3});
      ASSERT_TRUE(training.ok());
      ASSERT_TRUE((*training)->Take(at.rows.Block()).ok());
      calls = 0;
      const absl::Status status = (*training)->Run([&](const TrainProgress& progress) {
        EXPECT_GE(progress.share, 0);
        EXPECT_LE(progress.share, 1);
        share = progress.share;
        ++calls;
        // -1: as soon as certificates are computed.
        return stop_at > 0 ? calls < stop_at : progress.phase != "certifying";
      });
      EXPECT_EQ(status.code(), absl::StatusCode::kCancelled) << status;
      if (stop_at > 0) {
        EXPECT_EQ(calls, stop_at);
      }
      at.model.AbandonTraining();
      EXPECT_EQ(at.model.Save(), saved);
      ExpectSameAnswers(*at.model.Publish(), *view, at.rows.keys, CertifiedList());
      EXPECT_EQ(at.model.Install(**training, 1, "x").code(), absl::StatusCode::kFailedPrecondition);
      EXPECT_EQ(at.model.Save(), saved);
    }
    EXPECT_GT(share, 0);
  }
}

TEST(LinearTam, TooFewItemsAndTooMuchLoadAreRefusedWithAdvice) {
  RecordProperty("seed", std::to_string(kTamSeed));
  Setting at(1, 700);
  const auto run = [&](size_t items, const TrainSpec& spec) {
    LinearModel model(at.spec);
    EXPECT_TRUE(model.Absorb(at.rows.Block(0, items)).ok());
    const std::string saved = model.Save();
    auto training = model.BeginTraining(spec);
    EXPECT_TRUE(training.ok()) << training.status();
    EXPECT_TRUE((*training)->Take(at.rows.Block(0, items)).ok());
    const absl::Status status = (*training)->Run({});
    EXPECT_EQ(model.Save(), saved);
    return status;
  };
  for (size_t items : {0u, 1u}) {
    const absl::Status status = run(items, {});
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(GetErrorDetail(status)->reason, "TRAINING_SET_EMPTY");
  }
  // 700 items in 24 x 24: load 1.215.
  const absl::Status status = run(700, {.tail_fraction = 0.1});
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  const auto detail = GetErrorDetail(status);
  ASSERT_TRUE(detail);
  EXPECT_EQ(detail->reason, "LOAD_PAST_COLLAPSE");
  const double smallest = theory::SmallestTailFraction(700.0 / (kTamDim * kTamDim));
  const std::string list = std::to_string(static_cast<int>(smallest * 699) + 1);
  EXPECT_NE(detail->next_step.find("list_size " + list), std::string::npos) << detail->next_step;
  EXPECT_TRUE(
      run(700, {.list_size = static_cast<uint32_t>(smallest * 699) + 1, .steps_max = 1}).ok());
  // Other losses have no collapse.
  EXPECT_TRUE(run(700, {.loss = TrainSpec::Loss::kLeastSquares,
                        .optimizer = TrainSpec::Optimizer::kOgd,
                        .tail_fraction = 0.1,
                        .steps_max = 1})
                  .ok());
}

TEST(LinearTam, BadRequestsAreRefusedBeforeATrainingBegins) {
  Setting at(1, 20);
  ASSERT_TRUE(at.model.Absorb(at.rows.Block()).ok());
  const std::vector<std::pair<TrainSpec, std::string>> bad = {
      {{.tail_fraction = 0.0}, "tail_fraction"},
      {{.tail_fraction = 1.0}, "tail_fraction"},
      {{.tail_fraction = std::nan("")}, "tail_fraction"},
      {{.list_size = 3, .tail_fraction = 0.1}, "list_size"},
      {{.lambda = 0.0}, "lambda"},
      {{.lambda = -1.0}, "lambda"},
      {{.steps_max = 0}, "steps_max"},
      {{.learning_rate = -0.5}, "learning_rate"},
      {{.threads = 0}, "threads"}};
  for (const auto& [spec, field] : bad) {
    const absl::Status status = at.model.BeginTraining(spec).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(GetErrorDetail(status)->reason, "TRAIN");
    EXPECT_NE(GetErrorDetail(status)->given.find(field), std::string::npos);
  }
  LinearModel cmm(LinearMemory(kTamDim, kTamDim, {.rule = LinearRule::kCmm}));
  EXPECT_EQ(cmm.BeginTraining({}).status().code(), absl::StatusCode::kUnimplemented);
}

TEST(LinearTam, OnlyTheTrainingThatBeganLastIsInstalled) {
  RecordProperty("seed", std::to_string(kTamSeed));
  Setting at(1, 100);
  ASSERT_TRUE(at.model.Absorb(at.rows.Block()).ok());
  auto first = at.model.BeginTraining({});
  auto second = at.model.BeginTraining({});
  ASSERT_TRUE(first.ok() && second.ok());
  for (auto* training : {&*first, &*second}) {
    ASSERT_TRUE((*training)->Take(at.rows.Block()).ok());
    ASSERT_TRUE((*training)->Run({}).ok());
  }
  const absl::Status status = at.model.Install(**first, 1, "first");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(GetErrorDetail(status)->reason, "TRAINING_ABANDONED");
  EXPECT_FALSE(at.model.Publish()->stats().trained);
  EXPECT_TRUE(at.model.Install(**second, 2, "second").ok());
  EXPECT_EQ(at.model.Publish()->stats().trained->job, "second");
}

TEST(LinearTam, ATrainingThatMissedAnItemProvesNothing) {
  RecordProperty("seed", std::to_string(kTamSeed));
  Setting at(1, 100);
  ASSERT_TRUE(at.model.Absorb(at.rows.Block()).ok());
  auto training = at.model.BeginTraining({});
  ASSERT_TRUE(training.ok());
  ASSERT_TRUE((*training)->Take(at.rows.Block(0, 99)).ok());
  ASSERT_TRUE((*training)->Run({}).ok());
  const absl::Status status = at.model.Install(**training, 1, "x");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(GetErrorDetail(status)->reason, "VECTORS_NEEDED");
  EXPECT_FALSE(at.model.Publish()->stats().trained);
  // Keys that are gone cannot be trained on.
  training = at.model.BeginTraining({});
  RowBlock keyless = at.rows.Block();
  keyless.keys = {};
  EXPECT_EQ(GetErrorDetail((*training)->Take(keyless))->reason, "VECTORS_NEEDED");
}

TEST(LinearTam, ItemsOfAGenerationThatBeganSinceScoreAsTrainedOnesDo) {
  RecordProperty("seed", std::to_string(kTamSeed));
  for (const bool while_training : {false, true}) {
    SCOPED_TRACE(while_training);
    Setting at(1, 200);
    std::get<LinearSpec>(at.spec.model).load_policy = LoadPolicy::kGrow;
    std::get<LinearSpec>(at.spec.model).load_limit = 0.21;  // 120 rows
    LinearModel model(at.spec);
    ASSERT_TRUE(model.Absorb(at.rows.Block(0, 120)).ok());
    auto training = model.BeginTraining({});
    ASSERT_TRUE((*training)->Take(at.rows.Block(0, 120)).ok());
    ASSERT_TRUE((*training)->Run({}).ok());
    const auto install = [&] { return model.Install(**training, 1, "x"); };
    if (!while_training) {
      ASSERT_TRUE(install().ok());
    }
    ASSERT_TRUE(model.Absorb(at.rows.Block(120, 80)).ok());
    if (while_training) {
      ASSERT_TRUE(install().ok());
    }
    LinearModel loaded(at.spec);
    ASSERT_TRUE(loaded.Load(model.Save()).ok());
    ASSERT_TRUE(loaded.Restore(at.rows.Block()).ok());
    for (LinearModel* each : {&model, &loaded}) {
      const auto view = each->Publish();
      EXPECT_EQ(view->stats().partitions, 2u);
      EXPECT_EQ(view->stats().trained->delta_items, 80u);
      const auto answer = Ask(*view, {.cues = at.rows.keys},
                              {.kind = QueryKind::kList, .target_rows = at.rows.row_numbers});
      ASSERT_TRUE(answer.ok());
      double fresh = 0;
      for (size_t i = 120; i < 200; ++i) fresh += answer->cues[i].target.score / 80;
      const double trained = TamOf(*each, 0).sealed()->score_mean;
      EXPECT_NEAR(fresh / trained, 1, 0.2);
    }
  }
}

TEST(LinearTam, EveryLossAndOptimiserGivesWeightsWithTheirCertificates) {
  RecordProperty("seed", std::to_string(kTamSeed));
  using Loss = TrainSpec::Loss;
  using Optimizer = TrainSpec::Optimizer;
  Setting at(1, 100, 0.2);
  ASSERT_TRUE(at.model.Absorb(at.rows.Block()).ok());
  const std::vector<size_t> live = Indices(0, 100);
  for (const Loss loss : {Loss::kTam, Loss::kCrossEntropy, Loss::kLeastSquares}) {
    for (const Optimizer optimizer :
         {Optimizer::kFista, Optimizer::kOgd, Optimizer::kAdam, Optimizer::kMuon}) {
      SCOPED_TRACE(testing::Message() << static_cast<int>(loss) << static_cast<int>(optimizer));
      LinearModel model(at.spec);
      ASSERT_TRUE(model.Absorb(at.rows.Block()).ok());
      const absl::Status status =
          TrainOn(model, at.rows, live, {.loss = loss, .optimizer = optimizer, .steps_max = 200});
      ASSERT_TRUE(status.ok()) << status;
      const TrainedStats stats = *model.Publish()->stats().trained;
      RecordProperty("certified", std::to_string(stats.certified));
      EXPECT_GT(stats.certified, 50u);
    }
  }
}

}  // namespace
}  // namespace mneme::models
