// Tests of core/theory/snr.h against the printed reference rows, the recursions it sums, and
// simulation.
#include "core/theory/snr.h"

#include <cmath>
#include <limits>
#include <vector>

#include "core/base/random.h"
#include "core/theory/cmm.h"
#include "gtest/gtest.h"

namespace mneme::theory {
namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();

TEST(KernelSnr, GivesTheReferenceRows) {
  EXPECT_NEAR(PolynomialKernelInverseSnr(64, 1024, 1), 15.98, 5.5e-3);
  EXPECT_NEAR(PolynomialKernelInverseSnr(64, 1024, 2), 0.7266, 5.5e-5);
  EXPECT_NEAR(PolynomialKernelInverseSnr(64, 1024, 3), 0.0534, 5.5e-5);
  EXPECT_NEAR(ReluKernelInverseSnr(64, 1024, 1), 7.99, 5.5e-3);
  EXPECT_NEAR(ExponentialKernelInverseSnr(64, 1024, 4), 0.5637, 5.5e-5);
  EXPECT_NEAR(ExponentialKernelInverseSnr(64, 1024, 8), 8.04e-4, 5.5e-7);
  EXPECT_EQ(PolynomialKernelInverseSnr(64, 1024, 1), CmmInverseSnr({.d_k = 64, .n = 1024}));
}

TEST(KernelSnr, ThePolynomialIsTheExpansionOfTheExponential) {
  // exp(b x) - 1 = b x + ..., and the variance of exp(b x) is b^2 / d for small b.
  const double b = 1e-3, d = 10;
  const double mean = std::exp(LogSphereMoment(d, b)), square = std::exp(LogSphereMoment(d, 2 * b));
  EXPECT_NEAR((square - mean * mean) / (b * b), PolynomialKernelInverseSnr(d, 2, 1), 1e-6);
}

TEST(KernelSnr, TheMomentIsExactInThreeDimensions) {
  // The first coordinate is uniform on [-1, 1]: M(t) = sinh(t) / t.
  for (const double t : {0.0, 0.01, 1.0, 30.0, 199.0, 201.0, 5000.0, 1e6}) {
    const double exact =
        t < 0.1 ? std::log1p(t * t / 6) : t + std::log(-std::expm1(-2 * t) / (2 * t));
    EXPECT_NEAR(LogSphereMoment(3, t), exact, 1e-10 * std::max(1.0, t)) << t;
  }
}

TEST(KernelSnr, TheTwoFormsOfTheMomentMeet) {
  for (const double d : {1.5, 2.0, 8.0, 64.0, 1000.0, 10000.0}) {
    const double below = LogSphereMoment(d, 200), above = LogSphereMoment(d, 200 * (1 + 1e-9));
    EXPECT_NEAR(above, below, 1e-6) << d;
  }
}

TEST(DecayedSnr, IsTheSumOverAges) {
  for (const double gamma : {1.0, 0.99, 0.5}) {
    for (const int age : {0, 3, 19}) {
      double others = 0, all = 0;
      for (int b = 0; b < 20; ++b) {
        all += std::pow(gamma, 2 * b);
        if (b != age) others += std::pow(gamma, 2 * b);
      }
      const Recall recall = DecayedRecall(16, gamma, 20, age);
      EXPECT_NEAR(recall.gain, std::pow(gamma, age), 1e-12);
      EXPECT_NEAR(recall.noise, others / 16, 1e-12);
      EXPECT_NEAR(recall.fresh, all / 16, 1e-12);
    }
  }
  EXPECT_NEAR(DecayedRecall(64, 1, 1024, 7).inverse_snr(), 1023.0 / 64, 1e-12);
  const double stationary = 1 / (64 * (1 - 0.99 * 0.99) * std::pow(0.99, 2 * 30));
  EXPECT_NEAR(DecayedRecall(64, 0.99, kForever, 30).inverse_snr(), stationary - 1.0 / 64, 1e-12);
}

TEST(DeltaSnr, GivesTheReferenceRowOfTheDeltaRule) {
  const DeltaRule rule{.d_k = 64};
  const double gains[] = {1, .777, .604, .365}, inverse[] = {0, .655, 1.74, 6.51};
  const double ages[] = {0, 16, 32, 64};
  for (int i = 0; i < 4; ++i) {
    const Recall recall = DeltaRecall(rule, kForever, ages[i]);
    EXPECT_NEAR(recall.gain, gains[i], 5.5e-4);
    EXPECT_NEAR(recall.inverse_snr(), inverse[i], 5.5e-3);
    // The limit of many dimensions.
    EXPECT_NEAR(recall.inverse_snr(), std::expm1(2 * ages[i] / 64), 0.025 * recall.inverse_snr());
  }
  EXPECT_NEAR(DeltaRecall(rule, 640, 64).inverse_snr(), 6.51, 0.01);
}

TEST(DeltaSnr, GivesTheReferenceRowOfTheGatedRule) {
  const DeltaRule rule{.d_k = 64, .beta = 0.5, .gamma = 0.995};
  const double gains[] = {.5, .407, .331, .220}, inverse[] = {.179, .547, 1.10, 3.21};
  const double ages[] = {0, 16, 32, 64};
  for (int i = 0; i < 4; ++i) {
    const Recall recall = DeltaRecall(rule, kForever, ages[i]);
    EXPECT_NEAR(recall.gain, gains[i], 5.5e-4);
    EXPECT_NEAR(recall.inverse_snr(), inverse[i], 5.5e-3);
  }
}

TEST(DeltaSnr, SumsItsRecursionFromAnEmptyMemory) {
  for (const DeltaRule& rule : {DeltaRule{12, 1, 1}, DeltaRule{12, 0.3, 1}, DeltaRule{12, 0.7, 0.9},
                                DeltaRule{2, 1, 0.5}}) {
    const auto [d, beta, gamma] = rule;
    double f = 0;
    const int writes = 30, age = 11;
    const auto write = [&] { f = gamma * gamma * (1 - beta * (2 - beta) / d) * f + beta * beta; };
    for (int t = 0; t < writes - 1 - age; ++t) write();
    double n = (1 - beta) * (1 - beta) * gamma * gamma * f / d + beta * beta, c = beta;
    write();
    for (int t = 0; t < age; ++t) {
      n = gamma * gamma * n * (1 - 2 * beta / d) + beta * beta * (1 + gamma * gamma * f / d) / d;
      c *= gamma * (1 - beta / d);
      write();
    }
    const Recall recall = DeltaRecall(rule, writes, age);
    EXPECT_NEAR(recall.gain, c, 1e-12);
    EXPECT_NEAR(recall.noise, n - c * c, 1e-12);
    EXPECT_NEAR(recall.fresh, f / d, 1e-12);
  }
}

// Noise of a turned cue, and of a key that was never stored, by writing memories.
TEST(DeltaSnr, FreshKeysAndTurnedCuesAreAsSimulated) {
  constexpr uint64_t kSeed = 3;
  RecordProperty("seed", static_cast<int>(kSeed));
  Random random(kSeed);
  constexpr int kDim = 16, kWrites = 24, kAge = 6, kTrials = 3000;
  const DeltaRule rule{.d_k = kDim, .beta = 0.6, .gamma = 0.97};
  const double cosine = 0.8;
  double gain = 0, power = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> w(kDim * kDim, 0.0), k(kDim), v(kDim), cue(kDim), target(kDim), other(kDim);
    for (int t = 0; t < kWrites; ++t) {
      random.FillUnit(k);
      random.FillUnit(v);
      for (int i = 0; i < kDim; ++i) {
        double y = 0;
        for (int j = 0; j < kDim; ++j) y += w[i * kDim + j] * k[j];
        for (int j = 0; j < kDim; ++j) {
          double& entry = w[i * kDim + j];
          entry = rule.gamma * entry + rule.beta * (v[i] - rule.gamma * y) * k[j];
        }
      }
      if (t == kWrites - 1 - kAge) target = v, cue = k;
    }
    random.FillUnit(other);
    double along = 0, rest = 0;
    for (int j = 0; j < kDim; ++j) along += other[j] * cue[j];
    for (int j = 0; j < kDim; ++j) other[j] -= along * cue[j], rest += other[j] * other[j];
    for (int j = 0; j < kDim; ++j) {
      cue[j] = cosine * cue[j] + std::sqrt((1 - cosine * cosine) / rest) * other[j];
    }
    for (int i = 0; i < kDim; ++i) {
      double y = 0;
      for (int j = 0; j < kDim; ++j) y += w[i * kDim + j] * cue[j];
      gain += y * target[i] / kTrials;
      power += y * y / kTrials;
    }
  }
  const Recall recall = AtCosine(DeltaRecall(rule, kWrites, kAge), cosine);
  EXPECT_NEAR(gain, recall.gain, 0.015);
  EXPECT_NEAR(power, recall.gain * recall.gain + recall.noise, 0.03 * power);
}

}  // namespace
}  // namespace mneme::theory
