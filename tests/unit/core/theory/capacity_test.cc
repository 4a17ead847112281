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

}  // namespace
}  // namespace mneme::theory
