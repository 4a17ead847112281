// Who is alive, who plans, and the plan: behind a small interface, because consensus is not
// home-made. `static_coordinator.h` has a plan from the configuration and needs no engine.
//
// Records of one federation, by key:
//   spec                 Description                written once
//   members/<node>       Membership                 from its joining until it leaves
//   inc/<node>           decimal                    starts of that node
//   nodes/<node>         Announcement               goes with the node's lease
//   interest/<node>      a row of the interest matrix
//   links                delays between nodes       none: all may talk to all
//   planner              name of who plans          goes with the planner's lease
//   plan                 Encode(Plan)               its revision is the epoch
//
// records.h has their values. Names of nodes are of letters, digits, '.', '_' and '-'.
//
// A revision counts every change of any record: it never goes back and is never used twice. Reads
// and Stores of a memory ask nothing of a coordinator.
//
// Threads     implementations are thread-safe. A watcher is called from any thread, one call at a
//             time, in the order of revisions, and must not call back.
// Invariants  1. Register gives a node a higher incarnation at each call, durably before it
//                returns.
//             2. CommitPlan succeeds only for the planner whose guard holds, and only where the
//                plan that it has seen is still the newest.
#ifndef MNEME_CORE_FEDERATION_COORDINATOR_H_
#define MNEME_CORE_FEDERATION_COORDINATOR_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "core/base/status.h"
#include "core/federation/plan.h"

namespace mneme::federation {

inline constexpr char kSpecKey[] = "spec";
inline constexpr char kPlanKey[] = "plan";
inline constexpr char kPlannerKey[] = "planner";
inline constexpr char kNodesPrefix[] = "nodes/";
inline constexpr char kInterestPrefix[] = "interest/";
inline constexpr char kLinksKey[] = "links";
inline constexpr char kMembersPrefix[] = "members/";
inline constexpr char kIncarnationsPrefix[] = "inc/";

inline constexpr int64_t kNodeLeaseSeconds = 10;
inline constexpr int64_t kPlanGraceSeconds = 600;  // without coordination, the plan in hand holds

struct Record {
  std::string value;
  uint64_t create_revision = 0;
  uint64_t mod_revision = 0;

  friend bool operator==(const Record&, const Record&) = default;
};

// One consistent reading.
struct Contents {
  uint64_t revision = 0;
  std::map<std::string, Record> records;
};

struct Change {
  uint64_t revision = 0;
  std::string key;
  std::optional<Record> record;  // nullopt: it is gone
};

// What a planner holds.
struct PlanGuard {
  uint64_t planner_revision = 0;  // create_revision of `planner`
  uint64_t plan_revision = 0;     // of the plan it has seen; 0: none
};

enum class Lifetime { kForEver, kWithMyLease };

class Coordinator {
 public:
  using Watcher = std::function<void(const Change&)>;
  // Ends the watch when it goes.
  class Watch {
   public:
    virtual ~Watch() = default;
  };
  virtual ~Coordinator() = default;

  // Announces this node, for as long as it lives. Unavailable while there is no answer; on return
  // of the engine the same process announces itself again with the incarnation it has.
  virtual absl::StatusOr<uint64_t> Register(const std::string& node,
                                            const std::string& address) = 0;
  virtual absl::StatusOr<Contents> ReadAll() = 0;
  // Every change behind `from_revision`. `lost` is called where some were missed, or the engine
  // does not answer: then ReadAll, and watch from there.
  virtual absl::StatusOr<std::unique_ptr<Watch>> StartWatch(uint64_t from_revision, Watcher watcher,
                                                            std::function<void()> lost) = 0;
  virtual absl::Status Put(const std::string& key, const std::string& value, Lifetime lifetime) = 0;
  // For ever, and only while the record is the one of `seen` (its mod_revision; 0: there is none).
  // Aborted (RACED) where it is not.
  virtual absl::Status PutIf(const std::string& key, const std::string& value, uint64_t seen) = 0;
  virtual absl::Status Delete(const std::string& key) = 0;
  // Becomes the planner: the create_revision of `planner`. Aborted (PLANNER) while another one is.
  virtual absl::StatusOr<uint64_t> BecomePlanner(const std::string& node) = 0;
  // The new epoch. Aborted (PLAN) where the guard does not hold any more.
  virtual absl::StatusOr<uint64_t> CommitPlan(const PlanGuard& guard, const Plan& plan) = 0;
};

// The plan of a record, with its revision as the epoch. Errors as of DecodePlan.
absl::StatusOr<Plan> PlanOf(const Record& record);

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_COORDINATOR_H_
