// What the tests of core/learning share: random items, and the plain way to the same numbers.
#ifndef MNEME_TESTS_UNIT_CORE_LEARNING_LEARNING_TESTING_H_
#define MNEME_TESTS_UNIT_CORE_LEARNING_LEARNING_TESTING_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <vector>

#include "core/base/random.h"
#include "core/math/blas.h"
#include "core/math/matrix.h"
#include "gtest/gtest.h"

namespace mneme::learning {

// The library runs its own threads; OpenBLAS's on top of them would fight for the same cores.
class SingleThreadedBlas : public ::testing::Environment {
 public:
  void SetUp() override { math::SetBlasThreads(1); }
};
inline const auto* const kSingleThreadedBlas =
    ::testing::AddGlobalTestEnvironment(new SingleThreadedBlas);

inline Matrix UnitRows(size_t rows, size_t cols, Random& random) {
  Matrix out(rows, cols);
  for (size_t i = 0; i < rows; ++i) random.FillUnit(out.row(i));
  return out;
}

inline Matrix GaussianMatrix(size_t rows, size_t cols, double scale, Random& random) {
  Matrix out(rows, cols);
  for (float& x : out.flat()) x = static_cast<float>(scale * random.Gaussian());
  return out;
}

inline double Norm(MatrixView m) {
  double sum = 0;
  for (const float x : m.flat()) sum += static_cast<double>(x) * x;
  return std::sqrt(sum);
}

// <u, W q> in long double.
inline long double ExactScore(MatrixView w, std::span<const float> u, std::span<const float> q) {
  long double sum = 0;
  for (size_t a = 0; a < w.rows; ++a) {
    long double read = 0;
    for (size_t b = 0; b < w.cols; ++b) read += static_cast<long double>(w.row(a)[b]) * q[b];
    sum += read * u[a];
  }
  return sum;
}

// Mean of the k largest <u_j, W q>, j != own.
inline long double ExactTailAverage(MatrixView w, MatrixView codebook, std::span<const float> q,
                                    size_t own, size_t k) {
  std::vector<long double> scores;
  for (size_t j = 0; j < codebook.rows; ++j) {
    if (j != own) scores.push_back(ExactScore(w, codebook.row(j), q));
  }
  std::sort(scores.begin(), scores.end(), std::greater<>());
  long double sum = 0;
  for (size_t j = 0; j < k; ++j) sum += scores[j];
  return sum / static_cast<long double>(k);
}

}  // namespace mneme::learning

#endif  // MNEME_TESTS_UNIT_CORE_LEARNING_LEARNING_TESTING_H_
