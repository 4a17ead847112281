#include "core/dynamics/waiting_times.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace mneme::dynamics {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(FitTail, FindsTheExponentOfAPowerLaw) {
  for (const double mu : {1.5, 2.5, 3.5}) {
    Random random(6);
    std::vector<double> times(50'000);
    for (double& tau : times) {
      tau = std::round(19.5 * std::pow(1 - random.Uniform(), -1 / (mu - 1)));
    }
    const TailFit fit = FitTail(times, 20);
    EXPECT_NEAR(fit.mu, mu, 0.03) << "seed 6";
    EXPECT_GT(fit.log_likelihood_ratio, 0);
  }
}

TEST(FitTail, PrefersAnExponentialWhereItIsOne) {
  Random random(6);
  std::vector<double> times(20'000);
  for (double& tau : times) tau = std::ceil(-30 * std::log(1 - random.Uniform()));
  EXPECT_LT(FitTail(times, 5).log_likelihood_ratio, 0) << "seed 6";
}

TEST(FitTail, TooFewTimesDefineNothing) {
  const std::vector<double> times(kTimesMin - 1, 30.0);
  EXPECT_EQ(FitTail(times, 20).count, kTimesMin - 1);
  EXPECT_TRUE(std::isnan(FitTail(times, 20).mu));
  const std::vector<double> short_times(1000, 3.0);
  EXPECT_EQ(FitTail(short_times, 20).count, 0);
  EXPECT_TRUE(std::isnan(FitTail(short_times, 20).mu));
}

TEST(CoefficientOfVariation, IsZeroOfAClockAndOneOfPoisson) {
  const std::vector<double> clock(100, 7.0), one(1, 7.0);
  EXPECT_EQ(CoefficientOfVariation(clock), 0);
  EXPECT_TRUE(std::isnan(CoefficientOfVariation(one)));
  Random random(6);
  std::vector<double> poisson(50'000);
  for (double& tau : poisson) tau = -std::log(1 - random.Uniform());
  EXPECT_NEAR(CoefficientOfVariation(poisson), 1, 0.03) << "seed 6";
}

TEST(Survival, FallsFromOne) {
  const double times[] = {5, 1, 1, 9};
  const Survival survival = SurvivalOf(times);
  EXPECT_THAT(survival.times, ElementsAre(1, 5, 9));
  EXPECT_THAT(survival.shares, ElementsAre(1, 0.5, 0.25));
  EXPECT_THAT(SurvivalOf({}).times, IsEmpty());
}

TEST(RenewalLaw, IsContinuousWhereItChanges) {
  for (const double mu : {2.0, 3.0}) {
    EXPECT_NEAR(RenewalLawOf(mu - 1e-9).h_event, RenewalLawOf(mu + 1e-9).h_event, 1e-8);
    EXPECT_NEAR(RenewalLawOf(mu - 1e-9).delta, RenewalLawOf(mu + 1e-9).delta, 1e-8);
  }
  EXPECT_DOUBLE_EQ(RenewalLawOf(2.5).h_event, 0.75);
  EXPECT_DOUBLE_EQ(RenewalLawOf(2.5).delta, 1 / 1.5);
  EXPECT_DOUBLE_EQ(RenewalLawOf(1.5).h_event, 0.75);
  EXPECT_DOUBLE_EQ(RenewalLawOf(5).delta, 0.5);
}

TEST(RenewalTimes, AscendBelowTheEndAtTheirRate) {
  Random random(6);
  const auto times = RenewalTimes(3.5, 200'000, random);
  ASSERT_TRUE(times.ok());
  EXPECT_TRUE(std::is_sorted(times->begin(), times->end()));
  EXPECT_LT(times->back(), 200'000);
  // Mean wait 2 ((mu - 1) / (mu - 2) - 1) = 4/3.
  EXPECT_NEAR(200'000.0 / static_cast<double>(times->size()), 4.0 / 3, 0.05) << "seed 6";
  EXPECT_TRUE(RenewalTimes(2.5, 0, random)->empty());
}

TEST(RenewalTimes, RefusesAMuOutOfRange) {
  Random random(6);
  for (const double mu : {1.0, 0.0, 1e20, -3.0, std::nan("")}) {
    EXPECT_EQ(RenewalTimes(mu, 100, random).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace mneme::dynamics
