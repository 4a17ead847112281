// Stores that are built so that the verdict on each item is known.
#include <cmath>
#include <map>

#include "core/base/random.h"
#include "gtest/gtest.h"
#include "tests/unit/core/analysis/model_subject.h"

namespace mneme::analysis {
namespace {

constexpr uint64_t kSeed = 7;

models::MemorySpec Dense(size_t dim, models::Similarity similarity = models::Similarity::kL2) {
  return {.key_dim = dim, .model = models::DenseSpec{.similarity = similarity}};
}

std::map<uint64_t, Finding> ById(const Report& report) {
  std::map<uint64_t, Finding> out;
  for (const Finding& finding : report.findings) out.emplace(finding.id.number(), finding);
  return out;
}

Report Study(Subject& subject, const BasinsSpec& spec) {
  NotingHost host;
  const absl::StatusOr<Report> report = Analyze(AnalysisSpec(spec), subject, host);
  EXPECT_TRUE(report.ok()) << report.status();
  return report.ok() ? *report : Report{};
}

TEST(Basins, NamesDuplicatesLostNeighboursAndKeepsAnIsolatedItem) {
  // Two equal keys, two near ones that blend at this beta, one alone.
  ModelSubject subject(Dense(2), {{0, 0}, {0, 0}, {10, 0}, {10.1f, 0}, {0, 30}});
  const Report report = Study(subject, {.beta = 20});
  EXPECT_EQ(FigureOf(report, "studied"), 5);
  EXPECT_EQ(FigureOf(report, "duplicates"), 2);
  EXPECT_EQ(FigureOf(report, "blended"), 2);
  EXPECT_EQ(FigureOf(report, "kept"), 1);
  const auto found = ById(report);
  ASSERT_EQ(found.size(), 4u);
  EXPECT_EQ(found.at(100).verdict, "DUPLICATE");
  EXPECT_EQ(found.at(100).other->number(), 101u);
  EXPECT_EQ(found.at(101).other->number(), 100u);
  EXPECT_EQ(found.at(102).verdict, "BLENDED");
  EXPECT_EQ(found.at(102).other->number(), 103u);
  EXPECT_FALSE(found.contains(104));
  // beta (0 - -½ 0.1²)
  EXPECT_NEAR(found.at(102).margin, 0.1, 1e-3);
}

TEST(Basins, TheAdvisedBetaKeepsWhatWasLost) {
  ModelSubject subject(Dense(2), {{10, 0}, {10.1f, 0}, {0, 30}});
  const Report report = Study(subject, {.beta = 20});
  ASSERT_EQ(report.advice.size(), 1u);
  EXPECT_EQ(report.advice[0].reason, "NOT_KEPT");
  double beta = 0;
  const std::string& step = report.advice[0].next_step;
  ASSERT_EQ(std::sscanf(step.c_str(), "Recall with a beta of at least %lf", &beta), 1) << step;
  EXPECT_EQ(FigureOf(Study(subject, {.beta = 1.01 * beta}), "kept"), 3);
}

TEST(Basins, ALongNeighbourSwallowsUnderDot) {
  // 2 x 1 outweighs 1 x 1: at its own key the short one is recalled as the long one.
  ModelSubject subject(Dense(2, models::Similarity::kDot), {{1, 0}, {2, 0}, {0, 5}});
  const Report report = Study(subject, {.beta = 10});
  const auto found = ById(report);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found.at(100).verdict, "SWALLOWED");
  EXPECT_EQ(found.at(100).other->number(), 101u);
  EXPECT_LT(found.at(100).margin, 0);
  bool advised = false;
  for (const Advice& advice : report.advice) advised |= advice.reason == "LONGER_RIVALS";
  EXPECT_TRUE(advised);
}

TEST(Basins, DirectionsAreDuplicatesUnderCosineWhateverTheirLength) {
  ModelSubject subject(Dense(2, models::Similarity::kCosine), {{1, 1}, {7, 7}, {1, -1}});
  const Report report = Study(subject, {.beta = 50});
  EXPECT_EQ(FigureOf(report, "duplicates"), 2);
  EXPECT_EQ(FigureOf(report, "kept"), 1);
}

TEST(Basins, ProbesFindTheBlendThatNobodyStored) {
  // Four corners at a beta that keeps none: all recalls meet in the middle.
  ModelSubject low(Dense(2), {{1, 1}, {1, -1}, {-1, 1}, {-1, -1}});
  const Report blend = Study(low, {.probes = 100, .beta = 0.5});
  EXPECT_EQ(FigureOf(blend, "blended"), 4);
  EXPECT_EQ(FigureOf(blend, "probes_between"), 100);
  EXPECT_EQ(FigureOf(blend, "spurious_minima"), 1);
  // At a high one the midpoint of two is no minimum: float rounding decides, or it stays there.
  const Report sharp = Study(low, {.probes = 0, .beta = 50});
  EXPECT_EQ(FigureOf(sharp, "kept"), 4);
  EXPECT_EQ(FigureOf(sharp, "probes"), 0);
}

TEST(Basins, SupportsThatReachEachOtherKeepTheirItemsAndMakeOneMore) {
  // Within radius 0.95 of the middle are both, of either item itself alone.
  models::MemorySpec spec = Dense(2);
  auto& dense = std::get<models::DenseSpec>(spec.model);
  dense.separation = models::Separation::kRelu1;
  dense.radius = 0.95;
  ModelSubject subject(spec, {{0, 0}, {1, 0}, {50, 0}});
  const Report report = Study(subject, {.items = 2, .probes = 64});
  EXPECT_EQ(FigureOf(report, "kept"), FigureOf(report, "studied"));
  const Report all = Study(subject, {.probes = 200});
  EXPECT_EQ(FigureOf(all, "kept"), 3);
  EXPECT_GT(FigureOf(all, "probes_between"), 0);
  EXPECT_EQ(FigureOf(all, "spurious_minima"), 1);
  // Between the far item and the others nothing answers.
  EXPECT_GT(FigureOf(all, "probes_unsupported"), 0);
}

TEST(Basins, BinaryStatesAreJudgedByTheirOwnSteps) {
  models::MemorySpec spec = Dense(64, models::Similarity::kDot);
  auto& dense = std::get<models::DenseSpec>(spec.model);
  dense.separation = models::Separation::kPower;
  dense.power = 2;
  dense.state = models::StateSpace::kBinary;
  RecordProperty("seed", static_cast<int>(kSeed));
  Random random(kSeed);
  const auto draw = [&](size_t count) {
    std::vector<std::vector<float>> keys(count, std::vector<float>(64));
    for (auto& key : keys) {
      for (float& x : key) x = random.Uniform() < 0.5 ? -1.0f : 1.0f;
    }
    return keys;
  };
  // 0.14 a neuron is what it holds: 3 of 64 are few, 40 many.
  ModelSubject few(spec, draw(3)), many(spec, draw(40));
  EXPECT_EQ(FigureOf(Study(few, {}), "kept"), 3);
  EXPECT_LT(FigureOf(Study(many, {}), "kept"), 20);
}

TEST(Basins, RandomKeysAtTheAutomaticBetaAreKept) {
  RecordProperty("seed", static_cast<int>(kSeed));
  Random random(kSeed);
  std::vector<std::vector<float>> keys(300, std::vector<float>(32));
  for (auto& key : keys) random.FillGaussian(std::span<float>(key));
  ModelSubject subject(Dense(32), keys);
  const Report report = Study(subject, {.items = 200, .seed = kSeed});
  EXPECT_EQ(FigureOf(report, "studied"), 200);
  EXPECT_EQ(FigureOf(report, "kept"), 200);
  EXPECT_GT(FigureOf(report, "margin_min"), 0);
  const Table& margin = TableOf(report, "margin");
  double counted = 0;
  for (const double count : margin.columns[2].values) counted += count;
  EXPECT_EQ(counted, 200);
  EXPECT_GT(subject.reserved, 0u);
}

TEST(Basins, TheSameSeedDrawsTheSameItems) {
  std::vector<std::vector<float>> keys;
  for (int i = 0; i < 50; ++i) keys.push_back({static_cast<float>(i), 0});
  ModelSubject subject(Dense(2), keys);
  // All blend at this beta, so that the findings name what was drawn.
  const auto one = ById(Study(subject, {.items = 10, .probes = 0, .beta = 0.01, .seed = 3}));
  const auto same = ById(Study(subject, {.items = 10, .probes = 0, .beta = 0.01, .seed = 3}));
  const auto other = ById(Study(subject, {.items = 10, .probes = 0, .beta = 0.01, .seed = 4}));
  const auto ids = [](const auto& found) {
    std::vector<uint64_t> out;
    for (const auto& [id, finding] : found) out.push_back(id);
    return out;
  };
  EXPECT_FALSE(one.empty());
  EXPECT_EQ(ids(one), ids(same));
  EXPECT_NE(ids(one), ids(other));
}

TEST(Basins, OneItemAndHugeAndTinyKeysHaveAVerdict) {
  ModelSubject alone(Dense(2), {{3, 4}});
  EXPECT_EQ(FigureOf(Study(alone, {}), "kept"), 1);
  ModelSubject tiny(Dense(2), {{1e-25f, 0}, {0, 1e-25f}});
  EXPECT_EQ(FigureOf(Study(tiny, {}), "studied"), 2);
  ModelSubject huge(Dense(2), {{1e18f, 0}, {-1e18f, 0}});
  EXPECT_EQ(FigureOf(Study(huge, {}), "studied"), 2);
}

TEST(Basins, ResponsesAreJudgedByShares) {
  models::MemorySpec spec = Dense(2);
  spec.response_dim = 3;
  ModelSubject subject(spec, {{0, 0}, {0.1f, 0}, {9, 9}});
  const Report report = Study(subject, {.beta = 1});
  EXPECT_EQ(FigureOf(report, "blended"), 2);
  EXPECT_EQ(FigureOf(report, "kept"), 1);
  EXPECT_EQ(FigureOf(report, "probes"), 0);
}

TEST(Basins, StopsWhenTold) {
  std::vector<std::vector<float>> keys;
  for (int i = 0; i < 500; ++i) keys.push_back({static_cast<float>(i), 0});
  ModelSubject subject(Dense(2), keys);
  NotingHost host;
  host.stop_after = 3;
  EXPECT_TRUE(absl::IsCancelled(Analyze(AnalysisSpec(BasinsSpec{}), subject, host).status()));
  EXPECT_EQ(host.shares.size(), 4u);
}

TEST(Basins, RefusesWhatMakesNoSense) {
  ModelSubject subject(Dense(2), {{1, 2}, {3, 4}});
  NotingHost host;
  const auto reason = [&](const BasinsSpec& spec) {
    return ReasonOf(Analyze(AnalysisSpec(spec), subject, host).status());
  };
  EXPECT_EQ(reason({.items = 0}), "RANGE");
  EXPECT_EQ(reason({.items = kBasinItemsMax + 1}), "RANGE");
  EXPECT_EQ(reason({.probes = kBasinProbesMax + 1}), "RANGE");
  EXPECT_EQ(reason({.steps_max = 0}), "RANGE");
  EXPECT_EQ(reason({.beta = 0}), "RANGE");
  EXPECT_EQ(reason({.beta = std::nan("")}), "RANGE");
  ModelSubject empty(Dense(2), {});
  EXPECT_EQ(ReasonOf(Analyze(AnalysisSpec(BasinsSpec{}), empty, host).status()), "NO_ITEMS");
  const models::MemorySpec linear{.key_dim = 2, .response_dim = 2, .model = models::LinearSpec{}};
  const absl::Status refused = Check(AnalysisSpec(BasinsSpec{}), linear);
  EXPECT_TRUE(absl::IsUnimplemented(refused));
  EXPECT_EQ(ReasonOf(refused), "NOT_FOR_MODEL");
}

}  // namespace
}  // namespace mneme::analysis
