// The kinds of dense memory that a spec can ask for, behind the model interface.
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/models/dense/auto_radius.h"
#include "core/models/dense/dense_choices.h"
#include "core/models/dense/dense_model.h"
#include "gtest/gtest.h"
#include "tests/unit/core/models/dense/dense_test_util.h"

namespace mneme::models {
namespace {

// As a user's request is read: what was left out is filled in.
DenseSpec Kind(Separation separation, DenseChoices choices = {}) {
  DenseSpec spec{.separation = separation};
  FillIn(choices, spec);
  return spec;
}

std::vector<DenseSpec> AllKinds() {
  std::vector<DenseSpec> kinds;
  for (const Separation separation : {Separation::kExp, Separation::kArgMax}) {
    for (const Similarity similarity :
         {Similarity::kDot, Similarity::kCosine, Similarity::kL2, Similarity::kL1}) {
      kinds.push_back(Kind(separation, {.similarity = similarity}));
    }
  }
  for (const Similarity similarity : {Similarity::kDot, Similarity::kCosine, Similarity::kL2}) {
    kinds.push_back(
        Kind(Separation::kExp, {.similarity = similarity, .state = StateSpace::kSphere}));
  }
  kinds.push_back(Kind(Separation::kRelu1));
  for (const Separation separation : {Separation::kPower, Separation::kRectifiedPower}) {
    for (const int power : {8, 9}) {
      for (const Similarity similarity : {Similarity::kDot, Similarity::kCosine}) {
        kinds.push_back(Kind(separation, {.similarity = similarity, .power = power}));
      }
    }
  }
  kinds.push_back(Kind(Separation::kExp, {.state = StateSpace::kBinary}));
  for (const Separation separation : {Separation::kPower, Separation::kRectifiedPower}) {
    kinds.push_back(Kind(separation, {.state = StateSpace::kBinary, .power = 8}));
  }
  return kinds;
}

std::string Title(const DenseSpec& spec) {
  return std::string(Name(spec.separation)) + " " + std::to_string(spec.power) + " " +
         std::string(Name(spec.similarity)) + " " + std::string(Name(spec.state));
}

Matrix Signs(size_t rows, size_t cols, Random& random) {
  auto signs = GaussianRows<float>(rows, cols, random);
  for (float& x : signs.flat()) x = x < 0 ? -1.0f : 1.0f;
  return signs;
}

std::unique_ptr<Model> Filled(const MemorySpec& spec, const Matrix& keys,
                              MatrixView responses = {}) {
  auto model = Make(spec);
  const absl::Status status = model->Check({.keys = keys, .responses = responses});
  EXPECT_TRUE(status.ok()) << status;
  Absorb(*model, keys, 0, keys.rows(), responses);
  model->Maintain();
  return model;
}

Matrix OneCue(std::initializer_list<float> numbers) {
  Matrix out(1, numbers.size());
  std::copy(numbers.begin(), numbers.end(), out.data());
  return out;
}

TEST(DenseKinds, EachRecallsDamagedKeysInWholeOrInPartsAndAfterALoad) {
  constexpr size_t kRows = 1500, kDim = 64, kCues = 20;
  RecordProperty("seed", 31);
  for (const DenseSpec& kind : AllKinds()) {
    SCOPED_TRACE(Title(kind));
    Random random(31);
    const bool binary = kind.state == StateSpace::kBinary;
    const Matrix keys = binary ? Signs(kRows, kDim, random) : UnitRows<float>(kRows, kDim, random);
    Matrix cues =
        binary ? Matrix::Copy(keys.view().slice(0, kCues)) : Noisy(keys, kCues, 0.3, random);
    for (size_t i = 0; binary && i < kCues; ++i) {
      for (size_t j = 0; j < 3; ++j) cues.at(i, 7 * j + i) *= -1;
    }
    auto model = Filled(Spec(kDim, kind), keys);
    const auto view = model->Publish();
    const Answer whole = Ask(*view, {.cues = cues}, {.top = 2});
    const Answer parts = Ask(*view, {.cues = cues}, {.top = 2}, 1);
    const bool to_the_bit =
        binary || kind.separation == Separation::kArgMax || kind.separation == Separation::kRelu1;
    // A low power mixes in much of the rest; the right key still stands out.
    const double off = to_the_bit ? 0 : kind.power > 0 ? 0.3 : 1e-2;
    for (size_t i = 0; i < kCues; ++i) {
      ASSERT_TRUE(whole.cues[i].error.ok()) << whole.cues[i].error;
      EXPECT_EQ(whole.cues[i].top[0].row, i);
      for (size_t j = 0; j < kDim; ++j) {
        ASSERT_NEAR(whole.recalls.at(i, j), keys.at(i, j), off) << i << ", " << j;
      }
    }
    ExpectClose<float>(parts.recalls, whole.recalls, 1e-5);

    auto again = Make(Spec(kDim, kind));
    ASSERT_TRUE(again->Load(model->Save()).ok());
    Absorb(*again, keys, 0, kRows);
    again->Maintain();
    EXPECT_EQ(again->Publish()->stats().beta, view->stats().beta);
    const Answer loaded = Ask(*again->Publish(), {.cues = cues}, {.top = 2});
    ExpectClose<float>(loaded.recalls, whole.recalls, 0);
  }
}

TEST(DenseKinds, ArgMaxGivesRowsAndResponsesVerbatim) {
  RecordProperty("seed", 32);
  Random random(32);
  auto keys = GaussianRows<float>(700, 20, random);
  for (size_t i = 0; i < keys.rows(); ++i) {
    for (float& x : keys.row(i)) x *= std::exp(static_cast<float>(random.Gaussian()));
  }
  const auto responses = GaussianRows<float>(700, 5, random);
  for (const Similarity similarity : {Similarity::kCosine, Similarity::kL2, Similarity::kL1}) {
    SCOPED_TRACE(Name(similarity));
    const DenseSpec kind = Kind(Separation::kArgMax, {.similarity = similarity});
    const auto own = Filled(Spec(20, kind), keys)->Publish();
    const auto others = Filled(Spec(20, kind, 5), keys, responses)->Publish();
    const Matrix cues = Matrix::Copy(keys.view().slice(100, 30));
    ExpectClose<float>(Ask(*own, {.cues = cues}, {}).recalls, cues, 0);
    ExpectClose<float>(Ask(*others, {.cues = cues}, {}).recalls, responses.view().slice(100, 30),
                       0);
  }
}

TEST(DenseKinds, AWeightedRowAloneInItsSupportComesBackVerbatim) {
  RecordProperty("seed", 33);
  Random random(33);
  const auto keys = GaussianRows<float>(50, 7, random);
  auto model = Make(Spec(7, Kind(Separation::kRelu1)));
  const std::vector<uint64_t> numbers = Numbers(0, 50);
  const std::vector<float> weights(50, 0.3f);
  ASSERT_TRUE(model->Absorb({.keys = keys, .weights = weights, .row_numbers = numbers}).ok());
  model->Maintain();
  const Answer answer = Ask(*model->Publish(), {.cues = keys}, {});
  ExpectClose<float>(answer.recalls, keys, 0);
  for (const CueAnswer& cue : answer.cues) EXPECT_EQ(cue.n_support, 1u);
}

// Keys at 0 and 10 on a line, radius 1; a cue at 2, and one at 0.25.
struct Line {
  Matrix keys = Matrix(2, 1), cues = Matrix(2, 1);
  Line() {
    keys.at(1, 0) = 10;
    cues.at(0, 0) = 2;
    cues.at(1, 0) = 0.25f;
  }
  Answer Recall(NoSupportPolicy policy, std::optional<double> beta = std::nullopt) const {
    DenseSpec kind = Kind(Separation::kRelu1);
    kind.no_support = policy;
    kind.radius = 1;
    return Ask(*Filled(Spec(1, kind), keys)->Publish(), {.cues = cues}, {.beta = beta});
  }
};

TEST(DenseKinds, EachPolicyAnswersWhatNothingSupports) {
  const Line line;
  const Answer none = line.Recall(NoSupportPolicy::kReport);
  EXPECT_EQ(none.cues[0].status, AnswerStatus::kNoSupport);
  EXPECT_EQ(none.cues[0].n_support, 0u);
  EXPECT_EQ(none.recalls.at(0, 0), 2);
  EXPECT_DOUBLE_EQ(none.cues[0].radius, 1);
  EXPECT_EQ(none.cues[1].status, AnswerStatus::kConverged);
  EXPECT_EQ(none.recalls.at(1, 0), 0);
  for (const NoSupportPolicy policy :
       {NoSupportPolicy::kNearest, NoSupportPolicy::kBlend, NoSupportPolicy::kWiden}) {
    SCOPED_TRACE(Name(policy));
    const Answer answer = line.Recall(policy);
    EXPECT_EQ(answer.cues[0].status, AnswerStatus::kConverged);
    EXPECT_EQ(answer.cues[0].fallback, policy);
    EXPECT_EQ(answer.recalls.at(0, 0), 0);
    EXPECT_EQ(answer.cues[1].fallback, NoSupportPolicy::kReport);
    EXPECT_DOUBLE_EQ(answer.cues[0].radius, policy == NoSupportPolicy::kWiden ? 4 : 1);
  }
  // A request's own beta is a radius of its own.
  const Answer wide = line.Recall(NoSupportPolicy::kReport, BetaOfRadius(3));
  EXPECT_EQ(wide.cues[0].status, AnswerStatus::kConverged);
  EXPECT_DOUBLE_EQ(wide.cues[0].radius, 3);
}

TEST(DenseKinds, WithoutSupportAResponseIsZeroAndAListHasNoShares) {
  const Line line;
  DenseSpec kind = Kind(Separation::kRelu1);
  kind.radius = 1;
  Matrix responses(2, 3);
  for (float& x : responses.flat()) x = 5;
  const auto view = Filled(Spec(1, kind, 3), line.keys, responses)->Publish();
  const Answer recall = Ask(*view, {.cues = line.cues}, {});
  EXPECT_EQ(recall.cues[0].status, AnswerStatus::kNoSupport);
  EXPECT_EQ(recall.recalls.at(0, 0), 0);
  EXPECT_EQ(recall.recalls.at(1, 2), 5);
  const Answer list = Ask(*view, {.cues = line.cues}, {.kind = QueryKind::kList, .top = 2});
  EXPECT_EQ(list.cues[0].status, AnswerStatus::kNoSupport);
  ASSERT_EQ(list.cues[0].top.size(), 2u);
  EXPECT_EQ(list.cues[0].top[0].row, 0u);
  EXPECT_EQ(list.cues[0].top[0].share, 0);
  EXPECT_EQ(list.cues[1].top[0].share, 1);
}

TEST(DenseKinds, ShadowedRowsAreCountedAsTheyComeAndGo) {
  DenseSpec kind = Kind(Separation::kRelu1);
  kind.radius = 1;
  auto model = Make(Spec(1, kind));
  Matrix keys(4, 1);
  keys.at(1, 0) = 0.5f;  // near the first
  keys.at(2, 0) = 10;
  keys.at(3, 0) = 10;  // a duplicate
  const auto stats = [&] {
    model->Maintain();
    return model->Publish()->stats();
  };
  EXPECT_EQ(stats().shadowed->items, 0u);
  Absorb(*model, keys, 0, 1);
  EXPECT_EQ(stats().shadowed->shadowed, 0u);
  Absorb(*model, keys, 1, 4);
  EXPECT_EQ(stats().shadowed->shadowed, 2u);
  EXPECT_EQ(stats().shadowed->items, 4u);
  EXPECT_EQ(stats().radius, 1);
  ForgetRows(*model, {1});
  EXPECT_EQ(stats().shadowed->shadowed, 0u);
  EXPECT_FALSE(Filled(Spec(1), keys)->Publish()->stats().shadowed.has_value());
}

TEST(DenseKinds, ManyRowsAreNotComparedBesideWrites) {
  RecordProperty("seed", 34);
  Random random(34);
  // 2 · 2000² · 512 is above the 2e9 that a doubling may cost.
  const auto keys = GaussianRows<float>(2000, 512, random);
  DenseSpec kind = Kind(Separation::kRelu1);
  kind.radius = 1;
  const auto stats = Filled(Spec(512, kind), keys)->Publish()->stats();
  ASSERT_TRUE(stats.shadowed.has_value());
  EXPECT_EQ(stats.shadowed->items, 0u);
}

TEST(DenseKinds, BinaryStatesRefuseOtherNumbers) {
  auto model = Make(Spec(3, Kind(Separation::kExp, {.state = StateSpace::kBinary})));
  for (const float bad : {0.0f, 0.5f, -2.0f, 1e20f}) {
    const Matrix keys = OneCue({1, bad, -1});
    const absl::Status status = model->Check({.keys = keys});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(GetErrorDetail(status)->reason, "NOT_BINARY");
  }
  Absorb(*model, OneCue({1, 1, -1}), 0, 1);
  model->Maintain();
  const auto view = model->Publish();
  const Matrix bad = OneCue({1, 0.5f, -1});
  const auto query = view->Begin({.cues = bad}, {});
  EXPECT_EQ(GetErrorDetail(query.status())->reason, "NOT_BINARY");
  // Among others it fails alone, and what is masked may be anything.
  Matrix two(2, 3);
  std::copy_n(bad.data(), 3, two.data());
  std::copy_n(OneCue({1, 1, 1}).data(), 3, two.row(1).data());
  const Answer answer = Ask(*view, {.cues = two}, {});
  EXPECT_EQ(GetErrorDetail(answer.cues[0].error)->reason, "NOT_BINARY");
  EXPECT_TRUE(answer.cues[1].error.ok());
  EXPECT_EQ(answer.recalls.at(1, 2), -1);
  const auto mask = MaskRows(1, 3, [](size_t, size_t j) { return j != 1; });
  const Answer masked = Ask(*view, {.cues = bad, .mask = mask}, {});
  ASSERT_TRUE(masked.cues[0].error.ok()) << masked.cues[0].error;
  EXPECT_EQ(masked.recalls.at(0, 1), 1);
}

TEST(DenseKinds, APowerKnowsDirectionsOnly) {
  RecordProperty("seed", 35);
  Random random(35);
  const auto keys = UnitRows<float>(300, 32, random);
  const auto cues = Noisy(keys, 10, 0.3, random);
  for (const Separation separation : {Separation::kPower, Separation::kRectifiedPower}) {
    for (const Similarity similarity : {Similarity::kDot, Similarity::kCosine}) {
      const DenseSpec kind =
          Kind(separation, {.similarity = similarity, .state = StateSpace::kSphere, .power = 16});
      const Answer plain = Ask(*Filled(Spec(32, kind), keys)->Publish(), {.cues = cues}, {});
      for (const float scale : {1e-25f, 1e-12f, 1e12f, 1e17f}) {
        SCOPED_TRACE(testing::Message() << Title(kind) << " times " << scale);
        Matrix long_cues = Matrix::Copy(cues), long_keys = Matrix::Copy(keys);
        for (float& x : long_cues.flat()) x *= scale;
        if (scale > 1e-20f) {  // a key needs a length in float32
          for (float& x : long_keys.flat()) x *= scale;
        }
        const Answer answer =
            Ask(*Filled(Spec(32, kind), long_keys)->Publish(), {.cues = long_cues}, {});
        for (const CueAnswer& cue : answer.cues) ASSERT_TRUE(cue.error.ok()) << cue.error;
        ExpectClose<float>(answer.recalls, plain.recalls, 1e-4);
      }
    }
  }
}

TEST(DenseKinds, HostileNumbersGiveAnswersOrErrorsNeverNaN) {
  for (const DenseSpec& kind : AllKinds()) {
    if (kind.state == StateSpace::kBinary) continue;
    for (const float scale : {1e-25f, 1e-12f, 1.0f, 1e12f, 1e20f, 1e30f}) {
      SCOPED_TRACE(testing::Message() << Title(kind) << " times " << scale);
      Matrix keys(4, 3);
      for (size_t i = 0; i < 3; ++i) keys.at(i, i) = scale;
      keys.at(3, 2) = scale;  // a duplicate
      auto model = Make(Spec(3, kind));
      if (!model->Check({.keys = keys}).ok()) continue;  // no length in float32
      Absorb(*model, keys, 0, 4);
      model->Maintain();
      const auto view = model->Publish();
      EXPECT_TRUE(std::isfinite(view->stats().beta));
      for (const float size : {1e-25f, 1.0f, 1e20f}) {
        const Matrix cue = OneCue({size, size / 4, 0});
        for (const QueryKind query : {QueryKind::kRetrieve, QueryKind::kList}) {
          if (!view->Begin({.cues = cue}, {.kind = query, .top = 1}).ok()) continue;
          const Answer answer = Ask(*view, {.cues = cue}, {.kind = query, .top = 1});
          if (!answer.cues[0].error.ok()) continue;
          for (const float x : answer.recalls.flat()) EXPECT_FALSE(std::isnan(x));
          EXPECT_FALSE(std::isnan(answer.cues[0].p_max));
        }
      }
    }
  }
}

TEST(DenseKinds, AnEmptyMemoryAndOneOfOneItemAnswer) {
  for (const DenseSpec& kind : AllKinds()) {
    SCOPED_TRACE(Title(kind));
    auto model = Make(Spec(4, kind));
    const Matrix cue = OneCue({1, -1, 1, 1});
    EXPECT_EQ(Ask(*model->Publish(), {.cues = cue}, {}).cues[0].status, AnswerStatus::kEmptyStore);
    Absorb(*model, cue, 0, 1);
    model->Maintain();
    const Answer one = Ask(*model->Publish(), {.cues = cue}, {.top = 1});
    EXPECT_EQ(one.cues[0].status, AnswerStatus::kConverged);
    EXPECT_EQ(one.cues[0].top[0].row, 0u);
    const float length = kind.state == StateSpace::kSphere ? 2.0f : 1.0f;  // of the recall
    for (size_t j = 0; j < 4; ++j) {
      EXPECT_NEAR(one.recalls.at(0, j) * length, cue.at(0, j), 1e-6);
    }
  }
}

TEST(DenseKinds, ABetaThatChangesNothingIsRefused) {
  for (const Separation separation : {Separation::kPower, Separation::kArgMax}) {
    const auto view = Filled(Spec(2, Kind(separation)), OneCue({1, 0}))->Publish();
    const Matrix cue = OneCue({1, 0});
    const auto query = view->Begin({.cues = cue}, {.beta = 2});
    EXPECT_EQ(GetErrorDetail(query.status())->reason, "BETA");
  }
}

TEST(DenseKinds, OnlyExpKeepsCodes) {
  RecordProperty("seed", 36);
  Random random(36);
  const auto keys = GaussianRows<float>(1024, 64, random);
  const auto bytes = [&](const DenseSpec& kind) {
    return Filled(Spec(64, kind), keys)->Publish()->stats().row_bytes;
  };
  EXPECT_GT(bytes(Kind(Separation::kExp)), bytes(Kind(Separation::kRelu1)) + 1024 * 64);
  EXPECT_EQ(bytes(Kind(Separation::kExp, {.similarity = Similarity::kL1})),
            bytes(Kind(Separation::kRelu1)));
}

TEST(DenseKinds, WhatIsLeftOutFollowsFromTheRest) {
  const DenseSpec exp = Kind(Separation::kExp);
  EXPECT_EQ(exp.similarity, Similarity::kL2);
  EXPECT_EQ(exp.steps_max, 8);
  EXPECT_EQ(Kind(Separation::kRelu1).steps_max, 32);
  EXPECT_EQ(Kind(Separation::kArgMax).steps_max, 1);
  const DenseSpec binary = Kind(Separation::kExp, {.state = StateSpace::kBinary});
  EXPECT_EQ(binary.similarity, Similarity::kDot);
  EXPECT_EQ(binary.steps_max, 50);
  const DenseSpec power = Kind(Separation::kPower);
  EXPECT_EQ(power.similarity, Similarity::kCosine);
  EXPECT_EQ(power.power, 3);
  EXPECT_EQ(power.state, StateSpace::kFree);
  EXPECT_EQ(Kind(Separation::kPower, {.power = 4}).state, StateSpace::kSphere);
  EXPECT_EQ(Kind(Separation::kRectifiedPower, {.similarity = Similarity::kDot}).state,
            StateSpace::kSphere);
  for (const DenseSpec& kind : AllKinds()) {
    EXPECT_TRUE(ValidateSpec(Spec(4, kind)).ok()) << Title(kind) << ValidateSpec(Spec(4, kind));
  }
}

}  // namespace
}  // namespace mneme::models
