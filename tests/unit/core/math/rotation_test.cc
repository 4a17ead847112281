#include "core/math/rotation.h"

#include <algorithm>
#include <cmath>

#include "core/math/kernels.h"
#include "gtest/gtest.h"

namespace mneme::math {
namespace {

double Overlap(const Matrix& a, size_t i, size_t j) {
  return static_cast<double>(Dot(a.row(i).data(), a.row(j).data(), a.cols()));
}

TEST(Rotation, RowsOfABlockAreOrthonormalAlsoWhereTheLastIsCut) {
  constexpr size_t kDim = 70, kRows = 2 * kDim + 37;
  const Matrix a = RandomRotation(kRows, kDim, 5);
  for (size_t i = 0; i < kRows; ++i) {
    for (size_t j = i / kDim * kDim; j <= i; ++j) {
      EXPECT_NEAR(Overlap(a, i, j), i == j ? 1 : 0, 1e-6) << i << ", " << j;
    }
  }
}

TEST(Rotation, BlocksAreIndependent) {
  constexpr size_t kDim = 64;
  const Matrix a = RandomRotation(2 * kDim, kDim, 6);
  double squares = 0;
  for (size_t i = 0; i < kDim; ++i) {
    for (size_t j = kDim; j < 2 * kDim; ++j) squares += Overlap(a, i, j) * Overlap(a, i, j);
  }
  // Each row of a block is spread over the other block's basis: squares add up to 1 a row, and no
  // pair of rows is the same.
  EXPECT_NEAR(squares, kDim, 1e-3);
  EXPECT_LT(std::abs(Overlap(a, 0, kDim)), 0.9);
}

TEST(Rotation, TheSeedDecides) {
  const Matrix a = RandomRotation(40, 32, 7), b = RandomRotation(40, 32, 7),
               c = RandomRotation(40, 32, 8);
  EXPECT_TRUE(std::equal(a.flat().begin(), a.flat().end(), b.flat().begin()));
  EXPECT_FALSE(std::equal(a.flat().begin(), a.flat().end(), c.flat().begin()));
}

}  // namespace
}  // namespace mneme::math
