// The simulations over a memory's patterns: sedam, oscillators and energy graphs.
#include <cmath>

#include "core/analysis/parts.h"
#include "core/base/random.h"
#include "core/dynamics/sedam.h"
#include "gtest/gtest.h"
#include "tests/unit/core/analysis/model_subject.h"

namespace mneme::analysis {
namespace {

constexpr uint64_t kSeed = 11;

models::MemorySpec Dense(size_t dim) { return {.key_dim = dim, .model = models::DenseSpec{}}; }

std::vector<std::vector<float>> Signs(size_t rows, size_t dim) {
  Random random(kSeed);
  std::vector<std::vector<float>> out(rows, std::vector<float>(dim));
  for (auto& row : out) {
    for (float& x : row) x = random.Uniform() < 0.5 ? -1.0f : 1.0f;
  }
  return out;
}

template <typename Spec>
absl::StatusOr<Report> Simulate(Subject& subject, NotingHost& host, Spec spec) {
  return Analyze(AnalysisSpec(std::move(spec)), subject, host);
}

TEST(SedamAnalysis, RunsTheMemorysPatternsFromTheStartThatIsNamed) {
  const auto keys = Signs(10, 40);
  ModelSubject subject(Dense(40), keys);
  NotingHost host;
  const auto report =
      Simulate(subject, host,
               SedamSpec{.patterns = {.start = ItemId(103)}, .flip = 0.3, .steps = 500, .seed = 5});
  ASSERT_TRUE(report.ok()) << report.status();
  // The same by hand: pattern 3 comes first.
  MatrixD rows(10, 40);
  for (size_t i = 0; i < 10; ++i) {
    std::copy(keys[i].begin(), keys[i].end(), rows.row(i == 3 ? 0 : i == 0 ? 3 : i).begin());
  }
  auto sedam = dynamics::Sedam::Create(std::move(rows), {.flip = 0.3, .seed = 5});
  ASSERT_TRUE(sedam.ok());
  const auto series = dynamics::RunSedam(*sedam, 500);
  ASSERT_TRUE(series.ok());
  EXPECT_EQ(FigureOf(*report, "q"), series->MeanOverlap());
  EXPECT_EQ(TableOf(*report, "trace").columns[2].values, series->overlap);
  ASSERT_EQ(host.samples.size(), 500u);
  EXPECT_EQ(host.samples[7][1], series->overlap[7]);
}

TEST(SedamAnalysis, WithoutNoiseItStaysAndGivesNoExponents) {
  ModelSubject subject(Dense(40), Signs(5, 40));
  NotingHost host;
  const auto report = Simulate(subject, host, SedamSpec{.flip = 0, .steps = 200});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(FigureOf(*report, "q"), 1);
  EXPECT_EQ(FigureOf(*report, "changes"), 0);
  EXPECT_TRUE(std::isnan(FigureOf(*report, "mu")));
}

TEST(SedamAnalysis, SamplesAndTablesAreBounded) {
  ModelSubject subject(Dense(8), {});
  NotingHost host;
  const auto report =
      Simulate(subject, host, SedamSpec{.patterns = {.generated = 3}, .steps = 20'000});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_LE(host.samples.size(), kSamplesPerRun);
  EXPECT_GT(host.samples.size(), kSamplesPerRun / 2);
  for (const Table& table : report->tables) {
    for (const Column& column : table.columns) EXPECT_LE(column.values.size(), kTableRowsMax);
  }
}

TEST(SedamAnalysis, RefusesWhatMakesNoSense) {
  ModelSubject subject(Dense(2), {{1, -1}, {1, 0.5f}});
  NotingHost host;
  const auto reason = [&](SedamSpec spec) {
    return ReasonOf(Simulate(subject, host, std::move(spec)).status());
  };
  EXPECT_EQ(reason({}), "NOT_BINARY");
  EXPECT_EQ(reason({.flip = 0.6}), "RANGE");
  EXPECT_EQ(reason({.flip = std::nan("")}), "RANGE");
  EXPECT_EQ(reason({.beta = 0}), "RANGE");
  EXPECT_EQ(reason({.steps = 0}), "RANGE");
  EXPECT_EQ(reason({.steps = kSimulationStepsMax + 1}), "RANGE");
  EXPECT_EQ(reason({.steps = 10, .burn_in = 10}), "RANGE");
  EXPECT_EQ(reason({.patterns = {.generated = 2, .start = ItemId(1)}}), "START");
  ModelSubject signs(Dense(4), Signs(3, 4));
  EXPECT_EQ(ReasonOf(Simulate(signs, host, SedamSpec{.patterns = {.start = ItemId(9)}}).status()),
            "ITEM_NOT_FOUND");
  ModelSubject empty(Dense(4), {});
  EXPECT_EQ(ReasonOf(Simulate(empty, host, SedamSpec{}).status()), "NO_ITEMS");
  models::MemorySpec sums{.key_dim = 4, .response_dim = 4, .model = models::LinearSpec{}};
  sums.retain = models::Retain::kStatistics;
  EXPECT_EQ(ReasonOf(Check(AnalysisSpec(SedamSpec{}), sums)), "KEYS_NOT_KEPT");
  EXPECT_TRUE(Check(AnalysisSpec(SedamSpec{.patterns = {.generated = 3}}), sums).ok());
}

TEST(SedamAnalysis, StopsSoonWhereEachStepIsLong) {
  ModelSubject subject(Dense(64), {});
  NotingHost host;
  host.stop_after = 4;  // looks
  const auto end =
      Simulate(subject, host, SedamSpec{.patterns = {.generated = 65'536}, .steps = 1'000});
  EXPECT_TRUE(absl::IsCancelled(end.status())) << end.status();
  EXPECT_GT(host.samples.size(), 0u);
  EXPECT_LE(host.samples.size() * 65'536 * 64, 4 * kNumbersPerLook);
}

TEST(OscillatorsAnalysis, RecallsADamagedPatternDownhill) {
  RecordProperty("seed", static_cast<int>(kSeed));
  ModelSubject subject(Dense(200), Signs(3, 200));
  NotingHost host;
  const auto report = Simulate(
      subject, host,
      OscillatorsSpec{.patterns = {.start = ItemId(101)}, .k2 = 1, .flip = 0.2, .steps = 2'000});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_LT(FigureOf(*report, "z_start"), 0.8);
  EXPECT_GT(FigureOf(*report, "z_end"), 0.95);
  EXPECT_LT(FigureOf(*report, "energy_end"), FigureOf(*report, "energy_start"));
  EXPECT_LE(FigureOf(*report, "energy_rise"), 1e-9);
  EXPECT_EQ(host.samples.size(), 2'001u);
}

TEST(OscillatorsAnalysis, TheLoopIsOpenAboveTheTricriticalCouplingAndClosedWithoutQuartic) {
  ModelSubject subject(Dense(500), Signs(1, 500));
  const OscillatorsSpec open{
      .k4 = 12, .temperature = 1, .steps = 10, .loop_points = 9, .loop_k2 = 4, .loop_steps = 800};
  OscillatorsSpec closed = open;
  closed.k4 = 0;
  NotingHost host;
  const auto wide = Simulate(subject, host, open), none = Simulate(subject, host, closed);
  ASSERT_TRUE(wide.ok() && none.ok()) << wide.status() << none.status();
  EXPECT_GT(FigureOf(*wide, "loop_area"), 0.4);
  EXPECT_LT(std::abs(FigureOf(*none, "loop_area")), 0.3);
  EXPECT_EQ(TableOf(*wide, "loop").columns[0].values.size(), 9u);
  EXPECT_EQ(FigureOf(*wide, "k2_onset"), 2);
}

TEST(OscillatorsAnalysis, RefusesWhatMakesNoSense) {
  ModelSubject subject(Dense(4), Signs(2, 4));
  NotingHost host;
  const auto reason = [&](OscillatorsSpec spec) {
    return ReasonOf(Simulate(subject, host, std::move(spec)).status());
  };
  EXPECT_EQ(reason({.k2 = -1}), "RANGE");
  EXPECT_EQ(reason({.k4 = 1e20}), "RANGE");
  EXPECT_EQ(reason({.temperature = std::nan("")}), "RANGE");
  EXPECT_EQ(reason({.jitter = 11}), "RANGE");
  EXPECT_EQ(reason({.k4 = 1, .dt = 0.6}), "RANGE");
  EXPECT_EQ(reason({.steps = 0}), "RANGE");
  EXPECT_EQ(reason({.loop_points = 1}), "RANGE");
  EXPECT_EQ(reason({.loop_points = kLoopPointsMax + 1}), "RANGE");
  EXPECT_EQ(reason({.loop_points = 4, .loop_steps = 0}), "RANGE");
}

TEST(OscillatorsAnalysis, StopsInTheMiddleOfALoop) {
  ModelSubject subject(Dense(4), Signs(2, 4));
  NotingHost host;
  host.stop_after = 4;
  const auto end =
      Simulate(subject, host, OscillatorsSpec{.steps = 16, .loop_points = 50, .loop_steps = 100});
  EXPECT_TRUE(absl::IsCancelled(end.status())) << end.status();
}

std::vector<std::vector<float>> GaussianKeys(size_t rows, size_t dim) {
  Random random(kSeed);
  std::vector<std::vector<float>> out(rows, std::vector<float>(dim));
  for (auto& row : out) random.FillGaussian(std::span(row));
  return out;
}

TEST(EnergyGraphAnalysis, ComesToRestWhereTheMemoryRecalls) {
  RecordProperty("seed", static_cast<int>(kSeed));
  for (const models::Similarity similarity : {models::Similarity::kL2, models::Similarity::kDot}) {
    SCOPED_TRACE(static_cast<int>(similarity));
    models::MemorySpec memory = Dense(12);
    memory.model = models::DenseSpec{.similarity = similarity, .beta = 0.5};
    ModelSubject subject(memory, GaussianKeys(30, 12));
    NotingHost host;
    const auto report =
        Simulate(subject, host, EnergyGraphSpec{.patterns = {.start = ItemId(107)}, .noise = 0.5});
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_LT(FigureOf(*report, "memory_difference"), 1e-5);  // the memory's float32
    EXPECT_LT(FigureOf(*report, "gradient_check"), 1e-7);
    EXPECT_LT(FigureOf(*report, "energy_end"), FigureOf(*report, "energy_start"));
    EXPECT_LT(FigureOf(*report, "energy_rise"), 1e-10);
    EXPECT_EQ(FigureOf(*report, "at_rest"), 1);
    EXPECT_EQ(static_cast<double>(host.samples.size()), FigureOf(*report, "steps"));
  }
}

TEST(EnergyGraphAnalysis, FindsItsItemUnderCosineAndFromHalfOfItsNumbers) {
  models::MemorySpec memory = Dense(16);
  memory.model = models::DenseSpec{.similarity = models::Similarity::kCosine, .beta = 20};
  ModelSubject subject(memory, GaussianKeys(20, 16));
  NotingHost host;
  const auto plain = Simulate(subject, host, EnergyGraphSpec{});
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_LT(FigureOf(*plain, "distance_end"), 0.1 * FigureOf(*plain, "distance_start"));
  const EnergyGraphSpec lost{.noise = 1, .hold = 0.5};
  const auto held = Simulate(subject, host, lost);
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_LT(FigureOf(*held, "distance_end"), 0.1 * FigureOf(*held, "distance_start"));
}

TEST(EnergyGraphAnalysis, EveryPairOfLayersDescendsOrIsRefusedAsUnbounded) {
  ModelSubject subject(Dense(8), Signs(6, 8));
  NotingHost host;
  size_t bounded = 0;
  for (const dynamics::Lagrangian visible : dynamics::kLagrangians) {
    for (const dynamics::Lagrangian hidden : dynamics::kLagrangians) {
      const auto report = Simulate(
          subject, host, EnergyGraphSpec{.visible = visible, .hidden = hidden, .steps = 2'000});
      if (!report.ok()) {
        EXPECT_EQ(ReasonOf(report.status()), "UNBOUNDED");
        continue;
      }
      ++bounded;
      // A spherical layer of short activations cannot wake a hidden one of relu: nothing falls.
      EXPECT_LE(FigureOf(*report, "energy_end"), FigureOf(*report, "energy_start") + 1e-9);
      EXPECT_LT(FigureOf(*report, "energy_rise"), 1e-9);
    }
  }
  EXPECT_GE(bounded, 32u);  // all but those of identity and relu alone
}

TEST(EnergyGraphAnalysis, OfAnyScaleItEndsInFiniteNumbers) {
  for (const float scale : {1e-25f, 1e15f}) {
    std::vector<std::vector<float>> keys = GaussianKeys(5, 4);
    for (auto& row : keys) {
      for (float& x : row) x *= scale;
    }
    ModelSubject subject(Dense(4), keys);
    NotingHost host;
    const auto report = Simulate(subject, host, EnergyGraphSpec{.beta = 1, .steps = 200});
    ASSERT_TRUE(report.ok()) << report.status();
    for (const Figure& figure : report->figures) EXPECT_TRUE(std::isfinite(figure.value));
  }
}

TEST(EnergyGraphAnalysis, RefusesWhatMakesNoSense) {
  ModelSubject subject(Dense(4), Signs(2, 4));
  NotingHost host;
  const auto reason = [&](EnergyGraphSpec spec) {
    return ReasonOf(Simulate(subject, host, std::move(spec)).status());
  };
  EXPECT_EQ(reason({.beta = 0}), "RANGE");
  EXPECT_EQ(reason({.beta = std::nan("")}), "RANGE");
  EXPECT_EQ(reason({.noise = -1}), "RANGE");
  EXPECT_EQ(reason({.noise = 1e20}), "RANGE");
  EXPECT_EQ(reason({.hold = 1.5}), "RANGE");
  EXPECT_EQ(reason({.tau_hidden = 0}), "RANGE");
  EXPECT_EQ(reason({.dt = -1}), "RANGE");
  EXPECT_EQ(reason({.steps = 0}), "RANGE");
  EXPECT_EQ(reason({.patterns = {.start = ItemId(9)}}), "ITEM_NOT_FOUND");
  ModelSubject empty(Dense(4), {});
  EXPECT_EQ(ReasonOf(Simulate(empty, host, EnergyGraphSpec{}).status()), "NO_ITEMS");
  models::MemorySpec other = Dense(4);
  other.model = models::DenseSpec{.separation = models::Separation::kRelu1};
  EXPECT_EQ(ReasonOf(Check(AnalysisSpec(EnergyGraphSpec{}), other)), "NOT_FOR_KERNEL");
  other.model = models::LinearSpec{};
  EXPECT_EQ(ReasonOf(Check(AnalysisSpec(EnergyGraphSpec{}), other)), "NOT_FOR_MODEL");
}

TEST(EnergyGraphAnalysis, StopsInTheMiddle) {
  ModelSubject subject(Dense(12), GaussianKeys(30, 12));
  NotingHost host;
  host.stop_after = 9;
  EXPECT_TRUE(absl::IsCancelled(Simulate(subject, host, EnergyGraphSpec{}).status()));
}

}  // namespace
}  // namespace mneme::analysis
