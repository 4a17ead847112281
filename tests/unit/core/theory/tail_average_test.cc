// Tests of core/theory/tail_average.h against the printed table and Monte Carlo.
#include "core/theory/tail_average.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "core/base/random.h"
#include "core/theory/normal.h"
#include "gtest/gtest.h"

namespace mneme::theory {
namespace {

constexpr double kPrinted = 1e-6;

TEST(TailAverage, GivesTheReferenceTable) {
  struct Row {
    double r, kappa, critical, collapse;
  };
  for (const Row& row :
       {Row{0.5, 0.797885, 0.657713, 1.570796}, Row{0.3, 1.158975, 0.436552, 0.744478},
        Row{0.25, 1.271106, 0.388292, 0.618922}, Row{0.1, 1.754983, 0.245799, 0.324679},
        Row{0.05, 2.062713, 0.190476, 0.235030}, Row{0.02, 2.420907, 0.145789, 0.170625},
        Row{0.01, 2.665214, 0.123416, 0.140778}, Row{1e-3, 3.367090, 0.081055, 0.088204},
        Row{1e-4, 3.958480, 0.059990, 0.063818}, Row{1e-6, 4.948333, 0.039237, 0.040840}}) {
    SCOPED_TRACE(row.r);
    EXPECT_NEAR(TailMean(row.r), row.kappa, kPrinted);
    EXPECT_NEAR(TamCriticalLoad(row.r), row.critical, kPrinted);
    EXPECT_NEAR(TamCollapseLoad(row.r), row.collapse, kPrinted);
  }
}

TEST(TailAverage, InvertsItself) {
  for (const double r : {0.999, 0.5, 0.1, 1e-3, 1e-9, 1e-100}) {
    EXPECT_NEAR(TailFraction(TailMean(r)) / r, 1, 1e-9) << r;
    EXPECT_NEAR(SmallestTailFraction(TamCollapseLoad(r)) / r, 1, 1e-9) << r;
  }
  EXPECT_EQ(TailFraction(100), 0);
  EXPECT_EQ(SmallestTailFraction(1e-5), 0);
}

TEST(TailAverage, TheLiftIsTheMeanSquareOfWhatIsMissing) {
  for (const double a : {-3.0, 0.0, 1.5, 6.0}) {
    const double plain = NormalExpectation([&](double g) {
      const double missing = std::max(0.0, a - g);
      return missing * missing;
    });
    EXPECT_NEAR(MeanSquareLift(a), plain, 1e-6 * (1 + a * a)) << a;
  }
}

TEST(TailAverage, OfASampleIsBelowTheLimitAndNearMonteCarlo) {
  constexpr uint64_t kSeed = 1;
  RecordProperty("seed", static_cast<int>(kSeed));
  Random random(kSeed);
  constexpr int kSamples = 100, kBest = 5, kTrials = 4000;
  double sum = 0;
  std::vector<double> sample(kSamples);
  for (int trial = 0; trial < kTrials; ++trial) {
    random.FillGaussian(sample);
    std::partial_sort(sample.begin(), sample.begin() + kBest, sample.end(), std::greater<>());
    for (int i = 0; i < kBest; ++i) sum += sample[i] / kBest;
  }
  EXPECT_NEAR(FiniteTailMean(kBest, kSamples), 2.012, 5e-4);
  EXPECT_NEAR(FiniteTailMean(kBest, kSamples), sum / kTrials, 0.025);  // 0.013 and the noise
  EXPECT_LT(FiniteTailMean(kBest, kSamples), TailMean(0.05));
  EXPECT_NEAR(FiniteTailMean(50000, 1000000), TailMean(0.05), 1e-4);
}

}  // namespace
}  // namespace mneme::theory
