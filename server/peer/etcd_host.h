// Federations that are kept in etcd: made, joined and changed while servers run.
//
// What a server has joined is kept there too, under the name of its node (members/<node>), and
// looked for at the start: a server without etcd does not know the spec either, so it could not
// begin on its own. Its memories serve, and their rows wait for the node.
//
// Thread-safe.
#ifndef MNEME_SERVER_PEER_ETCD_HOST_H_
#define MNEME_SERVER_PEER_ETCD_HOST_H_

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/engine/engine.h"
#include "server/peer/etcd_client.h"
#include "server/peer/federation_host.h"
#include "server/peer/federation_member.h"

namespace mneme::server {

inline constexpr size_t kEtcdFederationsMax = 64;
// Join answers once the node is announced, or after this.
inline constexpr std::chrono::seconds kJoinWait{5};

struct EtcdHostOptions {
  std::string node;  // the name of this server's nodes
  MakeDialer make_dialer;
  uint64_t seed = 0;
  int64_t lease_seconds = federation::kNodeLeaseSeconds;
  federation::ReplannerOptions replanner = {};
};

class EtcdHost final : public FederationHost {
 public:
  EtcdHost(engine::Engine& engine, const Clock& clock, std::shared_ptr<EtcdClient> client,
           EtcdHostOptions options);
  ~EtcdHost() override;

  // Begins with what this server has joined, once etcd answers. `address` is where other nodes dial
  // this server. Once.
  void Start(std::string address);

  void Stop() override;
  absl::StatusOr<std::vector<FederationInfo>> List() const override;
  absl::StatusOr<FederationInfo> Get(const std::string& name) const override;
  std::vector<std::string> Joined() const override;
  absl::StatusOr<std::shared_ptr<FederationRunner>> RunnerOf(
      const std::string& name) const override;
  absl::StatusOr<RunnerStatus> StatusOf(const std::string& name) const override;

  absl::Status CreateFederation(const std::string& name,
                                const federation::Description& description) override;
  absl::Status Join(const std::string& name, const std::string& memory) override;
  absl::Status Leave(const std::string& name, const std::string& node) override;
  absl::Status SetInterest(const std::string& name, const std::string& node,
                           const federation::InterestRow& row) override;
  absl::Status SetLinks(const std::string& name, const std::string& node,
                        const std::map<std::string, double>& millis) override;

 private:
  using Members = std::map<std::string, std::shared_ptr<FederationMember>>;

  // Until all that was joined is found, or the host stops.
  void FindJoined() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status FindOnce() ABSL_LOCKS_EXCLUDED(mutex_);
  std::unique_ptr<federation::Coordinator> Records(const std::string& name) const;
  // NotFound (FEDERATION_NOT_FOUND) where there is no description.
  absl::StatusOr<federation::Contents> Read(const std::string& name) const;
  void Begin(const std::string& name, const federation::Description& description,
             const std::string& memory) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<FederationInfo> InfoOf(const std::string& name,
                                        const federation::Contents& contents) const;
  // NotFound (FEDERATION_NOT_FOUND), FailedPrecondition (NOT_JOINED), Unavailable (COORDINATOR)
  // while it is not known what this server has joined.
  absl::StatusOr<std::shared_ptr<FederationMember>> MemberOf(const std::string& name) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  Members members() const ABSL_LOCKS_EXCLUDED(mutex_);
  // With those that drain.
  Members AllMembers() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Ends what still drains with that memory, or in that federation.
  void EndDraining(const std::string& name, const std::string& memory) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status CheckFree(const std::string& name, const std::string& memory) const;

  engine::Engine& engine_;
  const Clock& clock_;
  const std::shared_ptr<EtcdClient> client_;
  const EtcdHostOptions options_;
  std::string address_;  // set by Start

  mutable Mutex mutex_;  // a leaf
  CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool found_ ABSL_GUARDED_BY(mutex_) = false;
  Members members_ ABSL_GUARDED_BY(mutex_);
  std::thread finder_;
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_PEER_ETCD_HOST_H_
