// The default coordinator: one plan, from the configuration, of epoch 1. Nobody joins, nobody
// plans; one node, or a fixed handful, needs no engine at all.
//
// Threads  safe.
#ifndef MNEME_CORE_FEDERATION_STATIC_COORDINATOR_H_
#define MNEME_CORE_FEDERATION_STATIC_COORDINATOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/federation/coordinator.h"

namespace mneme::federation {

class StaticCoordinator final : public Coordinator {
 public:
  // Counts the starts of this node, durably.
  using NextIncarnation = std::function<absl::StatusOr<uint64_t>()>;

  // InvalidArgument where Check refuses the plan. Its epoch becomes 1.
  static absl::StatusOr<std::unique_ptr<StaticCoordinator>> Create(
      Plan plan, NextIncarnation next_incarnation);

  // NotFound (NODE) where the plan does not name the node.
  absl::StatusOr<uint64_t> Register(const std::string& node, const std::string& address) override;
  // The plan alone.
  absl::StatusOr<Contents> ReadAll() override;
  // Nothing ever changes.
  absl::StatusOr<std::unique_ptr<Watch>> StartWatch(uint64_t from_revision, Watcher watcher,
                                                    std::function<void()> lost) override;
  // FailedPrecondition (STATIC), all five: the configuration is the place for it.
  absl::Status Put(const std::string& key, const std::string& value, Lifetime lifetime) override;
  absl::Status PutIf(const std::string& key, const std::string& value, uint64_t seen) override;
  absl::Status Delete(const std::string& key) override;
  absl::StatusOr<uint64_t> BecomePlanner(const std::string& node) override;
  absl::StatusOr<uint64_t> CommitPlan(const PlanGuard& guard, const Plan& plan) override;

 private:
  StaticCoordinator(Plan plan, NextIncarnation next_incarnation)
      : plan_(std::move(plan)), next_incarnation_(std::move(next_incarnation)) {}

  const Plan plan_;
  const NextIncarnation next_incarnation_;
};

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_STATIC_COORDINATOR_H_
