#include "core/learning/tam_loss.h"

#include <cmath>
#include <numeric>
#include <vector>

#include "core/base/random.h"
#include "core/math/kernels.h"
#include "gtest/gtest.h"
#include "tests/unit/core/learning/learning_testing.h"

namespace mneme::learning {
namespace {

// The definition, in long double; theory frame.
double ReferenceLoss(MatrixView w, MatrixView codebook, const Batch& batch, size_t k) {
  const long double frame = std::sqrt(static_cast<long double>(w.rows * w.cols));
  long double loss = 0;
  for (size_t i = 0; i < batch.queries.rows; ++i) {
    const size_t target = batch.target(i);
    const auto q = batch.queries.row(i);
    const long double margin = frame * (ExactScore(w, codebook.row(target), q) -
                                        ExactTailAverage(w, codebook, q, target, k));
    loss += std::log1p(std::exp(-margin));
  }
  return static_cast<double>(loss / static_cast<long double>(batch.queries.rows));
}

// A matrix under which margins are of the size of training: some won, some lost.
Matrix HalfTrained(MatrixView keys, MatrixView codebook, double norm, Random& random) {
  Matrix w = GaussianMatrix(codebook.cols, keys.cols, 0.3, random);
  for (size_t i = 0; i < keys.rows; ++i) {
    for (size_t a = 0; a < w.rows(); ++a) {
      math::AddScaled(codebook.row(i)[a], keys.row(i).data(), w.row(a).data(), keys.cols);
    }
  }
  math::Scale(static_cast<float>(norm / Norm(w)), w.data(), w.flat().size());
  return w;
}

struct Case {
  size_t n, d_k, d_v, k;
};
// Around every path: gathered and multiplied tails, one competitor, all of them, a line of numbers.
const Case kCases[] = {{40, 6, 5, 4}, {40, 5, 6, 20}, {33, 16, 3, 32}, {50, 3, 20, 1},
                       {2, 4, 4, 1},  {12, 1, 7, 3},  {12, 7, 1, 3},   {300, 17, 9, 10}};

TEST(TamLoss, IsTheLossOfItsDefinition) {
  RecordProperty("seed", 41);
  Random random(41);
  for (const Case& c : kCases) {
    SCOPED_TRACE(::testing::Message() << c.n << " " << c.d_k << " " << c.d_v << " " << c.k);
    const Matrix keys = UnitRows(c.n, c.d_k, random), codebook = UnitRows(c.n, c.d_v, random);
    const Matrix w = HalfTrained(keys, codebook, 2, random);
    TamLoss loss(codebook, {.list_size = c.k});
    const Batch batch{.queries = keys};
    const double expected = ReferenceLoss(w, codebook, batch, c.k);
    EXPECT_NEAR(loss.Evaluate(w, batch, nullptr).value(), expected, 1e-5 * expected);
    Matrix gradient;
    EXPECT_NEAR(loss.Evaluate(w, batch, &gradient).value(), expected, 1e-5 * expected);
  }
}

TEST(TamLoss, OfNothingIsLogTwo) {
  RecordProperty("seed", 42);
  Random random(42);
  const Matrix keys = UnitRows(30, 4, random), codebook = UnitRows(30, 5, random);
  TamLoss loss(codebook, {.list_size = 3});
  Matrix gradient;
  EXPECT_DOUBLE_EQ(loss.Evaluate(Matrix(5, 4), {.queries = keys}, &gradient).value(), std::log(2));
}

TEST(TamLoss, GradientIsTheFiniteDifferenceAtGenericPoints) {
  RecordProperty("seed", 43);
  Random random(43);
  for (const Case& c : kCases) {
    const Matrix keys = UnitRows(c.n, c.d_k, random), codebook = UnitRows(c.n, c.d_v, random);
    const Matrix w = HalfTrained(keys, codebook, 2, random);
    TamLoss loss(codebook, {.list_size = c.k});
    const Batch batch{.queries = keys};
    Matrix gradient;
    ASSERT_TRUE(loss.Evaluate(w, batch, &gradient).ok());
    // Along a random direction, and along the gradient.
    for (int trial = 0; trial < 4; ++trial) {
      SCOPED_TRACE(::testing::Message() << c.n << " " << c.d_k << " " << c.d_v << " " << c.k);
      const Matrix along = trial == 0
                               ? gradient.Clone()
                               : GaussianMatrix(c.d_v, c.d_k, 1 / std::sqrt(c.d_v * c.d_k), random);
      // Small enough that no tail changes. The losses are taken in long double, and the step is
      // what is left of it after rounding.
      const float step = static_cast<float>(1e-4 / Norm(along));
      Matrix up = w.Clone(), down = w.Clone();
      math::AddScaled(step, along.data(), up.data(), up.flat().size());
      math::AddScaled(-step, along.data(), down.data(), down.flat().size());
      double slope = 0, length = 0;
      for (size_t j = 0; j < along.flat().size(); ++j) {
        const double taken = static_cast<double>(up.flat()[j]) - down.flat()[j];
        slope += taken * gradient.flat()[j];
        length += taken * taken;
      }
      const double difference =
          ReferenceLoss(up, codebook, batch, c.k) - ReferenceLoss(down, codebook, batch, c.k);
      EXPECT_NEAR(slope, difference, 1e-4 * std::sqrt(length) * Norm(gradient));
    }
  }
}

TEST(TamLoss, BatchedIsOneByOne) {
  RecordProperty("seed", 44);
  Random random(44);
  const Matrix keys = UnitRows(90, 7, random), codebook = UnitRows(90, 8, random);
  const Matrix w = HalfTrained(keys, codebook, 2, random);
  for (const size_t k : {5, 40}) {
    TamLoss loss(codebook, {.list_size = k});
    Matrix whole, sum(8, 7), one;
    const double together = loss.Evaluate(w, {.queries = keys}, &whole).value();
    const std::vector<TailMargin> margins(loss.margins().begin(), loss.margins().end());
    double mean = 0;
    for (uint32_t i = 0; i < 90; ++i) {
      const Batch single{.queries = keys.view().slice(i, 1), .targets = {&i, 1}};
      mean += loss.Evaluate(w, single, &one).value() / 90;
      math::AddScaled(1.0f / 90, one.data(), sum.data(), sum.flat().size());
      EXPECT_NEAR(loss.margins()[0].margin(), margins[i].margin(), 1e-5);
    }
    EXPECT_NEAR(together, mean, 1e-5 * mean);
    for (size_t j = 0; j < sum.flat().size(); ++j) {
      EXPECT_NEAR(sum.flat()[j], whole.flat()[j], 1e-5 * Norm(whole));
    }
  }
}

TEST(TamLoss, OneThreadIsTwo) {
  RecordProperty("seed", 45);
  Random random(45);
  const Matrix keys = UnitRows(700, 12, random), codebook = UnitRows(700, 10, random);
  const Matrix w = HalfTrained(keys, codebook, 2, random);
  for (const size_t k : {20, 300}) {
    TamLoss one(codebook, {.list_size = k, .threads = 1});
    TamLoss two(codebook, {.list_size = k, .threads = 2});
    Matrix g1, g2;
    const double l1 = one.Evaluate(w, {.queries = keys}, &g1).value();
    const double l2 = two.Evaluate(w, {.queries = keys}, &g2).value();
    EXPECT_NEAR(l1, l2, 1e-5 * l1);
    for (size_t j = 0; j < g1.flat().size(); ++j) {
      EXPECT_NEAR(g1.flat()[j], g2.flat()[j], 1e-5 * Norm(g1));
    }
  }
}

TEST(TamLoss, GradientsOfPartsOfTheItemsAddUp) {
  RecordProperty("seed", 46);
  Random random(46);
  const Matrix keys = UnitRows(80, 9, random), codebook = UnitRows(80, 9, random);
  const Matrix w = HalfTrained(keys, codebook, 2, random);
  TamLoss loss(codebook, {.list_size = 8});
  Matrix whole, part, sum(9, 9);
  ASSERT_TRUE(loss.Evaluate(w, {.queries = keys}, &whole).ok());
  std::vector<uint32_t> targets(80);
  std::iota(targets.begin(), targets.end(), 0);
  for (const auto& [first, count] : {std::pair<size_t, size_t>{0, 30}, {30, 50}}) {
    const Batch batch{.queries = keys.view().slice(first, count),
                      .targets = std::span(targets).subspan(first, count)};
    ASSERT_TRUE(loss.Evaluate(w, batch, &part).ok());
    math::AddScaled(static_cast<float>(count) / 80, part.data(), sum.data(), sum.flat().size());
  }
  for (size_t j = 0; j < sum.flat().size(); ++j) {
    EXPECT_NEAR(sum.flat()[j], whole.flat()[j], 1e-5 * Norm(whole));
  }
}

TEST(TamLoss, AllCompetitorsChosenIsAll) {
  RecordProperty("seed", 47);
  Random random(47);
  const Matrix keys = UnitRows(60, 9, random), codebook = UnitRows(60, 7, random);
  const Matrix w = HalfTrained(keys, codebook, 2, random);
  std::vector<uint32_t> all(60);
  std::iota(all.begin(), all.end(), 0);
  random.Shuffle(std::span(all));
  // 60 chosen rows stand for 59 competitors: the tail is of all of them.
  TamLoss loss(codebook, {.list_size = 59});
  Matrix g1, g2;
  const double l1 = loss.Evaluate(w, {.queries = keys}, &g1).value();
  const double l2 = loss.Evaluate(w, {.queries = keys, .competitors = all}, &g2).value();
  EXPECT_NEAR(l1, l2, 1e-5 * l1);
  for (size_t j = 0; j < g1.flat().size(); ++j) {
    EXPECT_NEAR(g1.flat()[j], g2.flat()[j], 1e-5 * Norm(g1));
  }
}

// The mean over random competitors comes near the whole, from below where the tail is short.
TEST(TamLoss, SampledCompetitorsEstimateTheTailAverage) {
  RecordProperty("seed", 48);
  Random random(48);
  const Matrix keys = UnitRows(400, 20, random), codebook = UnitRows(400, 20, random);
  const Matrix w = HalfTrained(keys, codebook, 2, random);
  TamLoss loss(codebook, {.list_size = 80});
  const auto mean_tail = [&] {
    double sum = 0;
    for (const TailMargin& m : loss.margins()) sum += m.tail_average / 400;
    return sum;
  };
  ASSERT_TRUE(loss.Evaluate(w, {.queries = keys}, nullptr).ok());
  const double whole = mean_tail();
  std::vector<uint32_t> some(400);
  std::iota(some.begin(), some.end(), 0);
  double sampled = 0;
  for (int draw = 0; draw < 20; ++draw) {
    random.Shuffle(std::span(some));
    ASSERT_TRUE(
        loss.Evaluate(w, {.queries = keys, .competitors = std::span(some).first(100)}, nullptr)
            .ok());
    sampled += mean_tail() / 20;
  }
  EXPECT_NEAR(sampled / whole, 1, 0.03);
}

TEST(TamLoss, GivesUpWhenItIsTold) {
  RecordProperty("seed", 49);
  Random random(49);
  const Matrix keys = UnitRows(100, 4, random), codebook = UnitRows(100, 4, random);
  TamLoss loss(codebook, {.list_size = 3, .threads = 2});
  loss.set_keep_going([] { return false; });
  Matrix gradient;
  EXPECT_EQ(loss.Evaluate(Matrix(4, 4), {.queries = keys}, &gradient).status().code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace mneme::learning
