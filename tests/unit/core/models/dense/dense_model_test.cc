// The dense memory behind the model interface: rows in, answers out.
#include "core/models/dense/dense_model.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/status.h"
#include "gtest/gtest.h"
#include "tests/unit/core/models/dense/dense_test_util.h"

namespace mneme::models {
namespace {

void ExpectSameAnswers(const Answer& a, const Answer& b, double tolerance) {
  ExpectClose<float>(a.recalls, b.recalls, tolerance);
  ASSERT_EQ(a.cues.size(), b.cues.size());
  for (size_t i = 0; i < a.cues.size(); ++i) {
    SCOPED_TRACE(i);
    const CueAnswer &x = a.cues[i], &y = b.cues[i];
    EXPECT_EQ(x.status, y.status);
    EXPECT_NEAR(x.energy, y.energy, tolerance * (1 + std::abs(x.energy)));
    EXPECT_NEAR(x.p_max, y.p_max, tolerance);
    EXPECT_NEAR(x.z_best, y.z_best, tolerance * (1 + x.z_best));
    EXPECT_NEAR(x.mass, y.mass, tolerance);
    ASSERT_EQ(x.top.size(), y.top.size());
    for (size_t k = 0; k < x.top.size(); ++k) {
      EXPECT_EQ(x.top[k].id, y.top[k].id);
      EXPECT_NEAR(x.top[k].score, y.top[k].score, tolerance);
      EXPECT_NEAR(x.top[k].share, y.top[k].share, tolerance);
    }
  }
}

class EachSimilarity : public testing::TestWithParam<Similarity> {};

TEST_P(EachSimilarity, RecallsNoisyKeys) {
  RecordProperty("seed", 21);
  Random random(21);
  const auto keys = UnitRows<float>(2000, 64, random);
  auto model = Make(Spec(64, {.similarity = GetParam()}));
  Absorb(*model, keys, 0, 2000);
  EXPECT_TRUE(model->Maintain());
  const auto view = model->Publish();
  EXPECT_EQ(view->stats().items, 2000u);
  EXPECT_FALSE(view->stats().beta_fallback);
  EXPECT_GT(view->stats().row_bytes, 2000u * 64 * 4);
  for (const size_t batch : {1, 40}) {
    const auto cues = Noisy(keys, batch, 0.4, random);
    const Answer answer = Ask(*view, {.cues = cues}, {.top = 3});
    EXPECT_EQ(answer.items_scored, 2000u);
    for (size_t i = 0; i < batch; ++i) {
      EXPECT_EQ(answer.cues[i].status, AnswerStatus::kConverged);
      EXPECT_EQ(answer.cues[i].top[0].row, i);
      EXPECT_GT(answer.cues[i].p_max, 0.99);
      EXPECT_LT(answer.cues[i].n_eff, 1.1);
      EXPECT_GT(answer.cues[i].z_best, std::sqrt(2 * std::log(2000.0)));
      for (size_t j = 0; j < 64; ++j) EXPECT_NEAR(answer.recalls.at(i, j), keys.at(i, j), 0.01);
    }
  }
}

TEST_P(EachSimilarity, AnySplitOfTheTilesGivesTheSameAnswer) {
  RecordProperty("seed", 22);
  Random random(22);
  const auto keys = UnitRows<float>(5000, 24, random);
  auto model = Make(Spec(24, {.similarity = GetParam()}));
  Absorb(*model, keys, 0, 5000);
  model->Maintain();
  const auto view = model->Publish();
  const auto cues = Noisy(keys, 33, 0.3, random);
  for (const QueryKind kind : {QueryKind::kRetrieve, QueryKind::kList}) {
    const QuerySpec spec{.kind = kind, .top = 50};
    const Answer whole = Ask(*view, {.cues = cues}, spec);
    for (const size_t parts : {1, 2, 3}) {
      ExpectSameAnswers(Ask(*view, {.cues = cues}, spec, parts), whole, 1e-5);
    }
  }
}

TEST_P(EachSimilarity, ABatchAnswersAsItsCuesAlone) {
  RecordProperty("seed", 23);
  Random random(23);
  const auto keys = UnitRows<float>(1500, 24, random);
  auto model = Make(Spec(24, {.similarity = GetParam()}));
  Absorb(*model, keys, 0, 1500);
  model->Maintain();
  const auto view = model->Publish();
  const auto cues = Noisy(keys, 130, 0.3, random);  // more than two blocks
  const auto mask = MaskRows(130, 24, [](size_t i, size_t j) { return i % 2 == 0 || j < 18; });
  for (const auto& bits : {std::vector<uint8_t>(), mask}) {
    const Answer batch = Ask(*view, {.cues = cues, .mask = bits}, {.top = 4});
    for (size_t i = 0; i < 130; i += 13) {
      SCOPED_TRACE(i);
      const Answer alone = Ask(
          *view,
          {.cues = cues.view().slice(i, 1),
           .mask = bits.empty() ? std::span<const uint8_t>() : std::span(bits).subspan(i * 3, 3)},
          {.top = 4});
      EXPECT_EQ(alone.cues[0].status, batch.cues[i].status);
      EXPECT_EQ(alone.cues[0].top[0].id, batch.cues[i].top[0].id);
      for (size_t j = 0; j < 24; ++j) {
        EXPECT_NEAR(alone.recalls.at(0, j), batch.recalls.at(i, j), 2e-5);
      }
    }
  }
}

TEST_P(EachSimilarity, ForgottenRowsAreAsNeverStored) {
  RecordProperty("seed", 24);
  Random random(24);
  const auto keys = UnitRows<float>(2500, 24, random);
  const auto cues = Noisy(keys, 9, 0.5, random);
  auto with = Make(Spec(24, {.similarity = GetParam(), .beta = 20}));
  auto without = Make(Spec(24, {.similarity = GetParam(), .beta = 20}));
  Absorb(*with, keys, 0, 2500);
  std::vector<uint64_t> gone;
  for (size_t i = 0; i < 2500; ++i) {
    if (i % 6 == 1 || (i >= 1024 && i < 1100)) {
      gone.push_back(i);
    } else {
      Absorb(*without, keys, i, i + 1);
    }
  }
  ForgetRows(*with, gone);
  for (const QueryKind kind : {QueryKind::kRetrieve, QueryKind::kList}) {
    for (const size_t batch : {1, 9}) {
      const CueBatch some{.cues = cues.view().slice(0, batch)};
      const Answer a = Ask(*with->Publish(), some, {.kind = kind, .top = 20});
      const Answer b = Ask(*without->Publish(), some, {.kind = kind, .top = 20});
      ExpectSameAnswers(a, b, 1e-5);
      EXPECT_EQ(a.items_scored, 2500 - gone.size());
      EXPECT_EQ(a.cues[0].n_support, b.cues[0].n_support);
    }
  }
}

TEST_P(EachSimilarity, TheOrderOfStoringDoesNotMatter) {
  RecordProperty("seed", 25);
  Random random(25);
  const auto keys = UnitRows<float>(1300, 24, random);
  const auto cues = Noisy(keys, 9, 0.5, random);
  std::vector<uint64_t> order = Numbers(0, 1300);
  random.Shuffle(std::span<uint64_t>(order));
  auto straight = Make(Spec(24, {.similarity = GetParam(), .beta = 20}));
  auto shuffled = Make(Spec(24, {.similarity = GetParam(), .beta = 20}));
  Absorb(*straight, keys, 0, 1300);
  for (uint64_t row = 0; row < 1300; ++row) {
    const std::vector<ItemId> id = {ItemId(order[row])};
    const std::vector<uint64_t> number = {row};
    ASSERT_TRUE(
        shuffled
            ->Absorb({.keys = keys.view().slice(order[row], 1), .ids = id, .row_numbers = number})
            .ok());
  }
  for (const QueryKind kind : {QueryKind::kRetrieve, QueryKind::kList}) {
    const QuerySpec spec{.kind = kind, .top = 15};
    ExpectSameAnswers(Ask(*straight->Publish(), {.cues = cues}, spec),
                      Ask(*shuffled->Publish(), {.cues = cues}, spec), 1e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(Dense, EachSimilarity,
                         testing::Values(Similarity::kDot, Similarity::kCosine, Similarity::kL2),
                         [](const auto& similarity) {
                           return std::string(Name(similarity.param));
                         });

TEST(DenseModel, CosineRecallsRowsAtTheirOwnLength) {
  RecordProperty("seed", 26);
  Random random(26);
  auto keys = UnitRows<float>(500, 32, random);
  for (size_t i = 0; i < 500; ++i) {
    for (float& x : keys.row(i)) x *= static_cast<float>(1 + i);
  }
  auto model = Make(Spec(32, {.similarity = Similarity::kCosine}));
  Absorb(*model, keys, 0, 500);
  model->Maintain();
  Matrix cue(1, 32);
  for (size_t j = 0; j < 32; ++j) cue.at(0, j) = 1e-3f * keys.at(77, j);
  const Answer answer = Ask(*model->Publish(), {.cues = cue}, {.top = 1});
  EXPECT_NEAR(answer.cues[0].top[0].score, 1, 1e-6);
  for (size_t j = 0; j < 32; ++j) EXPECT_NEAR(answer.recalls.at(0, j), keys.at(77, j), 0.1);
}

TEST(DenseModel, ResponsesAreReadInOneStep) {
  RecordProperty("seed", 27);
  Random random(27);
  const auto keys = UnitRows<float>(1200, 32, random);
  const auto responses = GaussianRows<float>(1200, 5, random);
  const auto cues = Noisy(keys, 20, 0.3, random);
  auto model = Make(Spec(32, {}, 5));
  Absorb(*model, keys, 0, 1200, responses);
  model->Maintain();
  const Answer answer = Ask(*model->Publish(), {.cues = cues}, {});
  ASSERT_EQ(answer.recalls.cols(), 5u);
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(answer.cues[i].steps, 1);
    EXPECT_EQ(answer.cues[i].status, AnswerStatus::kConverged);
    for (size_t j = 0; j < 5; ++j) EXPECT_NEAR(answer.recalls.at(i, j), responses.at(i, j), 0.05);
  }
}

TEST(DenseModel, StatusesTellHowTheAnswerCameAbout) {
  Matrix keys(2, 2), cue(1, 2);
  keys.at(0, 0) = 1;
  keys.at(1, 0) = -1;
  auto model = Make(Spec(2, {.beta = 0.1}));
  const Answer empty = Ask(*model->Publish(), {.cues = cue}, {});
  EXPECT_EQ(empty.cues[0].status, AnswerStatus::kEmptyStore);
  EXPECT_EQ(empty.cues[0].p_max, 0);
  EXPECT_EQ(empty.recalls.at(0, 0), 0);
  EXPECT_TRUE(Ask(*model->Publish(), {.cues = cue}, {.kind = QueryKind::kList, .top = 5})
                  .cues[0]
                  .top.empty());

  Matrix three(3, 2);
  std::copy_n(keys.data(), 4, three.data());
  three.at(2, 1) = 1;
  Absorb(*model, three, 0, 3);
  const Answer mixed = Ask(*model->Publish(), {.cues = cue}, {.steps_max = 500});
  EXPECT_EQ(mixed.cues[0].status, AnswerStatus::kMixture);
  EXPECT_GT(mixed.cues[0].n_eff, 2);

  cue.at(0, 0) = 1;
  cue.at(0, 1) = 1;
  const Answer cut = Ask(*model->Publish(), {.cues = cue}, {.beta = 1.2, .steps_max = 2});
  EXPECT_EQ(cut.cues[0].status, AnswerStatus::kMaxIterations);
  EXPECT_EQ(cut.cues[0].steps, 2);
  const Answer sharp = Ask(*model->Publish(), {.cues = cue}, {.beta = 100, .steps_max = 1});
  EXPECT_EQ(sharp.cues[0].steps, 1);
}

TEST(DenseModel, WeightsCountAsCopies) {
  Matrix keys(2, 1), cue(1, 1);
  keys.at(1, 0) = 1;
  cue.at(0, 0) = 0.5;
  auto model = Make(Spec(1, {.beta = 1}, 0));
  const std::vector<uint64_t> numbers = {0, 1};
  const std::vector<float> weights = {1, 3};
  ASSERT_TRUE(model->Absorb({.keys = keys, .weights = weights, .row_numbers = numbers}).ok());
  const Answer answer = Ask(*model->Publish(), {.cues = cue}, {.steps_max = 1});
  EXPECT_NEAR(answer.recalls.at(0, 0), 0.75, 1e-6);
  EXPECT_NEAR(answer.cues[0].p_max, 0.75, 1e-6);
}

TEST(DenseModel, ACueThatCannotBeUsedDoesNotSpoilTheOthers) {
  RecordProperty("seed", 30);
  Random random(30);
  const auto keys = UnitRows<float>(100, 16, random);
  auto cues = Noisy(keys, 5, 0.1, random);
  std::fill_n(cues.row(2).begin(), 16, 0.0f);
  auto model = Make(Spec(16, {.similarity = Similarity::kCosine}));
  Absorb(*model, keys, 0, 100);
  model->Maintain();
  const auto view = model->Publish();
  const Answer answer = Ask(*view, {.cues = cues}, {.top = 1});
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(answer.cues[i].error.ok(), i != 2);
    if (i == 2) continue;
    EXPECT_EQ(answer.cues[i].top[0].row, i);
    EXPECT_NEAR(answer.recalls.at(i, 3), keys.at(i, 3), 0.01);
  }
  EXPECT_EQ(GetErrorDetail(answer.cues[2].error)->reason, "ZERO_VECTOR");
  const auto alone = view->Begin({.cues = cues.view().slice(2, 1)}, {});
  EXPECT_EQ(GetErrorDetail(alone.status())->reason, "ZERO_VECTOR");
  const std::vector<uint8_t> nothing_known(2 * 5, 0);
  const auto blind = view->Begin({.cues = cues, .mask = nothing_known}, {});
  EXPECT_EQ(GetErrorDetail(blind.status())->reason, "MASK_EMPTY");
}

TEST(DenseModel, BadQueriesAndRowsAreRefusedInWords) {
  auto model = Make(Spec(2, {.similarity = Similarity::kCosine}));
  Matrix cue(1, 2);
  cue.at(0, 0) = 1;
  const auto view = model->Publish();
  EXPECT_EQ(GetErrorDetail(view->Begin({.cues = cue}, {.beta = -1}).status())->reason, "BETA");
  EXPECT_EQ(GetErrorDetail(view->Begin({.cues = cue}, {.steps_max = -1}).status())->reason,
            "STEPS_MAX");
  Matrix keys(2, 2);
  keys.at(0, 0) = 1;
  const std::vector<uint64_t> numbers = {0, 1};
  EXPECT_EQ(GetErrorDetail(model->Check({.keys = keys, .row_numbers = numbers}))->reason,
            "ZERO_VECTOR");
  for (const float length : {1e20f, 1e-21f, 1e-25f}) {  // whose square float32 does not hold
    keys.at(1, 0) = length;
    EXPECT_EQ(GetErrorDetail(model->Check({.keys = keys, .row_numbers = numbers}))->reason,
              "KEY_LENGTH");
  }
  const auto on_sphere =
      Make(Spec(2, {.similarity = Similarity::kDot, .state = StateSpace::kSphere}));
  keys.at(1, 0) = 1e20f;
  EXPECT_EQ(GetErrorDetail(on_sphere->Check({.keys = keys, .row_numbers = numbers}))->reason,
            "KEY_LENGTH");
  keys.at(1, 0) = 1;
  EXPECT_TRUE(on_sphere->Check({.keys = keys, .row_numbers = numbers}).ok());
  EXPECT_TRUE(model->Check({.keys = keys, .row_numbers = numbers}).ok());
  const std::vector<float> weights = {1, 0};
  EXPECT_EQ(GetErrorDetail(model->Check({.keys = keys, .weights = weights, .row_numbers = numbers}))
                ->reason,
            "WEIGHT");
}

TEST(DenseModel, ABetaBeyondFloatIsAnErrorOfTheCue) {
  Matrix keys(1, 1), cue(1, 1);
  keys.at(0, 0) = 1e10f;
  cue.at(0, 0) = 1e10f;
  auto model = Make(Spec(1, {.similarity = Similarity::kDot, .beta = 1e30}));
  Absorb(*model, keys, 0, 1);
  const Answer answer = Ask(*model->Publish(), {.cues = cue}, {});
  EXPECT_EQ(GetErrorDetail(answer.cues[0].error)->reason, "BETA_TOO_LARGE");
}

// Under ThreadSanitizer this shows that answering never touches what the writer writes.
TEST(DenseModel, ReadersAnswerWhileRowsComeAndGo) {
  RecordProperty("seed", 31);
  Random random(31);
  const auto keys = UnitRows<float>(3000, 16, random);
  auto model = Make(Spec(16, {.beta = 60}));
  Absorb(*model, keys, 0, 4);
  Mutex mutex;
  std::shared_ptr<const View> shared = model->Publish();
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int r = 0; r < 2; ++r) {
    readers.emplace_back([&] {
      while (!done.load()) {
        std::shared_ptr<const View> view;
        {
          MutexLock lock(&mutex);
          view = shared;
        }
        const Answer answer = Ask(*view, {.cues = keys.view().slice(0, 2)}, {.top = 1}, 1);
        EXPECT_EQ(answer.cues[0].top[0].row, 0u);
        EXPECT_EQ(answer.items_scored, view->stats().items);
      }
    });
  }
  for (size_t i = 4; i + 4 <= 3000; i += 4) {
    Absorb(*model, keys, i, i + 4);
    ForgetRows(*model, {i + 1});
    auto view = model->Publish();
    MutexLock lock(&mutex);
    shared = std::move(view);
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace mneme::models
