// Tests of core/theory/tam.h against the printed reference rows, its own equations, and its limits.
#include "core/theory/tam.h"

#include <cmath>
#include <numbers>

#include "core/theory/cmm.h"
#include "core/theory/hard_margin.h"
#include "core/theory/normal.h"
#include "core/theory/tail_average.h"
#include "gtest/gtest.h"

namespace mneme::theory {
namespace {

constexpr double kPrinted = 5.5e-4;

struct Solved {
  explicit Solved(const TamShape& of) : solution(SolveTam(of)), law(of, solution) {}
  TamSolution solution;
  TamLaw law;
};

TEST(Tam, GivesTheReferenceRowsBelowTheCriticalLoad) {
  const Solved r8({.load = 0.2, .r = 0.1, .lambda = 1e-3});
  EXPECT_EQ(r8.solution.phase, Phase::kSatisfiable);
  EXPECT_NEAR(r8.law.Certified(), 1, kPrinted);
  EXPECT_NEAR(r8.law.Hit(0.05), 1, kPrinted);
  EXPECT_NEAR(r8.law.MeanPercentile(), 0.0214, 5.5e-5);
  EXPECT_NEAR(r8.law.ScoreMean(), 2.031, kPrinted);
  const Solved r12({.load = 0.5, .r = 0.5, .lambda = 1e-3});
  EXPECT_EQ(r12.solution.phase, Phase::kSatisfiable);
  EXPECT_NEAR(r12.law.Certified(), 1, kPrinted);
  EXPECT_NEAR(r12.law.MeanPercentile(), 0.132, kPrinted);
  EXPECT_NEAR(r12.law.ScoreStd(), 0.26, 0.03);  // measured, with its tolerance
  EXPECT_NEAR(r12.solution.sigma, 11.2, 0.055);
}

TEST(Tam, GivesTheReferenceRowsAboveTheCriticalLoad) {
  const Solved r10({.load = 0.28, .r = 0.1, .lambda = 1e-3});
  EXPECT_EQ(r10.solution.phase, Phase::kUnsatisfiable);
  EXPECT_NEAR(r10.law.Certified(), 0.563, kPrinted);
  EXPECT_NEAR(r10.law.Hit(0.10), 0.797, kPrinted);
  EXPECT_NEAR(r10.law.Hit(0.05), 0.624, kPrinted);
  EXPECT_NEAR(r10.law.Hit(0.01), 0.256, kPrinted);
  EXPECT_NEAR(r10.law.MeanPercentile(), 0.0636, 5.5e-5);
  EXPECT_NEAR(SolveTam({.load = 2580.0 / (96 * 96), .r = 0.1, .lambda = 1e-3}).loss, 0.6808,
              5.5e-5);
  EXPECT_NEAR(r10.solution.sigma, 0.44, 5.5e-3);
  const Solved r14({.load = 1, .r = 0.5, .lambda = 1e-3});
  EXPECT_NEAR(r14.law.Certified(), 0.590, kPrinted);
  EXPECT_NEAR(r14.law.Hit(0.5), 0.896, kPrinted);
  EXPECT_NEAR(r14.law.MeanPercentile(), 0.221, kPrinted);
}

TEST(Tam, GivesTheReferenceRowsOfNoisyCues) {
  const Solved r8({.load = 0.2, .r = 0.1, .lambda = 1e-3});
  EXPECT_NEAR(r8.law.Hit(0.1, 0.9), 0.892, kPrinted);
  EXPECT_NEAR(r8.law.Hit(0.2, 0.9), 0.988, kPrinted);
  EXPECT_NEAR(r8.law.Certified(0.98), 0.87, 5.5e-3);
  EXPECT_NEAR(r8.law.Certified(0.95), 0.71, 5.5e-3);
  EXPECT_NEAR(r8.law.Certified(0.9), 0.56, 5.5e-3);
  EXPECT_NEAR(r8.law.Certified(0.8), 0.41, 5.5e-3);
}

TEST(Tam, IsCollapsedPastTheCollapseLoad) {
  const Solved r13({.load = 0.5, .r = 0.1, .lambda = 1e-3});
  EXPECT_EQ(r13.solution.phase, Phase::kCollapsed);
  EXPECT_EQ(r13.solution.sigma, 0);
  EXPECT_EQ(r13.solution.loss, std::numbers::ln2);
  EXPECT_NEAR(r13.law.Hit(0.1), CmmAsymptoticHit(0.5, 0.1), 1e-12);
  const double edge = TamCollapseLoad(0.1);
  EXPECT_EQ(SolveTam({.load = edge * 1.001, .r = 0.1}).phase, Phase::kCollapsed);
  const TamSolution before = SolveTam({.load = edge * 0.999, .r = 0.1});
  EXPECT_EQ(before.phase, Phase::kUnsatisfiable);
  EXPECT_LT(before.sigma, 0.05);
}

// The solution is a saddle of F: lowest along sigma, highest along gamma.
TEST(Tam, SolvesItsVariationalPrinciple) {
  for (const TamShape& shape :
       {TamShape{0.2, 0.1, 1e-3}, TamShape{0.28, 0.1, 1e-3}, TamShape{0.28, 0.1, 0},
        TamShape{0.5, 0.5, 1e-2}, TamShape{1, 0.5, 0.1}, TamShape{0.05, 0.01, 1e-4}}) {
    SCOPED_TRACE(testing::Message() << shape.load << " " << shape.r << " " << shape.lambda);
    const TamSolution at = SolveTam(shape);
    EXPECT_NEAR(TamObjective(shape, at.sigma, at.gamma), at.loss, 1e-12);
    const double step = 1e-4;
    const auto slope = [&](double sigma_part, double gamma_part) {
      const auto f = [&](double x) {
        return TamObjective(shape, at.sigma * std::exp(x * sigma_part),
                            at.gamma * std::exp(x * gamma_part));
      };
      return (f(step) - f(-step)) / (2 * step);
    };
    EXPECT_NEAR(slope(1, 0), 0, 1e-6);
    EXPECT_NEAR(slope(0, 1), 0, 1e-6);
    const double loss = at.loss;
    EXPECT_LE(TamObjective(shape, at.sigma, at.gamma * 1.1), loss + 1e-12);
    EXPECT_LE(TamObjective(shape, at.sigma, at.gamma / 1.1), loss + 1e-12);
    EXPECT_LT(loss, std::numbers::ln2);
  }
}

TEST(Tam, ItsScoresSolveTheProximalEquation) {
  const Solved solved({.load = 0.28, .r = 0.1, .lambda = 1e-3});
  const auto& [phase, kappa, sigma, gamma, loss] = solved.solution;
  for (const double g : {-7.0, -1.0, 0.0, 2.0, 7.0}) {
    const double z = solved.law.Score(g) * sigma;
    EXPECT_NEAR(z, sigma * g + gamma / (1 + std::exp(z - kappa * sigma)), 1e-10) << g;
    EXPECT_NEAR(solved.law.ShareAbove(solved.law.Score(g)), NormalUpperTail(g), 1e-10) << g;
  }
}

TEST(Tam, StrongPenaltyIsTheCorrelationMatrix) {
  const Solved solved({.load = 0.2, .r = 0.1, .lambda = 1e7});
  EXPECT_LT(solved.solution.sigma, 1e-6);
  for (const double t : {1e-3, 0.05, 0.4}) {
    EXPECT_NEAR(solved.law.Hit(t), CmmAsymptoticHit(0.2, t), 1e-6) << t;
    EXPECT_NEAR(solved.law.Hit(t, 0.8), CmmAsymptoticHit(0.2, t, 0.8), 1e-6) << t;
  }
}

TEST(Tam, NoPenaltyIsTheHardMargin) {
  const double load = 0.2, worst = HardMarginWorstPercentile(load);
  const Solved limit({.load = load, .r = 0.1, .lambda = 0});
  EXPECT_TRUE(std::isinf(limit.solution.sigma));
  EXPECT_EQ(limit.law.Hit(worst * 1.0001), 1);
  EXPECT_NEAR(limit.law.Hit(worst / 2), worst / 2, 1e-12);
  EXPECT_NEAR(limit.law.WorstPercentile(1e6), worst, 1e-12);
  const Solved small({.load = load, .r = 0.1, .lambda = 1e-9});
  EXPECT_NEAR(small.law.MeanPercentile(), limit.law.MeanPercentile(), 1e-3);
  EXPECT_NEAR(small.law.ScoreStd(), limit.law.ScoreStd(), 0.01);
}

TEST(Tam, ListsHoldWhereAPenaltyIsTiny) {
  // Near the critical load 0.2458 sigma is in the thousands, and the share above is nearly a step.
  const TamShape shape = {.load = 0.2456, .r = 0.1, .lambda = 1e-10};
  const Solved tiny(shape), limit({.load = 0.2456, .r = 0.1, .lambda = 0});
  EXPECT_GT(tiny.solution.sigma, 500);
  for (const double list : {1.0, 20.0, 400.0, 430.0, 800.0}) {
    EXPECT_NEAR(tiny.law.HitOf(list, 10000), limit.law.HitOf(list, 10000), 5e-3) << list;
  }
}

TEST(Tam, HitsRiseAsTheLoadFalls) {
  double last_hit = 0, last_certified = 0;
  for (const double load : {1.0, 0.4, 0.32, 0.3, 0.28, 0.26, 0.24, 0.2, 0.1, 0.01}) {
    const Solved solved({.load = load, .r = 0.1, .lambda = 1e-3});
    EXPECT_GE(solved.law.Hit(0.1), last_hit) << load;
    EXPECT_GE(solved.law.Certified(), last_certified) << load;
    last_hit = solved.law.Hit(0.1);
    last_certified = solved.law.Certified();
  }
  EXPECT_NEAR(last_certified, 1, 1e-12);
}

TEST(Tam, ListsOfItemsMeetTheirLimit) {
  for (const double lambda : {1e-3, 0.0}) {
    const Solved solved({.load = 0.2, .r = 0.1, .lambda = lambda});
    for (const double cosine : {1.0, 0.9}) {
      for (const double t : {0.005, 0.2}) {
        EXPECT_NEAR(solved.law.HitOf(t * 1e7, 1e7, cosine), solved.law.Hit(t, cosine), 1e-3)
            << lambda << " " << cosine << " " << t;
      }
    }
  }
  // Few items: the same by a direct sum over the target's score.
  const Solved solved({.load = 0.28, .r = 0.1, .lambda = 1e-3});
  const double plain =
      NormalExpectation([&](double g) { return std::pow(NormalCdf(solved.law.Score(g)), 99); });
  EXPECT_NEAR(solved.law.HitOf(1, 100), plain, 1e-7);
}

TEST(Tam, ACoarseGridIsNearTheFineOne) {
  for (const TamShape& shape : {TamShape{0.2, 0.1, 1e-3}, TamShape{0.28, 0.1, 1e-3}}) {
    EXPECT_NEAR(SolveTam(shape, 50).sigma / SolveTam(shape, 1600).sigma, 1, 1e-9);
  }
}

}  // namespace
}  // namespace mneme::theory
