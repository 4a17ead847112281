#include "core/federation/replanner.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "tests/sim/memory_coordinator.h"

namespace mneme::sim {
namespace {

using federation::Commit;
using federation::ForgetPlan;
using federation::Lifetime;
using federation::Plan;
using federation::PlanAction;
using federation::Replanner;
using federation::RunForPlanner;
using federation::TakePlan;

constexpr int64_t kSecond = 1'000'000'000;

std::string TwoByTwo() {
  return Encode(federation::Description{
      .spec = {.d_k = 2, .d_v = 2, .privacy = {.min_contributors = 1, .min_items = 1}}});
}

// Nodes with their replanners around one engine; a second at a time, all look.
class ReplannerTest : public ::testing::Test {
 protected:
  struct Site {
    explicit Site(MemoryEngine& engine, const std::string& name)
        : client(engine), replanner({.node = name}) {}
    MemoryCoordinator client;
    Replanner replanner;
    std::shared_ptr<const Plan> plan;
    bool forgotten = false;
  };

  ReplannerTest() { EXPECT_TRUE(admin_.PutIf("spec", TwoByTwo(), 0).ok()); }
  void Join(const std::string& name) {
    EXPECT_TRUE(admin_
                    .PutIf("members/" + name,
                           Encode(federation::Membership{.memory = "m", .address = "x"}), 0)
                    .ok());
    Rise(name);
  }
  void Rise(const std::string& name) {
    sites_[name] = std::make_unique<Site>(engine_, name);
    EXPECT_TRUE(sites_[name]->client.Register(name, "at-" + name + ":1").ok());
  }
  void Die(const std::string& name) { sites_.erase(name); }
  void SetInterest(const std::string& name, const federation::InterestRow& row) {
    EXPECT_TRUE(
        admin_.Put("interest/" + name, federation::EncodeInterest(row), Lifetime::kForEver).ok());
  }

  void Look(const std::string& name, Site& site) {
    // What it did itself it reads again at once, as the watch makes it do.
    for (int again = 0; again < 4; ++again) {
      const auto contents = site.client.ReadAll();
      const auto actions =
          contents.ok() ? site.replanner.Read(*contents, now_) : site.replanner.Unreachable(now_);
      bool did = false;
      for (const PlanAction& action : actions) did = Act(name, site, action) || did;
      if (!did) return;
    }
  }
  bool Act(const std::string& name, Site& site, const PlanAction& action) {
    if (const auto* take = std::get_if<TakePlan>(&action)) {
      site.plan = take->plan;
      site.forgotten = false;
      return false;
    }
    if (std::holds_alternative<ForgetPlan>(action)) {
      site.forgotten = true;
      return false;
    }
    if (std::holds_alternative<RunForPlanner>(action)) {
      const auto elected = site.client.BecomePlanner(name);
      if (elected.ok()) site.replanner.Became(*elected, now_);
      return elected.ok();
    }
    const auto& commit = std::get<Commit>(action);
    const auto epoch = site.client.CommitPlan(commit.guard, commit.plan);
    if (epoch.ok()) commits_.push_back(now_);
    return epoch.ok();
  }
  void Pass(int seconds) {
    for (int second = 0; second < seconds; ++second) {
      now_ += kSecond;
      for (const auto& [name, site] : sites_) site->client.KeepAlive();
      engine_.AdvanceTo(now_);
      for (const auto& [name, site] : sites_) Look(name, *site);
    }
  }
  std::set<std::string> Planned() const {
    std::set<std::string> names;
    const auto& records = engine_.contents().records;
    if (!records.contains("plan")) return names;
    const auto plan = PlanOf(records.at("plan"));
    for (const auto& node : plan->nodes) names.insert(node.name);
    return names;
  }

  MemoryEngine engine_;
  MemoryCoordinator admin_{engine_};
  std::map<std::string, std::unique_ptr<Site>> sites_;
  int64_t now_ = 100 * kSecond;
  std::vector<int64_t> commits_;
};

using Names = std::set<std::string>;

TEST_F(ReplannerTest, TheFirstPlanComesAfterTheDebounceAndAllTakeIt) {
  Join("a");
  Join("b");
  Pass(2);
  EXPECT_TRUE(Planned().empty()) << "others may be about to join";
  Pass(2);
  EXPECT_EQ(Planned(), (Names{"a", "b"}));
  for (const auto& [name, site] : sites_) {
    ASSERT_NE(site->plan, nullptr) << name;
    EXPECT_EQ(site->plan->epoch, engine_.contents().records.at("plan").mod_revision);
  }
  EXPECT_EQ(sites_["a"]->plan->nodes[1].address, "at-b:1");
  Pass(60);
  EXPECT_EQ(commits_.size(), 1u) << "nothing has changed";
}

TEST_F(ReplannerTest, ManyChangesBecomeOneEpochAndEpochsKeepTheirDistance) {
  Join("a");
  Pass(5);
  for (const char* name : {"b", "c", "d"}) {
    Join(name);
    Pass(1);
  }
  Pass(20);
  EXPECT_EQ(Planned(), (Names{"a", "b", "c", "d"}));
  ASSERT_EQ(commits_.size(), 2u);
  EXPECT_GE(commits_[1] - commits_[0], 10 * kSecond);
  SetInterest("a", {{"b", 1}});
  Pass(1);
  EXPECT_EQ(commits_.size(), 2u) << "the debounce";
  Pass(15);
  ASSERT_EQ(commits_.size(), 3u);
  const Plan& plan = *sites_["d"]->plan;
  ASSERT_EQ(plan.trees[0].root, 0u);
  EXPECT_EQ(plan.trees[0].nodes.back().node, 1u);
  EXPECT_EQ(plan.trees[0].nodes.back().weight, 1);
}

TEST_F(ReplannerTest, ADeadNodeIsPlannedOutItsInterestStaysAndItComesBack) {
  for (const char* name : {"a", "b", "c"}) Join(name);
  SetInterest("a", {{"a", 1}, {"b", 1}, {"c", 2}});
  Pass(30);
  ASSERT_EQ(Planned(), (Names{"a", "b", "c"}));
  Die("c");
  Pass(9);
  EXPECT_EQ(Planned(), (Names{"a", "b", "c"})) << "its lease has not run out";
  Pass(5);
  EXPECT_EQ(Planned(), (Names{"a", "b"}));
  EXPECT_EQ(sites_["a"]->plan->trees[0].nodes[0].weight, 0.25) << "nobody has that of c";
  EXPECT_TRUE(engine_.contents().records.contains("interest/a"));
  Rise("c");
  Pass(15);
  EXPECT_EQ(Planned(), (Names{"a", "b", "c"}));
  EXPECT_EQ(sites_["a"]->plan->trees[0].nodes[0].weight, 0.25);
}

TEST_F(ReplannerTest, TheInterestInADeadNodeFallsToTheOthersWhereTheSpecSaysSo) {
  const federation::Record spec = engine_.contents().records.at("spec");
  federation::Description description = *federation::DecodeDescription(spec.value);
  description.spec.dead_interest = federation::DeadInterest::kRenormalise;
  ASSERT_TRUE(admin_.PutIf("spec", Encode(description), spec.mod_revision).ok());
  for (const char* name : {"a", "b", "c"}) Join(name);
  SetInterest("a", {{"a", 1}, {"b", 1}, {"c", 2}});
  Pass(30);
  Die("c");
  Pass(15);
  ASSERT_EQ(Planned(), (Names{"a", "b"}));
  EXPECT_EQ(sites_["a"]->plan->trees[0].nodes[0].weight, 0.5);
  // Of one that has left for good nothing is kept, whatever the spec says.
  description.spec.dead_interest = federation::DeadInterest::kKeep;
  const federation::Record now = engine_.contents().records.at("spec");
  ASSERT_TRUE(admin_.PutIf("spec", Encode(description), now.mod_revision).ok());
  Pass(15);
  EXPECT_EQ(sites_["a"]->plan->trees[0].nodes[0].weight, 0.25);
  ASSERT_TRUE(admin_.Delete("members/c").ok());
  Pass(15);
  EXPECT_EQ(sites_["a"]->plan->trees[0].nodes[0].weight, 0.5);
}

TEST_F(ReplannerTest, ARestartWithinTheLeaseChangesNothing) {
  Join("a");
  Join("b");
  Pass(30);
  Die("b");
  Pass(3);
  Rise("b");
  Pass(30);
  EXPECT_EQ(commits_.size(), 1u);
  EXPECT_NE(sites_["b"]->plan, nullptr);
}

TEST_F(ReplannerTest, AfterThePlannersDeathAnotherOnePlansAndSettlesFirst) {
  for (const char* name : {"a", "b", "c"}) Join(name);
  Pass(30);
  const std::string planner = engine_.contents().records.at("planner").value;
  Die(planner);
  Pass(15);
  ASSERT_TRUE(engine_.contents().records.contains("planner"));
  EXPECT_NE(engine_.contents().records.at("planner").value, planner);
  EXPECT_EQ(Planned().size(), 3u) << "it may only be late";
  Pass(20);
  EXPECT_EQ(Planned().size(), 2u);
  EXPECT_FALSE(Planned().contains(planner));
}

TEST_F(ReplannerTest, AnOutageOfTheEngineEmptiesNoFederation) {
  for (const char* name : {"a", "b", "c"}) Join(name);
  Pass(30);
  engine_.SetUp(false);
  Pass(60);  // all leases run out
  engine_.SetUp(true);
  // One is back at once, the others take their time.
  std::map<std::string, std::unique_ptr<Site>> late;
  late["b"] = std::move(sites_["b"]);
  late["c"] = std::move(sites_["c"]);
  sites_.erase("b");
  sites_.erase("c");
  Pass(15);
  EXPECT_EQ(engine_.contents().records.at("planner").value, "a");
  EXPECT_EQ(Planned().size(), 3u);
  sites_.merge(late);
  Pass(60);
  EXPECT_EQ(Planned().size(), 3u);
  EXPECT_EQ(commits_.size(), 1u) << "no epoch for an outage";
}

TEST_F(ReplannerTest, WithoutAWordThePlanHoldsForItsGraceAndIsTakenAgain) {
  Join("a");
  Pass(30);
  engine_.SetUp(false);
  Pass(599);
  EXPECT_FALSE(sites_["a"]->forgotten);
  Pass(2);
  EXPECT_TRUE(sites_["a"]->forgotten);
  engine_.SetUp(true);
  Pass(1);
  EXPECT_FALSE(sites_["a"]->forgotten);
  Pass(60);
  EXPECT_EQ(Planned(), Names{"a"});
}

TEST_F(ReplannerTest, WhoLeftIsPlannedOutAndPlansForNobody) {
  Join("a");
  Join("b");
  Pass(30);
  const std::string planner = engine_.contents().records.at("planner").value;
  ASSERT_TRUE(admin_.Delete("members/" + planner).ok());
  ASSERT_TRUE(admin_.Delete("nodes/" + planner).ok());
  Pass(15);
  EXPECT_EQ(Planned().size(), 1u);
  EXPECT_FALSE(Planned().contains(planner));
}

TEST_F(ReplannerTest, LinksBoundWhoTalksToWhom) {
  for (const char* name : {"a", "b", "c"}) Join(name);
  SetInterest("a", {{"c", 1}});
  ASSERT_TRUE(admin_
                  .Put("links",
                       federation::EncodeLinks({{.a = "a", .b = "b"}, {.a = "b", .b = "c"}}),
                       Lifetime::kForEver)
                  .ok());
  Pass(10);
  const auto plan = sites_["a"]->plan;
  ASSERT_NE(plan, nullptr);
  ASSERT_EQ(plan->trees[0].nodes.size(), 3u);
  EXPECT_EQ(plan->trees[0].nodes[2].parent, 1u);
  Die("b");
  Pass(40);
  ASSERT_EQ(sites_["a"]->plan->nodes.size(), 2u);
  ASSERT_EQ(sites_["a"]->plan->left_out.size(), 1u) << "not all to all, now that links are cut";
}

TEST_F(ReplannerTest, ASpoiltRecordIsToldAndThePlanStays) {
  Join("a");
  Pass(10);
  ASSERT_TRUE(admin_.Put("interest/a", "what?", Lifetime::kForEver).ok());
  Join("b");
  Pass(30);
  EXPECT_EQ(Planned(), Names{"a"});
  EXPECT_EQ(GetErrorDetail(sites_["a"]->replanner.trouble())->reason, "RECORD");
  SetInterest("a", {{"a", 1}});
  Pass(15);
  EXPECT_EQ(Planned(), (Names{"a", "b"}));
  EXPECT_TRUE(sites_["a"]->replanner.trouble().ok());
}

TEST_F(ReplannerTest, AnOlderPlanIsNeverTaken) {
  Join("a");
  Pass(10);
  federation::Contents restored = engine_.contents();
  const uint64_t epoch = sites_["a"]->plan->epoch;
  restored.records.at("plan").mod_revision = epoch - 1;
  for (const PlanAction& action : sites_["a"]->replanner.Read(restored, now_))
    EXPECT_FALSE(std::holds_alternative<TakePlan>(action));
}

TEST(Replanner, EqualReadingsGiveEqualPlans) {
  MemoryEngine engine;
  MemoryCoordinator admin(engine);
  ASSERT_TRUE(admin.PutIf("spec", TwoByTwo(), 0).ok());
  for (const char* name : {"c", "a", "b"}) {
    ASSERT_TRUE(admin.Put(absl::StrCat("members/", name), "m\nx\n", Lifetime::kForEver).ok());
    ASSERT_TRUE(admin.Register(name, absl::StrCat("at-", name)).ok());
  }
  const auto revision = admin.BecomePlanner("a");
  std::vector<std::string> made;
  for (const int64_t start : {int64_t{0}, 7 * kSecond}) {
    Replanner replanner({.node = "a", .debounce_nanos = 0});
    replanner.Became(*revision, start);
    for (const PlanAction& action : replanner.Read(engine.contents(), start + kSecond))
      made.push_back(Encode(std::get<Commit>(action).plan));
  }
  ASSERT_EQ(made.size(), 2u);
  EXPECT_EQ(made[0], made[1]);
}

}  // namespace
}  // namespace mneme::sim
