#include "core/federation/static_coordinator.h"

#include "gtest/gtest.h"
#include "tests/unit/core/federation/federated.h"

namespace mneme::federation {
namespace {

std::unique_ptr<StaticCoordinator> Line() {
  auto made = StaticCoordinator::Create(LinePlan(SmallSpec(), 77),
                                        [starts = uint64_t{0}]() mutable { return ++starts; });
  EXPECT_TRUE(made.ok()) << made.status();
  return *std::move(made);
}

TEST(StaticCoordinator, HasOnePlanOfEpochOne) {
  const auto coordinator = Line();
  const auto contents = coordinator->ReadAll();
  ASSERT_TRUE(contents.ok());
  const auto plan = PlanOf(contents->records.at(kPlanKey));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->epoch, 1U);
  EXPECT_EQ(plan->nodes.size(), 3U);
  EXPECT_TRUE(coordinator->StartWatch(1, {}, {}).ok());
}

TEST(StaticCoordinator, GivesAHigherIncarnationAtEachStart) {
  const auto coordinator = Line();
  EXPECT_EQ(*coordinator->Register("a", "x:1"), 1U);
  EXPECT_EQ(*coordinator->Register("a", "x:1"), 2U);
  EXPECT_EQ(GetErrorDetail(coordinator->Register("z", "x:1").status())->reason, "NODE");
}

TEST(StaticCoordinator, RefusesChangesAndSaysWhereTheyBelong) {
  const auto coordinator = Line();
  for (const absl::Status& status :
       {coordinator->Put("interest/a", "b", Lifetime::kForEver),
        coordinator->PutIf("interest/a", "b", 0), coordinator->Delete("plan"),
        coordinator->BecomePlanner("a").status(),
        coordinator->CommitPlan({}, LinePlan(SmallSpec())).status()}) {
    ASSERT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(GetErrorDetail(status)->reason, "STATIC");
    EXPECT_NE(GetErrorDetail(status)->next_step, "");
  }
}

TEST(StaticCoordinator, RefusesAPlanWithACycle) {
  Plan plan = LinePlan(SmallSpec());
  plan.trees[0].nodes[1].parent = 2;
  EXPECT_FALSE(StaticCoordinator::Create(plan, [] { return uint64_t{1}; }).ok());
}

}  // namespace
}  // namespace mneme::federation
