// Shares as probabilities: what theory says of Gaussian noise, and what is refused.
#include <cmath>

#include "core/base/random.h"
#include "gtest/gtest.h"
#include "tests/unit/core/analysis/model_subject.h"

namespace mneme::analysis {
namespace {

constexpr uint64_t kSeed = 19;
constexpr size_t kDim = 6;

models::MemorySpec Dense(std::optional<double> beta,
                         models::Similarity similarity = models::Similarity::kL2) {
  return {.key_dim = kDim, .model = models::DenseSpec{.similarity = similarity, .beta = beta}};
}

std::vector<std::vector<float>> Keys(size_t rows, float scale = 1) {
  Random random(kSeed);
  std::vector<std::vector<float>> out(rows, std::vector<float>(kDim));
  for (auto& row : out) {
    random.FillGaussian(std::span(row));
    for (float& x : row) x *= scale;
  }
  return out;
}

absl::StatusOr<Report> Ask(Subject& subject, const ConfidenceSpec& spec) {
  NotingHost host;
  return Analyze(AnalysisSpec(spec), subject, host);
}

TEST(Confidence, UnderGaussianNoiseTheCalibratedBetaIsThatOfThePosterior) {
  RecordProperty("seed", static_cast<int>(kSeed));
  ModelSubject subject(Dense(50), Keys(400));
  const auto report = Ask(subject, {.cue_noise = 0.6});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_NEAR(FigureOf(*report, "beta_theory"), 1 / 0.36, 1e-12);
  EXPECT_NEAR(FigureOf(*report, "beta_calibrated"), 1 / 0.36, 0.3 / 0.36);
  EXPECT_GT(FigureOf(*report, "confidence"), FigureOf(*report, "accuracy") + 0.2);
  EXPECT_LT(FigureOf(*report, "calibration_error_calibrated"),
            FigureOf(*report, "calibration_error") / 3);
  EXPECT_EQ(report->advice.at(0).reason, "OVERCONFIDENT");
}

TEST(Confidence, ABetaThatIsTooSmallPromisesTooLittle) {
  ModelSubject subject(Dense(0.05, models::Similarity::kCosine), Keys(200));
  const auto report = Ask(subject, {.cue_noise = 0.3});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_LT(FigureOf(*report, "confidence"), FigureOf(*report, "accuracy"));
  EXPECT_GT(FigureOf(*report, "beta_calibrated"), 0.05);
  EXPECT_EQ(report->advice.at(0).reason, "UNDERCONFIDENT");
  double cues = 0;
  for (const double count : TableOf(*report, "reliability").columns[2].values) cues += count;
  EXPECT_EQ(cues, 200);
}

TEST(Confidence, WhereAllCuesAreFoundNoBetaIsTheBest) {
  ModelSubject subject(Dense(1), Keys(20, 100));
  const auto report = Ask(subject, {.cue_noise = 1e-3});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(FigureOf(*report, "accuracy"), 1);
  EXPECT_TRUE(std::isnan(FigureOf(*report, "beta_calibrated")));
}

TEST(Confidence, OfAnyScaleItsFiguresAreShares) {
  for (const float scale : {1e-12f, 1e12f}) {
    ModelSubject subject(Dense(std::nullopt), Keys(50, scale));
    const auto report = Ask(subject, {.cue_noise = 0.5 * scale});
    ASSERT_TRUE(report.ok()) << report.status();
    for (const char* name : {"accuracy", "confidence", "calibration_error"}) {
      EXPECT_GE(FigureOf(*report, name), 0);
      EXPECT_LE(FigureOf(*report, name), 1 + 1e-9);
    }
  }
}

TEST(Confidence, RefusesWhatMakesNoSense) {
  ModelSubject subject(Dense(1), Keys(3));
  const auto reason = [&](const ConfidenceSpec& spec) {
    return ReasonOf(Ask(subject, spec).status());
  };
  EXPECT_EQ(reason({}), "RANGE");
  EXPECT_EQ(reason({.cue_noise = -1}), "RANGE");
  EXPECT_EQ(reason({.cue_noise = std::nan("")}), "RANGE");
  EXPECT_EQ(reason({.items = 0, .cue_noise = 1}), "RANGE");
  EXPECT_EQ(reason({.items = kBasinItemsMax + 1, .cue_noise = 1}), "RANGE");
  EXPECT_EQ(reason({.cue_noise = 1, .beta = 0}), "RANGE");
  ModelSubject empty(Dense(1), {});
  EXPECT_EQ(ReasonOf(Ask(empty, {.cue_noise = 1}).status()), "NO_ITEMS");
  models::MemorySpec other = Dense(1);
  other.model = models::DenseSpec{.separation = models::Separation::kRelu1};
  EXPECT_EQ(ReasonOf(Check(AnalysisSpec(ConfidenceSpec{.cue_noise = 1}), other)), "NOT_FOR_KERNEL");
}

}  // namespace
}  // namespace mneme::analysis
