// Tests of how a linear memory learns and forgets: against the definition, in any order, from any
// checkpoint.
#include "core/models/linear/linear_model.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/unit/core/models/linear_testing.h"

namespace mneme::models {
namespace {

constexpr uint64_t kSeed = 20240607;

class LinearRules : public testing::TestWithParam<LinearRule> {
 protected:
  void SetUp() override { RecordProperty("seed", std::to_string(kSeed)); }
  LinearSpec Spec(uint32_t partitions = 1) const {
    return {.rule = GetParam(), .partitions = partitions};
  }
};
INSTANTIATE_TEST_SUITE_P(Rules, LinearRules, testing::Values(LinearRule::kCmm, LinearRule::kRidge),
                         [](const auto& rule) {
                           return rule.param == LinearRule::kCmm ? "Cmm" : "Ridge";
                         });

TEST_P(LinearRules, RecallsWhatTheDefinitionSays) {
  TestRows rows(90, 24, 10, kSeed);
  Random random(kSeed, 1);
  for (float& weight : rows.weights) weight = static_cast<float>(0.25 + random.Uniform());
  for (const std::optional<double> lambda : {std::optional<double>(0.3), std::optional<double>()}) {
    LinearSpec spec = Spec();
    spec.lambda = lambda;
    LinearModel model(LinearMemory(24, 10, spec));
    ASSERT_TRUE(model.Absorb(rows.Block()).ok());
    const auto view = model.Publish();
    // 2^floor(log2 90) = 64
    const Matrix expected =
        NaiveRecall(rows, Indices(0, 90), GetParam(), lambda.value_or(1e-3 * 64 / 24), rows.keys);
    EXPECT_LT(LargestDifference(Recall(*view, rows.keys), expected), 1e-5);
  }
}

TEST_P(LinearRules, RowsStoredOneByOneAnswerAsTheBatchDoes) {
  const TestRows rows(150, 32, 16, kSeed);
  LinearModel one_by_one(LinearMemory(32, 16, Spec()));
  LinearModel at_once(LinearMemory(32, 16, Spec()));
  ASSERT_TRUE(at_once.Absorb(rows.Block()).ok());
  const Matrix expected = Recall(*at_once.Publish(), rows.keys);
  for (size_t i = 0; i < rows.size(); ++i) {
    ASSERT_TRUE(one_by_one.Absorb(rows.Block(i, 1)).ok());
    const auto view = one_by_one.Publish();
    if (i % 10 != 9) continue;  // every length of the list of factors, and every lambda
    const double lambda = DefaultLambda(static_cast<int64_t>(i + 1), 32);
    const Matrix naive = NaiveRecall(rows, Indices(0, i + 1), GetParam(), lambda, rows.keys);
    EXPECT_LT(LargestDifference(Recall(*view, rows.keys), naive), 1e-5) << i;
  }
  EXPECT_LT(LargestDifference(Recall(*one_by_one.Publish(), rows.keys), expected), 1e-5);
}

TEST_P(LinearRules, AnyOrderAndBatchingGivesTheSameAnswers) {
  const TestRows rows(120, 20, 12, kSeed);
  const std::vector<size_t> kept = Indices(40, 120);
  for (uint32_t partitions : {1u, 3u}) {
    LinearModel reference(LinearMemory(20, 12, Spec(partitions)));
    ASSERT_TRUE(reference.Absorb(rows.Block(40, 80)).ok());
    const auto reference_view = reference.Publish();
    const absl::StatusOr<Answer> expected = Ask(*reference_view, {.cues = rows.keys}, {.top = 5});
    ASSERT_TRUE(expected.ok());
    for (uint64_t stream = 1; stream <= 5; ++stream) {
      SCOPED_TRACE(stream);
      Random random(kSeed, stream);
      LinearModel model(LinearMemory(20, 12, Spec(partitions)));
      // Stores in batches of random size, forgetting the first 40 rows somewhere on the way.
      size_t forgotten = 0;
      for (size_t first = 0; first < 120;) {
        const size_t count = std::min<size_t>(1 + random.Below(12), 120 - first);
        ASSERT_TRUE(model.Absorb(rows.Block(first, count)).ok());
        first += count;
        if (random.Below(2) == 0) model.Publish();
        const size_t may = std::min<size_t>(first, 40) - forgotten;
        const size_t drop = first == 120 ? may : random.Below(may + 1);
        ASSERT_TRUE(model.Forget(rows.Block(forgotten, drop)).ok());
        forgotten += drop;
        if (random.Below(2) == 0) model.Publish();
      }
      const auto view = model.Publish();
      const absl::StatusOr<Answer> answer = Ask(*view, {.cues = rows.keys}, {.top = 5});
      ASSERT_TRUE(answer.ok());
      EXPECT_LT(LargestDifference(answer->recalls, expected->recalls), 1e-5);
      EXPECT_EQ(view->stats().items, 80u);
      for (size_t b = 0; b < 120; ++b) {
        ASSERT_EQ(answer->cues[b].top.size(), 5u);
        for (size_t r = 0; r < 5; ++r) {
          EXPECT_NEAR(answer->cues[b].top[r].score, expected->cues[b].top[r].score, 1e-5);
        }
      }
    }
  }
}

TEST_P(LinearRules, ForgettingEverythingLeavesNothing) {
  TestRows rows(300, 16, 8, kSeed);
  for (size_t i = 0; i < rows.size(); ++i) rows.weights[i] = 0.1f * static_cast<float>(1 + i % 9);
  LinearModel model(LinearMemory(16, 8, Spec()));
  for (size_t i = 0; i < 300; i += 7) {
    ASSERT_TRUE(model.Absorb(rows.Block(i, std::min<size_t>(7, 300 - i))).ok());
    model.Publish();
  }
  for (size_t i = 300; i-- > 0;) {
    ASSERT_TRUE(model.Forget(rows.Block(i, 1)).ok());
    model.Publish();
  }
  const LinearSums& sums = SumsOf(model);
  EXPECT_EQ(sums.n, 0);
  for (double x : sums.a.flat()) EXPECT_NEAR(x, 0, 1e-9);
  for (double x : sums.c.flat()) EXPECT_NEAR(x, 0, 1e-9);
  const absl::StatusOr<Answer> answer =
      Ask(*model.Publish(), {.cues = rows.keys.view().slice(0, 1)}, {.top = 3});
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->cues[0].status, AnswerStatus::kEmptyStore);
  EXPECT_TRUE(answer->cues[0].top.empty());
  for (float x : answer->recalls.flat()) EXPECT_EQ(x, 0);
}

TEST_P(LinearRules, SavedAndLoadedItContinuesAsIfNothingHappened) {
  const TestRows rows(100, 18, 9, kSeed);
  for (uint32_t partitions : {1u, 4u}) {
    const MemorySpec spec = LinearMemory(18, 9, Spec(partitions));
    LinearModel original(spec);
    ASSERT_TRUE(original.Absorb(rows.Block(0, 60)).ok());
    original.Publish();
    ASSERT_TRUE(original.Forget(rows.Block(10, 1)).ok());

    LinearModel loaded(spec);
    loaded.Publish();  // what was served before is forgotten
    ASSERT_TRUE(loaded.Load(original.Save()).ok());
    for (size_t p = 0; p < partitions; ++p) {
      EXPECT_TRUE(std::ranges::equal(SumsOf(loaded, p).a.flat(), SumsOf(original, p).a.flat()));
      EXPECT_TRUE(std::ranges::equal(SumsOf(loaded, p).c.flat(), SumsOf(original, p).c.flat()));
    }
    ASSERT_TRUE(loaded.Restore(rows.Block(0, 10)).ok());
    ASSERT_TRUE(loaded.Restore(rows.Block(11, 49)).ok());
    for (LinearModel* model : {&original, &loaded}) {
      model->Publish();
      ASSERT_TRUE(model->Absorb(rows.Block(60, 40)).ok());
      ASSERT_TRUE(model->Forget(rows.Block(20, 3)).ok());
    }
    EXPECT_EQ(original.Save(), loaded.Save());  // to the bit
    const auto a = Ask(*original.Publish(), {.cues = rows.keys}, {.top = 4});
    const auto b = Ask(*loaded.Publish(), {.cues = rows.keys}, {.top = 4});
    ASSERT_TRUE(a.ok() && b.ok());
    EXPECT_LT(LargestDifference(a->recalls, b->recalls), 1e-5);
    EXPECT_EQ(a->items_scored, 96u);
    EXPECT_EQ(b->items_scored, 96u);
    for (size_t i = 0; i < 100; ++i) {
      EXPECT_EQ(a->cues[i].top[0].id, b->cues[i].top[0].id);
      EXPECT_EQ(a->cues[i].top[0].row, b->cues[i].top[0].row);
    }
  }
}

TEST_P(LinearRules, DamagedStatesAreRefusedAndChangeNothing) {
  const TestRows rows(20, 6, 4, kSeed);
  const MemorySpec spec = LinearMemory(6, 4, Spec());
  LinearModel model(spec);
  ASSERT_TRUE(model.Absorb(rows.Block()).ok());
  const std::string good = model.Save();

  std::string infinite = good;
  const double infinity = std::numeric_limits<double>::infinity();
  std::memcpy(infinite.data() + infinite.size() - sizeof(double), &infinity, sizeof(double));
  std::string future = good;
  future[8] = 3;
  for (const std::string& bad : {std::string(), good.substr(0, 20), good.substr(0, good.size() - 1),
                                 good + "x", "X" + good.substr(1), infinite, future}) {
    const absl::Status status = model.Load(bad);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << bad.size();
    EXPECT_EQ(GetErrorDetail(status)->reason, "STATE");
  }
  LinearModel other(LinearMemory(4, 6, Spec()));  // as many numbers of A, other dimensions
  EXPECT_EQ(other.Load(good).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(model.Save(), good);
}

TEST_P(LinearRules, ReadersSeeWholeViewsWhileRowsAreStored) {
  const TestRows rows(400, 16, 8, kSeed);
  LinearModel model(LinearMemory(16, 8, Spec(2)));
  ASSERT_TRUE(model.Absorb(rows.Block(0, 20)).ok());
  Mutex mutex;
  std::shared_ptr<const View> current = model.Publish();
  bool finished = false;
  const auto read = [&] {
    while (true) {
      std::shared_ptr<const View> view;
      bool last = false;
      {
        MutexLock lock(&mutex);
        view = current;
        last = finished;
      }
      // The same view answers the same, whatever is stored meanwhile; one cue and three take
      // different paths through it.
      for (size_t cues : {1u, 3u}) {
        const CueBatch batch = {.cues = rows.keys.view().slice(0, cues)};
        const auto a = Ask(*view, batch, {.top = 4}, 2);
        const auto b = Ask(*view, batch, {.top = 4});
        ASSERT_TRUE(a.ok() && b.ok());
        EXPECT_EQ(LargestDifference(a->recalls, b->recalls), 0);
        EXPECT_EQ(a->items_scored, view->stats().items);
      }
      if (last) return;
    }
  };
  std::thread first(read), second(read);
  for (size_t i = 20; i < 400; ++i) {
    ASSERT_TRUE(model.Absorb(rows.Block(i, 1)).ok());
    if (i % 5 == 0) {
      ASSERT_TRUE(model.Forget(rows.Block(i - 20, 1)).ok());
    }
    auto view = model.Publish();
    MutexLock lock(&mutex);
    current = std::move(view);
    finished = i == 399;
  }
  first.join();
  second.join();
}

TEST(LinearModel, ALambdaTooSmallToFactorIsRaisedAndReported) {
  // Four equal keys in eight dimensions: seven eigenvalues are 0, and 1e-30 vanishes beside the
  // other.
  TestRows rows(4, 8, 3, kSeed);
  for (size_t i = 1; i < 4; ++i) {
    std::copy_n(rows.keys.row(0).begin(), 8, rows.keys.row(i).begin());
  }
  LinearModel model(LinearMemory(8, 3, {.rule = LinearRule::kRidge, .lambda = 1e-30}));
  ASSERT_TRUE(model.Absorb(rows.Block()).ok());
  const auto view = model.Publish();
  EXPECT_GT(view->stats().lambda, 1e-30);
  EXPECT_LT(view->stats().lambda, 1e-8);
  // Least squares answers the mean of the four responses.
  const Matrix recall = Recall(*view, rows.keys.view().slice(0, 1));
  for (size_t j = 0; j < 3; ++j) {
    double mean = 0;
    for (size_t i = 0; i < 4; ++i) mean += Unit(rows.responses.row(i))[j] / 4;
    EXPECT_NEAR(recall.at(0, j), mean, 1e-5);
  }
}

TEST(LinearModel, DefaultLambdaStepsByPowersOfTwo) {
  EXPECT_DOUBLE_EQ(DefaultLambda(0, 10), 1e-4);
  EXPECT_DOUBLE_EQ(DefaultLambda(1, 10), 1e-4);
  EXPECT_DOUBLE_EQ(DefaultLambda(3, 10), 2e-4);
  EXPECT_DOUBLE_EQ(DefaultLambda(4, 10), 4e-4);
  EXPECT_DOUBLE_EQ(DefaultLambda(1023, 10), 512e-4);
}

TEST(LinearModel, StatesItsSize) {
  const TestRows rows(3000, 16, 8, kSeed);
  const auto bytes = [&](Retain retain, size_t n) {
    LinearModel model(LinearMemory(16, 8, {.rule = LinearRule::kRidge}, retain));
    EXPECT_TRUE(model.Absorb(rows.Block(0, n)).ok());
    return model.Publish()->stats();
  };
  const ModelStats statistics = bytes(Retain::kStatistics, 3000);
  EXPECT_EQ(statistics.items, 3000u);
  EXPECT_EQ(statistics.row_bytes, 0u);
  EXPECT_EQ(statistics.fixed_bytes, bytes(Retain::kStatistics, 100).fixed_bytes);
  // A and C in float64, their factor, W in float32.
  EXPECT_GE(statistics.fixed_bytes, (16u * 8 + 2 * 16 * 16) * 8 + 16 * 8 * 4);
  const ModelStats responses = bytes(Retain::kResponses, 3000);
  EXPECT_EQ(responses.fixed_bytes, statistics.fixed_bytes);
  EXPECT_GE(responses.row_bytes, 3000u * 8 * 4);
}

TEST(LinearModel, ZeroVectorsAreRefusedWhereLengthIsTakenAway) {
  TestRows rows(5, 4, 3, kSeed);
  std::fill(rows.responses.row(3).begin(), rows.responses.row(3).end(), 0.0f);
  const auto check = [&](bool keys, bool responses) {
    return LinearModel(
               LinearMemory(4, 3, {.normalize_keys = keys, .normalize_responses = responses}))
        .Check(rows.Block());
  };
  const absl::Status status = check(true, true);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(GetErrorDetail(status)->reason, "ZERO_VECTOR");
  EXPECT_NE(status.message().find("response of row 3"), std::string::npos);
  EXPECT_TRUE(check(true, false).ok());
  std::fill(rows.keys.row(1).begin(), rows.keys.row(1).end(), 0.0f);
  EXPECT_NE(check(true, false).message().find("key of row 1"), std::string::npos);
  EXPECT_TRUE(check(false, false).ok());
}

TEST(LinearModel, KeepsLengthsWhereTheSpecSaysSo) {
  TestRows rows(1, 3, 2, kSeed);
  const float key[] = {2, 0, 0}, response[] = {0, 5};
  std::copy_n(key, 3, rows.keys.row(0).begin());
  std::copy_n(response, 2, rows.responses.row(0).begin());
  const auto recall = [&](bool keys, bool responses) {
    LinearModel model(LinearMemory(
        3, 2,
        {.rule = LinearRule::kCmm, .normalize_keys = keys, .normalize_responses = responses}));
    EXPECT_TRUE(model.Absorb(rows.Block()).ok());
    return Recall(*model.Publish(), rows.keys).at(0, 1);
  };
  EXPECT_FLOAT_EQ(recall(true, true), 1);
  EXPECT_FLOAT_EQ(recall(true, false), 5);
  EXPECT_FLOAT_EQ(recall(false, false), 20);  // 5 * 2 * 2
}

}  // namespace
}  // namespace mneme::models
