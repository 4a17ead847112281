// What every coordinator that can change promises (core/federation/coordinator.h), as typed tests:
//
//   INSTANTIATE_TYPED_TEST_SUITE_P(Etcd, CoordinatorContract, EtcdWorld);
//
// A world has an engine, empty at the start, and makes clients of it:
//   std::unique_ptr<federation::Coordinator> Client();   as another process would be
//   void Crash(std::unique_ptr<federation::Coordinator>);  it says nothing any more
//   template <typename Done> bool Eventually(Done done);   lets time pass until `done`, or too long
//   void SetUp(bool up);                                   of the engine
#ifndef MNEME_TESTS_SIM_COORDINATOR_CONTRACT_H_
#define MNEME_TESTS_SIM_COORDINATOR_CONTRACT_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/status.h"
#include "core/federation/coordinator.h"
#include "core/federation/planner.h"
#include "core/federation/records.h"

namespace mneme::sim {

inline federation::Plan OneNodePlan() {
  return {.epoch = 1,
          .created_by = "a",
          .nodes = {{.name = "a"}},
          .trees = {{.root = 0, .nodes = {{.node = 0, .weight = 1}}}},
          .spec = {.d_k = 2, .d_v = 2}};
}

inline bool Holds(federation::Coordinator& client, const std::string& key) {
  const auto contents = client.ReadAll();
  return contents.ok() && contents->records.contains(key);
}

// Changes as a watch tells them, from whatever thread.
struct Seen {
  void Add(const federation::Change& change) {
    MutexLock lock(&mutex);
    changes.push_back(change);
  }
  std::vector<federation::Change> Get() {
    MutexLock lock(&mutex);
    return changes;
  }
  void Lose() {
    MutexLock lock(&mutex);
    lost = true;
  }
  bool IsLost() {
    MutexLock lock(&mutex);
    return lost;
  }
  Mutex mutex;
  std::vector<federation::Change> changes ABSL_GUARDED_BY(mutex);
  bool lost ABSL_GUARDED_BY(mutex) = false;
};

template <typename World>
class CoordinatorContract : public ::testing::Test {
 protected:
  World world_;
};

TYPED_TEST_SUITE_P(CoordinatorContract);

TYPED_TEST_P(CoordinatorContract, IncarnationsGrowAndAnnouncementsGoWithTheLease) {
  auto first = this->world_.Client();
  ASSERT_EQ(*first->Register("a", "x:1"), 1U);
  auto contents = first->ReadAll();
  ASSERT_TRUE(contents.ok()) << contents.status();
  const auto announced = federation::DecodeAnnouncement(contents->records.at("nodes/a").value);
  EXPECT_EQ(*announced, (federation::Announcement{.address = "x:1", .incarnation = 1}));
  auto second = this->world_.Client();
  EXPECT_EQ(*second->Register("b", "y:1"), 1U) << "each node counts its own starts";
  this->world_.Crash(std::move(first));
  EXPECT_TRUE(this->world_.Eventually([&] { return !Holds(*second, "nodes/a"); }));
  EXPECT_TRUE(Holds(*second, "nodes/b")) << "a lease that is kept";
  auto again = this->world_.Client();
  EXPECT_EQ(*again->Register("a", "x:2"), 2U);
}

TYPED_TEST_P(CoordinatorContract, OneAtATimePlansAndTheEpochIsTheRevision) {
  auto first = this->world_.Client();
  auto second = this->world_.Client();
  ASSERT_TRUE(first->Register("a", "x:1").ok());
  ASSERT_TRUE(second->Register("b", "x:2").ok());
  federation::PlanGuard guard{.planner_revision = *first->BecomePlanner("a")};
  EXPECT_TRUE(absl::IsAborted(second->BecomePlanner("b").status()));
  const uint64_t epoch = *first->CommitPlan(guard, OneNodePlan());
  EXPECT_EQ(PlanOf(second->ReadAll()->records.at("plan"))->epoch, epoch);
  EXPECT_TRUE(absl::IsAborted(first->CommitPlan(guard, OneNodePlan()).status()))
      << "it has not seen the newest";
  guard.plan_revision = epoch;
  this->world_.Crash(std::move(first));
  ASSERT_TRUE(this->world_.Eventually([&] { return !Holds(*second, "planner"); }));
  const federation::PlanGuard next{.planner_revision = *second->BecomePlanner("b"),
                                   .plan_revision = epoch};
  auto late = this->world_.Client();
  EXPECT_TRUE(absl::IsAborted(late->CommitPlan(guard, OneNodePlan()).status())) << "a late writer";
  EXPECT_GT(*second->CommitPlan(next, OneNodePlan()), epoch);
}

TYPED_TEST_P(CoordinatorContract, AGuardedPutNeedsTheRecordThatWasSeen) {
  auto client = this->world_.Client();
  ASSERT_TRUE(client->PutIf("spec", "one", 0).ok());
  EXPECT_TRUE(absl::IsAborted(client->PutIf("spec", "two", 0))) << "it is there already";
  const federation::Record record = client->ReadAll()->records.at("spec");
  EXPECT_EQ(record.value, "one");
  EXPECT_TRUE(client->PutIf("spec", "two", record.mod_revision).ok());
  EXPECT_TRUE(absl::IsAborted(client->PutIf("spec", "three", record.mod_revision)));
  EXPECT_EQ(client->ReadAll()->records.at("spec").value, "two");
  EXPECT_EQ(client->ReadAll()->records.at("spec").create_revision, record.create_revision);
}

TYPED_TEST_P(CoordinatorContract, TellsChangesInOrderUntilTheWatchEnds) {
  auto client = this->world_.Client();
  const auto seen = std::make_shared<Seen>();
  auto watch = client->StartWatch(
      client->ReadAll()->revision, [seen](const federation::Change& change) { seen->Add(change); },
      [seen] { seen->Lose(); });
  ASSERT_TRUE(watch.ok());
  ASSERT_TRUE(client->Put("interest/a", "b 1", federation::Lifetime::kForEver).ok());
  ASSERT_TRUE(client->Delete("interest/a").ok());
  ASSERT_TRUE(this->world_.Eventually([&] { return seen->Get().size() == 2; }));
  const std::vector<federation::Change> changes = seen->Get();
  EXPECT_LT(changes[0].revision, changes[1].revision);
  EXPECT_EQ(changes[0].key, "interest/a");
  EXPECT_EQ(changes[0].record->value, "b 1");
  EXPECT_EQ(changes[0].record->mod_revision, changes[0].revision);
  EXPECT_FALSE(changes[1].record.has_value());
  EXPECT_FALSE(seen->IsLost());
  watch->reset();
  ASSERT_TRUE(client->Put("interest/a", "c 1", federation::Lifetime::kForEver).ok());
  EXPECT_EQ(seen->Get().size(), 2U);
}

TYPED_TEST_P(CoordinatorContract, ChangesAreTheRevisionsBehindAReading) {
  auto client = this->world_.Client();
  ASSERT_TRUE(client->Put("interest/a", "1", federation::Lifetime::kForEver).ok());
  const uint64_t read = client->ReadAll()->revision;
  ASSERT_TRUE(client->Put("interest/b", "2", federation::Lifetime::kForEver).ok());
  const federation::Contents contents = *client->ReadAll();
  EXPECT_GT(contents.revision, read);
  EXPECT_EQ(contents.records.at("interest/b").mod_revision, contents.revision);
  EXPECT_LE(contents.records.at("interest/a").mod_revision, read);
}

TYPED_TEST_P(CoordinatorContract, AnswersNothingWhileItIsDownAndKeepsEverything) {
  auto client = this->world_.Client();
  ASSERT_EQ(*client->Register("a", "x:1"), 1U);
  ASSERT_TRUE(client->Put("interest/a", "1", federation::Lifetime::kForEver).ok());
  const uint64_t before = client->ReadAll()->revision;
  this->world_.SetUp(false);
  EXPECT_TRUE(absl::IsUnavailable(client->ReadAll().status()));
  EXPECT_TRUE(absl::IsUnavailable(client->Register("a", "x:1").status()));
  EXPECT_TRUE(absl::IsUnavailable(client->Put("x", "y", federation::Lifetime::kForEver)));
  EXPECT_TRUE(absl::IsUnavailable(client->BecomePlanner("a").status()));
  this->world_.SetUp(true);
  EXPECT_TRUE(this->world_.Eventually([&] { return Holds(*client, "interest/a"); }));
  EXPECT_GE(client->ReadAll()->revision, before);
  EXPECT_EQ(*client->Register("a", "x:1"), 2U);
}

// Of 400 nodes that all want each other's items: 3 MiB.
inline federation::Plan LongPlan() {
  federation::PlanInput input{.spec = {.d_k = 2, .d_v = 2}};
  for (int i = 0; i < 400; ++i) input.nodes.push_back({.name = absl::StrCat("n", i)});
  for (const auto& root : input.nodes) {
    for (const auto& node : input.nodes)
      input.interest.push_back({.root = root.name, .node = node.name, .weight = 1});
  }
  LinkAllToAll(&input);
  input.spec.privacy.share_items = true;
  return *MakePlan(input, {.created_by = "a"});
}

TYPED_TEST_P(CoordinatorContract, ALongPlanIsReadAsItWasCommitted) {
  auto client = this->world_.Client();
  ASSERT_TRUE(client->Register("a", "x:1").ok());
  federation::PlanGuard guard{.planner_revision = *client->BecomePlanner("a")};
  federation::Plan plan = LongPlan();
  ASSERT_GT(Encode(plan).size(), size_t{2} << 20);
  for (int change = 0; change < 2; ++change) {
    plan.created_by = absl::StrCat("a", change);
    const auto epoch = client->CommitPlan(guard, plan);
    ASSERT_TRUE(epoch.ok()) << epoch.status();
    for (int reading = 0; reading < 2; ++reading) {
      const auto read = PlanOf(client->ReadAll()->records.at("plan"));
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_EQ(read->epoch, *epoch);
      EXPECT_EQ(read->created_by, plan.created_by);
      EXPECT_EQ(read->trees, plan.trees);
    }
    const auto other = this->world_.Client();
    EXPECT_EQ(PlanOf(other->ReadAll()->records.at("plan"))->trees, plan.trees);
    guard.plan_revision = *epoch;
  }
  // And a short one behind it.
  ASSERT_TRUE(client->CommitPlan(guard, OneNodePlan()).ok());
  EXPECT_EQ(PlanOf(client->ReadAll()->records.at("plan"))->nodes.size(), 1U);
}

REGISTER_TYPED_TEST_SUITE_P(CoordinatorContract, IncarnationsGrowAndAnnouncementsGoWithTheLease,
                            OneAtATimePlansAndTheEpochIsTheRevision,
                            AGuardedPutNeedsTheRecordThatWasSeen,
                            TellsChangesInOrderUntilTheWatchEnds,
                            ChangesAreTheRevisionsBehindAReading, ALongPlanIsReadAsItWasCommitted,
                            AnswersNothingWhileItIsDownAndKeepsEverything);

}  // namespace mneme::sim

#endif  // MNEME_TESTS_SIM_COORDINATOR_CONTRACT_H_
