// A coordination engine in memory: revisions, leases and watches as etcd has them, and a client of
// it for each node. Time is given, not read.
//
// Threads  not thread-safe.
#ifndef MNEME_TESTS_SIM_MEMORY_COORDINATOR_H_
#define MNEME_TESTS_SIM_MEMORY_COORDINATOR_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/federation/coordinator.h"
#include "core/federation/records.h"

namespace mneme::sim {

// What all clients share.
class MemoryEngine {
 public:
  using Watcher = federation::Coordinator::Watcher;

  // Clients get no answers while it is down; leases run on.
  void SetUp(bool up) { up_ = up; }
  bool up() const { return up_; }
  // Leases that were not renewed by then are gone, with their records.
  void AdvanceTo(int64_t now_nanos);
  const federation::Contents& contents() const { return contents_; }

 private:
  friend class MemoryCoordinator;
  struct Lease {
    int64_t ends_at = 0;
    int64_t nanos = 0;
  };
  struct Watching {
    Watcher watcher;
  };

  uint64_t Put(const std::string& key, const std::string& value, uint64_t lease);
  void Erase(const std::string& key);
  void Tell(const federation::Change& change);

  bool up_ = true;
  int64_t now_ = 0;
  uint64_t next_lease_ = 1;
  uint64_t next_watch_ = 1;
  federation::Contents contents_;
  std::map<std::string, uint64_t> lease_of_;  // of a key
  std::map<uint64_t, Lease> leases_;
  std::map<uint64_t, Watching> watches_;
};

class MemoryCoordinator final : public federation::Coordinator {
 public:
  // `engine` outlives it and its watches.
  explicit MemoryCoordinator(MemoryEngine& engine) : engine_(engine) {}

  // Keeps the lease. False where it has run out already: then what was registered is announced
  // again, with the incarnation that it has.
  bool KeepAlive();

  absl::StatusOr<uint64_t> Register(const std::string& node, const std::string& address) override;
  absl::StatusOr<federation::Contents> ReadAll() override;
  absl::StatusOr<std::unique_ptr<Watch>> StartWatch(uint64_t from_revision, Watcher watcher,
                                                    std::function<void()> lost) override;
  absl::Status Put(const std::string& key, const std::string& value,
                   federation::Lifetime lifetime) override;
  absl::Status PutIf(const std::string& key, const std::string& value, uint64_t seen) override;
  absl::Status Delete(const std::string& key) override;
  absl::StatusOr<uint64_t> BecomePlanner(const std::string& node) override;
  absl::StatusOr<uint64_t> CommitPlan(const federation::PlanGuard& guard,
                                      const federation::Plan& plan) override;

 private:
  absl::Status Reach() const;
  uint64_t MyLease();

  MemoryEngine& engine_;
  uint64_t lease_ = 0;
  std::map<std::string, federation::Announcement> announced_;  // by node
};

}  // namespace mneme::sim

#endif  // MNEME_TESTS_SIM_MEMORY_COORDINATOR_H_
