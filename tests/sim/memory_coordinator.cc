#include "tests/sim/memory_coordinator.h"

#include <utility>
#include <vector>

#include "core/base/status.h"

namespace mneme::sim {
namespace {

using federation::Change;
using federation::Contents;
using federation::Lifetime;
using federation::Record;

constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr uint64_t kNoLease = 0;

absl::Status Raced(std::string_view reason, std::string_view what) {
  return Aborted(absl::StrCat("coordination: ", AbslView(what)),
                 {.reason = std::string(reason),
                  .given = "a guard that does not hold",
                  .expected = "the newest one",
                  .next_step = "Read everything again and plan anew."});
}

class MemoryWatch final : public federation::Coordinator::Watch {
 public:
  explicit MemoryWatch(std::function<void()> end) : end_(std::move(end)) {}
  ~MemoryWatch() override { end_(); }

 private:
  std::function<void()> end_;
};

}  // namespace

void MemoryEngine::AdvanceTo(int64_t now_nanos) {
  now_ = now_nanos;
  std::erase_if(leases_, [this](const auto& entry) { return entry.second.ends_at <= now_; });
  std::vector<std::string> gone;
  for (const auto& [key, lease] : lease_of_) {
    if (!leases_.contains(lease)) gone.push_back(key);
  }
  for (const std::string& key : gone) Erase(key);
}

uint64_t MemoryEngine::Put(const std::string& key, const std::string& value, uint64_t lease) {
  Record& record = contents_.records[key];
  record.value = value;
  record.mod_revision = ++contents_.revision;
  if (record.create_revision == 0) record.create_revision = record.mod_revision;
  lease_of_.erase(key);
  if (lease != kNoLease) lease_of_[key] = lease;
  Tell({.revision = record.mod_revision, .key = key, .record = record});
  return contents_.revision;
}

void MemoryEngine::Erase(const std::string& key) {
  lease_of_.erase(key);
  if (contents_.records.erase(key) == 0) return;
  Tell({.revision = ++contents_.revision, .key = key});
}

void MemoryEngine::Tell(const Change& change) {
  for (const auto& [id, watching] : watches_) watching.watcher(change);
}

absl::Status MemoryCoordinator::Reach() const {
  if (engine_.up_) return absl::OkStatus();
  return Unavailable("coordination: no answer", {.reason = "UNREACHABLE",
                                                 .given = "no answer",
                                                 .expected = "an engine that is up",
                                                 .next_step = "Try again later."});
}

uint64_t MemoryCoordinator::MyLease() {
  if (lease_ == kNoLease || !engine_.leases_.contains(lease_)) lease_ = engine_.next_lease_++;
  engine_.leases_[lease_] = {
      .ends_at = engine_.now_ + federation::kNodeLeaseSeconds * kNanosPerSecond,
      .nanos = federation::kNodeLeaseSeconds * kNanosPerSecond};
  return lease_;
}

bool MemoryCoordinator::KeepAlive() {
  if (!engine_.up_) return false;
  const auto lease = engine_.leases_.find(lease_);
  if (lease != engine_.leases_.end()) {
    lease->second.ends_at = engine_.now_ + lease->second.nanos;
    return true;
  }
  for (const auto& [node, announcement] : announced_) {
    const auto counter =
        engine_.contents_.records.find(absl::StrCat(federation::kIncarnationsPrefix, node));
    if (counter->second.value != absl::StrCat(announcement.incarnation)) continue;
    engine_.Put(absl::StrCat(federation::kNodesPrefix, node), Encode(announcement), MyLease());
  }
  return false;
}

absl::StatusOr<uint64_t> MemoryCoordinator::Register(const std::string& node,
                                                     const std::string& address) {
  MNEME_RETURN_IF_ERROR(Reach());
  const std::string counter = absl::StrCat(federation::kIncarnationsPrefix, node);
  const auto known = engine_.contents_.records.find(counter);
  uint64_t incarnation = 0;
  if (known != engine_.contents_.records.end()) incarnation = std::stoull(known->second.value);
  ++incarnation;
  engine_.Put(counter, absl::StrCat(incarnation), kNoLease);
  announced_[node] = {.address = address, .incarnation = incarnation};
  engine_.Put(absl::StrCat(federation::kNodesPrefix, node), Encode(announced_[node]), MyLease());
  return incarnation;
}

absl::StatusOr<Contents> MemoryCoordinator::ReadAll() {
  MNEME_RETURN_IF_ERROR(Reach());
  return engine_.contents_;
}

absl::StatusOr<std::unique_ptr<federation::Coordinator::Watch>> MemoryCoordinator::StartWatch(
    uint64_t from_revision, Watcher watcher, std::function<void()> lost) {
  MNEME_RETURN_IF_ERROR(Reach());
  // It keeps no history: who has missed something reads everything again.
  if (from_revision < engine_.contents_.revision) lost();
  const uint64_t id = engine_.next_watch_++;
  engine_.watches_[id] = {.watcher = std::move(watcher)};
  return std::make_unique<MemoryWatch>([this, id] { engine_.watches_.erase(id); });
}

absl::Status MemoryCoordinator::Put(const std::string& key, const std::string& value,
                                    Lifetime lifetime) {
  MNEME_RETURN_IF_ERROR(Reach());
  engine_.Put(key, value, lifetime == Lifetime::kWithMyLease ? MyLease() : kNoLease);
  return absl::OkStatus();
}

absl::Status MemoryCoordinator::PutIf(const std::string& key, const std::string& value,
                                      uint64_t seen) {
  MNEME_RETURN_IF_ERROR(Reach());
  const auto record = engine_.contents_.records.find(key);
  const uint64_t now = record == engine_.contents_.records.end() ? 0 : record->second.mod_revision;
  if (now != seen) return Raced("RACED", absl::StrCat(key, " has changed"));
  engine_.Put(key, value, kNoLease);
  return absl::OkStatus();
}

absl::Status MemoryCoordinator::Delete(const std::string& key) {
  MNEME_RETURN_IF_ERROR(Reach());
  engine_.Erase(key);
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> MemoryCoordinator::BecomePlanner(const std::string& node) {
  MNEME_RETURN_IF_ERROR(Reach());
  if (engine_.contents_.records.contains(federation::kPlannerKey)) {
    return Raced("PLANNER", "somebody plans already");
  }
  return engine_.Put(federation::kPlannerKey, node, MyLease());
}

absl::StatusOr<uint64_t> MemoryCoordinator::CommitPlan(const federation::PlanGuard& guard,
                                                       const federation::Plan& plan) {
  MNEME_RETURN_IF_ERROR(Reach());
  const auto& records = engine_.contents_.records;
  const auto planner = records.find(federation::kPlannerKey);
  const auto newest = records.find(federation::kPlanKey);
  const uint64_t seen = newest == records.end() ? 0 : newest->second.mod_revision;
  if (planner == records.end() || planner->second.create_revision != guard.planner_revision) {
    return Raced("PLAN", "another planner");
  }
  if (seen != guard.plan_revision) return Raced("PLAN", "another plan");
  return engine_.Put(federation::kPlanKey, Encode(plan), kNoLease);
}

}  // namespace mneme::sim
