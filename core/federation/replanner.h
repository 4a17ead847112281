// When a node runs for planner, what it plans, and how long it holds on to the plan in hand: pure
// state, that readings of the coordinator (coordinator.h) and the time go into.
//
// Whoever is elected plans. It plans anew where the plan that it would make of a reading differs
// from the one in force: once that has been so for the debounce, and not sooner than the least time
// after the last epoch. Members that are not there are planned out; their interests stay. A planner
// that was just elected keeps those that the plan in force has, for the settle time: after an
// outage of the engine all nodes come back, but not all at once.
//
// Threads     not thread-safe.
// Invariants  1. Equal readings and times give equal actions.
//             2. No plan is taken whose epoch is below that of one taken before.
// Source      distributed online gradient descent notes, sections 3.3 and 4.4.
#ifndef MNEME_CORE_FEDERATION_REPLANNER_H_
#define MNEME_CORE_FEDERATION_REPLANNER_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "core/federation/coordinator.h"
#include "core/federation/planner.h"
#include "core/federation/records.h"

namespace mneme::federation {

struct ReplannerOptions {
  std::string node;
  int64_t debounce_nanos = 2'000'000'000;
  int64_t epoch_least_nanos = 10'000'000'000;  // between two epochs
  int64_t settle_nanos = 2 * kNodeLeaseSeconds * 1'000'000'000;
  int64_t grace_nanos = kPlanGraceSeconds * 1'000'000'000;
};

// What has to be done now.
struct TakePlan {
  std::shared_ptr<const Plan> plan;
};
struct ForgetPlan {};  // nobody answered for too long: own items only
struct RunForPlanner {};
struct Commit {
  PlanGuard guard;
  Plan plan;
};
using PlanAction = std::variant<TakePlan, ForgetPlan, RunForPlanner, Commit>;

class Replanner {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  explicit Replanner(ReplannerOptions options) : options_(std::move(options)) {}

  // One consistent reading. Times are monotonic.
  std::vector<PlanAction> Read(const Contents& contents, int64_t now);
  // The coordinator did not answer.
  std::vector<PlanAction> Unreachable(int64_t now);
  // RunForPlanner succeeded; read again.
  void Became(uint64_t planner_revision, int64_t now);

  // By then another Read or Unreachable, though nothing has changed.
  int64_t wake_at() const { return wake_at_; }
  // In force, as far as is known; null: none.
  const Plan* plan() const { return plan_.get(); }
  // Why no plan can be made of the last reading; OK where one can, or another node plans.
  const absl::Status& trouble() const { return trouble_; }

 private:
  void TakeNewPlan(const Contents& contents, int64_t now, std::vector<PlanAction>* actions);
  void PlanAnew(const Contents& contents, int64_t now, std::vector<PlanAction>* actions);
  bool Settles(int64_t now) const { return now < elected_at_ + options_.settle_nanos; }
  void WakeBy(int64_t at) { wake_at_ = std::min(wake_at_, at); }

  const ReplannerOptions options_;
  std::shared_ptr<const Plan> plan_;  // in force, as far as is known
  int64_t plan_at_ = 0;               // when it was first read
  bool forgotten_ = false;
  int64_t heard_at_ = 0;
  uint64_t planner_revision_ = 0;  // 0: this node does not plan
  int64_t elected_at_ = 0;
  std::optional<int64_t> changed_at_;  // since when the plan in force is not what it should be
  int64_t wake_at_ = kNever;
  absl::Status trouble_;
  // The plan made last, and what it was made of.
  std::string made_of_;
  absl::StatusOr<Plan> made_;
};

// What a plan is made of. `kept`: members that count as there although they are not, with the
// addresses of this plan; null: none. InvalidArgument (RECORD) of records that are none; NotFound
// (SPEC) without a description.
absl::StatusOr<PlanInput> InputOf(const Contents& contents, const Plan* kept);
// Of the record; NotFound (SPEC) where there is none.
absl::StatusOr<Description> DescriptionOf(const Contents& contents);

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_REPLANNER_H_
