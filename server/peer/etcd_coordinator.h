// A federation's records in etcd: core/federation/coordinator.h over its v3 API, under
// /mneme/federations/NAME/. A plan that is longer than kPlanInlineBytesMax lies in parts under
// /mneme/plan-parts/NAME/, so that it is read when it changes and not with each reading.
//
// A thread keeps the lease, once there is one. Where the lease ran out it announces the node again,
// with the incarnation that it has, unless a later start of the same node has registered since.
//
// Thread-safe. Calls wait for etcd, kEtcdAnswer per endpoint at most. A watch ends on another
// thread than the one that its watcher is called on.
#ifndef MNEME_SERVER_PEER_ETCD_COORDINATOR_H_
#define MNEME_SERVER_PEER_ETCD_COORDINATOR_H_

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/base/mutex.h"
#include "core/federation/coordinator.h"
#include "core/federation/records.h"
#include "server/peer/etcd_client.h"

namespace mneme::server {

inline constexpr size_t kPlanInlineBytesMax = 64u << 10;

class EtcdCoordinator final : public federation::Coordinator {
 public:
  // `lease_seconds`: etcd grants no less than 2.
  EtcdCoordinator(std::shared_ptr<EtcdClient> client, const std::string& federation,
                  int64_t lease_seconds = federation::kNodeLeaseSeconds);
  // Leases run out by themselves: a quick restart goes unnoticed.
  ~EtcdCoordinator() override;

  // Names of all federations that have a description.
  static absl::StatusOr<std::vector<std::string>> ListFederations(EtcdClient& client);

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
  // In place of what the record says of its parts: the plan's bytes.
  absl::Status JoinPlan(uint64_t revision, federation::Record& record) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::string> PutParts(std::string_view bytes);
  std::string KeyOf(const std::string& key) const { return prefix_ + key; }
  // The lease in hand, or a new one.
  absl::StatusOr<int64_t> MyLease() ABSL_LOCKS_EXCLUDED(mutex_);
  void KeepLease() ABSL_LOCKS_EXCLUDED(mutex_);
  // False: another try soon.
  bool KeepOnce(int64_t lease) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status AnnounceAgain() ABSL_LOCKS_EXCLUDED(mutex_);

  const std::shared_ptr<EtcdClient> client_;
  const std::string prefix_;
  const std::string parts_prefix_;
  const int64_t lease_seconds_;

  Mutex mutex_;  // a leaf
  CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t lease_ ABSL_GUARDED_BY(mutex_) = 0;            // 0: none
  int64_t announced_lease_ ABSL_GUARDED_BY(mutex_) = 0;  // that the announcement goes with
  std::string node_ ABSL_GUARDED_BY(mutex_);             // empty: not registered
  federation::Announcement announced_ ABSL_GUARDED_BY(mutex_);
  // The plan in parts that was read last: it is read again only when there is another.
  uint64_t joined_revision_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string joined_ ABSL_GUARDED_BY(mutex_);
  std::thread keeper_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_PEER_ETCD_COORDINATOR_H_
