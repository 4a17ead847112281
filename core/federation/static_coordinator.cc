#include "core/federation/static_coordinator.h"

#include <utility>

#include "core/base/status.h"

namespace mneme::federation {
namespace {

constexpr uint64_t kStaticEpoch = 1;

absl::Status Static(std::string_view what) {
  return FailedPrecondition(
      absl::StrCat("federation: ", AbslView(what), " with a static plan"),
      {.reason = "STATIC",
       .given = std::string(what),
       .expected = "a coordinator that can change",
       .next_step = "Change the plan in the configuration, or name an etcd in it."});
}

}  // namespace

absl::StatusOr<Plan> PlanOf(const Record& record) {
  MNEME_ASSIGN_OR_RETURN(Plan plan, DecodePlan(record.value));
  plan.epoch = record.mod_revision;
  return plan;
}

absl::StatusOr<std::unique_ptr<StaticCoordinator>> StaticCoordinator::Create(
    Plan plan, NextIncarnation next_incarnation) {
  plan.epoch = kStaticEpoch;
  MNEME_RETURN_IF_ERROR(Check(plan));
  return std::unique_ptr<StaticCoordinator>(
      new StaticCoordinator(std::move(plan), std::move(next_incarnation)));
}

absl::StatusOr<uint64_t> StaticCoordinator::Register(const std::string& node,
                                                     const std::string& /*address*/) {
  if (!FindNode(plan_, node).has_value()) {
    return NotFound(absl::StrCat("federation: the plan has no node '", node, "'"),
                    {.reason = "NODE",
                     .given = node,
                     .expected = "a node of the plan",
                     .next_step = "Give the node the name that the plan has for it."});
  }
  return next_incarnation_();
}

absl::StatusOr<Contents> StaticCoordinator::ReadAll() {
  Contents contents{.revision = kStaticEpoch};
  contents.records[kPlanKey] = {
      .value = Encode(plan_), .create_revision = kStaticEpoch, .mod_revision = kStaticEpoch};
  return contents;
}

absl::StatusOr<std::unique_ptr<Coordinator::Watch>> StaticCoordinator::StartWatch(
    uint64_t /*from_revision*/, Watcher /*watcher*/, std::function<void()> /*lost*/) {
  return std::make_unique<Watch>();
}

absl::Status StaticCoordinator::Put(const std::string& /*key*/, const std::string& /*value*/,
                                    Lifetime /*lifetime*/) {
  return Static("a change");
}

absl::Status StaticCoordinator::PutIf(const std::string& /*key*/, const std::string& /*value*/,
                                      uint64_t /*seen*/) {
  return Static("a change");
}

absl::Status StaticCoordinator::Delete(const std::string& /*key*/) { return Static("a removal"); }

absl::StatusOr<uint64_t> StaticCoordinator::BecomePlanner(const std::string& /*node*/) {
  return Static("planning");
}

absl::StatusOr<uint64_t> StaticCoordinator::CommitPlan(const PlanGuard& /*guard*/,
                                                       const Plan& /*plan*/) {
  return Static("a new plan");
}

}  // namespace mneme::federation
