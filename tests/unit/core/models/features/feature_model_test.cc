// Memories of feature sums as models: batches, forgetting, fading, bytes, merges, questions.
#include "core/models/features/feature_model.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/base/row_set.h"
#include "core/base/status.h"
#include "core/models/features/feature_state.h"
#include "core/models/features/quadratic_model.h"
#include "core/theory/random_features.h"
#include "gtest/gtest.h"

namespace mneme::models {
namespace {

constexpr size_t kDim = 6;

MemorySpec Spec(FeatureKind kind, size_t response_dim = 0) {
  FeatureSpec feature{.kind = kind, .features = 1500, .beta = 2, .seed = 5};
  if (kind == FeatureKind::kQuadratic) feature = {.kind = kind, .seed = 5};
  return {.key_dim = kDim,
          .response_dim = response_dim,
          .retain = Retain::kStatistics,
          .model = feature};
}

FeatureSpec& FeatureOf(MemorySpec& spec) { return std::get<FeatureSpec>(spec.model); }

std::unique_ptr<Model> Make(const MemorySpec& spec) {
  auto model = MakeModel(spec);
  EXPECT_TRUE(model.ok()) << model.status();
  return *std::move(model);
}

// Keys that every kind takes: signs for the quadratic one.
Matrix Keys(size_t rows, FeatureKind kind, uint64_t seed, size_t dim = kDim) {
  Random random(seed);
  Matrix keys(rows, dim);
  random.FillGaussian(keys.flat());
  for (float& x : keys.flat()) {
    x = kind == FeatureKind::kQuadratic ? (x < 0 ? -1.0f : 1.0f) : 0.5f * x;
  }
  return keys;
}

RowBlock Rows(MatrixView keys, std::vector<uint64_t>& numbers, MatrixView responses = {}) {
  numbers.resize(keys.rows);
  std::iota(numbers.begin(), numbers.end(), uint64_t{0});
  return {.keys = keys, .responses = responses, .row_numbers = numbers};
}

void Absorb(Model& model, MatrixView keys, MatrixView responses = {}) {
  std::vector<uint64_t> numbers;
  const absl::Status status = model.Absorb(Rows(keys, numbers, responses));
  EXPECT_TRUE(status.ok()) << status;
}

void Forget(Model& model, MatrixView keys, MatrixView responses = {}) {
  std::vector<uint64_t> numbers;
  const absl::Status status = model.Forget(Rows(keys, numbers, responses));
  EXPECT_TRUE(status.ok()) << status;
}

absl::StatusOr<Answer> TryAsk(const View& view, MatrixView cues, const QuerySpec& spec) {
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<Query> query, view.Begin({.cues = cues}, spec));
  for (;;) {
    // Two halves, merged: as threads do it.
    const std::unique_ptr<Partial> all = query->Empty(), rest = query->Empty();
    query->Probe(0, query->parts() / 2, *all);
    query->Probe(query->parts() / 2, query->parts(), *rest);
    query->Merge(*all, *rest);
    MNEME_ASSIGN_OR_RETURN(const bool done, query->Settle(*all));
    if (done) return query->TakeAnswer();
  }
}

Answer Ask(Model& model, MatrixView cues, const QuerySpec& spec = {}) {
  auto answer = TryAsk(*model.Publish(), cues, spec);
  EXPECT_TRUE(answer.ok()) << answer.status();
  return *std::move(answer);
}

std::string ReasonOf(const absl::Status& status) {
  const auto detail = GetErrorDetail(status);
  return detail ? detail->reason : "";
}

class EachFeatureKind : public testing::TestWithParam<FeatureKind> {};

TEST_P(EachFeatureKind, BatchesChangeNothing) {
  const MemorySpec spec = Spec(GetParam());
  const Matrix keys = Keys(700, GetParam(), 1);
  const auto whole = Make(spec), parts = Make(spec);
  Absorb(*whole, keys);
  for (const auto& [first, count] : {std::pair{0, 1}, {1, 300}, {301, 399}}) {
    Absorb(*parts, keys.view().slice(first, count));
  }
  const Matrix cues = Keys(5, GetParam(), 2);
  const Answer a = Ask(*whole, cues), b = Ask(*parts, cues);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(a.cues[i].status, b.cues[i].status);
    EXPECT_NEAR(a.cues[i].energy, b.cues[i].energy, 1e-9);
    for (size_t j = 0; j < kDim; ++j) {
      EXPECT_NEAR(a.recalls.at(i, j), b.recalls.at(i, j), 1e-5);
    }
  }
}

TEST_P(EachFeatureKind, ForgettingUndoesStoring) {
  const MemorySpec spec = Spec(GetParam());
  const Matrix kept = Keys(3, GetParam(), 3), gone = Keys(40, GetParam(), 4);
  const auto model = Make(spec), plain = Make(spec);
  Absorb(*model, kept);
  Absorb(*model, gone);
  Forget(*model, gone);
  Absorb(*plain, kept);
  const Answer a = Ask(*model, kept, {.steps_max = 1}), b = Ask(*plain, kept, {.steps_max = 1});
  EXPECT_EQ(model->Publish()->stats().items, 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(a.cues[i].energy, b.cues[i].energy, 1e-11);
  Forget(*model, kept);
  EXPECT_EQ(Ask(*model, kept).cues[0].status, AnswerStatus::kEmptyStore);
}

TEST_P(EachFeatureKind, StateComesBackFromItsBytes) {
  const MemorySpec spec = Spec(GetParam());
  const Matrix keys = Keys(20, GetParam(), 5);
  const auto model = Make(spec), loaded = Make(spec);
  Absorb(*model, keys);
  ASSERT_TRUE(loaded->Load(model->Save()).ok());
  EXPECT_EQ(loaded->Save(), model->Save());
  EXPECT_EQ(loaded->Publish()->stats().items, 20u);
  EXPECT_EQ(Ask(*loaded, keys).cues[0].energy, Ask(*model, keys).cues[0].energy);
}

TEST_P(EachFeatureKind, DamagedStatesAreRefusedAndChangeNothing) {
  const MemorySpec spec = Spec(GetParam());
  const auto model = Make(spec);
  Absorb(*model, Keys(20, GetParam(), 6));
  const std::string saved = model->Save();
  std::string no_number = saved;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  std::memcpy(no_number.data() + no_number.size() - sizeof(nan), &nan, sizeof(nan));
  MemorySpec other = spec;
  other.key_dim = kDim + 1;
  for (const std::string& bytes : {std::string(), saved.substr(0, saved.size() / 2), saved + "x",
                                   no_number, "x" + saved, Make(other)->Save()}) {
    EXPECT_TRUE(absl::IsDataLoss(model->Load(bytes))) << bytes.size();
  }
  EXPECT_EQ(model->Save(), saved);
}

TEST_P(EachFeatureKind, MergedSumsAreThoseOfAllRows) {
  const MemorySpec spec = Spec(GetParam());
  const Matrix keys = Keys(30, GetParam(), 7);
  const auto left = Make(spec), right = Make(spec), all = Make(spec);
  Absorb(*left, keys.view().slice(0, 10));
  Absorb(*right, keys.view().slice(10, 20));
  Absorb(*all, keys);
  const auto merged = left->Merged(*right->Publish()->Sketch());
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_EQ(merged->items, 20);
  ASSERT_TRUE(left->Load(merged->state).ok());
  EXPECT_EQ(left->Publish()->stats().items, 30u);
  EXPECT_EQ(right->Publish()->stats().items, 20u);
  const Answer a = Ask(*left, keys, {.steps_max = 1}), b = Ask(*all, keys, {.steps_max = 1});
  for (size_t i = 0; i < 30; ++i) EXPECT_NEAR(a.cues[i].energy, b.cues[i].energy, 1e-9);
}

// Its sums would be added, and no item counted: nothing would be logged.
TEST_P(EachFeatureKind, ASketchFromWhichMoreWasTakenThanPutInIsRefused) {
  const MemorySpec spec = Spec(GetParam());
  const auto model = Make(spec), taker = Make(spec);
  const Matrix keys = Keys(5, GetParam(), 7);
  Absorb(*taker, keys.view().slice(0, 2));
  Forget(*taker, keys);
  const auto merged = model->Merged(*taker->Publish()->Sketch());
  EXPECT_EQ(ReasonOf(merged.status()), "SKETCH") << merged.status();
}

TEST_P(EachFeatureKind, SketchesThatAreNoneOrOthersAreRefused) {
  const MemorySpec spec = Spec(GetParam());
  const auto model = Make(spec);
  Absorb(*model, Keys(5, GetParam(), 8));
  const std::string sketch = *model->Publish()->Sketch();
  std::string turned = sketch;
  turned[sketch.size() / 2] ^= 1;
  std::string newer = sketch;
  newer[8] = 2;
  for (const std::string& bytes :
       {std::string(), std::string("hello"), sketch.substr(0, 20), turned, newer,
        EncodeSketch("no state"), EncodeSketch(EncodeFeatureState(5, "no sums"))}) {
    const absl::Status status = model->Merged(bytes).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(ReasonOf(status), "SKETCH");
  }
  MemorySpec other = spec;
  other.key_dim = kDim + 1;
  const absl::Status status = Make(other)->Merged(sketch).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(status), "FEATURES_DIFFER");
}

TEST_P(EachFeatureKind, SaysWhatItCannotAnswer) {
  const auto model = Make(Spec(GetParam()));
  const Matrix keys = Keys(2, GetParam(), 9);
  Absorb(*model, keys);
  const auto view = model->Publish();
  const auto reason = [&](const QuerySpec& spec, std::span<const uint8_t> mask = {}) {
    return ReasonOf(view->Begin({.cues = keys, .mask = mask}, spec).status());
  };
  const std::vector<uint8_t> mask(2, 0xff);
  EXPECT_EQ(reason({}, mask), "MASK_NOT_SUPPORTED");
  EXPECT_EQ(reason({.beta = 1}), "BETA_NOT_SUPPORTED");
  EXPECT_EQ(reason({.rows = std::make_shared<RowSet>()}), "FILTER");
  EXPECT_EQ(reason({.kind = QueryKind::kList, .top = 3}), "CODEBOOK_NOT_KEPT");
  EXPECT_EQ(reason({.top = 1}), "CODEBOOK_NOT_KEPT");
  EXPECT_EQ(reason({}), "");
}

TEST_P(EachFeatureKind, BytesAreThoseOfTheSpecWhateverItHolds) {
  const auto model = Make(Spec(GetParam()));
  const uint64_t empty = model->Publish()->stats().fixed_bytes;
  Absorb(*model, Keys(1000, GetParam(), 10));
  const ModelStats& stats = model->Publish()->stats();
  EXPECT_EQ(stats.fixed_bytes, empty);
  EXPECT_EQ(stats.row_bytes, 0u);
  uint64_t sum = 0;
  for (const ByteAccount& account : stats.bytes) sum += account.bytes;
  EXPECT_EQ(sum, stats.fixed_bytes);
}

INSTANTIATE_TEST_SUITE_P(Kinds, EachFeatureKind,
                         testing::Values(FeatureKind::kTrig, FeatureKind::kOrthogonal,
                                         FeatureKind::kPositive, FeatureKind::kQuadratic),
                         [](const auto& test) { return std::string(Name(test.param)); });

TEST(FeatureModel, RecallDescendsToTheStoredItem) {
  MemorySpec spec = Spec(FeatureKind::kTrig);
  spec.key_dim = 64;
  FeatureOf(spec).features = 16'000;
  FeatureOf(spec).beta = 30;
  const auto model = Make(spec);
  Random random(11);
  Matrix keys(20, 64), cues(20, 64);
  for (float& x : keys.flat()) x = random.Uniform() < 0.5 ? 0.0f : 0.125f;
  for (size_t i = 0; i < cues.flat().size(); ++i) {
    cues.flat()[i] = i % 10 == 0 ? 0.125f - keys.flat()[i] : keys.flat()[i];
  }
  Absorb(*model, keys);
  const Answer answer = Ask(*model, cues);
  size_t wrong = 0;
  for (size_t i = 0; i < keys.flat().size(); ++i) {
    wrong += (answer.recalls.flat()[i] > 0.0625f) != (keys.flat()[i] > 0);
  }
  EXPECT_LE(wrong, 6u) << "of 1280";
  const Answer energies = Ask(*model, cues, {.steps_max = 1});
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_GT(answer.cues[i].steps, 1);
    EXPECT_LT(answer.cues[i].energy, energies.cues[i].energy);
    EXPECT_GT(answer.cues[i].z_best, 5);
  }
}

TEST(FeatureModel, OneStepTellsTheEnergyOfTheCueItself) {
  const auto model = Make(Spec(FeatureKind::kTrig));
  const Matrix keys = Keys(1, FeatureKind::kTrig, 12);
  Absorb(*model, keys);
  const Answer answer = Ask(*model, keys, {.steps_max = 1});
  EXPECT_EQ(answer.cues[0].status, AnswerStatus::kConverged);
  EXPECT_EQ(answer.cues[0].steps, 1);
  EXPECT_NEAR(answer.cues[0].energy, 0, 1e-9);  // -(1/beta) ln 1
  EXPECT_NEAR(answer.cues[0].z_best, 1 / theory::DensityStd(1, 1500), 1e-6);
  for (size_t j = 0; j < kDim; ++j) EXPECT_EQ(answer.recalls.at(0, j), keys.at(0, j));
}

TEST(FeatureModel, StrangersStandHighAndAreToldFromItems) {
  MemorySpec spec = Spec(FeatureKind::kTrig);
  FeatureOf(spec).features = 8000;
  FeatureOf(spec).beta = 40;
  const auto model = Make(spec);
  const Matrix keys = Keys(50, FeatureKind::kTrig, 13), others = Keys(50, FeatureKind::kTrig, 14);
  Absorb(*model, keys);
  const Answer known = Ask(*model, keys, {.steps_max = 1});
  const Answer strange = Ask(*model, others, {.steps_max = 1});
  for (size_t i = 0; i < 50; ++i) {
    EXPECT_GT(known.cues[i].z_best, 10);
    EXPECT_LT(strange.cues[i].z_best, 5);
    EXPECT_LT(known.cues[i].energy, strange.cues[i].energy);
  }
}

TEST(FeatureModel, ResponsesAreTheMeanOfNearItems) {
  const auto model = Make(Spec(FeatureKind::kTrig, 2));
  Matrix keys(2, kDim), responses(2, 2);
  keys.at(0, 0) = 3;
  keys.at(1, 0) = -3;
  responses.at(0, 0) = 5;
  responses.at(1, 1) = 7;
  Absorb(*model, keys, responses);
  const Answer answer = Ask(*model, keys);
  EXPECT_NEAR(answer.recalls.at(0, 0), 5, 0.5);
  EXPECT_NEAR(answer.recalls.at(0, 1), 0, 0.5);
  EXPECT_NEAR(answer.recalls.at(1, 1), 7, 0.7);
  Forget(*model, keys, responses);
  EXPECT_EQ(Ask(*model, keys).cues[0].status, AnswerStatus::kEmptyStore);
}

TEST(FeatureModel, ItemsFadeByGammaHoweverTheyCome) {
  MemorySpec spec = Spec(FeatureKind::kTrig);
  FeatureOf(spec).gamma = 0.5;
  const auto whole = Make(spec), single = Make(spec);
  EXPECT_EQ(whole->law(), Law::kOrdered);
  const Matrix keys = Keys(4, FeatureKind::kTrig, 15);
  Absorb(*whole, keys);
  for (size_t i = 0; i < 4; ++i) Absorb(*single, keys.view().slice(i, 1));
  // Given by hand: the weights that they have now.
  const auto weighted = Make(Spec(FeatureKind::kTrig));
  std::vector<uint64_t> numbers;
  RowBlock rows = Rows(keys, numbers);
  const std::vector<float> weights = {0.125f, 0.25f, 0.5f, 1.0f};
  rows.weights = weights;
  ASSERT_TRUE(weighted->Absorb(rows).ok());
  for (const auto* model : {&whole, &single}) {
    const Answer a = Ask(**model, keys, {.steps_max = 1});
    const Answer b = Ask(*weighted, keys, {.steps_max = 1});
    for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(a.cues[i].energy, b.cues[i].energy, 1e-9);
  }
  // So many that the first have faded beyond float64.
  Absorb(*whole, Keys(5000, FeatureKind::kTrig, 16));
  EXPECT_TRUE(std::isfinite(Ask(*whole, keys).cues[0].energy));
}

TEST(FeatureModel, NumbersOfAnySizeLeaveItWhole) {
  for (const FeatureKind kind : {FeatureKind::kTrig, FeatureKind::kOrthogonal}) {
    const auto model = Make(Spec(kind));
    Matrix keys(4, kDim);
    for (size_t j = 0; j < kDim; ++j) {
      keys.at(0, j) = 1e20f;
      keys.at(1, j) = 1e-25f;
      keys.at(2, j) = std::numeric_limits<float>::max();
    }
    std::vector<uint64_t> numbers;
    RowBlock rows = Rows(keys, numbers);
    EXPECT_TRUE(model->Check(rows).ok());
    const std::vector<float> weights = {std::numeric_limits<float>::max(), 1, 1, 1e-30f};
    rows.weights = weights;
    ASSERT_TRUE(model->Absorb(rows).ok());
    const Answer answer = Ask(*model, keys);
    for (size_t i = 0; i < 4; ++i) {
      if (!answer.cues[i].error.ok()) continue;
      EXPECT_TRUE(std::isfinite(answer.cues[i].energy));
      for (const float x : answer.recalls.row(i)) EXPECT_TRUE(std::isfinite(x));
    }
    EXPECT_TRUE(model->Load(model->Save()).ok());
  }
}

TEST(FeatureModel, ResponsesBeyondFloatAreAnErrorOfTheirCue) {
  const auto model = Make(Spec(FeatureKind::kTrig, 1));
  Matrix keys(2, kDim), responses(2, 1);
  keys.at(0, 0) = 10;
  responses.at(0, 0) = responses.at(1, 0) = std::numeric_limits<float>::max();
  Absorb(*model, keys, responses);
  for (const CueAnswer& cue : Ask(*model, keys).cues) {
    EXPECT_TRUE(cue.error.ok() || ReasonOf(cue.error) == "NOT_FINITE") << cue.error;
  }
}

TEST(FeatureModel, PositiveFeaturesRefuseKeysWhereTheyVanish) {
  const auto model = Make(Spec(FeatureKind::kPositive));
  Matrix keys(2, kDim);
  keys.at(1, 0) = 100;
  std::vector<uint64_t> numbers;
  const absl::Status status = model->Check(Rows(keys, numbers));
  EXPECT_EQ(ReasonOf(status), "FEATURE_RANGE");
  // The worst key that is taken: along a frequency, with the largest weight.
  keys.at(1, 0) = static_cast<float>(std::sqrt(kPositiveExponentMax / 2) * 0.999);
  RowBlock rows = Rows(keys, numbers);
  const std::vector<float> weights(2, std::numeric_limits<float>::max());
  rows.weights = weights;
  ASSERT_TRUE(model->Check(rows).ok());
  EXPECT_TRUE(model->Absorb(rows).ok());
}

TEST(FeatureModel, SketchesOfOtherSeedsAndWidthsAreRefusedWithBothNamed) {
  MemorySpec spec = Spec(FeatureKind::kTrig);
  const auto model = Make(spec);
  FeatureOf(spec).seed = 6;
  const absl::Status seed = Make(spec)->Merged(*model->Publish()->Sketch()).status();
  EXPECT_EQ(ReasonOf(seed), "FEATURES_DIFFER");
  EXPECT_NE(GetErrorDetail(seed)->given.find("seed 5"), std::string::npos);
  EXPECT_NE(GetErrorDetail(seed)->expected.find("seed 6"), std::string::npos);
  FeatureOf(spec) = {.features = 1500, .beta = 2.5, .seed = 5};
  EXPECT_EQ(ReasonOf(Make(spec)->Merged(*model->Publish()->Sketch()).status()), "FEATURES_DIFFER");
}

TEST(FeatureModel, RandomAndQuadraticSumsDoNotAdd) {
  const auto random = Make(Spec(FeatureKind::kTrig)),
             quadratic = Make(Spec(FeatureKind::kQuadratic));
  for (const auto& [into, from] :
       {std::pair{random.get(), quadratic.get()}, std::pair{quadratic.get(), random.get()}}) {
    EXPECT_EQ(ReasonOf(into->Merged(*from->Publish()->Sketch()).status()), "FEATURES_DIFFER");
  }
}

TEST(FeatureModel, HostileSketchesNeitherBreakItNorGrowItForEver) {
  const MemorySpec spec = Spec(FeatureKind::kTrig);
  const auto model = Make(spec);
  Absorb(*model, Keys(3, FeatureKind::kTrig, 17));
  std::string state = model->Save();
  const double huge = 9e299;
  std::memcpy(state.data() + state.size() - sizeof(huge), &huge, sizeof(huge));
  const auto once = model->Merged(EncodeSketch(state));
  ASSERT_TRUE(once.ok()) << once.status();
  ASSERT_TRUE(model->Load(once->state).ok());
  const absl::Status twice = model->Merged(EncodeSketch(state)).status();
  EXPECT_EQ(ReasonOf(twice), "FEATURE_RANGE");
  const Answer answer = Ask(*model, Keys(3, FeatureKind::kTrig, 17));
  EXPECT_EQ(answer.cues.size(), 3u);
  EXPECT_TRUE(model->Load(model->Save()).ok());
}

TEST(FeatureModel, ManyThousandDuplicatesAreOneDeepBasin) {
  const auto model = Make(Spec(FeatureKind::kTrig));
  const Matrix one = Keys(1, FeatureKind::kTrig, 18);
  Matrix keys(3000, kDim);
  for (size_t i = 0; i < 3000; ++i) std::ranges::copy(one.row(0), keys.row(i).begin());
  Absorb(*model, keys);
  EXPECT_NEAR(Ask(*model, one).cues[0].energy, -std::log(3000.0) / 2, 1e-6);
}

TEST(QuadraticModel, RecallsPatternsWithTurnedSigns) {
  MemorySpec spec = Spec(FeatureKind::kQuadratic);
  spec.key_dim = 200;
  const auto model = Make(spec);
  const Matrix keys = Keys(10, FeatureKind::kQuadratic, 19, 200);
  Absorb(*model, keys);
  Matrix cues = keys.Clone();
  for (size_t i = 0; i < 10; ++i) {
    for (size_t j = 0; j < 20; ++j) cues.at(i, (7 * i + 9 * j) % 200) *= -1;
  }
  const Answer answer = Ask(*model, cues);
  const Answer before = Ask(*model, cues, {.steps_max = 1});
  size_t wrong = 0;
  for (size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(answer.cues[i].status, AnswerStatus::kConverged);
    EXPECT_LT(answer.cues[i].energy, before.cues[i].energy);
    for (size_t j = 0; j < 200; ++j) {
      wrong += answer.recalls.at(i, j) != keys.at(i, j);
      EXPECT_EQ(before.recalls.at(i, j), cues.at(i, j));
    }
  }
  EXPECT_LE(wrong, 4u) << "of 2000";
}

TEST(QuadraticModel, TakesSignsAndUnitWeightsOnly) {
  const auto model = Make(Spec(FeatureKind::kQuadratic));
  Matrix keys = Keys(2, FeatureKind::kQuadratic, 20);
  std::vector<uint64_t> numbers;
  RowBlock rows = Rows(keys, numbers);
  EXPECT_TRUE(model->Check(rows).ok());
  const std::vector<float> weights = {1, 2};
  rows.weights = weights;
  EXPECT_EQ(ReasonOf(model->Check(rows)), "WEIGHT");
  keys.at(1, 3) = 0.5f;
  EXPECT_EQ(ReasonOf(model->Check(Rows(keys, numbers))), "NOT_BINARY");
  Absorb(*model, Keys(2, FeatureKind::kQuadratic, 21));
  const Answer answer = Ask(*model, keys);
  EXPECT_TRUE(answer.cues[0].error.ok());
  EXPECT_EQ(ReasonOf(answer.cues[1].error), "NOT_BINARY");
}

TEST(QuadraticModel, SumsThatNoPatternsMakeAreRefused) {
  const auto model = Make(Spec(FeatureKind::kQuadratic));
  Absorb(*model, Keys(2, FeatureKind::kQuadratic, 22));
  const std::string saved = model->Save();
  for (const double x : {0.5, 1e300, std::numeric_limits<double>::infinity()}) {
    std::string state = saved;
    std::memcpy(state.data() + state.size() - sizeof(x), &x, sizeof(x));
    EXPECT_EQ(ReasonOf(model->Merged(EncodeSketch(state)).status()), "SKETCH") << x;
  }
  const double most = 0x1p50;
  std::string state = saved;
  std::memcpy(state.data() + state.size() - sizeof(most), &most, sizeof(most));
  EXPECT_EQ(ReasonOf(model->Merged(EncodeSketch(state)).status()), "FEATURE_RANGE");
}

struct Refused {
  std::string field;
  MemorySpec spec;
};

TEST(FeatureSpec, NamesTheFieldThatIsWrong) {
  const auto with = [](FeatureKind kind, auto change) {
    MemorySpec spec = Spec(kind);
    change(spec, FeatureOf(spec));
    return spec;
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  using M = MemorySpec;
  using F = FeatureSpec;
  const FeatureKind trig = FeatureKind::kTrig, quad = FeatureKind::kQuadratic;
  const std::vector<Refused> all = {
      {"beta", with(trig, [](M&, F& f) { f.beta = 0; })},
      {"beta", with(trig, [](M&, F& f) { f.beta = -1; })},
      {"beta", with(trig, [&](M&, F& f) { f.beta = nan; })},
      {"beta", with(trig, [](M&, F& f) { f.beta = 1e-300; })},
      {"features", with(trig, [](M&, F& f) { f.features = 0; })},
      {"features", with(trig, [](M&, F& f) { f.features = size_t{1} << 40; })},
      {"features", with(trig, [](M& m, F& f) { m.key_dim = 16384, f.features = 2000; })},
      {"features",
       with(FeatureKind::kOrthogonal, [](M& m, F& f) { m.key_dim = 1024, f.features = 4096; })},
      {"kind", with(FeatureKind::kPositive, [](M& m, F&) { m.key_dim = 2000; })},
      {"kind", with(trig, [](M&, F& f) { f.kind = static_cast<FeatureKind>(9); })},
      {"kind", with(quad, [](M&, F& f) { f.features = 5; })},
      {"kind", with(quad, [](M&, F& f) { f.beta = 5; })},
      {"kind", with(quad, [](M& m, F&) { m.response_dim = 5; })},
      {"gamma", with(quad, [](M&, F& f) { f.gamma = 0.5; })},
      {"gamma", with(trig, [](M&, F& f) { f.gamma = 0; })},
      {"gamma", with(trig, [&](M&, F& f) { f.gamma = nan; })},
      {"retain", with(trig, [](M& m, F& f) { f.gamma = 0.5, m.retain = Retain::kAll; })},
      {"retain", with(trig, [](M& m, F&) { m.retain = Retain::kResponses; })},
      {"rate", with(trig, [](M&, F& f) { f.rate = 0; })},
      {"rate", with(trig, [](M&, F& f) { f.rate = 1.5; })},
      {"steps_max", with(trig, [](M&, F& f) { f.steps_max = 0; })},
      {"tolerance", with(trig, [&](M&, F& f) { f.tolerance = nan; })},
      {"cue_noise", with(trig, [](M&, F& f) { f.cue_noise = 0.5; })},
      {"cue_noise", with(trig, [&](M&, F& f) { f.items_expected = 5, f.cue_noise = nan; })},
  };
  for (const Refused& refused : all) {
    const absl::Status status = ValidateSpec(refused.spec);
    EXPECT_EQ(ReasonOf(status), "SPEC") << refused.field << ": " << status;
    EXPECT_EQ(GetErrorDetail(status)->given.substr(0, refused.field.size()), refused.field)
        << status;
    EXPECT_FALSE(MakeModel(refused.spec).ok());
  }
}

TEST(FeatureSpec, TooFewFeaturesAreRefusedWithTheNumberNeeded) {
  MemorySpec spec = Spec(FeatureKind::kTrig);
  FeatureSpec& feature = FeatureOf(spec);
  feature = {.features = 1200, .beta = 30, .items_expected = 20, .cue_noise = std::sqrt(0.1)};
  const absl::Status status = CheckExpectations(spec, feature);
  EXPECT_EQ(ReasonOf(status), "FEATURES_TOO_FEW");
  EXPECT_NE(GetErrorDetail(status)->expected.find("5022"), std::string::npos) << status;
  feature.features = 1300;
  EXPECT_TRUE(CheckExpectations(spec, feature).ok());
  feature.features = 1;
  feature.items_expected = 0;
  EXPECT_TRUE(CheckExpectations(spec, feature).ok());
}

}  // namespace
}  // namespace mneme::models
