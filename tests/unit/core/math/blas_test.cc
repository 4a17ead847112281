// Tests of core/math/blas.h against sums written out.
#include "core/math/blas.h"

#include <cmath>
#include <filesystem>
#include <iterator>
#include <thread>
#include <vector>

#include "core/base/random.h"
#include "core/math/matrix.h"
#include "gtest/gtest.h"

namespace mneme::math {
namespace {

template <typename T>
BasicMatrix<T> RandomMatrix(size_t rows, size_t cols, Random& random) {
  BasicMatrix<T> out(rows, cols);
  random.FillGaussian(out.flat());
  return out;
}

template <typename T>
class GemmTest : public testing::Test {};
using Scalars = testing::Types<float, double>;
TYPED_TEST_SUITE(GemmTest, Scalars);

TYPED_TEST(GemmTest, MultipliesInAllFourOrientations) {
  using T = TypeParam;
  constexpr size_t kM = 5, kN = 7, kK = 3;
  this->RecordProperty("seed", 1);
  Random random(1);
  for (const Transpose a_op : {Transpose::kNo, Transpose::kYes}) {
    for (const Transpose b_op : {Transpose::kNo, Transpose::kYes}) {
      const bool at = a_op == Transpose::kYes, bt = b_op == Transpose::kYes;
      const auto a = at ? RandomMatrix<T>(kK, kM, random) : RandomMatrix<T>(kM, kK, random);
      const auto b = bt ? RandomMatrix<T>(kN, kK, random) : RandomMatrix<T>(kK, kN, random);
      auto c = RandomMatrix<T>(kM, kN, random);
      const auto before = c.Clone();
      Gemm(a_op, b_op, kM, kN, kK, T(2), a.data(), a.cols(), b.data(), b.cols(), T(-1), c.data(),
           kN);
      for (size_t i = 0; i < kM; ++i) {
        for (size_t j = 0; j < kN; ++j) {
          double expected = -before.at(i, j);
          for (size_t k = 0; k < kK; ++k) {
            expected += 2.0 * (at ? a.at(k, i) : a.at(i, k)) * (bt ? b.at(j, k) : b.at(k, j));
          }
          EXPECT_NEAR(c.at(i, j), expected, 1e-5);
        }
      }
    }
  }
}

TYPED_TEST(GemmTest, MultipliesAVectorFromBothSides) {
  using T = TypeParam;
  BasicMatrix<T> a(2, 3);
  for (size_t i = 0; i < 6; ++i) a.data()[i] = static_cast<T>(i + 1);
  const std::vector<T> x3 = {1, 0, -1}, x2 = {1, 2};
  std::vector<T> y2 = {10, 10}, y3 = {0, 0, 0};
  Gemv(Transpose::kNo, 2, 3, T(1), a.data(), 3, x3.data(), T(1), y2.data());
  EXPECT_EQ(y2, (std::vector<T>{8, 8}));
  Gemv(Transpose::kYes, 2, 3, T(1), a.data(), 3, x2.data(), T(0), y3.data());
  EXPECT_EQ(y3, (std::vector<T>{9, 12, 15}));
}

TEST(GramUpdate, FillsBothTriangles) {
  const std::vector<double> a = {1, 2, 3, 4};  // rows (1,2) and (3,4)
  std::vector<double> c = {1, 0, 0, 1};
  GramUpdate(2, 2, 1, a.data(), 1, c.data());
  EXPECT_EQ(c, (std::vector<double>{11, 14, 14, 21}));
}

TEST(Cholesky, SolvesEachRow) {
  constexpr size_t kN = 6;
  RecordProperty("seed", 2);
  Random random(2);
  const auto a = RandomMatrix<double>(10, kN, random);
  MatrixD c(kN, kN);
  GramUpdate(10, kN, 1, a.data(), 0, c.data());
  const auto matrix = c.Clone();
  auto rows = RandomMatrix<double>(3, kN, random);
  const auto right = rows.Clone();
  ASSERT_TRUE(CholeskyFactor(c.data(), kN));
  CholeskySolveRows(c.data(), kN, rows.data(), 3);
  for (size_t r = 0; r < 3; ++r) {
    for (size_t i = 0; i < kN; ++i) {
      double sum = 0;
      for (size_t j = 0; j < kN; ++j) sum += matrix.at(i, j) * rows.at(r, j);
      EXPECT_NEAR(sum, right.at(r, i), 1e-10);
    }
  }
}

TEST(Cholesky, RefusesAMatrixThatIsNotPositive) {
  std::vector<double> a = {1, 2, 2, 1};
  EXPECT_FALSE(CholeskyFactor(a.data(), 2));
}

TEST(BlasKernels, AreNamedAndMayBeChosenAgain) {
  SetBlasThreads(1);
  EXPECT_FALSE(BlasKernelName().empty());
  if (!ReselectBlasKernels()) GTEST_SKIP() << "this OpenBLAS cannot choose again";
  EXPECT_FALSE(BlasKernelName().empty());
  const std::vector<float> a = {1, 2, 3, 4};
  std::vector<float> c(4);
  Gemm(Transpose::kNo, Transpose::kNo, 2, 2, 2, 1.0f, a.data(), 2, a.data(), 2, 0.0f, c.data(), 2);
  EXPECT_EQ(c, (std::vector<float>{7, 10, 15, 22}));
}

size_t ThreadsOfProcess() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<size_t>(std::distance(begin(tasks), end(tasks)));
}

TEST(BlasThreads, HoldForThreadsThatStartLater) {
  SetBlasThreads(1);
  constexpr size_t kN = 512;  // more than OpenBLAS keeps to itself
  const std::vector<float> a(kN * kN, 1);
  size_t before = 0;
  size_t after = 0;
  std::thread([&] {
    std::vector<float> c(kN * kN);
    before = ThreadsOfProcess();
    Gemm(Transpose::kNo, Transpose::kYes, kN, kN, kN, 1.0F, a.data(), kN, a.data(), kN, 0.0F,
         c.data(), kN);
    after = ThreadsOfProcess();
    EXPECT_EQ(c.back(), kN);
  }).join();
  EXPECT_EQ(after, before) << "its own threads";
}

}  // namespace
}  // namespace mneme::math
