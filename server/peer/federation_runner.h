// One node of a federation at work: its rounds, its streams to neighbours, its memory.
//
// The node itself is a pure state machine (core/federation/node.h). A thread of the runner's own
// drives it: at the end of each round it ticks, gives the memory its weights and takes the rows
// stored since; between rounds it hands over frames as they come. Stores and Retrieves never wait
// for it: they go to the memory, which serves what it was given last.
//
// Who opens a stream: of two neighbours the one whose name is less.
//
// Thread-safe.
//
// Invariants
//   1. Nothing is said to a peer before the incarnation that says it is on disk.
//   2. Of each stream at most one frame waits for the node.
#ifndef MNEME_SERVER_PEER_FEDERATION_RUNNER_H_
#define MNEME_SERVER_PEER_FEDERATION_RUNNER_H_

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/engine/engine.h"
#include "core/federation/node.h"
#include "server/peer/peer_stream.h"

namespace mneme::server {

// Between two tries to reach a neighbour, or to begin with a memory that is not there yet.
inline constexpr std::chrono::milliseconds kRedialPause{500};
// Inputs that wait for the node: frames, at most one a stream, and what its owner says.
inline constexpr size_t kInputsMax = 4'096;

// Opens a stream to a node of the plan.
using PeerDialer = std::function<std::shared_ptr<PeerStream>(
    const federation::PlanNode& peer, FrameLimits limits, PeerCallbacks callbacks)>;

struct RunnerOptions {
  std::string federation;
  federation::FederationId id = {};
  std::string node;
  std::string memory;  // its name here
  federation::Spec spec;
  uint64_t incarnation_least = 1;  // above that of every earlier start
  std::chrono::nanoseconds round{std::chrono::milliseconds(50)};
  uint64_t seed = 0;
  PeerDialer dial;
  size_t piece_bytes = kPieceBytes;  // of longer frames
  // A peer has a newer plan; called on the runner's thread, must not block.
  std::function<void(uint64_t epoch_least)> fetch_plan = [](uint64_t) {};
};

// An incarnation above those of all earlier starts, as far as the clock tells: a memory that was
// restored from a backup has forgotten later ones.
uint64_t IncarnationByTime(const Clock& clock);
// FailedPrecondition (MEMORY_DIFFERS): a federation of this spec cannot use the memory.
absl::Status CheckFederatedMemory(const engine::MemoryInfo& info, const federation::Spec& spec);

// Of what a peer says about the end of a stream, so much is kept.
inline constexpr size_t kClosedReasonBytesMax = 512;
// Of the way to a node of the plan.
struct LinkStatus {
  uint64_t wire_bytes_sent = 0;  // whole frames
  // Why the last stream ended, or could not be opened, in printable ASCII; empty: none has ended.
  std::string closed_reason;
};
// What the runner adds to what its node says of itself.
struct RunnerStatus {
  std::string waiting_for;   // empty: at work
  std::string coordination;  // what is wrong with the coordinator; empty: nothing
  federation::NodeStatus node;
  std::map<std::string, LinkStatus> links;  // by node of the plan
  uint64_t wire_bytes_gone = 0;             // to those that no plan names any more
  uint64_t rows_missed = 0;                 // stored rows that were never learned: too many at once
};

class FederationRunner {
 public:
  FederationRunner(engine::Engine& engine, const Clock& clock, RunnerOptions options);
  ~FederationRunner();  // Stop

  // The newest plan, or the same one again after LosePlan; older ones are passed over.
  void SetPlan(std::shared_ptr<const federation::Plan> plan);
  // The coordinator was out of reach for too long: own items only, until a plan comes.
  void LosePlan();
  // The node leaves (federation::Drain): call Stop once a plan without it has come.
  void Drain();
  // A neighbour has opened a stream. PermissionDenied (NOT_A_NEIGHBOUR): by the plan it is none.
  // Unavailable (NO_PLAN): there is none yet.
  // `delivered` as in PeerCallbacks.
  absl::StatusOr<AcceptedStream> Accept(const std::string& peer,
                                        std::function<void(uint64_t bytes)> delivered);
  // Saves the node's state and ends its streams. What it learned stays in the memory.
  void Stop();

  RunnerStatus Status() const;
  std::vector<federation::RegretReading> Regret() const;

 private:
  struct Inbox;
  struct StreamEvent {
    std::string peer;
    uint64_t serial = 0;  // of the stream
    std::variant<std::monostate, absl::StatusOr<federation::Frame>, std::string> what;  // up, down
  };
  struct TakenRows {
    absl::StatusOr<models::FederatedRows> rows;
  };
  using Input = std::variant<StreamEvent, TakenRows, std::shared_ptr<const federation::Plan>,
                             federation::PlanLost, federation::Drain>;
  struct Link {
    std::shared_ptr<PeerStream> stream;  // null: none; the node hears of it once it is up
    uint64_t serial = 0;
    int64_t dial_at = 0;             // monotonic
    uint64_t wire_bytes_before = 0;  // of earlier streams
    std::string closed_reason;       // of the last of them
  };

  void Run();
  // Makes the node from what the memory keeps, and puts its new incarnation on disk. An error is
  // what Status shows, until the next try.
  absl::Status Begin() ABSL_LOCKS_EXCLUDED(mutex_);
  void Round();
  void Exchange();
  // The memory is another one of the same name: the node has nothing to do with it.
  void StartOver();
  absl::StatusOr<models::FederatedRows> ExchangeNow(models::FederatedExchange exchange);
  void Take(Input input);
  void TakeEvent(StreamEvent event);
  void TakeRows(const absl::StatusOr<models::FederatedRows>& rows);
  void Handle(const federation::Event& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CarryOut(federation::Action& action) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void GiveItems(const models::FederatedRows& rows) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Streams to neighbours that are not there yet; none to those that are neighbours no more. What
  // is known of a link is kept while the plan names the peer.
  void KeepLinks() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CloseLinks(const std::string& reason) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The link has no stream any more, and gets no other before kRedialPause.
  void EndStream(Link& link, std::string_view reason) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CloseLink(const std::string& peer, const std::string& reason)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  FrameLimits limits() const {
    return {.frame_bytes_max = federation::PayloadBytesMax(options_.spec),
            .piece_bytes = options_.piece_bytes};
  }
  PeerCallbacks CallbacksFor(const std::string& peer, uint64_t serial);

  engine::Engine& engine_;
  const Clock& clock_;
  const RunnerOptions options_;
  const std::shared_ptr<Inbox> inbox_;  // outlives the runner: streams and the engine call it

  mutable Mutex mutex_;  // the node and what hangs on it; taken before no other lock but streams'
  std::unique_ptr<federation::Node> node_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const federation::Plan> plan_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> neighbours_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Link> links_ ABSL_GUARDED_BY(mutex_);        // by peer, of the plan
  uint64_t wire_bytes_gone_ ABSL_GUARDED_BY(mutex_) = 0;             // of links that were
  std::vector<federation::Action> actions_ ABSL_GUARDED_BY(mutex_);  // scratch
  std::string waiting_for_ ABSL_GUARDED_BY(mutex_) = "its first round";
  uint64_t serials_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t rows_missed_ ABSL_GUARDED_BY(mutex_) = 0;
  models::FederatedExchange next_ ABSL_GUARDED_BY(mutex_);  // to be given with the next exchange
  // What the memory serves, or will with next_: it is not given twice.
  std::shared_ptr<const std::vector<float>> published_ ABSL_GUARDED_BY(mutex_);
  uint64_t rows_from_ ABSL_GUARDED_BY(mutex_) = 0;
  // The thread's own.
  int64_t begin_at_ = 0;           // monotonic
  uint64_t last_incarnation_ = 0;  // of the nodes of this process
  engine::MemoryUid uid_ = 0;      // of the node's memory
  bool exchanging_ = false;
  std::optional<uint64_t> seen_position_;  // of the memory's log; none: rows may be there
  std::thread thread_;                     // last: starts when all else is there
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_PEER_FEDERATION_RUNNER_H_
