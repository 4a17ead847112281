// Memories of random features: sums, merges, energies, descents, bytes.
#include "core/models/features/feature_sum.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/models/dense/dense_driver.h"
#include "core/models/dense/random_feature.h"
#include "core/models/features/feature_recall.h"
#include "core/theory/random_features.h"
#include "gtest/gtest.h"
#include "tests/unit/core/models/dense/dense_test_util.h"

namespace mneme::models {
namespace {

constexpr FeatureKind kKinds[] = {FeatureKind::kTrig, FeatureKind::kOrthogonal,
                                  FeatureKind::kPositive};

FeatureSum MakeSum(const FeatureMapSpec& spec, size_t response_dim = 0) {
  auto sum = FeatureSum::Make(spec, response_dim);
  EXPECT_TRUE(sum.ok()) << sum.status();
  return *std::move(sum);
}

class EachKind : public testing::TestWithParam<FeatureKind> {
 protected:
  FeatureMapSpec Spec(size_t frequencies = 1500) const {
    return {.kind = GetParam(), .dim = 6, .frequencies = frequencies, .beta = 0.8, .seed = 17};
  }
};

TEST_P(EachKind, FrequenciesAreTheSameKeptOrMadeAnew) {
  const FeatureMap kept(Spec()), anew(Spec(), /*bytes_max=*/0);
  EXPECT_GT(kept.bytes(), 0u);
  EXPECT_EQ(anew.bytes(), 0u);
  for (const auto& [first, count] : {std::pair{0, 1500}, std::pair{7, 13}, std::pair{1024, 476}}) {
    MatrixD a, b;
    const MatrixViewD x = kept.Frequencies(first, count, a), y = anew.Frequencies(first, count, b);
    ExpectClose<double>(x, y, 0);
  }
}

TEST_P(EachKind, DensityIsThatOfThePatternsWithinTheNoise) {
  RecordProperty("seed", 2);
  Random random(2);
  MatrixD keys = GaussianRows<double>(5, 6, random);
  for (double& x : keys.flat()) x *= 0.3;
  FeatureSum sum = MakeSum(Spec(20'000));
  ASSERT_TRUE(sum.Add(keys).ok());
  const FeaturePartial probe = sum.Probe(keys, {.gradients = true});
  const auto exact =
      RunDense<double>({.beta = 0.8}, {.keys = keys, .cues = keys}, {.steps_max = 1});
  ASSERT_TRUE(exact.ok());
  const double noise =
      6 * theory::DensityStd(5, 20'000) * (GetParam() == FeatureKind::kPositive ? 4 : 1);
  for (size_t i = 0; i < 5; ++i) {
    const double density = std::exp(exact->cues[i].log_scale) * exact->cues[i].s0;
    EXPECT_NEAR(probe.densities[i], density, noise);
  }
}

TEST_P(EachKind, GradientIsThatOfTheDensity) {
  RecordProperty("seed", 3);
  Random random(3);
  MatrixD keys = GaussianRows<double>(4, 6, random);
  for (double& x : keys.flat()) x *= 0.3;
  FeatureSum sum = MakeSum(Spec());
  ASSERT_TRUE(sum.Add(keys).ok());
  MatrixD at = MatrixD::Copy(keys.view().slice(0, 1));
  const FeaturePartial probe = sum.Probe(at, {.gradients = true});
  for (size_t j = 0; j < 6; ++j) {
    const double step = 1e-5, kept = at.at(0, j);
    at.at(0, j) = kept + step;
    const double above = sum.Probe(at, {}).densities[0];
    at.at(0, j) = kept - step;
    const double below = sum.Probe(at, {}).densities[0];
    at.at(0, j) = kept;
    EXPECT_NEAR(probe.gradients.at(0, j), (above - below) / (2 * step), 1e-7);
  }
}

TEST_P(EachKind, PartsAddToTheWholeInAnyOrder) {
  RecordProperty("seed", 4);
  Random random(4);
  const auto keys = GaussianRows<double>(9, 6, random), cues = GaussianRows<double>(3, 6, random);
  FeatureSum sum = MakeSum(Spec(3000), 2);
  const auto values = GaussianRows<double>(9, 2, random);
  ASSERT_TRUE(sum.Add(keys, values).ok());
  const FeatureSum::Needs needs{.gradients = true, .outputs = true};
  const FeaturePartial whole = sum.Probe(cues, needs);
  ASSERT_EQ(sum.parts(), 3u);
  FeaturePartial merged = sum.Empty(3, needs);
  for (const size_t part : {2, 0, 1}) {
    FeaturePartial one = sum.Empty(3, needs);
    sum.AddPart(part, cues, one);
    one.Merge(sum.Empty(3, needs));  // nothing changes nothing
    merged.Merge(one);
  }
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(merged.densities[i], whole.densities[i], 1e-12);
  ExpectClose<double>(merged.gradients, whole.gradients, 1e-12);
  ExpectClose<double>(merged.outputs, whole.outputs, 1e-12);
}

TEST_P(EachKind, RemoveUndoesAdd) {
  RecordProperty("seed", 5);
  Random random(5);
  const auto keys = GaussianRows<double>(70, 6, random), more = GaussianRows<double>(30, 6, random);
  FeatureSum sum = MakeSum(Spec());
  ASSERT_TRUE(sum.Add(keys).ok());
  const std::vector<double> before(sum.sums().begin(), sum.sums().end());
  double largest = 1;
  for (const double x : before) largest = std::max(largest, std::abs(x));
  ASSERT_TRUE(sum.Add(more).ok());
  for (size_t i = 0; i < more.rows(); ++i) {
    ASSERT_TRUE(sum.Remove(more.view().slice(i, 1)).ok());
  }
  for (size_t j = 0; j < before.size(); ++j) {
    EXPECT_NEAR(sum.sums()[j], before[j], 1e-13 * largest);
  }
  EXPECT_EQ(sum.count(), 70);
}

TEST_P(EachKind, MergeIsTheMemoryOfBothAndRefusesOtherFeatures) {
  RecordProperty("seed", 6);
  Random random(6);
  const auto keys = GaussianRows<double>(20, 6, random);
  FeatureSum all = MakeSum(Spec()), a = MakeSum(Spec()), b = MakeSum(Spec());
  ASSERT_TRUE(all.Add(keys).ok());
  ASSERT_TRUE(a.Add(keys.view().slice(0, 8)).ok());
  ASSERT_TRUE(b.Add(keys.view().slice(8, 12)).ok());
  FeatureSum ab = MakeSum(Spec()), ba = MakeSum(Spec());
  ASSERT_TRUE(ab.Merge(a).ok() && ab.Merge(b).ok());
  ASSERT_TRUE(ba.Merge(b).ok() && ba.Merge(a).ok());
  ASSERT_TRUE(ab.Merge(MakeSum(Spec())).ok());  // empty: the identity
  for (size_t j = 0; j < all.sums().size(); ++j) {
    EXPECT_EQ(ab.sums()[j], ba.sums()[j]);
    EXPECT_NEAR(ab.sums()[j], all.sums()[j], 1e-13 * (1 + std::abs(all.sums()[j])));
  }
  EXPECT_EQ(ab.count(), 20);
  FeatureMapSpec other_seed = Spec(), other_beta = Spec(), other_count = Spec(999);
  other_seed.seed = 18;
  other_beta.beta = 0.81;
  for (const FeatureMapSpec& spec : {other_seed, other_beta, other_count}) {
    const std::vector<double> before(ab.sums().begin(), ab.sums().end());
    const absl::Status refused = ab.Merge(MakeSum(spec));
    EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(GetErrorDetail(refused)->reason, "FEATURES_DIFFER");
    EXPECT_TRUE(std::equal(before.begin(), before.end(), ab.sums().begin()));
  }
  EXPECT_FALSE(ab.Merge(MakeSum(Spec(), 3)).ok());
}

TEST_P(EachKind, SavedAndLoadedItIsTheSame) {
  RecordProperty("seed", 7);
  Random random(7);
  const auto keys = GaussianRows<double>(5, 6, random), values = GaussianRows<double>(5, 3, random);
  FeatureSum sum = MakeSum(Spec(200), 3);
  ASSERT_TRUE(sum.Add(keys, values).ok());
  const std::string bytes = sum.Save();
  const auto loaded = FeatureSum::Load(bytes);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->Save(), bytes);
  const FeatureSum::Needs needs{.gradients = true, .outputs = true};
  ExpectClose<double>(loaded->Probe(keys, needs).outputs, sum.Probe(keys, needs).outputs, 0);
  for (const std::string& bad :
       {std::string(), bytes.substr(0, bytes.size() - 1), bytes + "x", "x" + bytes.substr(1)}) {
    EXPECT_EQ(FeatureSum::Load(bad).status().code(), absl::StatusCode::kDataLoss);
  }
}

INSTANTIATE_TEST_SUITE_P(Features, EachKind, testing::ValuesIn(kKinds),
                         [](const auto& kind) { return std::string(Name(kind.param)); });

TEST(FeatureSum, AgreesWithTheFormulasPatternByPattern) {
  RecordProperty("seed", 8);
  Random random(8);
  const FeatureMapSpec spec{.dim = 5, .frequencies = 40, .beta = 2};
  const auto keys = GaussianRows<double>(7, 5, random), cues = GaussianRows<double>(3, 5, random);
  FeatureSum sum = MakeSum(spec);
  ASSERT_TRUE(sum.Add(keys).ok());
  // The frequencies of a map are scaled by sqrt(beta) already.
  MatrixD scratch;
  MatrixD omega = MatrixD::Copy(FeatureMap(spec).Frequencies(0, 40, scratch));
  for (double& x : omega.flat()) x /= std::sqrt(2.0);
  std::vector<double> wanted(80);
  for (size_t i = 0; i < 7; ++i) AddFeatures(omega, 2, keys.row(i), 1, wanted);
  for (size_t j = 0; j < 80; ++j) EXPECT_NEAR(sum.sums()[j], wanted[j], 1e-12);
  const FeaturePartial probe = sum.Probe(cues, {.gradients = true});
  for (size_t i = 0; i < 3; ++i) {
    const FeatureDensity at = EvaluateFeatures(omega, 2, wanted, cues.row(i));
    EXPECT_NEAR(probe.densities[i], at.density, 1e-12);
    EXPECT_NEAR(FeatureEnergy(probe.densities[i], 2), at.energy, 1e-10);
  }
}

TEST(FeatureSum, BadInputIsRefusedAndChangesNothing) {
  for (const FeatureMapSpec& spec :
       {FeatureMapSpec{.dim = 0, .frequencies = 5}, FeatureMapSpec{.dim = 5, .frequencies = 0},
        FeatureMapSpec{.dim = 5, .frequencies = 5, .beta = 0},
        FeatureMapSpec{.dim = 5, .frequencies = 5, .beta = std::nan("")}}) {
    EXPECT_EQ(GetErrorDetail(FeatureSum::Make(spec).status())->reason, "FEATURES");
  }
  FeatureSum sum = MakeSum({.dim = 2, .frequencies = 10});
  FeatureSum positive = MakeSum({.kind = FeatureKind::kPositive, .dim = 2, .frequencies = 10});
  MatrixD wide(1, 3), bad(1, 2), far(1, 2);
  bad.at(0, 1) = std::numeric_limits<double>::infinity();
  EXPECT_EQ(GetErrorDetail(sum.Add(wide))->reason, "SHAPE");
  EXPECT_EQ(GetErrorDetail(sum.Add(bad))->reason, "NOT_FINITE");
  EXPECT_EQ(GetErrorDetail(sum.Add(far, wide))->reason, "SHAPE");
  far.at(0, 0) = 1e200;
  EXPECT_EQ(GetErrorDetail(positive.Add(far))->reason, "FEATURE_RANGE");
  for (const FeatureSum* each : {&sum, &positive}) {
    EXPECT_EQ(each->count(), 0);
    for (const double x : each->sums()) EXPECT_EQ(x, 0);
  }
  EXPECT_TRUE(sum.Add(far).ok());  // sines and cosines of anything are fine
}

TEST(FeatureSum, TooFewFrequenciesAreRefusedWithTheNumberThatItTakes) {
  const FeatureMapSpec spec{.dim = 64, .frequencies = 1000, .beta = 30};
  const absl::Status refused = CheckFeatureCount(spec, 20, std::sqrt(0.1));
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(GetErrorDetail(refused)->reason, "FEATURES_TOO_FEW");
  EXPECT_EQ(GetErrorDetail(refused)->expected, "about 5022");
  EXPECT_TRUE(
      CheckFeatureCount({.dim = 64, .frequencies = 1256, .beta = 30}, 20, std::sqrt(0.1)).ok());
}

TEST(FeatureSum, FadingWeighsTheOldLess) {
  FeatureSum sum = MakeSum({.dim = 1, .frequencies = 4000});
  MatrixD a(1, 1), b(1, 1);
  b.at(0, 0) = 50;
  ASSERT_TRUE(sum.Add(a).ok());
  sum.Fade(0.25);
  ASSERT_TRUE(sum.Add(b).ok());
  EXPECT_NEAR(sum.Probe(a, {}).densities[0], 0.25, 0.1);
  EXPECT_NEAR(sum.Probe(b, {}).densities[0], 1, 0.1);
  EXPECT_EQ(sum.count(), 1.25);
}

TEST(FeatureRecall, FindsThePatternAndNeverRaisesTheEnergy) {
  RecordProperty("seed", 9);
  Random random(9);
  const auto keys = UnitRows<double>(6, 16, random);
  const auto cues = Noisy(keys, 6, 0.2, random);
  FeatureSum sum = MakeSum({.dim = 16, .frequencies = 8000, .beta = 8});
  ASSERT_TRUE(sum.Add(keys).ok());
  double last[6];
  for (int steps = 1; steps <= 60; steps += 3) {
    const FeatureAnswer answer = Recall(sum, cues, {.steps_max = steps});
    for (size_t i = 0; i < 6; ++i) {
      ASSERT_TRUE(answer.outcomes[i].error.ok());
      if (steps > 1) {
        EXPECT_LE(answer.outcomes[i].energy, last[i]);
      }
      last[i] = answer.outcomes[i].energy;
    }
  }
  const FeatureAnswer answer = Recall(sum, cues, {.steps_max = 200});
  for (size_t i = 0; i < 6; ++i) {
    double squared = 0;
    for (size_t j = 0; j < 16; ++j) {
      squared += std::pow(answer.recalls.at(i, j) - keys.at(i, j), 2);
    }
    EXPECT_LT(std::sqrt(squared), 0.2) << i;
  }
}

TEST(FeatureRecall, FarFromEverythingThereIsNoSupport) {
  FeatureSum sum = MakeSum({.dim = 3, .frequencies = 100, .beta = 1});
  MatrixD cue(1, 3);
  EXPECT_EQ(Recall(sum, cue).outcomes[0].status, AnswerStatus::kEmptyStore);
  MatrixD key(1, 3);
  ASSERT_TRUE(sum.Add(key).ok());
  ASSERT_TRUE(sum.Remove(key).ok());
  EXPECT_EQ(Recall(sum, cue).outcomes[0].status, AnswerStatus::kEmptyStore);
  ASSERT_TRUE(sum.Add(key).ok());
  EXPECT_EQ(Recall(sum, cue).outcomes[0].status, AnswerStatus::kConverged);
  EXPECT_TRUE(Recall(sum, {nullptr, 0, 3}).outcomes.empty());
}

TEST(FeatureRecall, ValuesAreTheWeightedMean) {
  RecordProperty("seed", 10);
  Random random(10);
  const auto keys = GaussianRows<double>(4, 10, random),
             values = GaussianRows<double>(4, 2, random);
  FeatureSum sum = MakeSum({.dim = 10, .frequencies = 20'000, .beta = 1}, 2);
  ASSERT_TRUE(sum.Add(keys, values).ok());
  const FeatureAnswer answer = Recall(sum, keys);
  const auto exact = RunDense<double>({.beta = 1}, {.keys = keys, .values = values, .cues = keys});
  ASSERT_TRUE(exact.ok());
  ExpectClose<double>(answer.recalls, exact->recalls, 0.15);
}

TEST(RandomFeatureTheory, SizesFollowTheFormula) {
  EXPECT_NEAR(theory::KernelEstimateStd(0.588, 500), 0.0207, 5e-5);
  EXPECT_NEAR(theory::FeaturesNeeded(20, 30, std::sqrt(0.1)), 5021, 1);
  const double m = theory::FeaturesForEnergyError(20, 10, 0.6, 0.01);
  EXPECT_NEAR(theory::DensityStd(20, m) / 0.6 / 10, 0.01, 1e-12);
}

}  // namespace
}  // namespace mneme::models
