// Trainings that give a dense memory its encoder: what is served before, meanwhile and after.
#include "core/models/dense/dense_training.h"

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/models/dense/dense_model.h"
#include "gtest/gtest.h"
#include "tests/unit/core/models/dense/dense_test_util.h"

namespace mneme::models {
namespace {

constexpr size_t kDim = 24;
constexpr size_t kRows = 120;

// A common mean, four strong factors and a small part of each key's own.
Matrix FactorKeys(size_t rows, uint64_t seed) {
  Random random(seed);
  const auto base = GaussianRows<float>(1, kDim, random);
  const auto factors = GaussianRows<float>(4, kDim, random);
  const auto weights = GaussianRows<float>(rows, 4, random);
  auto keys = GaussianRows<float>(rows, kDim, random);
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < kDim; ++j) {
      float sum = base.at(0, j) + 0.3f * keys.at(i, j);
      for (size_t f = 0; f < 4; ++f) sum += 0.5f * weights.at(i, f) * factors.at(f, j);
      keys.at(i, j) = sum;
    }
  }
  return keys;
}

MemorySpec Encoded(Encoder encoder = Encoder::kLinear, size_t response_dim = 0) {
  return Spec(kDim, {.similarity = Similarity::kCosine, .beta = 20, .encoder = encoder},
              response_dim);
}

TrainSpec Aim(EncoderGoal goal) {
  return {.seed = 5, .encoder = goal, .cue_noise = 0.3, .encoder_steps = 60};
}

std::vector<uint64_t> All(uint64_t first, uint64_t last) { return Numbers(first, last - first); }

void Give(Training& training, const Matrix& keys, size_t first, size_t last,
          MatrixView responses = {}) {
  const std::vector<uint64_t> numbers = All(first, last);
  const std::vector<ItemId> ids(numbers.begin(), numbers.end());
  const absl::Status status = training.Take(
      {.keys = keys.view().slice(first, last - first),
       .responses = responses.empty() ? responses : responses.slice(first, last - first),
       .ids = ids,
       .row_numbers = numbers});
  ASSERT_TRUE(status.ok()) << status;
}

// Begins, runs and installs a training on rows [0, rows).
void TrainOn(Model& model, const Matrix& keys, size_t rows, const TrainSpec& spec,
             MatrixView responses = {}) {
  auto training = model.BeginTraining(spec);
  ASSERT_TRUE(training.ok()) << training.status();
  Give(**training, keys, 0, rows, responses);
  const absl::Status ran = (*training)->Run(nullptr);
  ASSERT_TRUE(ran.ok()) << ran;
  ASSERT_TRUE(model.Install(**training, 7, "train-1").ok());
  model.Maintain();
}

double ErrorOf(const Answer& answer, const Matrix& keys) {
  double error = 0;
  for (size_t i = 0; i < answer.recalls.rows(); ++i) {
    for (size_t j = 0; j < kDim; ++j) error += std::abs(answer.recalls.at(i, j) - keys.at(i, j));
  }
  return error / static_cast<double>(answer.recalls.flat().size());
}

TEST(DenseTraining, EachObjectiveRecallsBetterThanKeysAsTheyAre) {
  RecordProperty("seed", 3);
  Random random(3);
  const Matrix keys = FactorKeys(kRows, 3);
  const Matrix cues = Noisy(keys, 60, 0.3 * std::sqrt(kDim), random);
  for (const EncoderGoal goal : {EncoderGoal::kCentre, EncoderGoal::kWhiten,
                                 EncoderGoal::kSeparation, EncoderGoal::kNoiseAware}) {
    SCOPED_TRACE(Name(goal));
    auto model = Make(Encoded());
    Absorb(*model, keys, 0, kRows);
    model->Maintain();
    const auto before = model->Publish();
    EXPECT_FALSE(before->stats().encoder.has_value());
    const double untrained = ErrorOf(Ask(*before, {.cues = cues}, {.steps_max = 1}), keys);
    TrainOn(*model, keys, kRows, Aim(goal));
    const auto after = model->Publish();
    ASSERT_TRUE(after->stats().encoder.has_value());
    EXPECT_EQ(after->stats().encoder->goal, goal);
    EXPECT_EQ(after->stats().encoder->items, kRows);
    EXPECT_EQ(after->stats().encoder->job, "train-1");
    const double trained = ErrorOf(Ask(*after, {.cues = cues}, {.steps_max = 1}), keys);
    EXPECT_LT(trained, 0.9 * untrained);
    // A view of before is one of before.
    EXPECT_EQ(ErrorOf(Ask(*before, {.cues = cues}, {.steps_max = 1}), keys), untrained);
  }
}

TEST(DenseTraining, RowsThatComeAndGoMeanwhileAreAsIfAllWereStoredAnew) {
  for (const size_t response_dim : {size_t{0}, size_t{3}}) {
    SCOPED_TRACE(response_dim);
    const Matrix keys = FactorKeys(kRows + 20, 4);
    Random random(4);
    const auto values = GaussianRows<float>(kRows + 20, 3, random);
    const MatrixView responses = response_dim == 0 ? MatrixView() : values.view();
    auto model = Make(Encoded(Encoder::kLinear, response_dim));
    Absorb(*model, keys, 0, kRows, responses);
    model->Maintain();
    auto training = model->BeginTraining(Aim(EncoderGoal::kWhiten));
    ASSERT_TRUE(training.ok()) << training.status();
    ForgetRows(*model, {0});  // before it is read
    Give(**training, keys, 1, kRows, responses);
    Absorb(*model, keys, kRows, kRows + 20, responses);
    ForgetRows(*model, {5, kRows + 1});
    ASSERT_TRUE((*training)->Run(nullptr).ok());
    ASSERT_TRUE(model->Install(**training, 1, "j").ok());
    model->Maintain();
    const auto view = model->Publish();
    EXPECT_EQ(view->stats().items, kRows + 20 - 3);

    auto fresh = Make(Encoded(Encoder::kLinear, response_dim));
    ASSERT_TRUE(fresh->Load(model->Save()).ok());
    Absorb(*fresh, keys, 0, kRows + 20, responses);
    ForgetRows(*fresh, {0, 5, kRows + 1});
    fresh->Maintain();
    const auto other = fresh->Publish();
    EXPECT_EQ(other->stats().beta, view->stats().beta);
    EXPECT_EQ(other->stats().encoder->job, "j");
    const Answer a = Ask(*view, {.cues = keys}, {.top = 3});
    const Answer b = Ask(*other, {.cues = keys}, {.top = 3});
    ExpectClose<float>(a.recalls, b.recalls, 1e-6);
    for (size_t i = 0; i < keys.rows(); ++i) {
      ASSERT_EQ(a.cues[i].top.size(), 3u);
      for (size_t k = 0; k < 3; ++k) EXPECT_EQ(a.cues[i].top[k].id, b.cues[i].top[k].id);
    }
  }
}

TEST(DenseTraining, WhatDoesNotEndChangesNothing) {
  const Matrix keys = FactorKeys(kRows, 6);
  auto model = Make(Encoded());
  Absorb(*model, keys, 0, kRows);
  model->Maintain();
  const std::string before = model->Save();
  auto cancelled = model->BeginTraining(Aim(EncoderGoal::kNoiseAware));
  ASSERT_TRUE(cancelled.ok());
  Give(**cancelled, keys, 0, kRows);
  EXPECT_TRUE(absl::IsCancelled((*cancelled)->Run([](const TrainProgress&) { return false; })));
  model->AbandonTraining();
  EXPECT_EQ(model->Save(), before);
  // Of two, the later one counts.
  auto first = model->BeginTraining(Aim(EncoderGoal::kCentre));
  Give(**first, keys, 0, kRows);
  ASSERT_TRUE((*first)->Run(nullptr).ok());
  auto second = model->BeginTraining(Aim(EncoderGoal::kCentre));
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(GetErrorDetail(model->Install(**first, 1, "j"))->reason, "TRAINING_ABANDONED");
  EXPECT_EQ(model->Save(), before);
}

TEST(DenseTraining, KeysThatAreAllTheSameAreNothingToLearnFrom) {
  Matrix keys(3, kDim);
  for (float& x : keys.flat()) x = 0.1f;  // of which a mean of three is rounded
  for (const size_t rows : {size_t{0}, size_t{1}, size_t{3}}) {
    for (const EncoderGoal goal : {EncoderGoal::kCentre, EncoderGoal::kWhiten,
                                   EncoderGoal::kSeparation, EncoderGoal::kNoiseAware}) {
      auto model = Make(Encoded());
      Absorb(*model, keys, 0, 3);
      auto training = model->BeginTraining(Aim(goal));
      ASSERT_TRUE(training.ok());
      if (rows > 0) Give(**training, keys, 0, rows);
      EXPECT_EQ(GetErrorDetail((*training)->Run(nullptr))->reason, "TRAINING_SET_EMPTY");
    }
  }
}

// Fewer keys than numbers, two of them the same, and very long or very short ones.
TEST(DenseTraining, OfAnyScaleAndRankRecallsStayFinite) {
  RecordProperty("seed", 12);
  for (const float scale : {1e-18f, 1.0f, 1e15f}) {
    for (const EncoderGoal goal : {EncoderGoal::kCentre, EncoderGoal::kWhiten,
                                   EncoderGoal::kSeparation, EncoderGoal::kNoiseAware}) {
      SCOPED_TRACE(testing::Message() << scale << " " << Name(goal));
      Matrix keys = FactorKeys(4, 12);
      std::copy_n(keys.row(0).data(), kDim, keys.row(1).data());
      for (float& x : keys.flat()) x *= scale;
      auto model = Make(Encoded());
      Absorb(*model, keys, 0, 4);
      TrainSpec spec = Aim(goal);
      spec.cue_noise *= scale;
      TrainOn(*model, keys, 4, spec);
      const Answer answer = Ask(*model->Publish(), {.cues = keys}, {.top = 1});
      for (const float x : answer.recalls.flat()) EXPECT_TRUE(std::isfinite(x));
      for (size_t i = 2; i < 4; ++i) EXPECT_EQ(answer.cues[i].top[0].id, ItemId(i));
      EXPECT_TRUE(Make(Encoded())->Load(model->Save()).ok());
    }
  }
}

TEST(DenseTraining, WhatItMeasuredIsKeptWithTheEncoder) {
  RecordProperty("seed", 8);
  const Matrix keys = FactorKeys(40, 8);
  auto model = Make(Encoded());
  Absorb(*model, keys, 0, 40);
  TrainOn(*model, keys, 40, Aim(EncoderGoal::kSeparation));
  const EncoderStats stats = *model->Publish()->stats().encoder;
  EXPECT_LT(stats.kept.largest_cosine, stats.start.largest_cosine);
  EXPECT_GT(stats.kept_step, 0);
  auto again = Make(Encoded());
  ASSERT_TRUE(again->Load(model->Save()).ok());
  const EncoderStats loaded = *again->Publish()->stats().encoder;
  EXPECT_EQ(loaded.kept.largest_cosine, stats.kept.largest_cosine);
  EXPECT_EQ(loaded.start.top1, stats.start.top1);
  EXPECT_EQ(loaded.kept_step, stats.kept_step);
  EXPECT_EQ(loaded.position, 7u);
  EXPECT_EQ(loaded.warning, stats.warning);
}

TEST(DenseTraining, BadInputIsRefused) {
  auto plain = Make(Spec(kDim));
  EXPECT_EQ(GetErrorDetail(plain->BeginTraining(Aim(EncoderGoal::kCentre)).status())->reason,
            "NOT_TRAINED");
  auto model = Make(Encoded());
  TrainSpec bad = Aim(EncoderGoal::kNoiseAware);
  bad.cue_noise = std::nan("");
  EXPECT_EQ(GetErrorDetail(model->BeginTraining(bad).status())->reason, "TRAIN_SPEC");
  const Matrix keys = FactorKeys(3, 9);
  Absorb(*model, keys, 0, 3);
  const auto mask = MaskRows(3, kDim, [](size_t, size_t j) { return j > 0; });
  const auto query = model->Publish()->Begin({.cues = keys, .mask = mask}, {});
  EXPECT_EQ(GetErrorDetail(query.status())->reason, "MASK");
  const std::string state = model->Save();
  for (const size_t bytes : {size_t{0}, size_t{3}, state.size() / 2, state.size() - 1}) {
    EXPECT_TRUE(absl::IsDataLoss(Make(Encoded())->Load(state.substr(0, bytes)))) << bytes;
  }
}

}  // namespace
}  // namespace mneme::models
