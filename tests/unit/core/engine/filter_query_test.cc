// Which items answers may name: those that a filter lets pass and whose time has not come, at one
// moment with the view that answers; and what happens to a memory that cannot be read back.
#include <algorithm>
#include <functional>
#include <map>
#include <thread>

#include "core/engine/probe.h"
#include "gmock/gmock.h"
#include "tests/unit/core/engine/engine_fixture.h"
#include "tests/unit/core/engine/storage_wrapper.h"
#include "tests/unit/core/filter/attribute_bytes.h"

namespace mneme::engine {
namespace {

using filter::AttributeBytes;
using filter::AttributeValue;
using models::QueryKind;

constexpr size_t kDim = 12;
constexpr int64_t kSecond = 1'000'000'000;

enum class Kind { kDense, kLinear };

models::MemorySpec SpecOf(Kind kind) {
  if (kind == Kind::kLinear) return LinearSpecOf(kDim, kDim, models::LinearRule::kCmm);
  models::MemorySpec spec = DenseSpecOf(kDim);
  std::get<models::DenseSpec>(spec.model).beta = 4;
  return spec;
}

// An item as the test keeps it.
struct Known {
  std::optional<int64_t> year;
  std::string color;  // empty: no attribute
  int64_t expire = 0;

  std::string bytes() const {
    std::map<std::string, AttributeValue> attributes;
    if (year.has_value()) attributes["year"] = *year;
    if (!color.empty()) attributes["color"] = color;
    return AttributeBytes(attributes);
  }
};

struct NamedFilter {
  std::string text;
  std::function<bool(const Known&)> passes;
};

const std::vector<NamedFilter>& Filters() {
  static const auto& filters = *new std::vector<NamedFilter>{
      {"", [](const Known&) { return true; }},
      {"color = \"red\"", [](const Known& k) { return k.color == "red"; }},
      {"year >= 5 AND NOT color:*",
       [](const Known& k) { return k.year.value_or(0) >= 5 && k.color.empty(); }},
      {"NOT year = 3", [](const Known& k) { return k.year != 3; }},
      {"NOT (year:* OR color:*)",
       [](const Known& k) { return !k.year.has_value() && k.color.empty(); }},
      {"year > 100", [](const Known&) { return false; }},
  };
  return filters;
}

class FilterQueryTest : public EngineTest, public ::testing::WithParamInterface<Kind> {
 protected:
  FilterQueryTest() { EXPECT_TRUE(Create("m", SpecOf(GetParam())).ok()); }

  int64_t now() const { return clock_.NowUnixNanos(); }

  absl::Status Put(uint64_t first, const std::vector<Known>& items, bool upsert = false) {
    const Matrix keys = UnitRows(items.size(), kDim, first + 1000 * ++batches_);
    std::vector<std::string> bytes;
    StoreCommand command{.memory = "m",
                         .keys = keys,
                         .ids = Numbers(first, items.size()),
                         .upsert = upsert,
                         .sync = Sync::kMemory};
    if (GetParam() == Kind::kLinear) command.responses = keys;
    for (const Known& item : items) bytes.push_back(item.bytes());
    for (size_t i = 0; i < items.size(); ++i) {
      command.payloads.push_back({.payload = "p", .attributes = bytes[i]});
      command.expire_unix_nanos.push_back(items[i].expire);
    }
    return Store(command).status();
  }

  absl::StatusOr<QueryReply> List(const std::string& filter, size_t top = 900) {
    return Query({.memory = "m",
                  .cues = {.cues = cue_},
                  .spec = {.kind = QueryKind::kList, .top = top},
                  .filter = filter});
  }

  static std::vector<uint64_t> Named(const models::CueAnswer& cue) {
    std::vector<uint64_t> ids;
    for (const models::ScoredItem& item : cue.top) ids.push_back(item.id.number());
    std::ranges::sort(ids);
    return ids;
  }

  // All pages of ListItems.
  std::vector<uint64_t> Listed(const std::string& filter) {
    std::vector<uint64_t> ids;
    ListItemsCommand command{.memory = "m", .page_size = 7, .filter = filter};
    while (true) {
      const auto page = Await<ItemPage>([&](auto done) { engine_->ListItems(command, done); });
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return ids;
      for (const ItemRecord& item : page->items) ids.push_back(item.id.number());
      if (!page->next_row.has_value()) break;
      command.first_row = *page->next_row;
    }
    std::ranges::sort(ids);
    return ids;
  }

  void ExpectAgreesWith(const std::map<uint64_t, Known>& known) {
    for (const NamedFilter& filter : Filters()) {
      SCOPED_TRACE(filter.text);
      std::vector<uint64_t> expected;
      for (const auto& [id, item] : known) {
        if ((item.expire == 0 || item.expire > now()) && filter.passes(item))
          expected.push_back(id);
      }
      const auto reply = List(filter.text);
      ASSERT_TRUE(reply.ok()) << reply.status();
      EXPECT_EQ(Named(reply->answer.cues[0]), expected);
      EXPECT_EQ(reply->answer.items_scored, expected.size());
      EXPECT_EQ(Listed(filter.text), expected);
    }
  }

  Matrix cue_ = UnitRows(1, kDim, 99);
  uint64_t batches_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Models, FilterQueryTest, ::testing::Values(Kind::kDense, Kind::kLinear),
                         [](const auto& tested) {
                           return tested.param == Kind::kDense ? "Dense" : "Linear";
                         });

TEST_P(FilterQueryTest, AnswersAndPagesAreThoseOfANaiveReferenceWhateverWasDone) {
  for (const uint64_t seed : {1, 2, 3}) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    EXPECT_TRUE(Drop("m").ok());
    ASSERT_TRUE(Create("m", SpecOf(GetParam())).ok());
    std::map<uint64_t, Known> known;
    for (int round = 0; round < 8; ++round) {
      const uint64_t first = random.Below(150);
      std::vector<Known> items(1 + random.Below(60));
      for (Known& item : items) {
        if (random.Below(4) != 0) item.year = static_cast<int64_t>(random.Below(8));
        if (random.Below(3) != 0) item.color = random.Below(2) == 0 ? "red" : "blue";
        if (random.Below(4) == 0)
          item.expire = now() + static_cast<int64_t>(1 + random.Below(4)) * kSecond;
      }
      ASSERT_TRUE(Put(first, items, /*upsert=*/true).ok());
      for (size_t i = 0; i < items.size(); ++i) known[first + i] = items[i];
      std::vector<ItemId> gone;
      for (const auto& [id, item] : known) {
        if (random.Below(9) == 0) gone.emplace_back(id);
      }
      if (!gone.empty()) {
        const auto deleted = Delete({.memory = "m", .ids = gone, .allow_missing = true});
        ASSERT_TRUE(deleted.ok()) << deleted.status();
      }
      for (const ItemId& id : gone) known.erase(id.number());
      ExpectAgreesWith(known);
      clock_.Advance(kSecond);
      ExpectAgreesWith(known);  // due items that no sweep has taken out yet
      if (random.Below(2) == 0) {
        ASSERT_TRUE(Sweep().ok());
        ExpectAgreesWith(known);
      }
      if (round == 3) Reopen(/*clean=*/true);
      if (round == 6) Reopen(/*clean=*/false);
    }
    ExpectAgreesWith(known);
  }
}

TEST_P(FilterQueryTest, ARecallOfADenseMemoryIsOfThePassingItemsAndOfALinearOneRefused) {
  ASSERT_TRUE(Put(0, {{.year = 1}, {.year = 2}}).ok());
  const auto reply =
      Query({.memory = "m", .cues = {.cues = cue_}, .spec = {.top = 5}, .filter = "year = 2"});
  if (GetParam() == Kind::kLinear) {
    EXPECT_EQ(reply.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(Reason(reply.status()), "FILTER");
    return;
  }
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(Named(reply->answer.cues[0]), (std::vector<uint64_t>{1}));
  const auto item = GetItem("m", ItemId(1));
  ASSERT_TRUE(item.ok());
  for (size_t j = 0; j < kDim; ++j) EXPECT_NEAR(reply->answer.recalls.at(0, j), item->key[j], 1e-6);
  const auto none =
      Query({.memory = "m", .cues = {.cues = cue_}, .spec = {.top = 5}, .filter = "year = 7"});
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(none->answer.cues[0].status, models::AnswerStatus::kEmptyStore);
}

TEST_P(FilterQueryTest, MistakesInAFilterAreTheCallsError) {
  ASSERT_TRUE(Put(0, {{.year = 1}}).ok());
  EXPECT_EQ(Reason(List("year >").status()), "FILTER");
  EXPECT_NE(List("year >").status().message().find("column"), absl::string_view::npos)
      << List("year >").status();
  EXPECT_EQ(Reason(List("year = \"x\"").status()), "FILTER_TYPE");
  for (const char* wrong : {"year >", "year = \"x\""}) {
    const auto page = Await<ItemPage>([&](auto done) {
      engine_->ListItems({.memory = "m", .page_size = 5, .filter = wrong}, done);
    });
    EXPECT_EQ(page.status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_TRUE(List("year = 1").ok());  // the memory serves on
}

TEST_P(FilterQueryTest, FewerItemsThanAskedForComeWithTheReason) {
  ASSERT_TRUE(Put(0, {{.year = 1}, {.year = 1}, {.year = 2}, {.year = 2}}).ok());
  const auto why = [&](QueryCommand command) {
    command.memory = "m";
    command.cues = {.cues = cue_};
    command.spec.kind = QueryKind::kList;
    const auto reply = Query(command);
    EXPECT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->shortfalls.size(), 1u);
    return reply->shortfalls[0];
  };
  EXPECT_EQ(why({.spec = {.top = 4}}), Shortfall::kNone);
  EXPECT_EQ(why({.spec = {.top = 5}}), Shortfall::kMemorySmaller);
  EXPECT_EQ(why({.spec = {.top = 2}, .filter = "year = 1"}), Shortfall::kNone);
  EXPECT_EQ(why({.spec = {.top = 3}, .filter = "year = 1"}), Shortfall::kFilter);
  EXPECT_EQ(why({.spec = {.top = 5}, .filter = "year = 1"}), Shortfall::kFilter);
  EXPECT_EQ(why({.spec = {.top = 5}, .filter = "year = 7"}), Shortfall::kFilter);
  EXPECT_EQ(why({.spec = {.top = 5}, .filter = "year > 0"}), Shortfall::kMemorySmaller);
  EXPECT_EQ(why({.candidates = Numbers(0, 3)}), Shortfall::kNone);
  EXPECT_EQ(why({.candidates = Numbers(3, 3)}), Shortfall::kCandidates);
  EXPECT_EQ(why({.candidates = Numbers(0, 3), .filter = "year = 1"}), Shortfall::kFilter);
  EXPECT_EQ(why({.fraction = 0.5, .filter = "year = 1"}), Shortfall::kNone);
}

TEST_P(FilterQueryTest, AFractionIsOfTheItemsThatPass) {
  std::vector<Known> items(40);
  for (size_t i = 0; i < items.size(); ++i) items[i].year = i < 10 ? 1 : 2;
  ASSERT_TRUE(Put(0, items).ok());
  const auto count = [&](const char* filter) {
    const auto reply = Query({.memory = "m",
                              .cues = {.cues = cue_},
                              .spec = {.kind = QueryKind::kList},
                              .fraction = 0.5,
                              .filter = filter});
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply->answer.cues[0].top.size();
  };
  EXPECT_EQ(count(""), 20u);
  EXPECT_EQ(count("year = 1"), 5u);
  EXPECT_EQ(count("NOT year = 1"), 15u);
  EXPECT_EQ(count("year = 3"), 0u);
}

TEST_P(FilterQueryTest, AnItemIsGoneForEveryReaderTheMomentItsTimeComes) {
  ASSERT_TRUE(Put(0, {{.expire = now() + kSecond}, {}}).ok());
  const auto before = GetItem("m", ItemId(0));
  ASSERT_TRUE(before.ok());
  EXPECT_EQ(before->expire_unix_nanos, now() + kSecond);
  clock_.Advance(kSecond - 1);
  EXPECT_TRUE(GetItem("m", ItemId(0)).ok());
  EXPECT_EQ(Named(List("")->answer.cues[0]), (std::vector<uint64_t>{0, 1}));
  clock_.Advance(1);
  EXPECT_EQ(Reason(GetItem("m", ItemId(0)).status()), "ITEM_NOT_FOUND");
  EXPECT_EQ(Named(List("")->answer.cues[0]), (std::vector<uint64_t>{1}));
  EXPECT_EQ(Listed(""), (std::vector<uint64_t>{1}));
  const auto recall = Query({.memory = "m", .cues = {.cues = cue_}, .spec = {.top = 2}});
  ASSERT_TRUE(recall.ok()) << recall.status();
  EXPECT_EQ(Named(recall->answer.cues[0]), (std::vector<uint64_t>{1}));
  const auto candidates = Query({.memory = "m",
                                 .cues = {.cues = cue_},
                                 .spec = {.kind = QueryKind::kList},
                                 .candidates = Numbers(0, 2)});
  ASSERT_TRUE(candidates.ok());
  EXPECT_THAT(candidates->candidates_missing, testing::ElementsAre(ItemId(0)));
  EXPECT_EQ(engine_->GetMemory("m")->stats.items, 2u);  // until the sweep
}

TEST_P(FilterQueryTest, NoReaderSeesADueItemWhileTheSweepTakesItOut) {
  for (int round = 0; round < 20; ++round) {
    std::vector<Known> items(40, Known{.expire = now() + kSecond});
    items.resize(50);
    ASSERT_TRUE(Put(0, items, /*upsert=*/true).ok());
    clock_.Advance(kSecond);
    std::atomic<bool> stop{false};
    std::thread reader([&] {
      while (!stop) {
        const auto reply = List("");
        ASSERT_TRUE(reply.ok()) << reply.status();
        ASSERT_EQ(reply->answer.cues[0].top.size(), 10u);
      }
    });
    EXPECT_EQ(*Sweep(), 40u);
    stop = true;
    reader.join();
  }
}

TEST_P(FilterQueryTest, AFilterIsOfTheViewThatAnswers) {
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    while (!stop) {
      const auto reply = List("year = 1");
      ASSERT_TRUE(reply.ok()) << reply.status();
      // Each write brings five items, of which two pass.
      ASSERT_EQ(reply->answer.cues[0].top.size(), 2 * reply->position);
    }
  });
  for (uint64_t i = 0; i < 60; ++i) {
    ASSERT_TRUE(Put(5 * i, {{.year = 1}, {}, {.year = 2}, {.year = 1}, {.color = "red"}}).ok());
  }
  stop = true;
  reader.join();
}

TEST_P(FilterQueryTest, ACallThatIsGivenUpStopsItsFilter) {
  std::vector<Known> items(400);
  for (Known& item : items) item.year = 1;
  ASSERT_TRUE(Put(0, items).ok());
  const auto reply = Query({.memory = "m",
                            .cues = {.cues = cue_},
                            .spec = {.kind = QueryKind::kList, .top = 3},
                            .filter = "year = 1",
                            .cancelled = [] { return true; }});
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kCancelled);
}

TEST_P(FilterQueryTest, DescribeCountsAttributesAndExpiry) {
  std::vector<Known> items(300);
  for (Known& item : items) item.year = 1, item.expire = now() + kSecond;
  ASSERT_TRUE(Put(0, items).ok());
  ASSERT_TRUE(List("year = 1").ok());
  const models::ModelStats stats = engine_->GetMemory("m")->stats;
  uint64_t sum = 0;
  std::map<std::string, uint64_t> bytes;
  for (const models::ByteAccount& account : stats.bytes) {
    bytes[std::string(account.what)] = account.bytes;
    sum += account.bytes;
  }
  EXPECT_GT(bytes["attributes"], 300u * 10);
  EXPECT_GT(bytes["expiry"], 300u * 16);
  EXPECT_EQ(sum, stats.fixed_bytes + stats.row_bytes);
}

TEST_P(FilterQueryTest, APageOfAFilterThatFewPassMayBeEmptyAndGoesOn) {
  // More rows than a page looks at; only the last one passes.
  const size_t n = 16'384;
  Matrix keys(n, kDim);
  for (size_t i = 0; i < n; ++i) keys.at(i, i % kDim) = 1;
  StoreCommand command{.memory = "m", .keys = keys, .ids = Numbers(1, n), .sync = Sync::kMemory};
  if (GetParam() == Kind::kLinear) command.responses = keys;
  ASSERT_TRUE(Store(command).ok());
  ASSERT_TRUE(Put(n + 1, {{.year = 1}}).ok());
  const auto first = Await<ItemPage>([&](auto done) {
    engine_->ListItems({.memory = "m", .page_size = 5, .filter = "year = 1"}, done);
  });
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(first->items.empty());
  ASSERT_TRUE(first->next_row.has_value());
  EXPECT_EQ(Listed("year = 1"), (std::vector<uint64_t>{n + 1}));
}

TEST_P(FilterQueryTest, ItemsThatAnswersNameAreUsed) {
  ASSERT_TRUE(Create({.name = "lru",
                      .spec = SpecOf(Kind::kDense),
                      .item_policy = {.items_max = 3, .full_policy = FullPolicy::kEvictLeastUsed}})
                  .ok());
  const Matrix keys = UnitRows(5, kDim, 4);
  const auto store = [&](uint64_t id) {
    return Store({.memory = "lru", .keys = keys.view().slice(id, 1), .ids = Numbers(id, 1)});
  };
  for (uint64_t id = 0; id < 3; ++id) ASSERT_TRUE(store(id).ok());
  ASSERT_TRUE(Query({.memory = "lru",
                     .cues = {.cues = keys.view().slice(0, 1)},
                     .spec = {.kind = QueryKind::kList, .top = 1}})
                  .ok());
  ASSERT_TRUE(GetItem("lru", ItemId(1)).ok());
  ASSERT_TRUE(store(3).ok());
  EXPECT_TRUE(GetItem("lru", ItemId(0)).ok());
  EXPECT_TRUE(GetItem("lru", ItemId(1)).ok());
  EXPECT_FALSE(GetItem("lru", ItemId(2)).ok());
}

TEST_F(EngineTest, DamagedAttributesAreRefusedBeforeTheyAreStored) {
  ASSERT_TRUE(Create("m", DenseSpecOf(4)).ok());
  const Matrix keys = UnitRows(1, 4, 1);
  const auto reply = Store({.memory = "m", .keys = keys, .payloads = {{.attributes = "\xff"}}});
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Reason(reply.status()), "ATTRIBUTES");
  EXPECT_EQ(engine_->GetMemory("m")->stats.items, 0u);
  EXPECT_TRUE(Store({.memory = "m", .keys = keys}).ok());
}

// From a moment on, reads of one memory find damage.
class RottingStorage final : public StorageWrapper {
 public:
  using StorageWrapper::StorageWrapper;
  enum class Part { kNone, kIds, kRows, kPayloads };

  void Rot(Uid uid, Part part) {
    uid_ = uid;
    part_ = part;
  }
  absl::StatusOr<std::vector<std::optional<uint64_t>>> FindIds(
      Uid uid, std::span<const ItemId> ids) const override {
    if (IsRotten(uid, Part::kIds)) return Damage();
    return StorageWrapper::FindIds(uid, ids);
  }
  absl::Status ReadRow(Uid uid, uint64_t row, const RowVisit& visit) const override {
    if (IsRotten(uid, Part::kRows)) return Damage();
    return StorageWrapper::ReadRow(uid, row, visit);
  }
  absl::Status ScanRows(Uid uid, uint64_t first, uint64_t last,
                        const RowVisit& visit) const override {
    if (IsRotten(uid, Part::kRows)) return Damage();
    return StorageWrapper::ScanRows(uid, first, last, visit);
  }
  absl::StatusOr<std::vector<storage::OwnedPayload>> ReadPayloads(
      Uid uid, std::span<const uint64_t> rows) const override {
    if (IsRotten(uid, Part::kPayloads)) return Damage();
    return StorageWrapper::ReadPayloads(uid, rows);
  }

 private:
  bool IsRotten(Uid uid, Part part) const { return uid == uid_ && part == part_; }
  static absl::Status Damage() {
    return DataLoss("a block is damaged", {.reason = "CORRUPT", .next_step = "Restore it."});
  }
  std::atomic<Uid> uid_{0};
  std::atomic<Part> part_{Part::kNone};
};

class DamageTest : public EngineTest {
 protected:
  DamageTest() {
    engine_.reset();
    auto inner = storage::OpenRocksDbStorage({.directory = directory_ + "/data"});
    MNEME_CHECK(inner.ok());
    auto rotting = std::make_unique<RottingStorage>(*std::move(inner));
    storage_ = rotting.get();
    auto engine = Engine::Open(std::move(rotting), clock_, options_);
    MNEME_CHECK(engine.ok());
    engine_ = *std::move(engine);
    for (const char* name : {"a", "b"}) {
      EXPECT_TRUE(Create(name, DenseSpecOf(kDim)).ok());
      EXPECT_TRUE(Store({.memory = name,
                         .keys = keys_,
                         .ids = Numbers(0, 3),
                         .payloads = {{.payload = "x"}, {.payload = "y"}, {.payload = "z"}}})
                      .ok());
    }
  }

  QueryCommand Ask(const char* name) {
    return {.memory = name,
            .cues = {.cues = keys_.view().slice(0, 1)},
            .spec = {.kind = QueryKind::kList, .top = 2}};
  }
  absl::Status ListPage(const char* name) {
    return Await<ItemPage>(
               [&](auto done) { engine_->ListItems({.memory = name, .page_size = 2}, done); })
        .status();
  }

  void ExpectDegradedBy(RottingStorage::Part part, const std::function<absl::Status()>& read) {
    storage_->Rot(engine_->GetMemory("a")->uid, part);
    EXPECT_TRUE(absl::IsDataLoss(read()));
    EXPECT_EQ(engine_->GetMemory("a")->health, Health::kDegraded);
    EXPECT_EQ(engine_->GetMemory("a")->health_reason, "a block is damaged");
    storage_->Rot(0, RottingStorage::Part::kNone);
    // Whatever is asked of it now, it says why not; also what could be answered without the disk.
    EXPECT_EQ(Reason(Query(Ask("a")).status()), "DEGRADED");
    EXPECT_EQ(Reason(GetItem("a", ItemId(0)).status()), "DEGRADED");
    EXPECT_EQ(Reason(ListPage("a")), "DEGRADED");
    EXPECT_EQ(Reason(Store({.memory = "a", .keys = keys_}).status()), "DEGRADED");
    EXPECT_TRUE(Query(Ask("b")).ok());
    EXPECT_TRUE(GetItem("b", ItemId(0)).ok());
    EXPECT_TRUE(Store({.memory = "b", .keys = keys_}).ok());
    EXPECT_TRUE(Drop("a").ok());
  }

  Matrix keys_ = UnitRows(3, kDim, 8);
  RottingStorage* storage_ = nullptr;
};

TEST_F(DamageTest, OfAnIdFoundByGetItemTakesTheMemoryOutOfService) {
  ExpectDegradedBy(RottingStorage::Part::kIds, [&] { return GetItem("a", ItemId(0)).status(); });
}

TEST_F(DamageTest, OfARowFoundByGetItemTakesTheMemoryOutOfService) {
  ExpectDegradedBy(RottingStorage::Part::kRows, [&] { return GetItem("a", ItemId(0)).status(); });
}

TEST_F(DamageTest, OfARowFoundByListItemsTakesTheMemoryOutOfService) {
  ExpectDegradedBy(RottingStorage::Part::kRows, [&] { return ListPage("a"); });
}

TEST_F(DamageTest, OfPayloadsFoundByAListTakesTheMemoryOutOfService) {
  ExpectDegradedBy(RottingStorage::Part::kPayloads, [&] {
    QueryCommand command = Ask("a");
    command.payloads = true;
    return Query(command).status();
  });
}

TEST_F(DamageTest, OfIdsFoundByCandidatesTakesTheMemoryOutOfService) {
  ExpectDegradedBy(RottingStorage::Part::kIds, [&] {
    QueryCommand command = Ask("a");
    command.candidates = Numbers(0, 2);
    return Query(command).status();
  });
}

TEST_F(EngineTest, AProbeStopsWhenItsCallerHasGone) {
  ASSERT_TRUE(Create("m", LinearSpecOf(kDim, kDim, models::LinearRule::kCmm)).ok());
  const Matrix keys = UnitRows(600, kDim, 1);
  ASSERT_TRUE(Store({.memory = "m", .keys = keys, .responses = keys}).ok());
  int asked = 0;
  const auto reply = Await<ForecastReply>([&](auto done) {
    engine_->Forecast(
        {.memory = "m", .probe = ProbeMode::kNow, .cancelled = [&asked] { return ++asked > 3; }},
        done);
  });
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kCancelled) << reply.status();
  EXPECT_EQ(asked, 4);
}

}  // namespace
}  // namespace mneme::engine
