#include "gtest/gtest.h"
#include "tests/unit/core/analysis/model_subject.h"

namespace mneme::analysis {
namespace {

models::MemorySpec Dense(size_t dim, std::optional<double> beta = std::nullopt) {
  return {.key_dim = dim, .model = models::DenseSpec{.beta = beta}};
}

absl::StatusOr<Report> Probe(Subject& subject, const CapacitySpec& spec) {
  NotingHost host;
  return Analyze(AnalysisSpec(spec), subject, host);
}

TEST(Capacity, RepeatsHaveAMeanAndASpreadAndABracket) {
  ModelSubject subject(Dense(12), {});
  const auto report = Probe(subject, {.flip = 0.2, .tolerance = 0.1, .load_max = 2'000});
  ASSERT_TRUE(report.ok()) << report.status();
  const Table& table = TableOf(*report, "capacity");
  ASSERT_EQ(table.columns[0].values.size(), kCapacitySeedsMin);
  double mean = 0;
  for (size_t i = 0; i < kCapacitySeedsMin; ++i) {
    EXPECT_EQ(table.columns[0].values[i], static_cast<double>(1 + i));
    EXPECT_LT(table.columns[1].values[i], table.columns[2].values[i]);
    mean += table.columns[1].values[i] / kCapacitySeedsMin;
  }
  EXPECT_EQ(report->figures[0].name, "capacity");
  EXPECT_DOUBLE_EQ(report->figures[0].value, mean);
  EXPECT_TRUE(report->figures[0].spread.has_value());
  EXPECT_GT(mean, 1);
  EXPECT_NEAR(FigureOf(*report, "separation"), 0.5, 0.05);
}

TEST(Capacity, CorrelatedPatternsAreHeldInSmallerNumbers) {
  ModelSubject subject(Dense(24), {});
  const CapacitySpec plain{.flip = 0.15, .tolerance = 0.05, .load_max = 4'000};
  CapacitySpec correlated = plain;
  correlated.correlation = 0.9;
  const auto free = Probe(subject, plain), bound = Probe(subject, correlated);
  ASSERT_TRUE(free.ok() && bound.ok());
  EXPECT_LT(FigureOf(*bound, "capacity"), FigureOf(*free, "capacity") / 2);
}

TEST(Capacity, BinaryMemoriesOfHigherPowerHoldMore) {
  models::MemorySpec spec = Dense(24);
  auto& dense = std::get<models::DenseSpec>(spec.model);
  dense.similarity = models::Similarity::kDot;
  dense.separation = models::Separation::kRectifiedPower;
  dense.state = models::StateSpace::kBinary;
  dense.power = 2;
  ModelSubject square(spec, {});
  dense.power = 4;
  ModelSubject quartic(spec, {});
  const auto low = Probe(square, {}), high = Probe(quartic, {});
  ASSERT_TRUE(low.ok() && high.ok()) << low.status() << high.status();
  EXPECT_GT(FigureOf(*high, "capacity"), 3 * FigureOf(*low, "capacity"));
}

models::MemorySpec Features(const models::FeatureSpec& feature) {
  return {.key_dim = 16, .retain = models::Retain::kStatistics, .model = feature};
}

TEST(Capacity, MoreFeaturesHoldMoreAndTheUnitOfBetaIsSaid) {
  const CapacitySpec spec{.flip = 0.1, .tolerance = 0.1, .probes = 16, .load_max = 64};
  ModelSubject few(Features({.features = 30, .beta = 5, .steps_max = 30}), {});
  ModelSubject many(Features({.features = 2'000, .beta = 5, .steps_max = 30}), {});
  const auto low = Probe(few, spec), high = Probe(many, spec);
  ASSERT_TRUE(low.ok() && high.ok()) << low.status() << high.status();
  EXPECT_GT(FigureOf(*high, "capacity"), 2 * FigureOf(*low, "capacity"));
  EXPECT_EQ(low->advice.at(0).reason, "UNIT_LENGTH");
}

TEST(Capacity, QuadraticFeaturesHoldWhatABinaryMemoryOfPowerTwoDoes) {
  models::MemorySpec spec = Dense(16);
  spec.model = models::DenseSpec{.similarity = models::Similarity::kDot,
                                 .separation = models::Separation::kPower,
                                 .power = 2,
                                 .state = models::StateSpace::kBinary};
  ModelSubject power(spec, {});
  ModelSubject quadratic(Features({.kind = models::FeatureKind::kQuadratic}), {});
  const auto a = Probe(power, {}), b = Probe(quadratic, {});
  ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
  EXPECT_EQ(FigureOf(*a, "capacity"), FigureOf(*b, "capacity"));
}

TEST(Capacity, RefusesFeaturesThatTheProbeDoesNotHaveOrThatAreTooMany) {
  const auto reason = [](const models::FeatureSpec& feature) {
    return ReasonOf(Check(AnalysisSpec(CapacitySpec{}), Features(feature)));
  };
  EXPECT_EQ(reason({.kind = models::FeatureKind::kOrthogonal, .features = 30, .beta = 5}),
            "NOT_FOR_KERNEL");
  EXPECT_EQ(reason({.kind = models::FeatureKind::kPositive, .features = 30, .beta = 5}),
            "NOT_FOR_KERNEL");
  EXPECT_EQ(reason({.features = (1 << 22) / 16, .beta = 5}), "");
  EXPECT_EQ(reason({.features = (1 << 22) / 16 + 1, .beta = 5}), "LIMIT");
}

TEST(Capacity, RefusesKernelsThatTheProbeDoesNotHave) {
  models::MemorySpec spec = Dense(24);
  auto& dense = std::get<models::DenseSpec>(spec.model);
  const auto reason = [&] { return ReasonOf(Check(AnalysisSpec(CapacitySpec{}), spec)); };
  dense.separation = models::Separation::kArgMax;
  EXPECT_EQ(reason(), "NOT_FOR_KERNEL");
  dense.separation = models::Separation::kExp;
  dense.similarity = models::Similarity::kL1;
  EXPECT_EQ(reason(), "NOT_FOR_KERNEL");
  dense.similarity = models::Similarity::kCosine;
  dense.separation = models::Separation::kPower;
  dense.power = 3;
  EXPECT_EQ(reason(), "NOT_FOR_KERNEL");
}

TEST(Capacity, SaysWhenTheLimitWasTooLow) {
  ModelSubject subject(Dense(64), {});
  const auto report = Probe(subject, {.load_max = 4});
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_EQ(report->advice.size(), 1u);
  EXPECT_EQ(report->advice[0].reason, "AT_LIMIT");
}

TEST(Capacity, AGivenBetaCountsInTheLengthsOfStoredKeys) {
  // A beta that separates nothing among keys of length 1 does among keys of length 30.
  const CapacitySpec spec{.flip = 0.1, .tolerance = 0.1, .load_max = 64};
  ModelSubject small(Dense(8, 0.5), {{1, 0, 0, 0, 0, 0, 0, 0}});
  ModelSubject large(Dense(8, 0.5), {{30, 0, 0, 0, 0, 0, 0, 0}});
  const auto weak = Probe(small, spec), sharp = Probe(large, spec);
  ASSERT_TRUE(weak.ok() && sharp.ok()) << weak.status() << sharp.status();
  EXPECT_LT(FigureOf(*weak, "capacity"), FigureOf(*sharp, "capacity"));
}

TEST(Capacity, RefusesWhatMakesNoSense) {
  ModelSubject subject(Dense(8), {});
  const auto reason = [&](const CapacitySpec& spec) {
    return ReasonOf(Probe(subject, spec).status());
  };
  EXPECT_EQ(reason({.correlation = 1.5}), "RANGE");
  EXPECT_EQ(reason({.block = 0}), "RANGE");
  EXPECT_EQ(reason({.share_positive = 1}), "RANGE");
  EXPECT_EQ(reason({.min_hamming = 9}), "RANGE");
  EXPECT_EQ(reason({.flip = 0.6}), "RANGE");
  EXPECT_EQ(reason({.tolerance = -1}), "RANGE");
  EXPECT_EQ(reason({.probes = 0}), "RANGE");
  EXPECT_EQ(reason({.load_max = kCapacityLoadMax + 1}), "RANGE");
  EXPECT_EQ(reason({.seeds = kCapacitySeedsMin - 1}), "RANGE");
  const models::MemorySpec linear{.key_dim = 2, .response_dim = 2, .model = models::LinearSpec{}};
  EXPECT_EQ(ReasonOf(Check(AnalysisSpec(CapacitySpec{}), linear)), "NOT_FOR_MODEL");
}

}  // namespace
}  // namespace mneme::analysis
