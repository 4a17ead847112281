// Tests of core/theory/hard_margin.h against the printed table and its own definitions.
#include "core/theory/hard_margin.h"

#include "core/theory/tail_average.h"
#include "gtest/gtest.h"

namespace mneme::theory {
namespace {

TEST(HardMargin, GivesTheReferenceTable) {
  struct Row {
    double load, theta, worst, list;
  };
  for (const Row& row : {Row{0.05, 4.3589, 6.54e-6, 1.74e-5}, Row{0.10, 3.0000, 1.350e-3, 3.533e-3},
                         Row{0.15, 2.3809, 8.636e-3, 0.02229}, Row{0.20, 2.0014, 0.02267, 0.05780},
                         Row{0.30, 1.5344, 0.06247, 0.15589}, Row{0.50, 1.0343, 0.15049, 0.36260},
                         Row{1.0, 0.4707, 0.31894, 0.71786}}) {
    SCOPED_TRACE(row.load);
    EXPECT_NEAR(HardMarginThreshold(row.load), row.theta, 5.1e-5);
    EXPECT_NEAR(HardMarginWorstPercentile(row.load) / row.worst, 1, 1e-3);
    EXPECT_NEAR(HardMarginTailFraction(row.load) / row.list, 1, 1.5e-3);
  }
}

TEST(HardMargin, ItsListIsTheOneWhoseCriticalLoadThisIs) {
  for (const double r : {0.9, 0.5, 0.1, 1e-4, 1e-12}) {
    EXPECT_NEAR(HardMarginTailFraction(TamCriticalLoad(r)) / r, 1, 1e-8) << r;
  }
  EXPECT_EQ(HardMarginTailFraction(2.5), 1);
}

TEST(HardMargin, SpendsTheWholeBudgetOnTheLift) {
  for (const double load : {1e-3, 0.1, 1.0, 10.0, 1000.0}) {
    EXPECT_NEAR(MeanSquareLift(HardMarginThreshold(load)) * load, 1, 1e-9) << load;
  }
}

}  // namespace
}  // namespace mneme::theory
