// One node's part in a federation that etcd coordinates: it announces the node, follows the plan,
// and plans where it is elected. What to do is for core/federation/replanner.h; this is the thread
// that asks etcd, and the node that follows (federation_runner.h).
//
// Stores, Retrieves and learning never wait for etcd.
//
// Thread-safe.
#ifndef MNEME_SERVER_PEER_FEDERATION_MEMBER_H_
#define MNEME_SERVER_PEER_FEDERATION_MEMBER_H_

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/engine/engine.h"
#include "core/federation/coordinator.h"
#include "core/federation/replanner.h"
#include "server/peer/federation_runner.h"

namespace mneme::server {

// Without a word from the watch everything is read again after this; so long may silence last
// unnoticed.
inline constexpr std::chrono::seconds kReadPeriod{5};
// Between two tries where etcd did not answer, or said no.
inline constexpr std::chrono::milliseconds kCoordinatorPause{1'000};
// A node that leaves answers for others for so long at most, while there is no plan without it.
inline constexpr std::chrono::seconds kDrainMax{30};

struct MemberOptions {
  std::string address;  // where other nodes dial this one
  federation::ReplannerOptions replanner;
  RunnerOptions runner;
};

class FederationMember {
 public:
  FederationMember(engine::Engine& engine, const Clock& clock,
                   std::unique_ptr<federation::Coordinator> coordinator, MemberOptions options);
  ~FederationMember();  // Stop
  void Stop();

  // The node is no member any more, by its records: it drains, and stops then.
  void Leave();
  // The federation has no such member any more: the node drains, or has stopped.
  bool removed() const;
  bool stopped() const;
  // Whether the coordinator knows that the node is there, after waiting for it for so long at most.
  bool AwaitAnnounced(std::chrono::nanoseconds most);
  // As it was read last; nullopt: never yet.
  std::optional<federation::Contents> contents() const;
  const std::shared_ptr<FederationRunner>& runner() const { return runner_; }
  const std::string& memory() const { return options_.runner.memory; }
  // The runner's, with what keeps the coordination from working.
  RunnerStatus Status() const;

 private:
  struct Bell;

  void Run();
  // Until there is a plan without this node, or for kDrainMax.
  void DrainNode();
  // One reading, and what follows from it. When to look again at latest.
  int64_t Look();
  absl::Status ReadAndAct();
  absl::Status Act(federation::PlanAction& action);
  absl::Status NoteOwnRecords(const federation::Contents& contents);
  void SetTrouble(const absl::Status& status);

  Mutex stop_mutex_;  // one Stop at a time
  const Clock& clock_;
  const std::unique_ptr<federation::Coordinator> coordinator_;
  const MemberOptions options_;
  const std::shared_ptr<Bell> bell_;  // outlives it: the watch and the runner ring it
  const std::shared_ptr<FederationRunner> runner_;

  mutable Mutex mutex_;  // a leaf
  CondVar announced_;
  bool is_announced_ ABSL_GUARDED_BY(mutex_) = false;
  bool removed_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<federation::Contents> contents_ ABSL_GUARDED_BY(mutex_);
  std::string trouble_ ABSL_GUARDED_BY(mutex_);
  // The thread's own.
  federation::Replanner replanner_;
  std::optional<uint64_t> incarnation_;  // as registered
  std::unique_ptr<federation::Coordinator::Watch> watch_;
  int64_t watch_at_ = 0;  // monotonic: one that was lost starts again then
  std::thread thread_;    // last: starts when all else is there
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_PEER_FEDERATION_MEMBER_H_
