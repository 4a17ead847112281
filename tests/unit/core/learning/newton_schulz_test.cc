#include "core/learning/newton_schulz.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "core/base/random.h"
#include "core/learning/spectrum.h"
#include "core/math/blas.h"
#include "gtest/gtest.h"
#include "tests/unit/core/learning/learning_testing.h"

namespace mneme::learning {
namespace {

// left diag(values) right^T with orthonormal columns, by Gram-Schmidt: nothing of the code under
// test.
MatrixD OrthonormalColumns(size_t rows, size_t cols, Random& random) {
  MatrixD out(rows, cols);
  for (size_t j = 0; j < cols; ++j) {
    std::vector<double> v(rows);
    random.FillGaussian(std::span<double>(v));
    for (int pass = 0; pass < 2; ++pass) {
      for (size_t i = 0; i < j; ++i) {
        double along = 0;
        for (size_t a = 0; a < rows; ++a) along += v[a] * out.at(a, i);
        for (size_t a = 0; a < rows; ++a) v[a] -= along * out.at(a, i);
      }
    }
    double norm = 0;
    for (const double x : v) norm += x * x;
    for (size_t a = 0; a < rows; ++a) out.at(a, j) = v[a] / std::sqrt(norm);
  }
  return out;
}

struct Decomposed {
  MatrixD left, right;
  MatrixD Compose(const std::vector<double>& values) const {
    MatrixD out(left.rows(), right.rows());
    for (size_t a = 0; a < out.rows(); ++a) {
      for (size_t b = 0; b < out.cols(); ++b) {
        for (size_t j = 0; j < values.size(); ++j) {
          out.at(a, b) += left.at(a, j) * values[j] * right.at(b, j);
        }
      }
    }
    return out;
  }
};

Matrix Narrow(const MatrixD& from) {
  Matrix out(from.rows(), from.cols());
  for (size_t i = 0; i < from.flat().size(); ++i) out.flat()[i] = float(from.flat()[i]);
  return out;
}

const std::pair<size_t, size_t> kShapes[] = {{12, 12}, {8, 30}, {30, 8}, {1, 9}, {9, 1}, {1, 1}};

// Singular values from `least` of the norm up to half of it; one of them is the least.
std::vector<double> Spectrum(size_t count, double least, Random& random) {
  std::vector<double> out(count);
  double sum = 0;
  for (double& x : out) {
    x = least * std::pow(0.5 / least, random.Uniform());
    sum += x * x;
  }
  out[0] = std::sqrt(std::max(1 - sum + out[0] * out[0], 0.3));
  if (count > 1) out[1] = least * 1.01;
  return out;
}

void ExpectBand(double least, int polish, double low, double high) {
  Random random(101);
  for (int trial = 0; trial < 40; ++trial) {
    const auto [rows, cols] = kShapes[trial % 6];
    const size_t side = std::min(rows, cols);
    const Decomposed basis{OrthonormalColumns(rows, side, random),
                           OrthonormalColumns(cols, side, random)};
    std::vector<double> values = Spectrum(side, least, random);
    const double scale = std::exp(5 * random.Gaussian());
    for (double& x : values) x *= scale;
    const auto squares =
        SquaredSingularValues(Orthogonalise(Narrow(basis.Compose(values)), polish));
    SCOPED_TRACE(::testing::Message() << rows << " x " << cols << " trial " << trial);
    EXPECT_LE(std::sqrt(squares.front()), high);
    EXPECT_GE(std::sqrt(squares.back()), low);
  }
}

TEST(Orthogonalise, EndsInItsBand) {
  RecordProperty("seed", 101);
  // The range of the scalar polynomial over these singular values, to four digits.
  ExpectBand(0.01, 0, 0.6818 - 1e-4, 1.1344 + 1e-4);
  ExpectBand(0.001, 0, 0.4705 - 1e-4, 1.2024 + 1e-4);
}

TEST(Orthogonalise, PolishEvensOutWhatIsLeft) {
  RecordProperty("seed", 101);
  ExpectBand(0.01, 2, 0.9736 - 1e-4, 1 + 1e-4);
}

TEST(Orthogonalise, KeepsDirectionsWithinTheBandOfThePolarFactor) {
  RecordProperty("seed", 102);
  Random random(102);
  for (const auto& [rows, cols] : kShapes) {
    const size_t side = std::min(rows, cols);
    const Decomposed basis{OrthonormalColumns(rows, side, random),
                           OrthonormalColumns(cols, side, random)};
    const Matrix out = Orthogonalise(Narrow(basis.Compose(Spectrum(side, 0.01, random))), 2);
    const MatrixD polar = basis.Compose(std::vector<double>(side, 1));
    // |out - polar| has singular values below 0.03: each direction is the same, its length near
    // one.
    Matrix difference(rows, cols);
    for (size_t i = 0; i < out.flat().size(); ++i) {
      difference.flat()[i] = static_cast<float>(out.flat()[i] - polar.flat()[i]);
    }
    EXPECT_LE(std::sqrt(SquaredSingularValues(difference).front()), 0.03);
  }
}

TEST(Orthogonalise, KeepsZeroAndNullDirections) {
  const Matrix nothing = Orthogonalise(Matrix(4, 7), 2);
  for (const float x : nothing.flat()) EXPECT_EQ(x, 0);
  RecordProperty("seed", 103);
  Random random(103);
  const Decomposed basis{OrthonormalColumns(6, 6, random), OrthonormalColumns(6, 6, random)};
  const auto squares =
      SquaredSingularValues(Orthogonalise(Narrow(basis.Compose({0.8, 0.5, 0.3, 0.1, 0, 0})), 2));
  EXPECT_GT(std::sqrt(squares[3]), 0.97);
  EXPECT_LT(std::sqrt(squares[4]), 1e-3);
}

TEST(PolarFactor, HasAllSingularValuesOneAndTheSameDirections) {
  RecordProperty("seed", 104);
  Random random(104);
  for (const auto& [rows, cols] : kShapes) {
    SCOPED_TRACE(::testing::Message() << rows << " x " << cols);
    const size_t side = std::min(rows, cols);
    const Decomposed basis{OrthonormalColumns(rows, side, random),
                           OrthonormalColumns(cols, side, random)};
    const MatrixD out = PolarFactor(basis.Compose(Spectrum(side, 1e-6, random)));
    const MatrixD expected = basis.Compose(std::vector<double>(side, 1));
    for (size_t i = 0; i < out.flat().size(); ++i) {
      EXPECT_NEAR(out.flat()[i], expected.flat()[i], 1e-8);
    }
  }
  const MatrixD nothing = PolarFactor(MatrixD(3, 5));
  for (const double x : nothing.flat()) EXPECT_EQ(x, 0);
}

TEST(Spectrum, FindsTheSingularValuesThatWerePutIn) {
  RecordProperty("seed", 105);
  Random random(105);
  for (const auto& [rows, cols] : kShapes) {
    SCOPED_TRACE(::testing::Message() << rows << " x " << cols);
    const size_t side = std::min(rows, cols);
    const Decomposed basis{OrthonormalColumns(rows, side, random),
                           OrthonormalColumns(cols, side, random)};
    std::vector<double> values(side);
    for (double& x : values) x = std::exp(random.Gaussian());
    if (side > 4) values[1] = values[2] = values[3], values[4] = 0;  // equal ones, and none
    const auto squares = SquaredSingularValues(Narrow(basis.Compose(values)));
    std::sort(values.begin(), values.end(), std::greater<>());
    ASSERT_EQ(squares.size(), side);
    for (size_t i = 0; i < side; ++i) {
      EXPECT_NEAR(squares[i], values[i] * values[i], 1e-6 * values[0] * values[0]);
    }
  }
}

TEST(Spectrum, MeasuresItsShape) {
  Matrix even(12, 12);
  for (size_t i = 0; i < 12; ++i) even.at(i, i) = 3;
  const SpectrumShape flat = MeasureSpectrum(even);
  EXPECT_NEAR(flat.entropy, 1, 1e-12);
  EXPECT_NEAR(flat.effective_rank, 12, 1e-9);
  EXPECT_NEAR(flat.top10_energy, 10.0 / 12, 1e-12);
  EXPECT_NEAR(flat.quartile_ratio, 1, 1e-12);

  Matrix single(12, 5);
  single.at(3, 2) = 2;
  const SpectrumShape lone = MeasureSpectrum(single);
  EXPECT_NEAR(lone.entropy, 0, 1e-12);
  EXPECT_NEAR(lone.effective_rank, 1, 1e-12);
  EXPECT_NEAR(lone.top10_energy, 1, 1e-12);

  Matrix steps(5, 5);  // squares 1, 4, 9, 16, 25
  for (size_t i = 0; i < 5; ++i) steps.at(i, i) = static_cast<float>(i + 1);
  EXPECT_NEAR(MeasureSpectrum(steps).quartile_ratio, 16.0 / 4, 1e-9);

  const SpectrumShape none = MeasureSpectrum(Matrix(4, 4));
  EXPECT_EQ(none.entropy, 0);
  EXPECT_EQ(none.effective_rank, 0);
}

// Marchenko and Pastur: a Gaussian matrix of many rows and columns fills the rank exp(H).
TEST(Spectrum, OfAGaussianMatrixIsWide) {
  RecordProperty("seed", 106);
  Random random(106);
  const Matrix m = GaussianMatrix(200, 150, 1, random);
  const auto squares = SquaredSingularValues(m);
  double sum = 0;
  for (const double x : squares) sum += x;
  EXPECT_NEAR(sum, Norm(m) * Norm(m), 1e-9 * sum);
  const double edge = std::pow(std::sqrt(200) + std::sqrt(150), 2);
  EXPECT_NEAR(squares.front() / edge, 1, 0.05);
  EXPECT_NEAR(MeasureSpectrum(m).entropy, 0.9, 0.05);
}

}  // namespace
}  // namespace mneme::learning
