#include "core/learning/losses.h"

#include <array>
#include <cmath>
#include <memory>
#include <vector>

#include "core/base/random.h"
#include "core/math/kernels.h"
#include "gtest/gtest.h"
#include "tests/unit/core/learning/learning_testing.h"

namespace mneme::learning {
namespace {

constexpr double kTemperature = 0.3;

double ReferenceCrossEntropy(MatrixView w, MatrixView codebook, const Batch& batch) {
  long double loss = 0;
  for (size_t i = 0; i < batch.queries.rows; ++i) {
    long double sum = 0;
    const long double own =
        ExactScore(w, codebook.row(batch.target(i)), batch.queries.row(i)) / kTemperature;
    for (size_t j = 0; j < codebook.rows; ++j) {
      sum += std::exp(ExactScore(w, codebook.row(j), batch.queries.row(i)) / kTemperature - own);
    }
    loss += std::log(sum);
  }
  return static_cast<double>(loss / static_cast<long double>(batch.queries.rows));
}

double ReferenceLeastSquares(MatrixView w, MatrixView codebook, const Batch& batch) {
  double loss = 0;
  for (size_t i = 0; i < batch.queries.rows; ++i) {
    for (size_t a = 0; a < w.rows; ++a) {
      double error = -codebook.row(batch.target(i))[a];
      for (size_t b = 0; b < w.cols; ++b) error += double(w.row(a)[b]) * batch.queries.row(i)[b];
      loss += error * error / 2;
    }
  }
  return loss / static_cast<double>(batch.queries.rows);
}

enum class Kind { kCrossEntropy, kLeastSquares };

class Losses : public ::testing::TestWithParam<Kind> {
 protected:
  std::unique_ptr<BatchLoss> Make(MatrixView codebook, int threads = 1) const {
    if (GetParam() == Kind::kLeastSquares) {
      return std::make_unique<LeastSquaresLoss>(codebook, threads);
    }
    return std::make_unique<CrossEntropyLoss>(codebook, kTemperature, threads);
  }
  double Reference(MatrixView w, MatrixView codebook, const Batch& batch) const {
    return GetParam() == Kind::kLeastSquares ? ReferenceLeastSquares(w, codebook, batch)
                                             : ReferenceCrossEntropy(w, codebook, batch);
  }
};

TEST_P(Losses, AreTheirDefinitionAndTheGradientIsTheFiniteDifference) {
  RecordProperty("seed", 91);
  Random random(91);
  for (const auto& [n, d_k, d_v] :
       std::vector<std::array<size_t, 3>>{{30, 5, 7}, {2, 1, 3}, {9, 6, 1}, {100, 8, 4}}) {
    SCOPED_TRACE(::testing::Message() << n << " " << d_k << " " << d_v);
    const Matrix keys = UnitRows(n, d_k, random), codebook = UnitRows(n, d_v, random);
    const Matrix w = GaussianMatrix(d_v, d_k, 0.5, random);
    const auto loss = Make(codebook);
    const Batch batch{.queries = keys};
    Matrix gradient;
    const double expected = Reference(w, codebook, batch);
    EXPECT_NEAR(loss->Evaluate(w, batch, nullptr).value(), expected, 1e-5 * expected);
    EXPECT_NEAR(loss->Evaluate(w, batch, &gradient).value(), expected, 1e-5 * expected);
    for (int trial = 0; trial < 3; ++trial) {
      const Matrix along = GaussianMatrix(d_v, d_k, 1e-3, random);
      Matrix up = w.Clone(), down = w.Clone();
      math::AddScaled(1.0f, along.data(), up.data(), up.flat().size());
      math::AddScaled(-1.0f, along.data(), down.data(), down.flat().size());
      double slope = 0, length = 0;
      for (size_t j = 0; j < along.flat().size(); ++j) {
        const double taken = double(up.flat()[j]) - down.flat()[j];
        slope += taken * gradient.flat()[j];
        length += taken * taken;
      }
      EXPECT_NEAR(slope, Reference(up, codebook, batch) - Reference(down, codebook, batch),
                  1e-4 * std::sqrt(length) * Norm(gradient));
    }
  }
}

TEST_P(Losses, BatchedIsOneByOneAndTargetsAreFollowed) {
  RecordProperty("seed", 92);
  Random random(92);
  const Matrix cues = UnitRows(70, 6, random), codebook = UnitRows(40, 5, random);
  const Matrix w = GaussianMatrix(5, 6, 0.5, random);
  std::vector<uint32_t> targets(70);
  for (uint32_t& target : targets) target = static_cast<uint32_t>(random.Below(40));
  const auto loss = Make(codebook);
  Matrix whole, one, sum(5, 6);
  const double together = loss->Evaluate(w, {.queries = cues, .targets = targets}, &whole).value();
  double mean = 0;
  for (size_t i = 0; i < 70; ++i) {
    const Batch single{.queries = cues.view().slice(i, 1),
                       .targets = std::span(targets).subspan(i, 1)};
    mean += loss->Evaluate(w, single, &one).value() / 70;
    math::AddScaled(1.0f / 70, one.data(), sum.data(), 30);
  }
  EXPECT_NEAR(together, mean, 1e-5 * mean);
  for (size_t j = 0; j < 30; ++j) EXPECT_NEAR(sum.flat()[j], whole.flat()[j], 1e-5 * Norm(whole));
}

TEST_P(Losses, OneThreadIsTwo) {
  RecordProperty("seed", 93);
  Random random(93);
  const Matrix keys = UnitRows(900, 6, random), codebook = UnitRows(900, 5, random);
  const Matrix w = GaussianMatrix(5, 6, 0.5, random);
  Matrix g1, g2;
  const double l1 = Make(codebook, 1)->Evaluate(w, {.queries = keys}, &g1).value();
  const double l2 = Make(codebook, 2)->Evaluate(w, {.queries = keys}, &g2).value();
  EXPECT_NEAR(l1, l2, 1e-5 * l1);
  for (size_t j = 0; j < 30; ++j) EXPECT_NEAR(g1.flat()[j], g2.flat()[j], 1e-5 * Norm(g1));
}

TEST_P(Losses, GiveUpWhenTheyAreTold) {
  RecordProperty("seed", 94);
  Random random(94);
  const Matrix keys = UnitRows(10, 3, random), codebook = UnitRows(10, 3, random);
  const auto loss = Make(codebook);
  loss->set_keep_going([] { return false; });
  EXPECT_EQ(loss->Evaluate(Matrix(3, 3), {.queries = keys}, nullptr).status().code(),
            absl::StatusCode::kCancelled);
}

INSTANTIATE_TEST_SUITE_P(Both, Losses, ::testing::Values(Kind::kCrossEntropy, Kind::kLeastSquares));

// Scores far beyond the range of exp.
TEST(CrossEntropy, IsFiniteForLargeScores) {
  RecordProperty("seed", 95);
  Random random(95);
  const Matrix keys = UnitRows(20, 4, random), codebook = UnitRows(20, 4, random);
  const Matrix w = GaussianMatrix(4, 4, 1e4, random);
  CrossEntropyLoss loss(codebook, 1, 1);
  Matrix gradient;
  EXPECT_TRUE(std::isfinite(loss.Evaluate(w, {.queries = keys}, &gradient).value()));
  EXPECT_TRUE(std::isfinite(Norm(gradient)));
}

}  // namespace
}  // namespace mneme::learning
