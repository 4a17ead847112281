#include "core/federation/regret_meter.h"

#include <cmath>

#include "core/base/random.h"
#include "core/federation/regret.h"
#include "gtest/gtest.h"

namespace mneme::federation {
namespace {

constexpr uint32_t kDim = 4;

Batch OneItem(Random& random) {
  Batch batch{.count = 1,
              .keys = std::vector<float>(kDim),
              .responses = std::vector<float>(kDim),
              .gates = {1}};
  random.FillGaussian(std::span<float>(batch.keys));
  random.FillGaussian(std::span<float>(batch.responses));
  return batch;
}

TEST(RegretMeter, ReadsTheRegretOfTheBestFixedMemory) {
  Random random(1);
  RegretMeter meter(Spec{.d_k = kDim, .d_v = kDim});
  Hindsight hindsight(kDim, kDim);
  for (int i = 0; i < 50; ++i) {
    const Batch batch = OneItem(random);
    StatSum sum(kDim, kDim);
    sum.AddBatch(batch, 0.5);
    meter.Add(sum, 2, 0.5);
    const std::vector<double> key(batch.keys.begin(), batch.keys.end());
    const std::vector<double> response(batch.responses.begin(), batch.responses.end());
    hindsight.Add(key, response, 0.5);
  }
  meter.TakeReading(7);
  ASSERT_EQ(meter.readings().size(), 1U);
  EXPECT_EQ(meter.readings()[0].round, 7U);
  EXPECT_DOUBLE_EQ(meter.readings()[0].loss, 100);
  EXPECT_NEAR(meter.readings()[0].best_loss, *hindsight.BestLoss(), 1e-4);
}

TEST(RegretMeter, OfTheInnerProductIsAtTheEdgeOfTheBall) {
  RegretMeter meter(Spec{.d_k = kDim, .d_v = kDim, .loss = Loss::kInnerProduct, .radius = 2});
  Batch batch{.count = 1, .keys = {1, 0, 0, 0}, .responses = {3, 0, 0, 0}, .gates = {1}};
  StatSum sum(kDim, kDim);
  sum.AddBatch(batch, 1);
  meter.Add(sum, 0, 1);
  meter.TakeReading(1);
  ASSERT_EQ(meter.readings().size(), 1U);
  EXPECT_NEAR(meter.readings()[0].best_loss, -6, 1e-6);
}

TEST(RegretMeter, HasNoReadingWithoutItemsOrForALossWithoutAClosedForm) {
  RegretMeter empty(Spec{.d_k = kDim, .d_v = kDim});
  empty.TakeReading(1);
  EXPECT_TRUE(empty.readings().empty());
  RegretMeter huber(Spec{.d_k = kDim, .d_v = kDim, .loss = Loss::kHuber});
  EXPECT_FALSE(huber.measures());
}

TEST(RegretMeter, PassesOverWhatIsNotFinite) {
  Random random(2);
  RegretMeter meter(Spec{.d_k = kDim, .d_v = kDim});
  Batch batch = OneItem(random);
  StatSum good(kDim, kDim);
  good.AddBatch(batch, 1);
  meter.Add(good, 1, 1);
  meter.Add(good, std::nan(""), 1);
  batch.keys[0] = 1e25F;
  StatSum bad(kDim, kDim);
  bad.AddBatch(batch, 1);
  meter.Add(bad, 1, 1);
  meter.TakeReading(1);
  ASSERT_EQ(meter.readings().size(), 1U);
  EXPECT_DOUBLE_EQ(meter.readings()[0].loss, 1);
}

TEST(RegretMeter, KeepsABoundedNumberOfReadingsOverTheWholeTime) {
  Random random(3);
  RegretMeter meter(Spec{.d_k = kDim, .d_v = kDim});
  StatSum sum(kDim, kDim);
  sum.AddBatch(OneItem(random), 1);
  meter.Add(sum, 1, 1);
  for (uint64_t round = 1; round <= 3000; ++round) meter.TakeReading(round);
  EXPECT_LE(meter.readings().size(), kRegretReadingsMax);
  EXPECT_LT(meter.readings().front().round, 100U);
  EXPECT_EQ(meter.readings().back().round, 3000U);
}

}  // namespace
}  // namespace mneme::federation
