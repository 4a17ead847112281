// Tests of core/theory/capacity.h against the reference table of capacities.
#include "core/theory/capacity.h"

#include <tuple>

#include "core/theory/cmm.h"
#include "gtest/gtest.h"

namespace mneme::theory {
namespace {

TEST(CmmCapacity, GivesTheReferenceTable) {
  struct Row {
    double d, all_top1, mean_99, mean_50, list;
  };
  for (const Row& row : {Row{64, 103, 111, 374, 217}, Row{128, 356, 444, 1297, 945},
                         Row{256, 1240, 1704, 4530, 3967}, Row{512, 4338, 6418, 15922, 16256},
                         Row{1024, 15268, 23978, 56365, 65762}}) {
    SCOPED_TRACE(row.d);
    const auto near = [](uint64_t got, double expected) {
      EXPECT_NEAR(static_cast<double>(got), expected, 0.01 * expected);  // the table's tolerance
    };
    near(CmmCapacityAllTop1(row.d, row.d, 0.5), row.all_top1);
    near(CmmCapacityMeanTop1(row.d, row.d, 0.99), row.mean_99);
    near(CmmCapacityMeanTop1(row.d, row.d, 0.5), row.mean_50);
    near(CmmCapacityList(row.d, row.d, 0.01, 0.95), row.list);
  }
}

TEST(CmmCapacity, IsTheLastCountThatHolds) {
  const uint64_t n = CmmCapacityMeanTop1(32, 48, 0.9);
  const auto top1 = [](uint64_t count) {
    return CmmTop1({.d_k = 32, .d_v = 48, .n = static_cast<double>(count)});
  };
  EXPECT_GE(top1(n), 0.9);
  EXPECT_LT(top1(n + 1), 0.9);
}

TEST(CmmCapacity, IsZeroWhenNothingCanHold) { EXPECT_EQ(CmmCapacityMeanTop1(64, 64, 1.1), 0u); }

TEST(Capacity, GivesTheReferenceTableOfLimits) {
  struct Row {
    double d;
    uint64_t all, typical;
  };
  for (const Row& row : {Row{64, 109, 349}, Row{128, 349, 1160}, Row{256, 1160, 3956},
                         Row{512, 3956, 13754}, Row{1024, 13754, 48585}}) {
    EXPECT_EQ(CmmCapacityAllLimit(row.d, row.d), row.all) << row.d;
    EXPECT_EQ(CmmCapacityTypicalLimit(row.d, row.d), row.typical) << row.d;
    EXPECT_EQ(Top1ConjectureCapacity(row.d, row.d), row.typical) << row.d;
  }
  EXPECT_EQ(CmmCapacityTypicalLimit(32, 128), 349u);  // only the product counts
}

TEST(Capacity, GivesTheReferenceTableOfTheBestMatrix) {
  struct Row {
    double d, list, n;
  };
  for (const Row& row : {Row{256, 1, 4861}, Row{256, 10, 6679}, Row{256, 100, 10175},
                         Row{1024, 1, 57785}, Row{1024, 10, 73559}, Row{1024, 100, 99486}}) {
    EXPECT_NEAR(static_cast<double>(OptimalCapacityWorstList(row.d, row.d, row.list)), row.n,
                0.01 * row.n)  // the table's tolerance
        << row.d << " " << row.list;
  }
}

TEST(Capacity, OfRidgeAndOfCertificates) {
  EXPECT_EQ(RidgeCapacityRecall(64, 0), 64u);
  EXPECT_EQ(RidgeCapacityRecall(64, 3), 256u);
  EXPECT_EQ(TamCapacityCertified(48, 48, 0.1), 566u);     // 0.245799 * 2304
  EXPECT_EQ(TamCapacityCertified(256, 64, 0.5), 10775u);  // 0.657713 * 16384
}

}  // namespace
}  // namespace mneme::theory
