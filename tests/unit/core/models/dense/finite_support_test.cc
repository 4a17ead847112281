// Separations of finite support: what is inside, when nothing is, and the minima between patterns.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/base/status.h"
#include "core/models/dense/auto_radius.h"
#include "core/models/dense/dense_driver.h"
#include "core/models/dense/separation.h"
#include "core/models/dense/support_minima.h"
#include "gtest/gtest.h"
#include "tests/unit/core/models/dense/dense_test_util.h"

namespace mneme::models {
namespace {

DenseKernelSpec Lsr(double radius) {
  return {.similarity = Similarity::kL2,
          .separation = Separation::kRelu1,
          .beta = BetaOfRadius(radius)};
}

MatrixD Row(std::initializer_list<double> numbers) {
  MatrixD out(1, numbers.size());
  std::copy(numbers.begin(), numbers.end(), out.data());
  return out;
}

TEST(FiniteSupport, ARowAtTheRadiusIsOutside) {
  const MatrixD keys = Row({0, 0});
  for (const double radius : {1.0, 0.5, 2.0}) {
    const auto at = [&](double distance) {
      const auto result = RunDense<double>(Lsr(radius), {.keys = keys, .cues = Row({distance, 0})});
      return result.value().cues[0].status;
    };
    EXPECT_EQ(at(radius), AnswerStatus::kNoSupport);
    EXPECT_EQ(at(std::nextafter(radius, 0)), AnswerStatus::kConverged);
    EXPECT_EQ(at(std::nextafter(radius, 10)), AnswerStatus::kNoSupport);
  }
}

TEST(FiniteSupport, OutsideTheEnergyIsInfiniteAndTheStateStays) {
  const MatrixD keys = Row({0, 0});
  const MatrixD cue = Row({3, 4});
  const auto result = RunDense<double>(Lsr(1), {.keys = keys, .cues = cue});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->cues[0].energy, std::numeric_limits<double>::infinity());
  EXPECT_EQ(result->recalls.at(0, 0), 3);
  EXPECT_EQ(result->cues[0].fallback, NoSupportPolicy::kReport);
}

// Keys at 0 and 10 on a line, a cue at 2 and one at 0.1; the radius is 1.
class NoSupport : public testing::Test {
 protected:
  NoSupport() : keys_(2, 1), cues_(2, 1) {
    keys_.at(1, 0) = 10;
    cues_.at(0, 0) = 2;
    cues_.at(1, 0) = 0.1;
  }
  DenseResult<double> Run(NoSupportPolicy policy, double radius = 1) {
    auto result =
        RunDense<double>(Lsr(radius), {.keys = keys_, .cues = cues_}, {.no_support = policy});
    EXPECT_TRUE(result.ok()) << result.status();
    // The other cue is inside: no policy is asked.
    EXPECT_EQ(result->cues[1].fallback, NoSupportPolicy::kReport);
    EXPECT_EQ(result->recalls.at(1, 0), 0);
    return std::move(*result);
  }
  MatrixD keys_, cues_;
};

TEST_F(NoSupport, NearestGivesTheMostSimilarRow) {
  const auto result = Run(NoSupportPolicy::kNearest);
  EXPECT_EQ(result.recalls.at(0, 0), 0);
  EXPECT_EQ(result.cues[0].best_row, 0u);
  EXPECT_EQ(result.cues[0].fallback, NoSupportPolicy::kNearest);
  EXPECT_EQ(result.cues[0].status, AnswerStatus::kConverged);
}

TEST_F(NoSupport, WidenTakesQuartersOfBetaUpToThreeTimes) {
  const auto once = Run(NoSupportPolicy::kWiden, 1.5);  // 3 > 2
  EXPECT_EQ(once.recalls.at(0, 0), 0);
  EXPECT_NEAR(once.cues[0].beta, BetaOfRadius(3), 1e-15);
  EXPECT_EQ(once.cues[0].fallback, NoSupportPolicy::kWiden);
  const auto thrice = Run(NoSupportPolicy::kWiden, 0.26);  // 2.08 > 2, and 1.04 is not
  EXPECT_EQ(thrice.recalls.at(0, 0), 0);
  EXPECT_NEAR(thrice.cues[0].beta, BetaOfRadius(8 * 0.26), 1e-12);
  const auto never = Run(NoSupportPolicy::kWiden, 0.2);  // 1.6 < 2
  EXPECT_EQ(never.cues[0].status, AnswerStatus::kNoSupport);
  EXPECT_EQ(never.recalls.at(0, 0), 2);
}

TEST_F(NoSupport, BlendGoesOnFromAStepOfExp) {
  const auto result = Run(NoSupportPolicy::kBlend);
  EXPECT_EQ(result.recalls.at(0, 0), 0);  // exp at beta 2: all but e^-60 of the weight is at 0
  EXPECT_EQ(result.cues[0].fallback, NoSupportPolicy::kBlend);
  EXPECT_EQ(result.cues[0].status, AnswerStatus::kConverged);
  EXPECT_GT(result.cues[0].steps, 2);
}

TEST(AutoRadius, IsAShareOfTheSmallestDistanceAndKeepsEveryKey) {
  RecordProperty("seed", 21);
  Random random(21);
  const auto keys = GaussianRows<float>(300, 8, random);
  auto model = Make(Spec(8));
  ExplicitStore store(8, 0);
  const auto numbers = Numbers(0, 300);
  ASSERT_TRUE(store.Append({.keys = keys, .row_numbers = numbers}).ok());
  const StoreView view = store.Publish();
  const RadiusEstimate estimate = EstimateRadius(view);
  const double nearest = SmallestDistance(Widened(keys));
  EXPECT_TRUE(estimate.exact);
  EXPECT_FALSE(estimate.fallback);
  EXPECT_NEAR(estimate.nearest_distance, nearest, 1e-5 * nearest);
  EXPECT_NEAR(estimate.radius, 0.95 * nearest, 1e-5 * nearest);
  EXPECT_TRUE(ShadowedRows(view, estimate.radius).empty());
  const auto result = RunDense<float>(Lsr(estimate.radius), {.keys = keys, .cues = keys});
  ASSERT_TRUE(result.ok());
  ExpectClose<float>(result->recalls, keys.view(), 0);  // bit by bit
  // Just beyond the smallest distance the two nearest shadow each other.
  EXPECT_EQ(ShadowedRows(view, 1.0001 * nearest).size(), 2u);
}

TEST(AutoRadius, DuplicatesAndSingleKeysFallBack) {
  ExplicitStore store(2, 0);
  EXPECT_TRUE(EstimateRadius(store.Publish()).fallback);
  Matrix keys(3, 2);
  for (size_t i = 0; i < 3; ++i) keys.at(i, 0) = 1e-20f;
  const auto numbers = Numbers(0, 3);
  ASSERT_TRUE(store.Append({.keys = keys, .row_numbers = numbers}).ok());
  const RadiusEstimate estimate = EstimateRadius(store.Publish());
  EXPECT_TRUE(estimate.fallback);
  EXPECT_NEAR(estimate.radius, std::sqrt(2.0), 1e-12);
  for (const float scale : {1e18f, 1e-15f}) {
    ExplicitStore extreme(2, 0);
    Matrix two(2, 2);
    two.at(1, 1) = scale;
    const auto pair = Numbers(0, 2);
    ASSERT_TRUE(extreme.Append({.keys = two, .row_numbers = pair}).ok());
    const double radius = EstimateRadius(extreme.Publish()).radius;
    EXPECT_TRUE(std::isfinite(static_cast<float>(BetaOfRadius(radius)))) << scale;
    EXPECT_GT(radius, 0);
  }
}

// Brute force: the centroid of each subset, and who is inside the radius of it.
size_t MinimaOf(const MatrixD& patterns, double radius) {
  size_t found = 0;
  for (size_t subset = 1; subset < (size_t{1} << patterns.rows()); ++subset) {
    std::vector<double> centroid(patterns.cols());
    double count = 0;
    for (size_t mu = 0; mu < patterns.rows(); ++mu) count += subset >> mu & 1;
    for (size_t mu = 0; mu < patterns.rows(); ++mu) {
      for (size_t j = 0; j < patterns.cols() && (subset >> mu & 1) != 0; ++j) {
        centroid[j] += patterns.at(mu, j) / count;
      }
    }
    size_t inside = 0;
    for (size_t mu = 0; mu < patterns.rows(); ++mu) {
      double squared = 0;
      for (size_t j = 0; j < patterns.cols(); ++j) {
        squared += (patterns.at(mu, j) - centroid[j]) * (patterns.at(mu, j) - centroid[j]);
      }
      if (squared < radius * radius) inside |= size_t{1} << mu;
    }
    found += inside == subset;
  }
  return found;
}

TEST(SupportMinima, AreTheSubsetsThatReproduceThemselves) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const auto patterns = GaussianRows<double>(9, 5, random);
    for (const double share : {0.499, 0.9, 0.999, 1.3, 3.0}) {
      const double radius = share * SmallestDistance(patterns);
      const auto minima = EnumerateMinima(patterns, radius);
      ASSERT_TRUE(minima.ok()) << minima.status();
      EXPECT_EQ(minima->size(), MinimaOf(patterns, radius));
      // Each is a fixed point of the dynamics.
      for (const SupportMinimum& minimum : *minima) {
        MatrixD cue(1, 5);
        std::copy(minimum.centroid.begin(), minimum.centroid.end(), cue.data());
        const auto result = RunDense<double>(Lsr(radius), {.keys = patterns, .cues = cue});
        ASSERT_TRUE(result.ok());
        ExpectClose<double>(result->recalls, cue, 1e-12);
        EXPECT_EQ(result->cues[0].n_support, minimum.support.size());
      }
      const auto sampled = FindMinima(patterns, radius, 2000, seed);
      ASSERT_TRUE(sampled.ok());
      EXPECT_LE(sampled->size(), minima->size());
      EXPECT_GT(2 * sampled->size(), minima->size());
    }
  }
}

TEST(SupportMinima, BadInputIsRefusedInWords) {
  MatrixD many(21, 2), one(1, 2);
  EXPECT_EQ(GetErrorDetail(EnumerateMinima(many, 1).status())->reason, "LIMIT");
  EXPECT_EQ(GetErrorDetail(EnumerateMinima({}, 1).status())->reason, "LIMIT");
  EXPECT_EQ(GetErrorDetail(EnumerateMinima(one, 0).status())->reason, "SPEC");
  one.at(0, 0) = std::nan("");
  EXPECT_EQ(GetErrorDetail(FindMinima(one, 1, 5, 1).status())->reason, "NOT_FINITE");
}

// Every similarity with every separation that it takes.
TEST(Masks, OfAllOnesAreNone) {
  RecordProperty("seed", 8);
  Random random(8);
  const auto keys = UnitRows<float>(200, 20, random);
  const auto cues = Noisy(keys, 7, 0.2, random);
  const auto ones = MaskRows(7, 20, [](size_t, size_t) { return true; });
  for (const Similarity similarity :
       {Similarity::kDot, Similarity::kCosine, Similarity::kL2, Similarity::kL1}) {
    for (size_t row = 0; row < kSeparations; ++row) {
      const auto separation = static_cast<Separation>(row);
      const bool of_product = similarity == Similarity::kDot || similarity == Similarity::kCosine;
      if (TraitsOf(separation).has_power && !of_product) continue;
      SCOPED_TRACE(testing::Message() << Name(similarity) << " " << TraitsOf(separation).name);
      const DenseKernelSpec spec{.similarity = similarity, .separation = separation, .beta = 2};
      const auto without = RunDense<float>(spec, {.keys = keys, .cues = cues});
      const auto with = RunDense<float>(spec, {.keys = keys, .cues = cues, .mask = ones});
      ASSERT_TRUE(without.ok() && with.ok()) << without.status() << with.status();
      ExpectClose<float>(with->recalls, without->recalls.view(), 0);
      for (size_t i = 0; i < cues.rows(); ++i) {
        EXPECT_EQ(with->cues[i].energy, without->cues[i].energy);
        EXPECT_EQ(with->cues[i].steps, without->cues[i].steps);
      }
    }
  }
}

TEST(Masks, L1OverTheKnownCoordinatesFindsTheItem) {
  RecordProperty("seed", 9);
  Random random(9);
  const auto keys = GaussianRows<double>(500, 32, random);
  MatrixD cues = MatrixD::Copy(keys.view().slice(0, 20));
  for (size_t i = 0; i < cues.rows(); ++i) {
    for (size_t j = 16; j < 32; ++j) cues.at(i, j) = 1e6;
  }
  const auto half = MaskRows(20, 32, [](size_t, size_t j) { return j < 16; });
  const auto result =
      RunDense<double>({.similarity = Similarity::kL1, .separation = Separation::kArgMax},
                       {.keys = keys, .cues = cues, .mask = half});
  ASSERT_TRUE(result.ok()) << result.status();
  for (size_t i = 0; i < cues.rows(); ++i) {
    EXPECT_EQ(result->cues[i].best_row, i);
    EXPECT_EQ(result->cues[i].top[0].score, 0);
  }
}

}  // namespace
}  // namespace mneme::models
