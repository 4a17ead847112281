#include "core/federation/arrivals.h"

#include <cstdint>
#include <limits>
#include <utility>

#include "gtest/gtest.h"

namespace mneme::federation {
namespace {

TEST(ArrivalShare, CorrectsWhatIsMissingAndOnlyThat) {
  ArrivalShare all;
  ArrivalShare half;
  for (int i = 0; i < 1000; ++i) {
    all.Add(1, 1);
    half.Add(i % 2, 1);
  }
  EXPECT_EQ(all.Boost(LossCorrection::kAuto), 1);
  EXPECT_NEAR(half.share(), 0.5, 0.02);
  EXPECT_NEAR(half.Boost(LossCorrection::kAuto), 2, 0.1);
  EXPECT_EQ(half.Boost(LossCorrection::kOff), 1);
  ArrivalShare none;
  none.Add(0, 1000);
  EXPECT_LE(none.Boost(LossCorrection::kAuto), kBoostMax);
  ArrivalShare mild;
  for (int i = 0; i < 1000; ++i) mild.Add(i % 10 == 0 ? 0 : 1, 1);
  EXPECT_EQ(mild.Boost(LossCorrection::kAuto), 1) << "above 0.8 it costs more than it gives";
  EXPECT_NEAR(mild.Boost(LossCorrection::kOn), 1 / 0.9, 0.02);
  ArrivalShare young;
  young.Add(0, 5);
  EXPECT_EQ(young.Boost(LossCorrection::kOn), 1) << "too little is known";
}

TEST(ArrivalShare, OneLieIsForgottenAsSoonAsWhatIsMissing) {
  constexpr uint64_t kMany = std::numeric_limits<uint64_t>::max();
  for (const auto& [received, expected] :
       {std::pair(uint64_t{1}, kMany), std::pair(kMany, kMany), std::pair(kMany, uint64_t{1})}) {
    ArrivalShare lied;
    lied.Add(received, expected);
    EXPECT_LE(lied.expected(), ArrivalShare::kMemory);
    ArrivalShare missed = lied;
    for (int i = 0; i < 400; ++i) lied.Add(1, 1);
    EXPECT_EQ(lied.Boost(LossCorrection::kAuto), 1);
    for (int i = 0; i < 300; ++i) missed.Add(0, 1);
    EXPECT_GT(missed.Boost(LossCorrection::kAuto), 1);
  }
}

}  // namespace
}  // namespace mneme::federation
