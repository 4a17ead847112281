#include "core/analysis/report.h"

#include <cmath>
#include <limits>
#include <numeric>

#include "gtest/gtest.h"

namespace mneme::analysis {
namespace {

double Sum(const Column& column) {
  return std::accumulate(column.values.begin(), column.values.end(), 0.0);
}

TEST(Histogram, CountsEachFiniteValueOnceAndCoversThem) {
  const std::vector<double> values = {0, 1, 2, 3, 4, 4, std::nan("")};
  const Table table = Histogram("h", values, 4);
  ASSERT_EQ(table.columns.size(), 3u);
  EXPECT_EQ(table.columns[2].values, (std::vector<double>{1, 1, 1, 3}));
  EXPECT_EQ(table.columns[0].values.front(), 0);
  EXPECT_EQ(table.columns[1].values.back(), 4);
}

TEST(Histogram, OneBinForOneValueAndNoneForNone) {
  EXPECT_EQ(Histogram("h", std::vector<double>{7, 7, 7}).columns[2].values, std::vector<double>{3});
  EXPECT_TRUE(Histogram("h", {}).columns[2].values.empty());
  const std::vector<double> none = {std::nan(""), std::numeric_limits<double>::infinity()};
  EXPECT_TRUE(Histogram("h", none).columns[2].values.empty());
}

TEST(Histogram, HugeAndTinyValuesLoseNone) {
  const std::vector<double> huge = {-1.7e308, 0, 1.7e308};
  const Table wide = Histogram("h", huge, 8);
  EXPECT_EQ(Sum(wide.columns[2]), 3);
  for (const double edge : wide.columns[1].values) EXPECT_TRUE(std::isfinite(edge));
  const std::vector<double> tiny = {0, 1e-25, 2e-25};
  EXPECT_EQ(Sum(Histogram("h", tiny, 8).columns[2]), 3);
  const std::vector<double> denormal = {0, 5e-324};
  EXPECT_EQ(Sum(Histogram("h", denormal, 8).columns[2]), 2);
}

TEST(Thinned, KeepsFirstAndLastAndTheBound) {
  Table table{.name = "t", .columns = {{"x", {}}}};
  for (int i = 0; i < 10'000; ++i) table.columns[0].values.push_back(i);
  const Table thin = Thinned(table);
  EXPECT_EQ(thin.columns[0].values.size(), kTableRowsMax);
  EXPECT_EQ(thin.columns[0].values.front(), 0);
  EXPECT_EQ(thin.columns[0].values.back(), 9'999);
  const Table small{.name = "t", .columns = {{"x", {1, 2}}}};
  EXPECT_EQ(Thinned(small).columns[0].values, small.columns[0].values);
}

}  // namespace
}  // namespace mneme::analysis
