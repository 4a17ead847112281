// Thousands of random Stores, deletes, sweeps, moves of the clock, changes of policy and restarts,
// against a map that does the same the plain way.
#include <deque>
#include <map>
#include <set>

#include "tests/unit/core/engine/engine_fixture.h"

namespace mneme::engine {
namespace {

constexpr size_t kDim = 8;
constexpr uint64_t kIds = 40;
constexpr int kSteps = 1'500;
constexpr int64_t kSecond = 1'000'000'000;

// What a memory should hold.
class Reference {
 public:
  struct Item {
    uint64_t age = 0;  // when it was stored: 0, 1, 2, ...
    int64_t expire = 0;
    bool IsDue(int64_t now) const { return expire != 0 && expire <= now; }
  };
  struct Outcome {
    std::string refused;  // its reason; empty: done
    uint64_t replaced = 0, evicted = 0, deleted = 0, missing = 0;
  };

  ItemPolicy policy;

  Outcome Store(const std::vector<uint64_t>& ids, bool upsert, int64_t ttl, int64_t now) {
    std::map<uint64_t, Item> next = items_;
    Outcome out;
    for (const uint64_t id : ids) {
      const auto it = next.find(id);
      if (it == next.end()) continue;
      if (!it->second.IsDue(now)) {
        if (!upsert) return {.refused = "ITEM_EXISTS"};
        ++out.replaced;
      }
      next.erase(it);
    }
    const bool grows = ids.size() > items_.size() - next.size();
    if (policy.items_max > 0 && grows && next.size() + ids.size() > policy.items_max) {
      std::erase_if(next, [now](const auto& entry) { return entry.second.IsDue(now); });
      while (next.size() + ids.size() > policy.items_max) {
        if (ids.size() > policy.items_max || policy.full_policy == FullPolicy::kRefuse)
          return {.refused = "FULL"};
        next.erase(Oldest(next));
        ++out.evicted;
      }
    }
    const int64_t lifetime = ttl >= 0 ? ttl : policy.ttl_nanos;
    for (const uint64_t id : ids) next[id] = {age_++, lifetime > 0 ? now + lifetime : 0};
    items_ = std::move(next);
    return out;
  }

  Outcome Delete(const std::vector<uint64_t>& ids, bool allow_missing, int64_t now) {
    Outcome out;
    std::vector<uint64_t> gone;
    for (const uint64_t id : ids) {
      const auto it = items_.find(id);
      const bool there = it != items_.end() && !it->second.IsDue(now);
      if (!there && !allow_missing) return {.refused = "ITEM_NOT_FOUND"};
      ++(there ? out.deleted : out.missing);
      if (there) gone.push_back(id);
    }
    for (const uint64_t id : gone) items_.erase(id);
    return out;
  }

  uint64_t Sweep(int64_t now) {
    return std::erase_if(items_, [now](const auto& entry) { return entry.second.IsDue(now); });
  }

  uint64_t size() const { return items_.size(); }  // what is due and not swept too
  std::map<uint64_t, int64_t> Visible(int64_t now) const {
    std::map<uint64_t, int64_t> out;
    for (const auto& [id, item] : items_) {
      if (!item.IsDue(now)) out[id] = item.expire;
    }
    return out;
  }

 private:
  static std::map<uint64_t, Item>::iterator Oldest(std::map<uint64_t, Item>& items) {
    return std::min_element(items.begin(), items.end(), [](const auto& a, const auto& b) {
      return a.second.age < b.second.age;
    });
  }

  std::map<uint64_t, Item> items_;
  uint64_t age_ = 0;
};

enum class Kind { kDense, kLinear };

class ItemHistoryTest : public EngineTest,
                        public ::testing::WithParamInterface<std::tuple<Kind, uint64_t>> {
 protected:
  uint64_t Below(uint64_t n) { return random_.Next() % n; }
  bool linear() const { return std::get<Kind>(GetParam()) == Kind::kLinear; }
  int64_t now() const { return clock_.NowUnixNanos(); }

  std::vector<uint64_t> SomeIds() {
    std::set<uint64_t> ids;
    const uint64_t count = 1 + Below(6);
    while (ids.size() < count) ids.insert(Below(kIds));
    return {ids.begin(), ids.end()};
  }

  void StoreSome() {
    const std::vector<uint64_t> ids = SomeIds();
    const bool upsert = Below(2) == 0;
    constexpr int64_t kTtls[] = {-1, -1, 0, kSecond, 3 * kSecond, 20 * kSecond};
    const int64_t ttl = kTtls[Below(std::size(kTtls))];
    const Matrix keys = UnitRows(ids.size(), kDim, random_.Next());
    StoreCommand command{.memory = "m",
                         .keys = keys.view(),
                         .ids = {ids.begin(), ids.end()},
                         .upsert = upsert,
                         .sync = Sync::kOs};
    if (linear()) command.responses = keys.view();
    if (ttl >= 0) command.ttl_nanos = ttl;
    const auto reply = Store(command);
    const Reference::Outcome expected = reference_.Store(ids, upsert, ttl, now());
    ASSERT_EQ(reply.ok() ? "" : Reason(reply.status()), expected.refused) << reply.status();
    if (!reply.ok()) return;
    EXPECT_EQ(reply->stored, ids.size());
    EXPECT_EQ(reply->replaced, expected.replaced);
    EXPECT_EQ(reply->evicted, expected.evicted);
    EXPECT_EQ(reply->item_count, reference_.size());
  }

  void DeleteSome() {
    const std::vector<uint64_t> ids = SomeIds();
    const bool allow_missing = Below(4) != 0;
    const auto reply = Delete({.memory = "m",
                               .ids = {ids.begin(), ids.end()},
                               .allow_missing = allow_missing,
                               .sync = Sync::kOs});
    const Reference::Outcome expected = reference_.Delete(ids, allow_missing, now());
    ASSERT_EQ(reply.ok() ? "" : Reason(reply.status()), expected.refused) << reply.status();
    if (!reply.ok()) return;
    EXPECT_EQ(reply->deleted, expected.deleted);
    EXPECT_EQ(reply->missing, expected.missing);
    EXPECT_EQ(reply->item_count, reference_.size());
  }

  void ChangePolicy() {
    constexpr uint64_t kCaps[] = {0, 4, 12, 25};
    ItemPolicy& policy = reference_.policy;
    policy.items_max = kCaps[Below(std::size(kCaps))];
    policy.full_policy = Below(2) == 0 ? FullPolicy::kRefuse : FullPolicy::kEvictOldest;
    policy.ttl_nanos = static_cast<int64_t>(Below(3)) * 5 * kSecond;
    ASSERT_TRUE(Update({.name = "m",
                        .ttl_nanos = policy.ttl_nanos,
                        .items_max = policy.items_max,
                        .full_policy = policy.full_policy})
                    .ok());
  }

  std::vector<float> Recall() {
    const Matrix cue = UnitRows(1, kDim, 3);
    const auto reply = Query({.memory = "m", .cues = {.cues = cue.view()}});
    if (!reply.ok() || reply->answer.recalls.rows() == 0) return {};
    const auto row = reply->answer.recalls.row(0);
    return {row.begin(), row.end()};
  }

  void Restart(bool clean) {
    ASSERT_TRUE(Sweep().ok());  // a linear recall holds what is due until it is swept
    reference_.Sweep(now());
    const std::vector<float> before = Recall();
    const MemoryInfo info = *engine_->GetMemory("m");
    Reopen(clean);
    EXPECT_EQ(engine_->GetMemory("m")->position, info.position);
    EXPECT_EQ(engine_->GetMemory("m")->item_policy, info.item_policy);
    const std::vector<float> after = Recall();
    ASSERT_EQ(after.size(), before.size());
    for (size_t i = 0; i < after.size(); ++i) EXPECT_NEAR(after[i], before[i], 1e-4);
  }

  void Compare() {
    ASSERT_EQ(engine_->GetMemory("m")->stats.items, reference_.size());
    const auto page = Await<ItemPage>(
        [&](auto done) { engine_->ListItems({.memory = "m", .page_size = 1'000}, done); });
    ASSERT_TRUE(page.ok()) << page.status();
    std::map<uint64_t, int64_t> seen;
    for (const ItemRecord& item : page->items) seen[item.id.number()] = item.expire_unix_nanos;
    ASSERT_EQ(seen, reference_.Visible(now()));
  }

  Random random_{std::get<uint64_t>(GetParam())};
  Reference reference_;
};

TEST_P(ItemHistoryTest, TheMemoryHoldsWhatThePlainMapHolds) {
  SCOPED_TRACE(absl::StrCat("seed ", std::get<uint64_t>(GetParam())));
  ASSERT_TRUE(Create({.name = "m",
                      .spec = linear() ? LinearSpecOf(kDim, kDim, models::LinearRule::kRidge)
                                       : DenseSpecOf(kDim)})
                  .ok());
  for (int step = 0; step < kSteps; ++step) {
    SCOPED_TRACE(absl::StrCat("step ", step));
    const uint64_t kind = Below(100);
    if (kind < 45) {
      StoreSome();
    } else if (kind < 65) {
      DeleteSome();
    } else if (kind < 80) {
      clock_.Advance(static_cast<int64_t>(Below(4)) * kSecond / 2);
    } else if (kind < 90) {
      const auto swept = Sweep();
      ASSERT_TRUE(swept.ok());
      EXPECT_EQ(*swept, reference_.Sweep(now()));
    } else if (kind < 95) {
      ChangePolicy();
    } else if (kind < 96) {
      Restart(Below(2) == 0);
    } else {
      Compare();
    }
    if (HasFailure()) return;
  }
  Compare();
}

INSTANTIATE_TEST_SUITE_P(Seeds, ItemHistoryTest,
                         ::testing::Combine(::testing::Values(Kind::kDense, Kind::kLinear),
                                            ::testing::Values(1, 20, 300)),
                         [](const auto& tested) {
                           return absl::StrCat(
                               std::get<0>(tested.param) == Kind::kDense ? "Dense" : "Linear",
                               std::get<1>(tested.param));
                         });

}  // namespace
}  // namespace mneme::engine
