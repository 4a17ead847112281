// A dense memory with an index: when its lists are approximate, what they hold then, and why they
// are exact otherwise.
#include "core/models/dense/dense_index.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/models/dense/dense_model.h"
#include "gtest/gtest.h"
#include "tests/unit/core/models/index/index_test_util.h"

namespace mneme::models {
namespace {

constexpr size_t kRows = 4500, kCues = 200, kDim = 24, kCentres = 200, kTop = 10;
constexpr uint64_t kSeed = 7;

// Each interval is half the one before: the exact scan, which is measured first, seems the slowest.
class SlowAtFirst final : public Clock {
 public:
  int64_t NowUnixNanos() const override { return NowMonotonicNanos(); }
  int64_t NowMonotonicNanos() const override {
    now_ += step_;
    step_ = std::max<int64_t>(1, step_ / 2);
    return now_;
  }

 private:
  mutable int64_t now_ = 0;
  mutable int64_t step_ = int64_t{1} << 40;
};

MemorySpec SpecWith(const IndexSpec& index, Similarity similarity = Similarity::kCosine) {
  return {.key_dim = kDim,
          .model = DenseSpec{.similarity = similarity, .beta = 20, .index = index}};
}

IndexSpec Binary(double target = 0.98) {
  return {.kind = BinaryIndexSpec{.bits = 256}, .target_recall = target};
}

IndexSpec Graph(double target = 0.98) {
  return {.kind = GraphIndexSpec{.links = 12, .construction_width = 40}, .target_recall = target};
}

class Indexed : public testing::Test {
 protected:
  Indexed() { RecordProperty("seed", std::to_string(kSeed)); }

  void Make(const IndexSpec& index, Similarity similarity = Similarity::kCosine) {
    model_ = std::make_unique<DenseModel>(SpecWith(index, similarity));
  }
  void Absorb(MatrixView keys, uint64_t first) {
    std::vector<ItemId> ids;
    for (size_t i = 0; i < keys.rows; ++i) ids.emplace_back(first + i);
    const std::vector<uint64_t> numbers = Numbers(first, keys.rows);
    const absl::Status done = model_->Absorb({.keys = keys, .ids = ids, .row_numbers = numbers});
    ASSERT_TRUE(done.ok()) << done;
  }
  void Forget(const std::vector<uint64_t>& rows) {
    const absl::Status done = model_->Forget({.row_numbers = rows});
    ASSERT_TRUE(done.ok()) << done;
  }
  const IndexStats& stats() {
    view_ = model_->Publish();
    return *view_->stats().index;
  }

  absl::StatusOr<Model::Installed> Do(IndexWork& work) {
    const SlowAtFirst clock;
    const absl::Status ran = work.Run(clock, [](const TrainProgress&) { return true; });
    if (!ran.ok()) return ran;
    return model_->InstallIndexWork(work);
  }
  // All that is due; the number of pieces.
  size_t DoAll(bool now = false) {
    for (size_t pieces = 0; pieces < 10; ++pieces) {
      auto work = model_->BeginIndexWork(now);
      EXPECT_TRUE(work.ok()) << work.status();
      if (!work.ok() || *work == nullptr) return pieces;
      const auto installed = Do(**work);
      EXPECT_TRUE(installed.ok()) << installed.status();
      if (!installed.ok()) return pieces;
      if (*installed == Model::Installed::kCalibrated) now = false;
    }
    ADD_FAILURE() << "work on the index is due for ever";
    return 10;
  }

  Answer Ask(MatrixView cues, QuerySpec spec, size_t parts_at_once = 1) {
    view_ = model_->Publish();
    auto query = view_->Begin({.cues = cues}, spec);
    EXPECT_TRUE(query.ok()) << query.status();
    if (!query.ok()) return {};
    for (bool done = false; !done;) {
      std::unique_ptr<Partial> merged = (*query)->Empty();
      for (size_t first = 0; first < (*query)->parts(); first += parts_at_once) {
        const std::unique_ptr<Partial> partial = (*query)->Empty();
        (*query)->Probe(first, std::min(first + parts_at_once, (*query)->parts()), *partial);
        (*query)->Merge(*merged, *partial);
      }
      const auto settled = (*query)->Settle(*merged);
      EXPECT_TRUE(settled.ok()) << settled.status();
      done = !settled.ok() || *settled;
    }
    return (*query)->TakeAnswer();
  }
  Answer List(MatrixView cues, size_t top = kTop, bool exact = false) {
    return Ask(cues, {.kind = QueryKind::kList, .top = top, .exact = exact});
  }
  IndexFallback FallbackOf(const Answer& answer) {
    EXPECT_TRUE(answer.index.has_value());
    return answer.index ? answer.index->fallback : IndexFallback::kNone;
  }

  // Share of the exact lists that the lists hold; every item listed by both has one score.
  double RecallOfLists(MatrixView cues, size_t top) {
    const Answer found = List(cues, top), truth = List(cues, top, /*exact=*/true);
    EXPECT_TRUE(found.approximate());
    EXPECT_FALSE(truth.approximate());
    size_t hits = 0, all = 0;
    for (size_t i = 0; i < cues.rows; ++i) {
      for (const ScoredItem& item : truth.cues[i].top) {
        ++all;
        const auto same = std::ranges::find(found.cues[i].top, item.row, &ScoredItem::row);
        if (same == found.cues[i].top.end()) continue;
        ++hits;
        EXPECT_NEAR(same->score, item.score, 1e-6);
        EXPECT_EQ(same->id, item.id);
      }
    }
    return static_cast<double>(hits) / static_cast<double>(all);
  }

  SlowAtFirst clock_;
  Matrix all_ = ClusteredRows(kRows + kCues, kDim, kCentres, kSeed);
  Matrix keys_ = Matrix::Copy(all_.view().slice(0, kRows));
  Matrix cues_ = Matrix::Copy(all_.view().slice(kRows, kCues));  // others of the same clusters
  std::unique_ptr<DenseModel> model_;
  std::shared_ptr<const View> view_;
};

class AnyIndex : public Indexed, public testing::WithParamInterface<IndexSpec> {};

TEST_P(AnyIndex, ListsHoldWhatWasMeasuredAndSayIt) {
  Make(GetParam());
  Absorb(keys_, 0);
  EXPECT_EQ(stats().fallback, IndexFallback::kBuilding);
  EXPECT_TRUE(stats().work_due);
  EXPECT_EQ(DoAll(), 2u);  // made, then measured
  ASSERT_EQ(stats().fallback, IndexFallback::kNone) << stats().calibration->why;
  EXPECT_FALSE(stats().work_due);
  const Answer answer = List(cues_);
  ASSERT_TRUE(answer.approximate());
  EXPECT_GE(answer.index->recall.share, 0.98);
  EXPECT_LE(answer.index->recall.low, answer.index->recall.share);
  EXPECT_EQ(answer.index->rows, kRows);
  EXPECT_EQ(answer.index->depth, stats().calibration->depth);
  EXPECT_EQ(answer.items_scored, answer.index->depth);
  EXPECT_GE(RecallOfLists(cues_, kTop), 0.96);
  // A list ten times as long is made from ten times as many rows, and holds as much.
  const Answer longer = List(cues_.view().slice(0, 20), 5 * kTop);
  EXPECT_EQ(longer.index->depth, 5 * answer.index->depth);
  EXPECT_GE(RecallOfLists(cues_.view().slice(0, 20), 5 * kTop), 0.96);
}

TEST_P(AnyIndex, AnswersDoNotDependOnHowTheBatchIsCut) {
  Make(GetParam());
  Absorb(keys_, 0);
  DoAll();
  const QuerySpec spec = {.kind = QueryKind::kList, .top = kTop};
  const Answer whole = Ask(cues_, spec, 1000), parts = Ask(cues_, spec, 1);
  ASSERT_TRUE(whole.approximate());
  for (size_t i = 0; i < cues_.rows(); ++i) {
    SCOPED_TRACE(i);
    const Answer alone = Ask(cues_.view().slice(i, 1), spec);
    ASSERT_EQ(whole.cues[i].top.size(), kTop);
    for (size_t k = 0; k < kTop; ++k) {
      EXPECT_EQ(whole.cues[i].top[k].row, parts.cues[i].top[k].row);
      EXPECT_EQ(whole.cues[i].top[k].row, alone.cues[0].top[k].row);
      EXPECT_EQ(whole.cues[i].top[k].score, alone.cues[0].top[k].score);
    }
    EXPECT_EQ(whole.cues[i].z_best, 0);
    EXPECT_GT(whole.cues[i].mass, 0);
  }
}

TEST_P(AnyIndex, RowsThatWentAreNeverListedAndNewOnesAreFound) {
  Make(GetParam());
  Absorb(keys_, 0);
  DoAll();
  std::vector<uint64_t> gone;
  std::set<uint64_t> gone_set;
  for (uint64_t row = 0; row < kRows; row += 5) gone.push_back(row);
  gone_set.insert(gone.begin(), gone.end());
  Forget(gone);
  const Matrix more = ClusteredRows(300, kDim, kCentres, kSeed + 1);
  Absorb(more, kRows);
  const Answer answer = List(keys_.view().slice(0, 100));
  ASSERT_TRUE(answer.approximate());
  for (const CueAnswer& cue : answer.cues) {
    for (const ScoredItem& item : cue.top) EXPECT_FALSE(gone_set.contains(item.row)) << item.row;
  }
  const Answer own = List(more, 1);
  size_t found = 0;
  for (size_t i = 0; i < more.rows(); ++i) found += own.cues[i].top[0].row == kRows + i ? 1 : 0;
  EXPECT_GE(found, 295u);
}

TEST_P(AnyIndex, WhatCameAndWentWhileItWasMadeIsInItAndOut) {
  Make(GetParam());
  Absorb(keys_, 0);
  auto work = model_->BeginIndexWork(false);
  ASSERT_TRUE(work.ok() && *work != nullptr);
  ASSERT_TRUE((*work)->Run(clock_, [](const TrainProgress&) { return true; }).ok());
  const Matrix more = ClusteredRows(5000, kDim, kCentres, kSeed + 1);
  Absorb(more, kRows);
  Forget({3, 4, kRows + 1});
  // Too many to be taken in while the writer waits.
  auto installed = model_->InstallIndexWork(**work);
  ASSERT_TRUE(installed.ok()) << installed.status();
  EXPECT_EQ(*installed, Model::Installed::kMore);
  Forget({5, kRows + 2});
  installed = Do(**work);
  ASSERT_TRUE(installed.ok()) << installed.status();
  EXPECT_EQ(*installed, Model::Installed::kIndex);
  DoAll();
  ASSERT_EQ(stats().fallback, IndexFallback::kNone);
  EXPECT_EQ(stats().calibration->rows, kRows + 5000 - 5);
  EXPECT_GE(RecallOfLists(more.view().slice(0, 100), kTop), 0.95);
  for (const uint64_t row : {3, 4, 5}) {
    const Answer answer = List(keys_.view().slice(row, 1));
    for (const ScoredItem& item : answer.cues[0].top) EXPECT_NE(item.row, row);
  }
}

TEST_P(AnyIndex, ARestartKeepsTheCalibrationAndAnswersExactlyUntilTheIndexIsThere) {
  Make(GetParam());
  Absorb(keys_, 0);
  DoAll();
  const Calibration before = *stats().calibration;
  const Answer answer = List(cues_);
  const std::string saved = model_->Save();
  Make(GetParam());
  ASSERT_TRUE(model_->Load(saved).ok());
  Absorb(keys_, 0);
  EXPECT_EQ(stats().fallback, IndexFallback::kBuilding);
  EXPECT_EQ(FallbackOf(List(cues_)), IndexFallback::kBuilding);
  EXPECT_EQ(DoAll(), 1u);  // made, and not measured again
  const Calibration& after = *stats().calibration;
  EXPECT_EQ(after.depth, before.depth);
  EXPECT_EQ(after.recall.share, before.recall.share);
  EXPECT_EQ(after.table.size(), before.table.size());
  const Answer again = List(cues_);
  ASSERT_TRUE(again.approximate());
  for (size_t i = 0; i < cues_.rows(); ++i) {
    for (size_t k = 0; k < kTop; ++k) {
      EXPECT_EQ(again.cues[i].top[k].row, answer.cues[i].top[k].row);
    }
  }
}

TEST_P(AnyIndex, AMemoryThatDoubledIsMeasuredAgain) {
  Make(GetParam());
  Absorb(keys_, 0);
  DoAll();
  Absorb(ClusteredRows(kRows - 1, kDim, kCentres, kSeed + 1), kRows);
  EXPECT_EQ(stats().fallback, IndexFallback::kNone);
  Absorb(ClusteredRows(1, kDim, kCentres, kSeed + 2), 2 * kRows);
  EXPECT_EQ(stats().fallback, IndexFallback::kGrown);
  EXPECT_TRUE(stats().work_due);
  EXPECT_EQ(FallbackOf(List(cues_)), IndexFallback::kGrown);
  DoAll();
  EXPECT_EQ(stats().fallback, IndexFallback::kNone);
  EXPECT_EQ(stats().calibration->rows, 2 * kRows);
}

INSTANTIATE_TEST_SUITE_P(Kinds, AnyIndex, testing::Values(Binary(), Graph()), [](const auto& kind) {
  return kind.param.kind.index() == 0 ? "Binary" : "Graph";
});

TEST_F(Indexed, SaysWhyAListIsExact) {
  Make(Binary());
  Absorb(keys_.view().slice(0, kIndexRowsMin - 1), 0);
  EXPECT_FALSE(stats().work_due);
  EXPECT_EQ(FallbackOf(List(cues_)), IndexFallback::kFewRows);
  Absorb(keys_.view().slice(kIndexRowsMin - 1, kRows - kIndexRowsMin + 1), kIndexRowsMin - 1);
  auto work = model_->BeginIndexWork(false);
  ASSERT_TRUE(work.ok() && *work != nullptr);
  EXPECT_FALSE(stats().work_due) << "one piece at a time";
  ASSERT_TRUE(Do(**work).ok());
  EXPECT_EQ(FallbackOf(List(cues_)), IndexFallback::kUncalibrated);
  DoAll();
  EXPECT_EQ(FallbackOf(List(cues_)), IndexFallback::kNone);
  EXPECT_EQ(FallbackOf(List(cues_, kTop, /*exact=*/true)), IndexFallback::kAsked);
  EXPECT_EQ(FallbackOf(List(cues_, kRows / 2)), IndexFallback::kDepth);
  EXPECT_EQ(FallbackOf(Ask(cues_, {.kind = QueryKind::kRetrieve})), IndexFallback::kRecall);
  const QuerySpec list = {.kind = QueryKind::kList, .top = kTop};
  QuerySpec some = list;
  some.candidate_rows = {1, 2, 3};
  EXPECT_EQ(FallbackOf(Ask(cues_, some)), IndexFallback::kRows);
  QuerySpec filtered = list;
  filtered.rows = std::make_shared<const RowSet>(RowSet{.listed = {4, 5}});
  EXPECT_EQ(FallbackOf(Ask(cues_, filtered)), IndexFallback::kRows);
  view_ = model_->Publish();
  const std::vector<uint8_t> mask((kDim + 7) / 8 * cues_.rows(), 0x0f);
  const auto masked = view_->Begin({.cues = cues_, .mask = mask}, list);
  ASSERT_TRUE(masked.ok());
  EXPECT_EQ((*masked)->parts(), (kRows + kTileRows - 1) / kTileRows) << "the scan";
}

TEST_F(Indexed, LargeCodesAreReadInPiecesThatFindWhatTheWholeFinds) {
  Make({.kind = BinaryIndexSpec{.bits = 4096}});
  const Matrix keys = ClusteredRows(14'000, kDim, kCentres, kSeed);  // 7 MB of codes
  Absorb(keys, 0);
  DoAll();
  ASSERT_EQ(stats().fallback, IndexFallback::kNone) << stats().calibration->why;
  const auto one =
      view_->Begin({.cues = cues_.view().slice(0, 1)}, {.kind = QueryKind::kList, .top = kTop});
  ASSERT_TRUE(one.ok());
  EXPECT_EQ((*one)->parts(), 2u) << "two threads may share the scan for one cue";
  EXPECT_GE(RecallOfLists(cues_, kTop), 0.98);
  // Rows of both pieces are found: each key's own row.
  for (size_t i = 0; i < keys.rows(); i += 97) {
    EXPECT_EQ(List(keys.view().slice(i, 1), 1).cues[0].top[0].row, i);
  }
}

TEST_F(Indexed, ExpiredRowsAreLeftOutWithoutTheScan) {
  Make(Binary());
  Absorb(keys_, 0);
  DoAll();
  const Answer all = List(keys_.view().slice(0, 1));
  ASSERT_TRUE(all.approximate());
  QuerySpec spec = {.kind = QueryKind::kList, .top = kTop};
  const uint64_t best = all.cues[0].top[0].row;
  spec.rows = std::make_shared<const RowSet>(RowSet{.listed = {best}, .listed_pass = false});
  spec.rows_are_unexpired = true;
  const Answer answer = Ask(keys_.view().slice(0, 1), spec);
  ASSERT_TRUE(answer.approximate());
  EXPECT_EQ(answer.cues[0].top[0].row, all.cues[0].top[1].row);
}

TEST_F(Indexed, OneThatMissesItsTargetIsGivenUpAndSaysSo) {
  IndexSpec hopeless = {
      .kind = BinaryIndexSpec{.bits = 64}, .target_recall = 1, .rescore_depth = kRescoreDepthMin};
  Make(hopeless);
  Absorb(keys_, 0);
  const uint64_t bytes = model_->Publish()->stats().row_bytes;
  DoAll();
  EXPECT_EQ(stats().fallback, IndexFallback::kRecallTooLow);
  EXPECT_FALSE(stats().work_due);
  EXPECT_EQ(model_->Publish()->stats().row_bytes, bytes) << "it takes no memory";
  const Answer answer = List(cues_);
  EXPECT_FALSE(answer.approximate());
  EXPECT_EQ(FallbackOf(answer), IndexFallback::kRecallTooLow);
  for (size_t i = 0; i < cues_.rows(); ++i) {
    std::set<uint64_t> rows;
    for (const ScoredItem& item : answer.cues[i].top) rows.insert(item.row);
    EXPECT_EQ(rows, PlainTop(Similarity::kCosine, keys_, cues_.row(i), kTop));
  }
  // The verdict outlives a restart, and the memory's first rows, but not its doubling.
  const std::string saved = model_->Save();
  Make(hopeless);
  ASSERT_TRUE(model_->Load(saved).ok());
  Absorb(keys_, 0);
  EXPECT_EQ(stats().fallback, IndexFallback::kRecallTooLow);
  EXPECT_FALSE(stats().work_due);
  Absorb(keys_, kRows);
  EXPECT_TRUE(stats().work_due);
  EXPECT_GT(DoAll(/*now=*/true), 1u);
}

TEST_F(Indexed, OneThatIsSlowerThanTheScanIsNotUsed) {
  Make(Binary());
  Absorb(keys_, 0);
  auto work = model_->BeginIndexWork(false);
  ASSERT_TRUE(work.ok() && *work != nullptr);
  ASSERT_TRUE(Do(**work).ok());
  work = model_->BeginIndexWork(false);
  ASSERT_TRUE(work.ok() && *work != nullptr);
  const ManualClock still;  // all takes as long
  ASSERT_TRUE((*work)->Run(still, [](const TrainProgress&) { return true; }).ok());
  ASSERT_TRUE(model_->InstallIndexWork(**work).ok());
  EXPECT_EQ(stats().fallback, IndexFallback::kExactIsFaster);
  EXPECT_EQ(FallbackOf(List(cues_)), IndexFallback::kExactIsFaster);
}

TEST_F(Indexed, AWorkThatIsVoidOrStoppedChangesNothing) {
  Make(Binary());
  Absorb(keys_, 0);
  auto first = model_->BeginIndexWork(false);
  auto second = model_->BeginIndexWork(false);
  ASSERT_TRUE(first.ok() && second.ok());
  const auto installed = Do(**first);
  ASSERT_FALSE(installed.ok());
  EXPECT_EQ(GetErrorDetail(installed.status())->reason, "REBUILD_VOID");
  const absl::Status stopped = (*second)->Run(clock_, [](const TrainProgress&) { return false; });
  EXPECT_TRUE(absl::IsCancelled(stopped));
  model_->AbandonIndexWork(stopped);
  EXPECT_EQ(stats().fallback, IndexFallback::kBuilding);
  EXPECT_TRUE(stats().work_due);
  EXPECT_EQ(DoAll(), 2u);
  auto measure = model_->BeginIndexWork(true);
  ASSERT_TRUE(measure.ok());
  int looks = 0;
  const absl::Status halfway =
      (*measure)->Run(clock_, [&looks](const TrainProgress&) { return ++looks < 3; });
  EXPECT_TRUE(absl::IsCancelled(halfway));
  model_->AbandonIndexWork(halfway);
  EXPECT_EQ(stats().fallback, IndexFallback::kNone) << "the calibration before stands";
}

TEST_F(Indexed, AFailureIsShownAndTriedAgainWhenTheMemoryHasDoubled) {
  Make(Binary());
  Absorb(keys_, 0);
  (void)stats();
  ASSERT_TRUE(model_->BeginIndexWork(false).ok());
  model_->AbandonIndexWork(Internal("no luck"));
  EXPECT_EQ(stats().fallback, IndexFallback::kFailed);
  EXPECT_EQ(stats().why, "no luck");
  EXPECT_FALSE(stats().work_due);
  EXPECT_EQ(FallbackOf(List(cues_)), IndexFallback::kFailed);
  Absorb(keys_, kRows);
  EXPECT_TRUE(stats().work_due);
  EXPECT_EQ(DoAll(), 2u);
  EXPECT_EQ(stats().why, "");
}

TEST_F(Indexed, LongKeysAreRefusedAndOddCuesScanned) {
  Make(Binary(), Similarity::kL2);
  Matrix keys(2, kDim);
  keys.at(0, 0) = 1;
  keys.at(1, 0) = 1e20f;
  const std::vector<uint64_t> numbers = {0, 1};
  const absl::Status refused = model_->Check({.keys = keys, .row_numbers = numbers});
  ASSERT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  EXPECT_EQ(GetErrorDetail(refused)->reason, "KEY_LENGTH");
  EXPECT_NE(refused.message().find("key 1"), std::string::npos) << refused;
  Absorb(keys_, 0);
  DoAll();
  for (const float length : {1e20f, 1e19f, 1e-25f, 0.0f}) {
    SCOPED_TRACE(length);
    Matrix cue(1, kDim);
    cue.at(0, 0) = length;
    const Answer answer = List(cue);
    EXPECT_FALSE(answer.approximate());
    EXPECT_EQ(FallbackOf(answer), IndexFallback::kCue);
  }
}

TEST_F(Indexed, AKeyThatTheCodeDoesNotCoverCallsForANewOne) {
  Make(Binary(), Similarity::kDot);
  Absorb(keys_, 0);  // unit vectors: the code takes their lengths for equal
  DoAll();
  ASSERT_EQ(stats().fallback, IndexFallback::kNone);
  Matrix longer = Matrix::Copy(keys_.view().slice(0, 1));
  for (float& x : longer.flat()) x *= 3;
  Absorb(longer, kRows);
  EXPECT_EQ(stats().fallback, IndexFallback::kBuilding);
  EXPECT_EQ(DoAll(), 2u);  // made anew, and measured: the codes are others
  EXPECT_NE(stats().fallback, IndexFallback::kBuilding);
  const Answer answer = List(keys_.view().slice(0, 1), 1);
  EXPECT_EQ(answer.cues[0].top[0].row, kRows);
}

TEST_F(Indexed, ACalibrationThatCannotBeReadBackIsDamage) {
  Make(Binary());
  Absorb(keys_, 0);
  DoAll();
  std::string saved = model_->Save();
  for (const size_t cut : {saved.size() - 1, saved.size() / 2, size_t{5}, size_t{0}}) {
    Make(Binary());
    const absl::Status loaded = model_->Load(std::string_view(saved).substr(0, cut));
    EXPECT_TRUE(absl::IsDataLoss(loaded)) << cut << ": " << loaded;
  }
  saved.push_back('x');
  EXPECT_TRUE(absl::IsDataLoss(model_->Load(saved)));
}

TEST_F(Indexed, AMemoryWithoutOneHasNoWork) {
  DenseModel plain({.key_dim = kDim, .model = DenseSpec{}});
  const auto work = plain.BeginIndexWork(true);
  EXPECT_EQ(GetErrorDetail(work.status())->reason, "NO_INDEX");
  EXPECT_FALSE(plain.Publish()->stats().index.has_value());
}

}  // namespace
}  // namespace mneme::models
