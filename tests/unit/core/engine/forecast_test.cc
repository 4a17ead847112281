// Forecasts through the engine: theory, probes, load policies.
#include "core/engine/forecast.h"

#include <cmath>

#include "gmock/gmock.h"
#include "tests/unit/core/engine/engine_fixture.h"

namespace mneme::engine {
namespace {

using ::testing::HasSubstr;

class ForecastTest : public EngineTest {
 protected:
  absl::StatusOr<ForecastReply> Forecast(ForecastCommand command) {
    return Await<ForecastReply>(
        [&](auto done) { engine_->Forecast(std::move(command), std::move(done)); });
  }
  void StoreRows(const std::string& memory, MatrixView keys, MatrixView responses) {
    for (size_t first = 0; first < keys.rows; first += 1'000) {
      const size_t count = std::min<size_t>(1'000, keys.rows - first);
      const absl::StatusOr<WriteReply> stored = Store({.memory = memory,
                                                       .keys = keys.slice(first, count),
                                                       .responses = responses.slice(first, count),
                                                       .ids = Numbers(first, count)});
      ASSERT_TRUE(stored.ok()) << stored.status();
    }
  }
  static const ForecastQuantity* Find(const ForecastReply& reply, std::string_view name) {
    for (const ForecastQuantity& quantity : reply.quantities) {
      if (quantity.quantity == name) return &quantity;
    }
    return nullptr;
  }
};

TEST_F(ForecastTest, TheoryAndProbeAgreeOnIsotropicKeys) {
  ASSERT_TRUE(Create("m", LinearSpecOf(64, 64, models::LinearRule::kCmm)).ok());
  StoreRows("m", UnitRows(1'000, 64, 1), UnitRows(1'000, 64, 2));
  const absl::StatusOr<ForecastReply> reply =
      Forecast({.memory = "m", .list_sizes = {50, 100}, .seed = 3, .curve_points = 5});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->items, 1'000u);
  EXPECT_NEAR(reply->load, 1'000 / 4'096.0, 1e-12);
  EXPECT_NEAR(reply->key_dim_effective, 64, 4);
  ASSERT_TRUE(reply->probe.has_value());
  EXPECT_EQ(reply->probe->ranks.size(), kProbeItemsDefault);
  EXPECT_EQ(reply->probe->competitors, 999u);
  // Row 3 of the linear notes' table: 0.620 and 0.756 of all items; this is a sample of 500.
  for (const auto& [name, expected] : {std::pair{"hit@50", 0.620}, std::pair{"hit@100", 0.756}}) {
    const ForecastQuantity* hit = Find(*reply, name);
    ASSERT_NE(hit, nullptr) << name;
    EXPECT_NEAR(*hit->theory, expected, 0.02) << name;
    EXPECT_NEAR(*hit->measured, expected, 4 * hit->measured_error + 0.02) << name;
    EXPECT_FALSE(hit->probe_disagrees) << name;
    EXPECT_EQ(hit->value, *hit->theory) << name;
    EXPECT_FALSE(hit->formula.empty());
    EXPECT_FALSE(hit->assumption.empty());
  }
  EXPECT_NEAR(reply->score_std_ratio, 1, 0.1);
  ASSERT_EQ(reply->curve.size(), 5u);
  EXPECT_EQ(reply->curve[0].hits.size(), 2u);
  EXPECT_GT(reply->curve[0].hits[0], reply->curve[4].hits[0]);
  ASSERT_FALSE(reply->profile.empty());
  EXPECT_TRUE(reply->profile.back().measured.has_value());
}

TEST_F(ForecastTest, TheProbeWinsWhereTheoryIsWrong) {
  ASSERT_TRUE(Create("m", LinearSpecOf(64, 64, models::LinearRule::kCmm)).ok());
  // Pairs of items with nearly the same key: independence is broken, the effective dimension of
  // random pairs does not see it.
  Matrix keys = UnitRows(300, 64, 1);
  for (size_t i = 0; i + 1 < 300; i += 2) {
    std::copy(keys.row(i).begin(), keys.row(i).end(), keys.row(i + 1).begin());
  }
  StoreRows("m", keys, UnitRows(300, 64, 2));
  const absl::StatusOr<ForecastReply> reply = Forecast({.memory = "m", .list_sizes = {1}});
  ASSERT_TRUE(reply.ok()) << reply.status();
  const ForecastQuantity* top1 = Find(*reply, "top1");
  ASSERT_NE(top1, nullptr);
  EXPECT_TRUE(top1->probe_disagrees);
  EXPECT_EQ(top1->value, *top1->measured);
  bool said = false;
  for (const Warning& warning : reply->warnings) said |= warning.reason == "PROBE_DISAGREES";
  EXPECT_TRUE(said);
}

// A sample cannot tell a rank of 1 throughout from one that is almost always 1.
TEST_F(ForecastTest, NoMissAmongTheCuesIsNoDisagreement) {
  ASSERT_TRUE(Create("m", LinearSpecOf(128, 128, models::LinearRule::kCmm)).ok());
  StoreRows("m", UnitRows(100, 128, 1), UnitRows(100, 128, 2));
  const absl::StatusOr<ForecastReply> reply = Forecast({.memory = "m", .list_sizes = {1}});
  ASSERT_TRUE(reply.ok()) << reply.status();
  const ForecastQuantity* mean = Find(*reply, "mean_percentile");
  ASSERT_NE(mean, nullptr);
  ASSERT_EQ(mean->measured, 0.0);
  ASSERT_GT(mean->theory.value_or(0), 0);
  EXPECT_GT(mean->measured_error, 0);
  EXPECT_FALSE(mean->probe_disagrees) << *mean->theory;
}

TEST_F(ForecastTest, TheNewestProbeIsKeptUntilTheMemoryChanges) {
  ASSERT_TRUE(Create("m", LinearSpecOf(16, 16, models::LinearRule::kRidge)).ok());
  StoreRows("m", UnitRows(50, 16, 1), UnitRows(50, 16, 2));
  const absl::StatusOr<ForecastReply> first = Forecast({.memory = "m"});
  ASSERT_TRUE(first.ok()) << first.status();
  clock_.Advance(1'000);
  const absl::StatusOr<ForecastReply> second = Forecast({.memory = "m"});
  EXPECT_EQ(second->probe->time_unix_nanos, first->probe->time_unix_nanos);
  EXPECT_EQ(Forecast({.memory = "m", .probe = ProbeMode::kNow})->probe->time_unix_nanos,
            first->probe->time_unix_nanos + 1'000);
  EXPECT_FALSE(Forecast({.memory = "m", .probe = ProbeMode::kNone})->probe.has_value());
  const Matrix key = UnitRows(1, 16, 7);
  ASSERT_TRUE(Store({.memory = "m", .keys = key, .responses = key, .ids = Numbers(500, 1)}).ok());
  clock_.Advance(1'000);
  const absl::StatusOr<ForecastReply> third = Forecast({.memory = "m"});
  EXPECT_EQ(third->probe->time_unix_nanos, first->probe->time_unix_nanos + 2'000);
  EXPECT_EQ(third->probe->ranks.size(), 51u);
}

TEST_F(ForecastTest, NoiseOnTheCuesIsMeasuredAndForecast) {
  ASSERT_TRUE(Create("m", LinearSpecOf(64, 64, models::LinearRule::kCmm)).ok());
  StoreRows("m", UnitRows(400, 64, 1), UnitRows(400, 64, 2));
  const absl::StatusOr<ForecastReply> exact = Forecast({.memory = "m", .list_sizes = {20}});
  const absl::StatusOr<ForecastReply> noisy =
      Forecast({.memory = "m", .list_sizes = {20}, .cue_cosine = 0.7});
  ASSERT_TRUE(exact.ok() && noisy.ok());
  const ForecastQuantity* at_1 = Find(*exact, "hit@20");
  const ForecastQuantity* at_07 = Find(*noisy, "hit@20");
  EXPECT_LT(*at_07->measured, *at_1->measured - 0.1);
  EXPECT_NEAR(*at_07->theory, *at_07->measured, 4 * at_07->measured_error + 0.03);
}

TEST_F(ForecastTest, AProbeFindsTheFewItemsThatManyDeletesLeft) {
  ASSERT_TRUE(Create("m", LinearSpecOf(16, 16, models::LinearRule::kCmm)).ok());
  StoreRows("m", UnitRows(2'000, 16, 1), UnitRows(2'000, 16, 2));
  ASSERT_TRUE(Delete({.memory = "m", .ids = Numbers(5, 1'990)}).ok());
  const absl::StatusOr<ForecastReply> reply = Forecast({.memory = "m"});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->probe->ranks.size(), 10u);
}

TEST_F(ForecastTest, APlannedMemoryNeedsNoMemory) {
  models::MemorySpec spec = LinearSpecOf(256, 256, models::LinearRule::kTam);
  std::get<models::LinearSpec>(spec.model).list_size = 20;
  const absl::StatusOr<ForecastReply> reply =
      Forecast({.planned = spec, .planned_items = 5'000, .list_sizes = {20}});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_NEAR(reply->load, 0.0763, 1e-4);
  EXPECT_EQ(reply->phase, theory::Phase::kSatisfiable);
  const ForecastQuantity* certified = Find(*reply, "certified");
  ASSERT_NE(certified, nullptr);
  EXPECT_NEAR(certified->value, 1, 1e-3);
  uint64_t w = 0;
  for (const models::ByteAccount& account : reply->bytes) {
    if (account.what == "W") w = account.bytes;
  }
  EXPECT_EQ(w, 256u * 256u * 4u);
}

TEST_F(ForecastTest, BytesOfALargePlannedMemoryAreThoseItWouldTake) {
  models::MemorySpec spec = LinearSpecOf(4'096, 2'048, models::LinearRule::kRidge);
  std::get<models::LinearSpec>(spec.model).partitions = 2;
  const absl::StatusOr<ForecastReply> reply = Forecast({.planned = spec, .planned_items = 100});
  ASSERT_TRUE(reply.ok()) << reply.status();
  const uint64_t cells = 2ull * 4'096 * 2'048, squares = 2ull * 4'096 * 4'096;
  for (const models::ByteAccount& account : reply->bytes) {
    if (account.what == "W") {
      EXPECT_EQ(account.bytes, cells * sizeof(float));
    }
    if (account.what == "statistics") {
      EXPECT_EQ(account.bytes, (cells + squares) * sizeof(double));
    }
  }
}

// 850 items in 2 partitions: tiles have room for more than there are.
TEST_F(ForecastTest, PlannedBytesAreThoseThatTheMemoryThenHolds) {
  models::MemorySpec spec = LinearSpecOf(32, 64, models::LinearRule::kCmm);
  std::get<models::LinearSpec>(spec.model).partitions = 2;
  const absl::StatusOr<ForecastReply> reply = Forecast({.planned = spec, .planned_items = 850});
  ASSERT_TRUE(reply.ok()) << reply.status();
  ASSERT_TRUE(Create("m", spec).ok());
  StoreRows("m", UnitRows(850, 32, 1), UnitRows(850, 64, 2));
  uint64_t promised = 0;
  for (const models::ByteAccount& account : reply->bytes) promised += account.bytes;
  const models::ModelStats held = engine_->GetMemory("m")->stats;
  EXPECT_NEAR(static_cast<double>(promised), static_cast<double>(held.fixed_bytes + held.row_bytes),
              0.05 * static_cast<double>(promised));
}

TEST_F(ForecastTest, BadFiguresAreRefused) {
  ASSERT_TRUE(Create("m", LinearSpecOf(8, 8, models::LinearRule::kCmm)).ok());
  ASSERT_TRUE(Create("dense", DenseSpecOf(8)).ok());
  for (const double cosine : {0.0, -1.0, 1.5, std::nan("")}) {
    EXPECT_EQ(Reason(Forecast({.memory = "m", .cue_cosine = cosine}).status()), "FORECAST");
  }
  EXPECT_EQ(Reason(Forecast({.memory = "m", .error_target = 1}).status()), "FORECAST");
  EXPECT_EQ(Reason(Forecast({.memory = "m", .list_sizes = {0}}).status()), "FORECAST");
  EXPECT_EQ(Reason(Forecast({.memory = "m", .probe_items = kProbeItemsMax + 1}).status()), "LIMIT");
  EXPECT_EQ(Reason(Forecast({.memory = "m", .curve_points = kForecastCurveMax + 1}).status()),
            "LIMIT");
  EXPECT_EQ(Reason(Forecast({.memory = "dense"}).status()), "FORECAST_MODEL");
  EXPECT_EQ(Reason(Forecast({.memory = "none"}).status()), "MEMORY_NOT_FOUND");
  EXPECT_EQ(Reason(Forecast({.memory = "m", .probe = ProbeMode::kNow}).status()), "NO_ITEMS");
  ASSERT_TRUE(
      Create("numbers", LinearSpecOf(8, 8, models::LinearRule::kCmm, models::Retain::kStatistics))
          .ok());
  EXPECT_EQ(Reason(Forecast({.memory = "numbers", .probe = ProbeMode::kNow}).status()),
            "PROBE_NEEDS_KEYS");
  EXPECT_TRUE(Forecast({.memory = "numbers"}).ok());
}

TEST_F(ForecastTest, TheMeterOfAMemorySaysHowMuchIsUsed) {
  models::MemorySpec spec = LinearSpecOf(64, 64, models::LinearRule::kTam);
  std::get<models::LinearSpec>(spec.model).tail_fraction = 0.1;
  ASSERT_TRUE(Create("m", spec).ok());
  StoreRows("m", UnitRows(503, 64, 1), UnitRows(503, 64, 2));
  const std::optional<LoadMeter> meter = engine_->MeterOf(*engine_->GetMemory("m"));
  ASSERT_TRUE(meter.has_value());
  // alpha_c(0.1) = 0.245799: 1,006 items of 64 x 64.
  EXPECT_EQ(meter->capacity_items, 1'006u);
  EXPECT_NEAR(meter->used, 0.5, 1e-3);
  EXPECT_EQ(meter->criterion, "TAM_CERTIFIED(r=0.1)");
  EXPECT_EQ(meter->phase, theory::Phase::kSatisfiable);
}

class LoadPolicyTest : public ForecastTest {
 protected:
  models::MemorySpec Limited(models::LoadPolicy policy) {
    models::MemorySpec spec = LinearSpecOf(8, 8, models::LinearRule::kCmm);
    auto& linear = std::get<models::LinearSpec>(spec.model);
    linear.load_policy = policy;
    linear.load_limit = 0.5;  // 32 items
    return spec;
  }
  absl::StatusOr<WriteReply> StoreNumbers(uint64_t first, size_t count, bool upsert = false) {
    keys_ = UnitRows(count, 8, first + 1);
    return Store({.memory = "m",
                  .keys = keys_,
                  .responses = keys_,
                  .ids = Numbers(first, count),
                  .upsert = upsert});
  }

  Matrix keys_;
};

TEST_F(LoadPolicyTest, RefuseKeepsTheLoadWithinItsLimit) {
  ASSERT_TRUE(Create("m", Limited(models::LoadPolicy::kRefuse)).ok());
  const absl::StatusOr<WriteReply> full = StoreNumbers(0, 32);
  ASSERT_TRUE(full.ok()) << full.status();
  EXPECT_DOUBLE_EQ(*full->load, 0.5);
  const absl::StatusOr<WriteReply> over = StoreNumbers(100, 1);
  EXPECT_TRUE(absl::IsResourceExhausted(over.status()));
  EXPECT_EQ(Reason(over.status()), "FULL");
  EXPECT_EQ(engine_->GetMemory("m")->stats.items, 32u);
  // Replacing one takes no more room.
  EXPECT_TRUE(StoreNumbers(5, 1, /*upsert=*/true).ok());
}

TEST_F(LoadPolicyTest, WarnSaysSoAndStores) {
  ASSERT_TRUE(Create("m", Limited(models::LoadPolicy::kWarn)).ok());
  EXPECT_TRUE(StoreNumbers(0, 32)->warnings.empty());
  const absl::StatusOr<WriteReply> over = StoreNumbers(100, 1);
  ASSERT_TRUE(over.ok()) << over.status();
  ASSERT_EQ(over->warnings.size(), 1u);
  EXPECT_EQ(over->warnings[0].reason, "LOAD");
  EXPECT_THAT(over->warnings[0].message, HasSubstr("0.5"));
}

TEST_F(LoadPolicyTest, GrowAddsMatricesAndTheLoadFalls) {
  ASSERT_TRUE(Create("m", Limited(models::LoadPolicy::kGrow)).ok());
  for (uint64_t i = 0; i < 5; ++i) ASSERT_TRUE(StoreNumbers(100 * i, 20).ok());
  const MemoryInfo info = *engine_->GetMemory("m");
  EXPECT_EQ(info.stats.items, 100u);
  EXPECT_EQ(info.stats.partitions, 4u);  // 32 items in each before the next begins
  Reopen(/*clean=*/false);
  EXPECT_EQ(engine_->GetMemory("m")->stats.partitions, 4u);
  EXPECT_EQ(engine_->GetMemory("m")->stats.items, 100u);
}

}  // namespace
}  // namespace mneme::engine
