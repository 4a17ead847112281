#include <cmath>
#include <limits>

#include "gtest/gtest.h"
#include "tests/unit/core/analysis/model_subject.h"

namespace mneme::analysis {
namespace {

Matrix Cues(const std::vector<std::vector<float>>& rows) {
  Matrix out(rows.size(), rows.front().size());
  for (size_t i = 0; i < rows.size(); ++i) {
    std::copy(rows[i].begin(), rows[i].end(), out.row(i).begin());
  }
  return out;
}

models::MemorySpec Dense() { return {.key_dim = 2, .model = models::DenseSpec{}}; }

TEST(Recall, EnergyFallsUntilTheRecallRests) {
  ModelSubject subject(Dense(), {{1, 0}, {-1, 0}, {0, 1}});
  NotingHost host;
  RecallSpec spec{.cues = Cues({{0.6f, 0.3f}, {1, 0}}), .steps_max = 50, .beta = 4};
  const auto report = Analyze(AnalysisSpec(std::move(spec)), subject, host);
  ASSERT_TRUE(report.ok()) << report.status();
  const Table& energy = TableOf(*report, "energy");
  ASSERT_EQ(energy.columns.size(), 3u);
  const std::vector<double>& first = energy.columns[1].values;
  ASSERT_GE(first.size(), 3u);
  EXPECT_LT(first.back(), first.front() - 0.01);
  EXPECT_LE(FigureOf(*report, "energy_rise"), 1e-6);
  // E(x) = -(1/beta) ln sum exp(-beta/2 |x - xi|²), of the cue itself.
  const double u[] = {-2 * (0.16 + 0.09), -2 * (2.56 + 0.09), -2 * (0.36 + 0.49)};
  const double cue_energy = -std::log(std::exp(u[0]) + std::exp(u[1]) + std::exp(u[2])) / 4;
  EXPECT_NEAR(first.front(), cue_energy, 1e-5);
  EXPECT_EQ(report->findings[0].id.number(), 100u);
  EXPECT_EQ(report->findings[0].verdict, "CONVERGED");
  EXPECT_EQ(host.samples.size(), first.size());
}

TEST(Recall, RefusesWhatMakesNoSense) {
  ModelSubject subject(Dense(), {{1, 0}});
  NotingHost host;
  const auto reason = [&](RecallSpec spec) {
    return ReasonOf(Analyze(AnalysisSpec(std::move(spec)), subject, host).status());
  };
  EXPECT_EQ(reason({}), "RANGE");
  EXPECT_EQ(reason({.cues = Matrix(1, 3)}), "SHAPE");
  EXPECT_EQ(reason({.cues = Matrix(kTraceCuesMax + 1, 2)}), "RANGE");
  EXPECT_EQ(reason({.cues = Matrix(1, 2), .steps_max = kTraceStepsMax + 1}), "RANGE");
  EXPECT_EQ(reason({.cues = Cues({{1, std::numeric_limits<float>::infinity()}})}), "NOT_FINITE");
  EXPECT_EQ(reason({.cues = Matrix(1, 2), .beta = -1}), "RANGE");
}

}  // namespace
}  // namespace mneme::analysis
