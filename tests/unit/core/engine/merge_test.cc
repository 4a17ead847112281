// Merging feature memories: added once, in order with Stores, and there again after a kill.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/unit/core/engine/engine_fixture.h"

namespace mneme::engine {
namespace {

constexpr size_t kDim = 12;

class MergeTest : public EngineTest {
 protected:
  static models::MemorySpec Spec(uint64_t seed = 3) {
    return {.key_dim = kDim,
            .retain = models::Retain::kStatistics,
            .model = models::FeatureSpec{.features = 500, .beta = 5, .seed = seed}};
  }
  void Make(const std::string& name, models::MemorySpec spec = Spec()) {
    const auto made = Create(name, std::move(spec));
    ASSERT_TRUE(made.ok()) << made.status();
  }
  void StoreRows(const std::string& name, size_t rows, uint64_t seed) {
    const Matrix keys = UnitRows(rows, kDim, seed);
    const auto stored = Store({.memory = name, .keys = keys});
    ASSERT_TRUE(stored.ok()) << stored.status();
  }
  absl::StatusOr<WriteReply> Merge(MergeCommand command) {
    return Await<WriteReply>([&](auto done) { engine_->MergeSketch(std::move(command), done); });
  }
  // The energies of rows of a seed.
  std::vector<double> Energies(const std::string& name, uint64_t seed) {
    const Matrix cues = UnitRows(4, kDim, seed);
    const auto reply = Query({.memory = name, .cues = {.cues = cues}, .spec = {.steps_max = 1}});
    EXPECT_TRUE(reply.ok()) << reply.status();
    std::vector<double> out;
    for (const models::CueAnswer& cue : reply->answer.cues) out.push_back(cue.energy);
    return out;
  }
  uint64_t Items(const std::string& name) { return engine_->GetMemory(name)->stats.items; }
  void ExpectSame(const std::vector<double>& a, const std::vector<double>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-9);
  }
};

TEST_F(MergeTest, AddsTheItemsOfTheOtherAsIfTheyHadBeenStored) {
  for (const char* name : {"into", "from", "all"}) Make(name);
  StoreRows("into", 5, 1);
  StoreRows("from", 7, 2);
  for (const auto& [rows, seed] : {std::pair{5, 1}, {7, 2}}) StoreRows("all", rows, seed);
  const auto merged = Merge({.memory = "into", .from = "from"});
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_EQ(merged->stored, 7u);
  EXPECT_EQ(merged->item_count, 12u);
  EXPECT_EQ(merged->position, 2u);
  EXPECT_EQ(Items("into"), 12u);
  EXPECT_EQ(Items("from"), 7u);
  ExpectSame(Energies("into", 1), Energies("all", 1));
  ExpectSame(Energies("into", 2), Energies("all", 2));
}

TEST_F(MergeTest, IsThereAfterAKillWithWhatCameBeforeAndAfter) {
  for (const char* name : {"into", "from"}) Make(name);
  StoreRows("into", 5, 1);
  StoreRows("from", 7, 2);
  ASSERT_TRUE(Merge({.memory = "into", .from = "from"}).ok());
  StoreRows("into", 3, 4);
  const Matrix gone = UnitRows(5, kDim, 1);
  ASSERT_TRUE(Delete({.memory = "into", .keys = gone}).ok());
  const std::vector<double> before = Energies("into", 2), stored = Energies("into", 4);
  for (const bool clean : {false, true, false}) {
    Reopen(clean);
    EXPECT_EQ(Items("into"), 10u);
    ExpectSame(Energies("into", 2), before);
    ExpectSame(Energies("into", 4), stored);
  }
  // A write finds its place behind it.
  StoreRows("into", 1, 5);
  EXPECT_EQ(Items("into"), 11u);
}

TEST_F(MergeTest, IsDoneOnceUnderOneRequestId) {
  for (const char* name : {"into", "from"}) Make(name);
  StoreRows("from", 7, 2);
  const MergeCommand command{.memory = "into", .from = "from", .request_id = "r", .body_hash = 9};
  ASSERT_TRUE(Merge(command).ok());
  for (const bool reopen : {false, true}) {
    if (reopen) Reopen(/*clean=*/false);
    const auto again = Merge(command);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_TRUE(again->replayed);
    EXPECT_EQ(again->stored, 7u);
    EXPECT_EQ(again->position, 1u);
    EXPECT_EQ(Items("into"), 7u);
  }
  MergeCommand other = command;
  other.body_hash = 10;
  EXPECT_EQ(Reason(Merge(other).status()), "REQUEST_ID_REUSED");
}

TEST_F(MergeTest, StaysInOrderAmongWritesThatAreOnTheirWay) {
  for (const char* name : {"into", "from"}) Make(name);
  StoreRows("from", 2, 2);
  const Matrix keys = UnitRows(1, kDim, 6);
  std::vector<std::future<absl::StatusOr<WriteReply>>> replies;
  const auto send = [&](auto call) {
    auto promise = std::make_shared<std::promise<absl::StatusOr<WriteReply>>>();
    replies.push_back(promise->get_future());
    call([promise](absl::StatusOr<WriteReply> reply) { promise->set_value(std::move(reply)); });
  };
  for (int i = 0; i < 20; ++i) {
    send([&](auto done) { engine_->Store({.memory = "into", .keys = keys}, done); });
    send([&](auto done) { engine_->MergeSketch({.memory = "into", .from = "from"}, done); });
  }
  uint64_t position = 0, items = 0;
  for (auto& future : replies) {
    const auto reply = future.get();
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->position, ++position);
    items += reply->stored;
    EXPECT_EQ(reply->item_count, items);
  }
  EXPECT_EQ(Items("into"), 60u);
  const std::vector<double> before = Energies("into", 2);
  Reopen(/*clean=*/false);
  EXPECT_EQ(Items("into"), 60u);
  ExpectSame(Energies("into", 2), before);
}

TEST_F(MergeTest, RefusesWhatDoesNotAddAndChangesNothing) {
  Make("into");
  StoreRows("into", 5, 1);
  Make("other", Spec(/*seed=*/4));
  StoreRows("other", 5, 1);
  models::MemorySpec keeps = Spec();
  keeps.retain = models::Retain::kAll;
  Make("keeps", keeps);
  Make("dense", {.key_dim = kDim, .model = models::DenseSpec{}});
  Make("linear", {.key_dim = kDim,
                  .response_dim = 2,
                  .retain = models::Retain::kStatistics,
                  .model = models::LinearSpec{.rule = models::LinearRule::kCmm}});
  Make("empty");
  const auto reason = [&](MergeCommand command) { return Reason(Merge(command).status()); };
  const absl::Status seeds = Merge({.memory = "into", .from = "other"}).status();
  EXPECT_EQ(Reason(seeds), "FEATURES_DIFFER");
  EXPECT_NE(GetErrorDetail(seeds)->given.find("seed 4"), std::string::npos);
  EXPECT_NE(GetErrorDetail(seeds)->expected.find("seed 3"), std::string::npos);
  EXPECT_EQ(reason({.memory = "into", .from = "into"}), "SAME_MEMORY");
  EXPECT_EQ(reason({.memory = "into", .from = "nobody"}), "MEMORY_NOT_FOUND");
  EXPECT_EQ(reason({.memory = "nobody", .from = "into"}), "MEMORY_NOT_FOUND");
  EXPECT_EQ(reason({.memory = "keeps", .from = "into"}), "ITEMS_KEPT");
  EXPECT_EQ(reason({.memory = "dense", .from = "into"}), "NO_SKETCH");
  EXPECT_EQ(reason({.memory = "linear", .from = "into"}), "NO_SKETCH");
  EXPECT_EQ(reason({.memory = "into", .from = "dense"}), "NO_SKETCH");
  EXPECT_EQ(reason({.memory = "into", .sketch = "hello"}), "SKETCH");
  EXPECT_EQ(reason({.memory = "into", .from = "other", .request_id = "a b"}), "REQUEST_ID");
  const auto nothing = Merge({.memory = "into", .from = "empty"});
  ASSERT_TRUE(nothing.ok()) << nothing.status();
  EXPECT_EQ(nothing->stored, 0u);
  EXPECT_EQ(nothing->position, 1u);
  ASSERT_TRUE(Update({.name = "into", .items_max = 6}).ok());
  Make("two");
  StoreRows("two", 2, 8);
  EXPECT_EQ(reason({.memory = "into", .from = "two"}), "FULL");
  ASSERT_TRUE(Update({.name = "into", .frozen = true}).ok());
  EXPECT_EQ(reason({.memory = "into", .from = "two"}), "FROZEN");
  EXPECT_EQ(Items("into"), 5u);
}

TEST_F(MergeTest, ASketchIsAsLargeAsTheLimitOfMessagesAtMost) {
  Make("m");
  StoreRows("m", 3, 1);
  const auto sketch = engine_->ExportSketch("m");
  ASSERT_TRUE(sketch.ok()) << sketch.status();
  EXPECT_EQ(sketch->items, 3u);
  EXPECT_EQ(sketch->position, 1u);
  limits_.message_bytes_max = sketch->sketch.size() - 1;
  Reopen(/*clean=*/true);
  EXPECT_EQ(Reason(engine_->ExportSketch("m").status()), "LIMIT");
}

TEST_F(MergeTest, MergedItemsCanBeForgottenByTheirVectors) {
  for (const char* name : {"into", "from"}) Make(name);
  StoreRows("into", 1, 1);
  StoreRows("from", 7, 2);
  ASSERT_TRUE(Merge({.memory = "into", .from = "from"}).ok());
  const Matrix first = UnitRows(1, kDim, 1), brought = UnitRows(7, kDim, 2),
               many = UnitRows(8, kDim, 1);
  ASSERT_TRUE(Delete({.memory = "into", .keys = first}).ok());
  ExpectSame(Energies("into", 2), Energies("from", 2));
  EXPECT_EQ(Reason(Delete({.memory = "into", .keys = many}).status()), "MORE_THAN_HELD");
  ASSERT_TRUE(Delete({.memory = "into", .keys = brought}).ok());
  EXPECT_EQ(Items("into"), 0u);
}

class FeatureMemoryTest : public MergeTest {};

TEST_F(FeatureMemoryTest, WithoutItsVectorsAnItemIsForgottenByItsPair) {
  Make("m");
  StoreRows("m", 5, 1);
  EXPECT_EQ(Reason(Delete({.memory = "m", .ids = Numbers(1, 1)}).status()), "VECTORS_NEEDED");
  const Matrix keys = UnitRows(5, kDim, 1);
  const auto deleted = Delete({.memory = "m", .keys = keys});
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->deleted, 5u);
  EXPECT_EQ(Items("m"), 0u);
  Reopen(/*clean=*/false);
  EXPECT_EQ(Items("m"), 0u);
}

TEST_F(FeatureMemoryTest, KeptItemsAreForgottenByTheirIds) {
  models::MemorySpec spec = Spec();
  spec.retain = models::Retain::kAll;
  Make("m", spec);
  Make("plain");
  const Matrix keys = UnitRows(6, kDim, 1);
  ASSERT_TRUE(Store({.memory = "m", .keys = keys, .ids = Numbers(1, 6)}).ok());
  ASSERT_TRUE(Delete({.memory = "m", .ids = Numbers(3, 4)}).ok());
  ASSERT_TRUE(Store({.memory = "plain", .keys = keys.view().slice(0, 2)}).ok());
  for (const bool reopen : {false, true}) {
    if (reopen) Reopen(/*clean=*/false);
    EXPECT_EQ(Items("m"), 2u);
    ExpectSame(Energies("m", 1), Energies("plain", 1));
    EXPECT_EQ(GetItem("m", ItemId(1))->key.size(), kDim);
  }
  EXPECT_TRUE(engine_->ExportSketch("m").ok());
}

TEST_F(FeatureMemoryTest, FadingItemsAreNotDeleted) {
  models::MemorySpec spec = Spec();
  std::get<models::FeatureSpec>(spec.model).gamma = 0.9;
  Make("m", spec);
  StoreRows("m", 5, 1);
  const Matrix one = UnitRows(1, kDim, 1);
  EXPECT_EQ(Reason(Delete({.memory = "m", .keys = one}).status()), "ITEMS_FADE");
  const std::vector<double> before = Energies("m", 1);
  Reopen(/*clean=*/false);
  ExpectSame(Energies("m", 1), before);
}

TEST_F(FeatureMemoryTest, IsNotMadeWithTooFewFeatures) {
  models::MemorySpec spec = Spec();
  auto& feature = std::get<models::FeatureSpec>(spec.model);
  feature.items_expected = 1000;
  feature.cue_noise = 0.5;
  const absl::Status refused = Create("m", spec).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Reason(refused), "FEATURES_TOO_FEW");
  feature.features = 20'000;
  EXPECT_TRUE(Create("m", spec).ok());
}

TEST_F(FeatureMemoryTest, ForecastSaysHowManyFeaturesItTakes) {
  const auto ask = [&](ForecastCommand command) {
    return Await<ForecastReply>(
        [&](auto done) { engine_->Forecast(std::move(command), std::move(done)); });
  };
  const auto value = [](const ForecastReply& reply, std::string_view name) {
    for (const ForecastQuantity& quantity : reply.quantities) {
      if (quantity.quantity == name) return quantity.value;
    }
    return -1.0;
  };
  models::MemorySpec spec = Spec();
  spec.key_dim = 64;
  auto& feature = std::get<models::FeatureSpec>(spec.model);
  feature = {.features = 1000, .beta = 30, .cue_noise = 0};
  // Cosine 0.95: at a distance of sqrt(0.1).
  auto reply = ask({.planned = spec, .planned_items = 20, .cue_cosine = 0.95});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_NEAR(value(*reply, "features_needed"), 5021, 2);
  EXPECT_NEAR(value(*reply, "energy_std"), 0.0149, 2e-4);  // sqrt(20 / 2000) / (30 e^-1.5)
  EXPECT_EQ(reply->phase, theory::Phase::kUnsatisfiable);
  EXPECT_EQ(reply->capacity_items, 3u);
  uint64_t bytes = 0;
  for (const models::ByteAccount& account : reply->bytes) bytes += account.bytes;
  EXPECT_EQ(bytes, 2u * 2 * 1000 * 8 + 1000 * 64 * 8);
  const auto reason = [](const ForecastReply& forecast, std::string_view name) {
    return std::ranges::any_of(forecast.warnings,
                               [&](const Warning& warning) { return warning.reason == name; });
  };
  EXPECT_TRUE(reason(*reply, "FEATURES_TOO_FEW"));
  EXPECT_TRUE(reason(*reply, "DENSE_IS_SMALLER"));
  feature.features = 0;  // as many as it takes
  reply = ask({.planned = spec, .planned_items = 20, .cue_cosine = 0.95});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_NEAR(value(*reply, "features"), 5022, 2);
  EXPECT_EQ(reply->phase, theory::Phase::kSatisfiable);
  feature.features = 100;
  feature.cue_noise = std::sqrt(0.1);  // in place of the cosine
  feature.items_expected = 20;
  reply = ask({.planned = spec, .planned_items = 20});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_NEAR(value(*reply, "features_needed"), 5021, 2);
  feature = {.beta = 30};
  feature.beta = 1e30;  // no number of features would do
  reply = ask({.planned = spec, .planned_items = 20, .cue_cosine = 0.95});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->capacity_items, 0u);
  feature.beta = 0;
  EXPECT_EQ(Reason(ask({.planned = spec, .planned_items = 20}).status()), "SPEC");
  Make("m");
  StoreRows("m", 5, 1);
  reply = ask({.memory = "m"});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->items, 5u);
  EXPECT_EQ(reply->capacity_items, 40u);  // 2 * 500 / 25
  const models::MemorySpec quadratic{
      .key_dim = 100,
      .retain = models::Retain::kStatistics,
      .model = models::FeatureSpec{.kind = models::FeatureKind::kQuadratic}};
  reply = ask({.planned = quadratic, .planned_items = 20});
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->capacity_items, 13u);
  EXPECT_EQ(reply->phase, theory::Phase::kUnsatisfiable);
}

}  // namespace
}  // namespace mneme::engine
