// Tests of core/theory/effective_dimension.h.
#include "core/theory/effective_dimension.h"

#include <cmath>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "gtest/gtest.h"

namespace mneme::theory {
namespace {

constexpr uint64_t kSeed = 11;

// Gaussian rows whose covariance has the spectrum i^-power.
Matrix PowerLawRows(size_t n, size_t d, double power, Random& random) {
  Matrix rows(n, d);
  random.FillGaussian(rows.flat());
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < d; ++j) {
      rows.at(i, j) *= static_cast<float>(std::pow(j + 1.0, -power / 2));
    }
  }
  return rows;
}

TEST(EffectiveDimension, OfIsotropicRowsIsTheDimension) {
  RecordProperty("seed", std::to_string(kSeed));
  Random random(kSeed);
  const Matrix rows = PowerLawRows(2000, 96, 0, random);
  const auto d = EffectiveDimension(rows, 200000, random);
  ASSERT_TRUE(d.ok());
  EXPECT_NEAR(*d, 96, 1.5);  // standard error 0.3 %
}

// 1 / tr(M^2), M = E[x x^T] of the unit rows: the same number without pairs. The covariance is
// diagonal, so M is too.
double FromSecondMoments(const Matrix& rows) {
  std::vector<double> moments(rows.cols());
  for (size_t i = 0; i < rows.rows(); ++i) {
    double squared = 0;
    for (float x : rows.row(i)) squared += static_cast<double>(x) * x;
    for (size_t j = 0; j < rows.cols(); ++j) {
      moments[j] += rows.at(i, j) * rows.at(i, j) / squared / static_cast<double>(rows.rows());
    }
  }
  double trace = 0;
  for (double moment : moments) trace += moment * moment;
  return 1 / trace;
}

TEST(EffectiveDimension, OfPowerLawRowsMatchesTheirSecondMoments) {
  RecordProperty("seed", std::to_string(kSeed));
  Random random(kSeed);
  for (double power : {0.5, 1.0}) {
    const Matrix rows = PowerLawRows(20000, 96, power, random);
    const double expected = FromSecondMoments(rows);
    EXPECT_NEAR(*EffectiveDimension(rows, 400000, random), expected, 0.02 * expected) << power;
  }
}

TEST(EffectiveDimension, OfPowerLawRowsMatchesTheReference) {
  RecordProperty("seed", std::to_string(kSeed));
  Random random(kSeed);
  EXPECT_NEAR(*EffectiveDimension(PowerLawRows(600, 96, 0.5, random), 400000, random), 66.5, 1.5);
}

TEST(EffectiveDimension, IgnoresLengthsAndZeroRows) {
  Matrix rows(3, 2);
  rows.at(0, 0) = 5;
  rows.at(2, 0) = -0.25f;  // row 1 is zero; the other two are parallel
  Random random(kSeed);
  EXPECT_DOUBLE_EQ(*EffectiveDimension(rows, 10, random), 1);
}

TEST(EffectiveDimension, RefusesTooFewRows) {
  Random random(kSeed);
  Matrix rows(3, 2);
  rows.at(1, 1) = 1;
  const absl::Status status = EffectiveDimension(rows, 10, random).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(GetErrorDetail(status)->reason, "ROWS");
}

}  // namespace
}  // namespace mneme::theory
